// Helpers for making and changing elements.

import { t } from "./strings.js";

export const $ = (id) => document.getElementById(id);

// Make an element: its own properties are set, other names become attributes; null children are left out.
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function button(text, sign, onclick, properties = {}) {
  const all = { type: "button", className: "button", onclick, ...properties };
  return el("button", all, icon(sign), el("span", {}, text));
}

export function link(text, sign, href, properties = {}) {
  return el("a", { className: "button", href, ...properties }, icon(sign), el("span", {}, text));
}

// A button with an icon only; `label` is its accessible name and its tooltip.
export function round(label, sign, onclick, size = "") {
  const names = { "aria-label": label, title: label };
  return el("button", { type: "button", className: `round ${size}`.trim(), onclick, ...names }, icon(sign));
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Fill in the texts of strings.js that data-text, data-label and data-placeholder name.
export function fillTexts(root = document) {
  for (const each of root.querySelectorAll("[data-text]")) each.textContent = t[each.dataset.text];
  for (const each of root.querySelectorAll("[data-label]")) {
    each.setAttribute("aria-label", t[each.dataset.label]);
    if (each.matches("button, a")) each.title = t[each.dataset.label];
  }
  for (const each of root.querySelectorAll("[data-placeholder]")) each.placeholder = t[each.dataset.placeholder];
}

const RECENT = 4;

// Announce a text to screen readers: each added line is read, even if the next follows at once.
export function announce(text) {
  if (!text) return;
  const live = $("live");
  live.append(el("p", {}, text));
  while (live.children.length > RECENT) live.firstChild.remove();
}

// Storage may be blocked or full: values are then kept as long as the page is open.
const unsaved = new Map();

export function remember(name, value) {
  unsaved.set(name, value);
  try {
    localStorage.setItem(name, value);
  } catch {
    /* kept in `unsaved` */
  }
}

export function remembered(name) {
  try {
    return localStorage.getItem(name) ?? unsaved.get(name) ?? null;
  } catch {
    return unsaved.get(name) ?? null;
  }
}
