// A picture's own page: its id comes in; the picture, how it was made, and what can be done with it go out.

import * as api from "./api.js";
import { $, button, el, icon } from "./dom.js";
import { t } from "./strings.js";

export class PicturePage {
  #does; // change, again, repaint, remove, use: each is given the picture
  #beside; // (id) => {newer, older}
  picture = null;

  constructor(does, beside) {
    this.#does = does;
    this.#beside = beside;
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  // Draw the page; the element that should have the focus goes out.
  async open(id) {
    this.picture = null;
    try {
      this.picture = await api.picture(id);
      this.#draw(this.picture);
    } catch (error) {
      if (!(error instanceof api.Failure)) throw error;
      const title = el("h1", { tabIndex: -1 }, error.code === "away" ? error.message : t.noPicture);
      $("picture").replaceChildren(el("div", { className: "nothing" }, title, el("a", { className: "button primary", href: "#/gallery" }, t.toGallery)));
    }
    return $("picture").querySelector("h1");
  }

  #draw(picture) {
    const { newer, older } = this.#beside(picture.id);
    const turn = (id, name, text) => id && el("a", { className: `round turn ${name}`, href: `#/picture/${id}`, "aria-label": text, title: text }, icon(name));
    $("picture").replaceChildren(
      el("div", { className: "hero" },
        el("img", { className: "glow", src: picture.url, alt: "", "aria-hidden": "true" }),
        el("img", { className: "large", src: picture.url, alt: picture.prompt, width: picture.width, height: picture.height }),
        turn(newer, "left", t.newer), turn(older, "right", t.older)),
      el("div", { className: "label" },
        el("h1", { className: "words final", tabIndex: -1 }, picture.prompt),
        el("p", { className: "quiet" }, when(picture.made)),
        this.#actions(picture),
        heard(picture), timings(picture), recipe(picture),
        el("div", { className: "row" },
          el("a", { className: "button", href: api.file(picture.id, "bare=true&download=true"), download: "" }, icon("down"), el("span", {}, t.downloadBare)))));
  }

  #actions(picture) {
    return el("div", { className: "actions all" },
      button(t.change, "change", () => this.#does.change(picture), { className: "button primary", title: t.changeHelp }),
      button(t.again, "again", () => this.#does.again(picture), { title: t.againHelp }),
      button(t.repaint, "same", () => this.#does.repaint(picture), { title: t.repaintHelp }),
      el("a", { className: "button", href: api.file(picture.id, "download=true"), download: "" }, icon("down"), el("span", {}, t.download)),
      button(t.reuse, "sliders", () => this.#does.use(picture), { title: t.useThese }),
      button(t.remove, "trash", () => this.#does.remove(picture)));
  }

  #key({ key, target, altKey, ctrlKey, metaKey }) {
    if ($("picture").hidden || !this.picture || altKey || ctrlKey || metaKey || target.matches("input, textarea, select")) return;
    const { newer, older } = this.#beside(this.picture.id);
    const id = { ArrowLeft: newer, ArrowRight: older }[key];
    if (id) location.hash = `#/picture/${id}`;
  }
}

function heard({ transcript, removed }) {
  if (!transcript) return el("p", { className: "quiet" }, t.typed);
  const taken = removed?.length ? [`${t.filterRemoved}: `, ...removed.map((each) => [el("del", {}, each), " "]).flat()] : [t.nothingRemoved];
  return el("section", {}, el("h2", {}, t.heard), el("blockquote", {}, transcript), el("p", { className: "quiet" }, ...taken));
}

// A bar of the stages, each as wide as it took, and the same as words.
function timings({ timings: took = {} }) {
  const stages = Object.entries(took).filter(([, seconds]) => seconds > 0);
  if (!stages.length) return null;
  const bar = el("div", { className: "bars", "aria-hidden": "true" }, ...stages.map(([name, seconds]) => {
    const part = el("span", { className: name });
    part.style.flexGrow = seconds;
    return part;
  }));
  const words = stages.map(([name, seconds]) => el("li", { className: name }, `${t.stages[name] ?? name} ${t.seconds(seconds)}`));
  return el("section", {}, el("h2", {}, t.timings), bar, el("ul", { className: "legend" }, ...words));
}

function recipe(picture) {
  const parent = picture.parent ? el("a", { href: `#/picture/${picture.parent}` }, el("img", { src: api.file(picture.parent), alt: "", className: "small" }), picture.parent) : picture.image && t.fromFile;
  const rows = [
    [t.seed, picture.seed], [t.steps, picture.steps], [t.guidance, picture.guidance], [t.negative, picture.negative],
    [t.sampler, [picture.sampler, picture.spacing].filter(Boolean).join(", ")],
    [t.size, `${picture.width} × ${picture.height}`], [t.model, picture.model],
    [t.engine, [picture.engine, picture.compute_unit].filter(Boolean).join(", ")],
    [t.hearer, [picture.speech_model, picture.language].filter(Boolean).join(", ")],
    [t.from, parent], [t.strength, picture.strength],
  ].filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return el("section", {}, el("h2", {}, t.recipe), el("dl", {}, ...rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]).flat()));
}

const when = (made) => new Date(made).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "short" });
