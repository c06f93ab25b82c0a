// A conversation over the WebSocket /v1/talk: sends requests and sound, and calls `onEvent` with each event.

import { t } from "./strings.js";

export class Conversation {
  #socket = null;
  #opening = null;
  #pending = false; // a sentence has begun and not ended
  #early = []; // its sound, until the connection is open
  #onEvent;

  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  // Start a sentence; sound may follow at once.
  async listen(fields) {
    this.#pending = true;
    this.#early = [];
    await this.#open();
    this.#send({ do: "listen", ...fields });
    for (const samples of this.#early.splice(0)) this.sound(samples);
  }

  sound(samples) {
    if (!this.#pending) return;
    if (this.#ready() && !this.#opening) this.#socket.send(samples);
    else this.#early.push(samples);
  }

  stop() {
    this.#send({ do: "stop" });
  }

  paint(prompt) {
    this.#send({ do: "paint", prompt });
  }

  // Cancel the sentence; return whether there was one. Its end arrives as an event.
  cancel() {
    this.#send({ do: "cancel" });
    return this.#pending;
  }

  // Close the connection, which cancels the sentence.
  leave() {
    this.#socket?.close();
  }

  #ready() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #send(message) {
    if (this.#ready()) this.#socket.send(JSON.stringify(message));
  }

  #open() {
    if (this.#ready()) return Promise.resolve();
    this.#opening ??= new Promise((resolve) => {
      const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/talk`);
      this.#socket = socket;
      socket.onopen = () => resolve();
      socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
      socket.onclose = ({ reason }) => {
        this.#opening = null;
        resolve();
        const message = reason || t.connectionLost;
        if (this.#pending) this.#receive({ event: "failed", message, hint: t.awayHint, code: "away" });
      };
    });
    return this.#opening.finally(() => (this.#opening = null));
  }

  #receive(event) {
    if (event.event === "done" || event.event === "failed") this.#pending = false;
    this.#onEvent(event);
  }
}
