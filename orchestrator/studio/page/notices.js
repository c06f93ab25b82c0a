// Messages beside the picture: toasts with an undo, notices that stay, and hints whose commands can be copied.

import * as api from "./api.js";
import { $, announce, button, el, round } from "./dom.js";
import { t } from "./strings.js";

const LASTING = 10_000; // milliseconds that a toast stays, unless it is hovered or focused

// A hint that contains a command gets a copy button: "get the full model: audio-to-image models get base.en".
export function command(hint) {
  if (!hint) return null;
  const [, before, typed] = /^(.*?)(audio-to-image [\w .:='"/-]+|a2i [\w .-]+)$/s.exec(hint) ?? [null, hint, ""];
  const copy = async ({ currentTarget }) => {
    await navigator.clipboard?.writeText(typed);
    announce(t.copied);
    currentTarget.classList.add("copied");
  };
  const copying = navigator.clipboard && round(`${t.copy}: ${typed}`, "copy", copy, "small");
  return el("p", { className: "command" }, before.trim(), typed && el("span", {}, el("code", {}, typed), copying));
}

export function toast(text, action, does) {
  const close = () => {
    clearTimeout(timer);
    if (box.matches(":focus-within")) $("main").focus({ preventScroll: true });
    box.remove();
  };
  const box = el("div", { className: "toast" }, el("p", {}, text),
    action && el("button", { type: "button", className: "button primary", onclick: () => (close(), does()) }, action),
    round(t.dismiss, "close", close, "small"));
  let timer = 0;
  const stay = () => clearTimeout(timer);
  const go = () => (timer = setTimeout(() => (box.matches(":hover, :focus-within") ? go() : box.remove()), LASTING));
  box.addEventListener("pointerenter", stay);
  box.addEventListener("pointerleave", go);
  $("toasts").replaceChildren(box);
  announce(text);
  go();
  return box;
}

export function failed(error) {
  if (!(error instanceof api.Failure)) throw error;
  toast(error.hint ? `${error.message} ${error.hint}` : error.message);
}

// List the jobs that a killed server did not finish.
export async function showLost(write) {
  const { jobs } = await api.get("/v1/jobs");
  for (const job of jobs.filter((each) => each.state === "lost")) {
    const text = t.lost(job.text);
    const dismiss = () => {
      box.remove();
      api.send("DELETE", `/v1/jobs/${job.id}`).catch(failed);
    };
    const again = () => {
      dismiss();
      write(job.text);
    };
    const paint = job.text && button(t.paintIt, "brush", again, { className: "button primary" });
    const names = { className: "notice", role: "group", "aria-label": text };
    const box = el("div", names, el("p", {}, text), paint, round(t.dismiss, "close", dismiss));
    $("notices").append(box);
  }
}
