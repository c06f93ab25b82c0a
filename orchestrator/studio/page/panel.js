// How to paint and to hear: what there is to choose from comes in; what was chosen goes out, and is remembered.

import { $, el, remember, remembered, round } from "./dom.js";
import { barred } from "./microphone.js";
import { t } from "./strings.js";

// The fields of POST /v1/pictures that a person may set; an empty one is left to the model.
const NUMBERS = {
  steps: { min: 1, max: 1000, step: 1, inputMode: "numeric" },
  guidance: { min: 0, max: 100, step: "any", inputMode: "decimal" },
  seed: { min: 0, max: 2 ** 32 - 2, step: 1, inputMode: "numeric" },
};
const COUNTS = [1, 2, 3, 4];
const NUMERIC = new Set(["steps", "guidance", "seed", "count", "strength"]);
const OURS = new Set(["confirm", "microphone"]); // what the page itself heeds
const FROM_RECIPE = ["seed", "steps", "guidance", "sampler", "spacing", "negative", "model"];

export class Panel {
  #values = JSON.parse(remembered("options") ?? "{}");
  #choices = {};
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

  // What is sent with every request.
  get fields() {
    const wrong = ([name, value]) => NUMERIC.has(name) && Number.isNaN(Number(value));
    const sent = ([name, value]) => !OURS.has(name) && value !== "" && !wrong([name, value]);
    const typed = ([name, value]) => [name, NUMERIC.has(name) ? Number(value) : value];
    return Object.fromEntries(Object.entries(this.#values).filter(sent).map(typed));
  }

  // This browser gave no microphone.
  refused() {
    this.#set("microphone", "server");
  }

  choose(choices) {
    this.#choices = choices ?? {};
    if ($("panel").open) return; // not under someone's hands
    this.#draw();
  }

  // Take a picture's settings for the next ones.
  use(recipe) {
    for (const name of FROM_RECIPE) this.#values[name] = recipe[name] === undefined ? "" : String(recipe[name]);
    this.#apply();
  }

  open() {
    this.#draw();
    $("panel").showModal();
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
    const { samplers, spacings, models, speech_models, languages, defaults = {} } = this.#choices;
    const close = () => $("panel").close();
    const reset = () => ((this.#values = {}), this.#apply(), this.#draw(), $("panel-title").focus());
    const insecure = barred() && el("p", { className: "quiet" }, t.serverMicrophoneWhy.insecure);
    $("panel").replaceChildren(
      el("div", { className: "sheet-head" }, el("h2", { id: "panel-title", tabIndex: -1 }, t.options),
        round(t.close, "close", close)),
      el("form", { className: "fields", onsubmit: (event) => (event.preventDefault(), close()) },
        this.#segments("count", t.count, COUNTS.map((count) => [String(count), String(count)]), "1"),
        ...["steps", "guidance"].map((name) => this.#number(name, defaults[name] ?? t.modelsOwn)),
        this.#number("seed", t.seedAny),
        this.#text("negative", t.negative, t.negativeExample),
        this.#range("strength", defaults.strength ?? 0.8),
        this.#select("model", t.model, models, defaults.model),
        this.#select("sampler", t.sampler, samplers, defaults.sampler),
        this.#select("spacing", t.spacing, spacings, defaults.spacing),
        this.#segments("microphone", t.microphone, Object.entries(t.microphones), this.microphone, Boolean(barred())),
        insecure || null,
        this.#select("speech_model", t.speechModel, speech_models, defaults.speech_model),
        this.#select("language", t.language, languages, defaults.language, languageName),
        el("div", { className: "row end" },
          el("button", { type: "button", className: "button", onclick: reset }, t.reset),
          el("button", { type: "submit", className: "button primary" }, t.done))));
  }

  #field(name, label, control) {
    control.id = `option-${name}`;
    return el("div", { className: "field" }, el("label", { htmlFor: control.id }, label), control);
  }

  #number(name, placeholder) {
    const value = this.#values[name] ?? "";
    return this.#field(name, t[name], el("input", { type: "number", name, placeholder, value, ...NUMBERS[name] }));
  }

  #text(name, label, placeholder) {
    const value = this.#values[name] ?? "";
    return this.#field(name, label, el("input", { type: "text", name, placeholder, maxLength: 10_000, value }));
  }

  #range(name, standard) {
    const range = el("input", { type: "range", name, min: 0, max: 1, step: 0.05, "aria-describedby": "option-ends" });
    range.value = this.#values[name] || standard;
    const field = this.#field(name, t[name], range);
    const ends = [el("span", {}, t.less), el("span", {}, t.more)];
    field.append(el("span", { className: "ends quiet", id: "option-ends" }, ...ends));
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

const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

function languageName(code) {
  try {
    return names.of(code);
  } catch {
    return code;
  }
}
