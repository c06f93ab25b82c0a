// The talk button and the space bar: call `begin` and `finish`. While held, it listens; after a short press it listens
// until the next press or a silence, which is also how a screen reader's click works.

const HELD = 450; // milliseconds

export class TalkButton {
  #begin;
  #finish;
  #listening; // () => whether a sentence is being recorded
  #since = 0; // when the press began; 0: not pressed
  #begun = false; // by this press

  constructor(element, { begin, finish, listening }) {
    this.#begin = begin;
    this.#finish = finish;
    this.#listening = listening;
    element.addEventListener("pointerdown", (event) => {
      if (event.button || !event.isPrimary) return;
      element.setPointerCapture(event.pointerId);
      this.press();
    });
    element.addEventListener("pointerup", () => this.release());
    element.addEventListener("pointercancel", () => this.release());
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("click", (event) => event.detail === 0 && this.#tap()); // not from a pointer
  }

  // Listen for keys in the whole document; `mine` returns whether a key is meant for this button.
  keys(mine) {
    document.addEventListener("keydown", (event) => {
      if (!isKey(event) || !mine(event)) return;
      event.preventDefault();
      if (!event.repeat) this.press();
    });
    document.addEventListener("keyup", (event) => {
      if (!isKey(event) || !this.#since) return;
      event.preventDefault();
      this.release();
    });
  }

  press() {
    this.#since = performance.now();
    this.#begun = !this.#listening();
    if (this.#begun) this.#begin();
  }

  release() {
    if (!this.#since) return;
    const held = performance.now() - this.#since > HELD;
    this.#since = 0;
    if (held || !this.#begun) this.#finish();
  }

  get held() {
    return this.#since > 0;
  }

  #tap() {
    if (this.#listening()) this.#finish();
    else this.#begin();
  }
}

const isKey = (event) => event.code === "Space" && !event.ctrlKey && !event.metaKey && !event.altKey;
