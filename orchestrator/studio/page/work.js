// Talking and painting: sends requests to the studio, and passes its events to the session.

import * as api from "./api.js";
import { Conversation } from "./conversation.js";
import { Microphone, Refused, barred } from "./microphone.js";
import { busy } from "./session.js";
import { t } from "./strings.js";

const PATIENCE = 4_000; // milliseconds to wait for a cancelled sentence to end

export class Work {
  #session;
  #options; // {fields, confirm, microphone, refused}
  #conversation = new Conversation((event) => this.#receive(event));
  #microphone = null;
  #request = null; // the AbortController of an HTTP request
  #last = ""; // the conversation's last picture
  #onLevel;

  constructor(session, options, onLevel) {
    this.#session = session;
    this.#options = options;
    this.#onLevel = onLevel;
  }

  // Start a sentence.
  async talk() {
    if (busy(this.#session.state)) return;
    const { fields, confirm, microphone } = this.#options;
    const where = barred() ? "server" : microphone;
    this.#session.dispatch({ event: "asked", via: "talk", microphone: where });
    try {
      if (where === "page") await this.#open();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.#refused();
    }
    if (this.#session.state.phase !== "opening") return; // cancelled while the browser asked for permission
    await this.#conversation.listen({ microphone: where, confirm, ...this.#reference(), ...fields });
  }

  // End the sentence. Before its first sound there is nothing to end: a button released too early keeps listening.
  async finish() {
    if (this.#session.state.phase !== "listening") return;
    this.#session.dispatch({ event: "recorded" });
    await this.#silence();
    this.#conversation.stop();
  }

  confirmed(words) {
    this.#session.dispatch({ event: "confirmed", words });
    this.#conversation.paint(words);
  }

  // Paint words that were typed.
  write(prompt) {
    const { change } = this.#session.state;
    return this.#ask({ ...this.#options.fields, prompt, ...(change && { refine: change.id }) }, prompt);
  }

  again(picture) {
    return this.#ask({ again: picture.id }, picture.prompt);
  }

  repaint(picture) {
    return this.#ask({ repaint: picture.id }, picture.prompt);
  }

  async cancel() {
    const { via, phase } = this.#session.state;
    if (!busy(this.#session.state) || phase === "cancelling") return;
    this.#session.dispatch({ event: "cancelling" });
    await this.#silence();
    if (via !== "talk") return this.#request?.abort();
    if (!this.#conversation.cancel()) return this.#session.dispatch({ event: "failed", code: "cancelled" });
    setTimeout(() => this.#session.state.phase === "cancelling" && this.#conversation.leave(), PATIENCE);
  }

  // The picture that the words refer to: "make it night" changes the one on the stage. The conversation already knows
  // it if it painted it last. While a picture is being changed, all words change it.
  #reference() {
    const { change, shown } = this.#session.state;
    const about = (change ?? shown)?.id;
    return { ...(about && about !== this.#last && { refine: about }), ...(change && { image: change.id }) };
  }

  async #ask(fields, words) {
    if (busy(this.#session.state)) return;
    this.#request = new AbortController();
    this.#session.dispatch({ event: "asked", via: "post", words });
    try {
      for await (const event of api.paint(fields, this.#request.signal)) this.#session.dispatch(event);
      if (busy(this.#session.state)) throw new api.Failure(t.connectionLost, t.awayHint, "away");
    } catch (error) {
      this.#session.dispatch({ event: "failed", ...failure(error) });
    }
  }

  async #open() {
    const microphone = (this.#microphone = new Microphone());
    await microphone.open((samples, level) => {
      if (this.#session.state.phase === "opening") this.#session.dispatch({ event: "opened" });
      this.#conversation.sound(samples);
      this.#onLevel(level);
    });
    if (this.#session.state.phase !== "opening") await microphone.close();
  }

  async #silence() {
    const microphone = this.#microphone;
    this.#microphone = null;
    await microphone?.close();
    this.#onLevel(null);
  }

  // Without the browser's microphone the server's is used: this says so, the next press uses it.
  #refused() {
    this.#microphone = null;
    this.#options.refused();
    this.#session.dispatch({ event: "failed", code: "cancelled" });
    this.#session.dispatch({ event: "note", text: t.serverMicrophoneWhy.refused, hint: "" });
  }

  #receive(event) {
    if (event.event === "level") {
      if (this.#session.state.microphone === "server") this.#onLevel(event.level);
      return;
    }
    if (event.event === "opened" && this.#microphone) return; // the first sound from this page has set it
    if (["recorded", "done", "failed"].includes(event.event)) this.#silence();
    if (event.event === "kept") this.#last = event.picture.id;
    if (event.event === "failed" && event.code === "away") this.#last = "";
    if (busy(this.#session.state)) this.#session.dispatch(event);
  }
}

function failure(error) {
  if (error.name === "AbortError") return { message: t.cancelled, hint: "", code: "cancelled" };
  if (!(error instanceof api.Failure)) throw error;
  return { message: error.message, hint: error.hint, code: error.code };
}
