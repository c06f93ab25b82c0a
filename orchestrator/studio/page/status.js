// The engines' states: polls GET /v1/status while the page is visible, and draws a chip, a dialog and a banner.

import * as api from "./api.js";
import { $, el, round, setText, show } from "./dom.js";
import { command } from "./notices.js";
import { t } from "./strings.js";

const FAST = 1_500; // milliseconds between polls while an engine works
const SLOW = 4_000;

export class Status {
  #timer = 0;
  #drawn = ""; // the status drawn last
  #onChoices;
  latest = null;

  // `onChoices` is called with the choices when the status has changed.
  constructor(onChoices) {
    this.#onChoices = onChoices;
    document.addEventListener("visibilitychange", () => this.look());
    $("status").addEventListener("click", () => $("engines").showModal());
    $("engines").addEventListener("click", ({ target }) => target === $("engines") && $("engines").close());
  }

  async look() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    let status = null;
    try {
      status = await api.get("/v1/status");
    } catch (error) {
      if (!(error instanceof api.Failure)) throw error;
    }
    this.#draw(status);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), ["busy", "loading"].includes(summary(status)) ? FAST : SLOW);
  }

  #draw(status) {
    this.latest = status;
    const drawn = JSON.stringify(status);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const kind = summary(status);
    const waiting = status?.jobs.waiting ? ` · ${t.waitingJobs(status.jobs.waiting)}` : "";
    const demo = status && Object.values(status.engines).some((each) => each.demo) ? ` · ${t.demoModel}` : "";
    $("status").dataset.state = kind;
    setText($("status-text"), t.chip[kind]);
    $("status").setAttribute("aria-label", `${t.status}: ${t.chip[kind]}${waiting}${demo}`);
    $("status").title = `${t.status}: ${t.chip[kind]}${waiting}${demo}`;
    show($("status-waiting"), Boolean(status?.jobs.waiting));
    setText($("status-number"), String(status?.jobs.waiting ?? 0));
    this.#sheet(status);
    this.#banner(status);
    if (status) this.#onChoices(status.choices);
  }

  #sheet(status) {
    const close = round(t.close, "close", () => $("engines").close());
    const head = el("div", { className: "sheet-head" }, el("h2", { id: "engines-title" }, t.status), close);
    const body = status ? Object.entries(status.engines).map(engine) : [el("p", {}, t.away), command(t.awayHint)];
    const { running, waiting, most } = status?.jobs ?? {};
    const lines = status && [t.queue(running, waiting, most), el("br"), `${t.name} ${status.version}`];
    const foot = lines && el("p", { className: "quiet" }, ...lines);
    const focused = $("engines").contains(document.activeElement);
    $("engines").replaceChildren(...[head, ...body, foot].filter(Boolean));
    if (focused) close.focus();
  }

  // Without a model nothing can be painted, which a banner says.
  #banner(status) {
    $("notices").querySelector(".banner")?.remove();
    const [name, missing] = Object.entries(status?.engines ?? {}).find(([, each]) => each.state === "missing") ?? [];
    if (status && !missing) return;
    const text = status ? t.missingBanner(t.engines[name]) : t.away;
    const content = el("div", {}, el("p", {}, text), command(status ? missing.hint : t.awayHint));
    $("notices").prepend(el("div", { className: "notice banner", role: "group", "aria-label": text }, content));
  }
}

function engine([name, { model, demo, state, waiting, hint }]) {
  const tag = demo && el("span", { className: "tag" }, t.demoModel);
  const parts = [t.states[state] ?? state, t.stateHints[state], waiting ? t.waitingJobs(waiting) : ""];
  const line = parts.filter(Boolean).join(", ");
  return el("section", { className: "engine", "data-state": state },
    el("h3", {}, el("span", { className: "dot", "aria-hidden": "true" }), t.engines[name] ?? name),
    el("p", {}, model || "–", " ", tag), el("p", { className: "quiet" }, line),
    demo && el("p", { className: "quiet" }, t.demoModelMeans), command(hint));
}

// One word for all engines: the state that matters most.
function summary(status) {
  if (!status) return "away";
  const states = Object.values(status.engines).map((each) => each.state);
  const first = ["missing", "loading", "busy", "warm"].find((state) => states.includes(state)) ?? "cold";
  return { warm: "ready", cold: "asleep" }[first] ?? first;
}
