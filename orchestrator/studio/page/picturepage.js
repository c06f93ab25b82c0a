// A picture's page: the picture, how it was made, and what can be done with it.

import * as api from "./api.js";
import { $, button, el, icon, link } from "./dom.js";
import { t } from "./strings.js";

export class PicturePage {
  #does; // change, again, repaint, remove, use: functions of a picture
  #beside; // (id) => {newer, older}
  picture = null;

  constructor(does, beside) {
    this.#does = does;
    this.#beside = beside;
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  // Draw the page, and return the element to focus.
  async open(id) {
    this.picture = null;
    try {
      this.picture = await api.picture(id);
      this.#draw(this.picture);
    } catch (error) {
      if (!(error instanceof api.Failure)) throw error;
      const title = el("h1", { tabIndex: -1 }, error.code === "away" ? error.message : t.noPicture);
      const back = el("a", { className: "button primary", href: "#/gallery" }, t.toGallery);
      $("picture").replaceChildren(el("div", { className: "nothing" }, title, back));
    }
    return $("picture").querySelector("h1");
  }

  #draw(picture) {
    const { newer, older } = this.#beside(picture.id);
    const { url, prompt, width, height } = picture;
    $("picture").replaceChildren(
      el("div", { className: "hero" },
        el("img", { className: "glow", src: url, alt: "", "aria-hidden": "true" }),
        el("img", { className: "large", src: url, alt: prompt, width, height }),
        turn(newer, "left", t.newer), turn(older, "right", t.older)),
      el("div", { className: "label" },
        el("h1", { className: "words final", tabIndex: -1 }, prompt),
        el("p", { className: "quiet" }, when(picture.made)),
        this.#actions(picture),
        heard(picture), timings(picture), recipe(picture),
        el("div", { className: "row" },
          link(t.downloadBare, "down", api.file(picture.id, "bare=true&download=true"), { download: "" }))));
  }

  #actions(picture) {
    const { change, again, repaint, use, remove } = this.#does;
    return el("div", { className: "actions all" },
      button(t.change, "change", () => change(picture), { className: "button primary", title: t.changeHelp }),
      button(t.again, "again", () => again(picture), { title: t.againHelp }),
      button(t.repaint, "same", () => repaint(picture), { title: t.repaintHelp }),
      link(t.download, "down", api.file(picture.id, "download=true"), { download: "" }),
      button(t.reuse, "sliders", () => use(picture), { title: t.useThese }),
      button(t.remove, "trash", () => remove(picture)));
  }

  #key({ key, target, altKey, ctrlKey, metaKey }) {
    if ($("picture").hidden || !this.picture || altKey || ctrlKey || metaKey) return;
    if (target.matches("input, textarea, select")) return;
    const { newer, older } = this.#beside(this.picture.id);
    const id = { ArrowLeft: newer, ArrowRight: older }[key];
    if (id) location.hash = `#/picture/${id}`;
  }
}

function heard({ transcript, removed }) {
  if (!transcript) return el("p", { className: "quiet" }, t.typed);
  const taken = (removed ?? []).flatMap((each) => [" ", el("del", {}, each)]);
  const filtered = el("p", { className: "quiet" }, taken.length ? t.filterRemoved : t.nothingRemoved, ...taken);
  return el("section", {}, el("h2", {}, t.heard), el("blockquote", {}, transcript), filtered);
}

// The stages as a bar, each as wide as its time, and as words.
function timings(picture) {
  const stages = Object.entries(picture.timings ?? {}).filter(([, seconds]) => seconds >= 0.05);
  if (!stages.length) return null;
  const bar = el("div", { className: "bars", "aria-hidden": "true" }, ...stages.map(([name, seconds]) => {
    const part = el("span", { className: name });
    part.style.flexGrow = seconds;
    return part;
  }));
  const legend = ([name, seconds]) => el("li", { className: name }, `${t.stages[name] ?? name} ${t.seconds(seconds)}`);
  return el("section", {}, el("h2", {}, t.timings), bar, el("ul", { className: "legend" }, ...stages.map(legend)));
}

function recipe(picture) {
  const rows = [
    [t.seed, picture.seed], [t.steps, picture.steps], [t.guidance, picture.guidance], [t.negative, picture.negative],
    [t.sampler, [picture.sampler, picture.spacing].filter(Boolean).join(", ")],
    [t.size, `${picture.width} × ${picture.height}`], [t.model, picture.model],
    [t.engine, [picture.engine, picture.compute_unit].filter(Boolean).join(", ")],
    [t.hearer, [picture.speech_model, picture.language].filter(Boolean).join(", ")],
    [t.from, source(picture)], [t.strength, picture.strength],
  ].filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  const lines = rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
  return el("section", {}, el("h2", {}, t.recipe), el("dl", {}, ...lines));
}

// What it was painted from: a picture of the gallery, or a file.
function source({ parent, image }) {
  if (!parent) return image && t.fromFile;
  const gone = ({ target }) => target.remove(); // the picture may have been removed
  return el("a", { href: `#/picture/${parent}` }, el("img", { src: api.file(parent), alt: "", onerror: gone }), parent);
}

function turn(id, side, label) {
  const names = { "aria-label": label, title: label };
  return id && el("a", { className: `round turn ${side}`, href: `#/picture/${id}`, ...names }, icon(side));
}

const when = (made) => new Date(made).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "short" });
