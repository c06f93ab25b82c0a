// Draws the session's state: the picture, the words, the progress and the actions.

import * as api from "./api.js";
import { $, announce, button, el, link, setText, show } from "./dom.js";
import { busy } from "./session.js";
import { command } from "./notices.js";
import { t } from "./strings.js";

export class Stage {
  #work;

  // `work` carries out actions; `hint` returns the line below the button while nothing happens.
  constructor(session, work, hint) {
    this.#work = work;
    this.hint = hint;
    session.draw((state, before, event) => {
      this.#picture(state);
      this.#words(state);
      if (state.notes !== before.notes || state.error !== before.error) this.#notes(state);
      this.#controls(state);
      if (state.shown !== before.shown || state.phase !== before.phase) this.#actions(state, session);
      if (state.batch !== before.batch || state.shown !== before.shown) this.#batch(state, session);
      if (state.phase !== before.phase) this.#focus(state, before);
      speak(state, before, event);
    });
    const example = (words) => {
      const onclick = () => work.write(words);
      return el("button", { type: "button", className: "example", onclick }, words);
    };
    $("examples").append(el("p", { className: "quiet" }, t.examplesTitle), ...t.examples.map(example));
  }

  #picture({ shown, preview, step, phase, drafting }) {
    const working = busy({ phase });
    const coming = Boolean(preview) && working;
    show($("shown-link"), Boolean(shown));
    show($("empty"), !shown && !coming);
    show($("preview"), coming);
    show($("glow"), Boolean(shown) || coming);
    if (shown) {
      setSource($("shown"), shown.url);
      $("shown").alt = shown.prompt;
      $("shown-link").href = `#/picture/${shown.id}`;
      $("shown-link").setAttribute("aria-label", `${t.details}: ${shown.prompt}`);
    }
    if (coming) setSource($("preview"), preview);
    setSource($("glow"), coming ? preview : shown?.url ?? "");
    const part = step ? step.index / step.steps : 0;
    $("frame").style.setProperty("--haze", `${(1 - part).toFixed(3)}`);
    $("frame").classList.toggle("resting", !working);
    $("frame").classList.toggle("waiting", ["hearing", "waiting"].includes(phase));
    show($("progress"), phase === "painting" && !drafting);
    $("progress").value = step ? (step.picture + part) / step.count : 0;
  }

  #words(state) {
    const confirming = state.phase === "confirming";
    show($("confirm"), confirming);
    show($("words"), !confirming);
    const words = $("words");
    words.classList.toggle("final", state.final);
    words.classList.toggle("long", state.words.length > 90);
    const left = state.removed.map((each) => [" ", el("del", { title: t.leftOut }, each)]);
    words.replaceChildren(state.words, ...left.flat());
    show($("examples"), !state.shown && !busy(state) && !state.words);
    setText($("now"), happening(state));
    $("now").classList.toggle("live", ["listening", "opening"].includes(state.phase));
  }

  #notes({ notes, error }) {
    const last = new Map(notes.map(({ hint }, index) => [hint, index])); // the same hint is shown once
    const line = (text, hint, className) => el("li", { className }, el("p", {}, text), command(hint));
    const lines = notes.map(({ text, hint }, index) => line(text, last.get(hint) === index ? hint : ""));
    if (error) lines.unshift(line(error.message, error.hint, "error"));
    $("notes").replaceChildren(...lines);
  }

  #controls(state) {
    const { phase, change } = state;
    const talking = ["opening", "listening"].includes(phase);
    const working = busy(state) && !talking;
    show($("mic"), !working);
    show($("cancel"), working);
    $("mic").setAttribute("aria-pressed", talking);
    document.body.classList.toggle("talking", talking);
    $("cancel").disabled = phase === "cancelling";
    show($("changing"), Boolean(change));
    if (change) {
      setText($("changing-text"), t.changing(change.prompt));
      setSource($("changing-picture"), change.url);
    }
    $("typed-words").placeholder = change ? t.typeChange : t.type;
    setText($("mic-hint"), working ? t.cancel : this.hint(state));
  }

  #actions(state, session) {
    const { shown } = state;
    show($("actions"), Boolean(shown) && !busy(state));
    if (!shown) return;
    const change = () => {
      session.dispatch({ event: "change", picture: shown });
      $("typed-words").focus();
    };
    $("actions").replaceChildren(
      button(t.change, "change", change, { title: t.changeHelp }),
      button(t.again, "again", () => this.#work.again(shown), { title: t.againHelp }),
      link(t.details, "info", `#/picture/${shown.id}`),
      link(t.download, "down", api.file(shown.id, "download=true"), { download: "" }),
    );
  }

  #batch({ batch, shown }, session) {
    show($("batch"), batch.length > 1);
    const small = (picture, index) => {
      const pressed = String(picture.id === shown?.id);
      const names = { type: "button", "aria-label": t.nth(index + 1, picture.prompt), "aria-pressed": pressed };
      const onclick = () => busy(session.state) || session.dispatch({ event: "choose", picture });
      return el("li", {}, el("button", { ...names, onclick }, el("img", { src: picture.url, alt: "" })));
    };
    $("batch").replaceChildren(...batch.map(small));
  }

  // If the focused button is hidden now, focus the one in its place.
  #focus({ phase, words }, before) {
    if (phase === "confirming") {
      $("confirm-words").value = words;
      $("confirm-words").focus();
      return;
    }
    const focused = document.activeElement;
    if (!busy(before) || ![document.body, $("mic"), $("cancel"), $("confirm-words")].includes(focused)) return;
    const place = $("cancel").hidden ? $("mic") : $("cancel");
    if (focused !== place) place.focus({ preventScroll: true });
  }
}

function setSource(image, source) {
  if (image.getAttribute("src") === source) return;
  if (source) image.src = source;
  else image.removeAttribute("src");
}

// Describe what is happening in one line.
function happening({ phase, step, position, working, microphone, drafting, shown, error, batch }) {
  if (drafting && phase === "listening") return t.drafting;
  const lines = {
    opening: t.opening,
    listening: microphone === "server" ? t.listeningElsewhere : t.speak,
    hearing: working ? t.working(working) : t.hearing,
    waiting: working ? t.working(working) : t.waiting(position),
    cancelling: t.cancelling,
  };
  if (phase === "painting" && step) {
    const { index, steps, picture, count } = step;
    return count > 1 ? t.stepOf(index, steps, picture + 1, count) : t.step(index, steps);
  }
  const paint = shown?.timings?.paint;
  return lines[phase] ?? (phase === "done" && batch.length && paint && !error ? t.painted(paint) : "");
}

// Announce words only once they are final: read aloud earlier, they would be picked up by the microphone.
function speak(state, before, { event }) {
  if (state === before) return; // events of a sentence that is being cancelled
  if (event === "heard") announce(t.heardLive(state.words));
  else if (event === "confirm") announce(t.confirmLive);
  else if (event === "note") announce(state.notes.at(-1).text);
  else if (event === "kept") announce(t.paintedLive(state.shown.prompt));
  else if (event === "failed") announce(state.error ? `${state.error.message} ${state.error.hint ?? ""}` : t.cancelled);
  else if (state.phase !== before.phase) announce(BEGUN[state.phase]);
}

const BEGUN = { listening: t.speak, painting: t.paintingLive, hearing: t.hearing };
