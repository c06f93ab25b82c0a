// The options dialog: the choices of GET /v1/status as a form. What a person chooses is remembered and sent with every
// request; an empty choice is left to the server.

import { $, el, remember, remembered, round } from "./dom.js";
import { barred } from "./microphone.js";
import { t } from "./strings.js";

// The order of the form; choices of the server that are not named here follow.
const ORDER = ["count", "steps", "guidance", "seed", "negative", "strength", "model", "sampler", "spacing"];
const COUNTS = ["1", "2", "3", "4"].map((count) => [count, count]);
const PAGE_ONLY = new Set(["confirm", "microphone"]); // not sent with requests

export class Panel {
  #values = JSON.parse(remembered("options") ?? "{}");
  #choices = null; // of GET /v1/status; null: not known yet
  #changed;

  constructor(changed) {
    this.#changed = changed;
    $("options").addEventListener("click", () => this.open());
    $("panel").addEventListener("click", ({ target }) => target === $("panel") && $("panel").close());
    $("panel").addEventListener("input", ({ target }) => this.#set(target.name, target.value));
    $("check").addEventListener("click", () => this.#set("confirm", this.confirm ? "" : "yes"));
    this.#mark();
  }

  get confirm() {
    return this.#values.confirm === "yes";
  }

  get microphone() {
    return barred() ? "server" : (this.#values.microphone ?? "page");
  }

  // The fields that are sent with every request.
  get fields() {
    const typed = ([name, value]) => [name, isNumber(this.#painting[name]) ? Number(value) : value];
    const sent = ([name, value]) => !PAGE_ONLY.has(name) && value !== "" && !Number.isNaN(value);
    return Object.fromEntries(Object.entries(this.#values).filter(([, value]) => value !== "").map(typed).filter(sent));
  }

  // This browser gave no microphone.
  refused() {
    this.#set("microphone", "server");
  }

  // Set what there is to choose from. An open form is not redrawn while someone uses it.
  setChoices(choices) {
    const first = !this.#choices;
    this.#choices = choices;
    if (first || !$("panel").open) this.#draw();
  }

  // Use a picture's settings for the next ones.
  use(recipe) {
    for (const name of this.#names) {
      if (name !== "strength" && recipe[name] !== undefined) this.#values[name] = String(recipe[name] ?? "");
    }
    this.#apply();
  }

  open() {
    this.#draw();
    $("panel").showModal();
  }

  // The schema of each choice of how to paint.
  get #painting() {
    return this.#choices?.painting ?? {};
  }

  get #names() {
    return new Set([...ORDER, ...Object.keys(this.#painting)]);
  }

  #set(name, value) {
    if (!name) return;
    this.#values[name] = value;
    this.#apply();
  }

  #apply() {
    remember("options", JSON.stringify(this.#values));
    this.#mark();
    this.#changed();
  }

  #mark() {
    $("check").setAttribute("aria-pressed", this.confirm);
    $("options").classList.toggle("set", Object.keys(this.fields).length > 0);
  }

  #draw() {
    const { models, speech_models, languages, defaults = {} } = this.#choices ?? {};
    const close = () => $("panel").close();
    const reset = () => ((this.#values = {}), this.#apply(), this.#draw(), $("panel-title").focus());
    const insecure = barred() && el("p", { className: "quiet" }, t.serverMicrophoneWhy.insecure);
    $("panel").replaceChildren(
      el("div", { className: "sheet-head" }, el("h2", { id: "panel-title", tabIndex: -1 }, t.options),
        round(t.close, "close", close)),
      el("form", { className: "fields", onsubmit: (event) => (event.preventDefault(), close()) },
        ...[...this.#names].map((name) => (name === "model"
          ? this.#select(name, t.model, models)
          : this.#control(name, this.#painting[name], defaults[name]))),
        this.#segments("microphone", t.microphone, Object.entries(t.microphones), this.microphone, Boolean(barred())),
        insecure || null,
        this.#select("speech_model", t.speechModel, speech_models),
        this.#select("language", t.language, languages, defaults.language, languageName),
        el("div", { className: "row end" },
          el("button", { type: "button", className: "button", onclick: reset }, t.reset),
          el("button", { type: "submit", className: "button primary" }, t.done))));
  }

  // The control that fits a choice's schema.
  #control(name, schema, standard) {
    if (!schema) return null;
    const label = t[name] ?? name.replaceAll("_", " ");
    if (name === "count") return this.#segments(name, label, COUNTS, String(standard ?? 1));
    if (schema.enum) return this.#select(name, label, schema.enum.filter((value) => value !== null), standard);
    if (!isNumber(schema)) return this.#text(name, label, standard || t.placeholders[name] || "", schema);
    if (schema.minimum === 0 && schema.maximum === 1) return this.#range(name, label, standard);
    return this.#number(name, label, standard ?? t.placeholders[name] ?? t.modelsOwn, schema);
  }

  #field(name, label, control) {
    control.id = `option-${name}`;
    return el("div", { className: "field" }, el("label", { htmlFor: control.id }, label), control);
  }

  #number(name, label, placeholder, { type, minimum, maximum }) {
    const value = this.#values[name] ?? "";
    const kind = type.includes("integer") ? { step: 1, inputMode: "numeric" } : { step: "any", inputMode: "decimal" };
    const limits = { min: minimum, max: maximum };
    return this.#field(name, label, el("input", { type: "number", name, placeholder, value, ...limits, ...kind }));
  }

  #text(name, label, placeholder, { maxLength }) {
    const value = this.#values[name] ?? "";
    return this.#field(name, label, el("input", { type: "text", name, placeholder, maxLength, value }));
  }

  #range(name, label, standard) {
    const range = el("input", { type: "range", name, min: 0, max: 1, step: 0.05, "aria-describedby": `ends-${name}` });
    range.value = this.#values[name] || String(standard ?? 0.5);
    const field = this.#field(name, label, range);
    const ends = [el("span", {}, t.less), el("span", {}, t.more)];
    field.append(el("span", { className: "ends quiet", id: `ends-${name}` }, ...ends));
    return field;
  }

  #select(name, label, choices = [], standard = "", shown = (choice) => choice) {
    const usual = { "": t.modelsOwn, auto: t.byItself }[standard ?? ""] ?? t.itsOwn(shown(standard));
    const own = el("option", { value: "" }, usual);
    const options = choices.map((each) => each?.name ?? each).filter((each) => each !== "auto");
    const select = el("select", { name }, own, ...options.map((each) => el("option", { value: each }, shown(each))));
    select.value = this.#values[name] ?? "";
    return this.#field(name, label, select);
  }

  #segments(name, label, choices, standard, disabled = false) {
    const chosen = this.#values[name] || standard;
    const radio = (value) => el("input", { type: "radio", name, value, checked: value === chosen, disabled });
    const radios = choices.map(([value, text]) => el("label", {}, radio(value), el("span", {}, text)));
    return el("fieldset", { className: "field segments" }, el("legend", {}, label), el("div", {}, ...radios));
  }
}

const isNumber = (schema) => Boolean(schema?.type?.includes("integer") || schema?.type?.includes("number"));
const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

function languageName(code) {
  try {
    return names.of(code);
  } catch {
    return code;
  }
}
