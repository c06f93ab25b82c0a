// One conversation with the studio, over a WebSocket: requests and sound come in; events go out to `onEvent`.

import { t } from "./strings.js";

export class Conversation {
  #socket = null;
  #opening = null;
  #pending = false; // a sentence is under way
  #early = []; // its sound, until the connection stands
  #onEvent;

  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  // Begin a sentence; sound may follow at once.
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

  // Whether there is something to cancel goes out; its end is told as an event.
  cancel() {
    this.#send({ do: "cancel" });
    return this.#pending;
  }

  // End the conversation: what is under way is cancelled with it.
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
      socket.onmessage = ({ data }) => this.#told(JSON.parse(data));
      socket.onclose = ({ reason }) => {
        this.#opening = null;
        resolve();
        const message = reason || t.connectionLost;
        if (this.#pending) this.#told({ event: "failed", message, hint: t.awayHint, code: "away" });
      };
    });
    return this.#opening.finally(() => (this.#opening = null));
  }

  #told(event) {
    if (event.event === "done" || event.event === "failed") this.#pending = false;
    this.#onEvent(event);
  }
}
