// Demo mode: the studio on the full screen, surrounded by the latest pictures.

import * as api from "./api.js";
import { $, el, show } from "./dom.js";
import { failed } from "./notices.js";

const AROUND = 12;

export class Demo {
  #awake = null; // keeps the screen on
  #leave;

  constructor(leave) {
    this.#leave = leave;
    $("leave-demo").addEventListener("click", leave);
    document.addEventListener("fullscreenchange", () => !document.fullscreenElement && this.on && leave());
  }

  get on() {
    return document.body.classList.contains("demo");
  }

  async open() {
    document.body.classList.add("demo");
    show($("leave-demo"), true);
    show($("wall"), true);
    // Browsers allow full screen only after a click; otherwise demo mode fills the window.
    const pressed = navigator.userActivation?.isActive ?? true;
    if (pressed) await document.documentElement.requestFullscreen?.().catch(() => {});
    this.#awake = await navigator.wakeLock?.request("screen").catch(() => null);
    try {
      const { pictures } = await api.gallery({ limit: AROUND });
      $("wall").replaceChildren(...pictures.map(around));
    } catch (error) {
      failed(error);
    }
  }

  close() {
    document.body.classList.remove("demo");
    show($("leave-demo"), false);
    show($("wall"), false);
    this.#awake?.release();
    this.#awake = null;
    if (document.fullscreenElement) document.exitFullscreen();
  }

  add(picture) {
    if (!this.on) return;
    $("wall").prepend(around(picture));
    while ($("wall").children.length > AROUND) $("wall").lastChild.remove();
  }

  drop(id) {
    $("wall").querySelector(`[href$="/${CSS.escape(id)}"]`)?.remove();
  }
}

function around({ id, url, prompt }) {
  return el("a", { href: `#/picture/${id}`, "aria-label": prompt, title: prompt }, el("img", { src: url, alt: "" }));
}
