// The gallery: tiles grouped by day, loaded while scrolling and searched while typing.

import * as api from "./api.js";
import { $, el, setText, show } from "./dom.js";
import { failed } from "./notices.js";
import { t } from "./strings.js";

const PAGE = 40;
const PAUSE = 180; // milliseconds after the last key

export class Gallery {
  #next = ""; // the next page's cursor; null: there is none
  #words = "";
  #asking = null; // the AbortController of a request for a page
  #typing = 0;
  #begun = false; // whether the tiles shown are up to date
  #pictures = new Map(); // all that are shown, by id

  constructor() {
    const near = ([{ isIntersecting }]) => isIntersecting && this.#more();
    new IntersectionObserver(near, { rootMargin: "600px" }).observe($("more"));
    $("more").addEventListener("click", () => this.#more());
    $("search").addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.search($("search").value.trim()), PAUSE);
    });
  }

  open() {
    if (!this.#begun) this.search(this.#words);
  }

  async search(words) {
    this.#asking?.abort();
    this.#asking = null;
    this.#words = words;
    this.#next = "";
    this.#begun = !$("gallery").hidden; // if the view was left meanwhile, `open` searches again
    await this.#more(true);
  }

  // Add a picture that was painted or restored.
  add(picture) {
    if (!this.#begun || this.#pictures.has(picture.id)) return;
    if (this.#words) this.#begun = false; // only the server knows whether it matches: search again on return
    else this.#insert(picture);
    this.#count();
  }

  drop(id) {
    this.#pictures.delete(id);
    const tile = $("days").querySelector(`[data-id="${CSS.escape(id)}"]`);
    const day = tile?.closest("section");
    tile?.remove();
    if (day && !day.querySelector("li")) day.remove();
    this.#count();
  }

  // Return the ids of the newer and the older neighbour of a picture.
  beside(id) {
    const all = [...$("days").querySelectorAll("[data-id]")].map((tile) => tile.dataset.id);
    const place = all.indexOf(id);
    return place < 0 ? {} : { newer: all[place - 1], older: all[place + 1] };
  }

  find(id) {
    return this.#pictures.get(id);
  }

  async #more(fresh = false) {
    if (this.#asking || this.#next === null || $("gallery").hidden) return;
    const asking = (this.#asking = new AbortController());
    setText($("more"), t.showingMore);
    try {
      const page = await api.gallery({ search: this.#words, before: this.#next, limit: PAGE }, asking.signal);
      if (fresh) this.#clear();
      for (const picture of page.pictures) this.#insert(picture);
      this.#next = page.next ?? null;
      this.#count();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#next = null;
      failed(error);
    } finally {
      if (this.#asking === asking) this.#asking = null;
    }
    show($("more"), this.#next !== null);
    setText($("more"), t.showMore);
    if (this.#next !== null && $("more").getBoundingClientRect().top < innerHeight) await this.#more();
  }

  #clear() {
    this.#pictures.clear();
    $("days").replaceChildren();
  }

  #count() {
    const count = this.#pictures.size;
    setText($("found"), count ? t.found(count, this.#next !== null, this.#words) : "");
    show($("nothing"), !count);
    if (count) return;
    const first = el("a", { className: "button primary", href: "#/" }, t.firstOne);
    $("nothing").replaceChildren(...(this.#words ? [t.nothingFound(this.#words)] : [t.nothingYet, first]));
  }

  // Insert a picture by its time.
  #insert(picture) {
    if (this.#pictures.has(picture.id)) return;
    this.#pictures.set(picture.id, picture);
    const tiles = this.#day(picture.made).querySelector("ol");
    const isOldest = tiles.lastChild?.dataset.made > picture.made; // the usual case: pages come newest first
    const older = isOldest ? null : [...tiles.children].find((each) => each.dataset.made < picture.made);
    tiles.insertBefore(tile(picture), older ?? null);
  }

  #day(made) {
    const key = dayOf(made);
    const days = [...$("days").children];
    const found = days.find((each) => each.dataset.day === key);
    if (found) return found;
    const heading = el("h2", { id: `day-${key}` }, dayName(made));
    const tiles = el("ol", { className: "tiles" });
    const names = { className: "day", "data-day": key, "aria-labelledby": heading.id };
    const section = el("section", names, heading, tiles);
    $("days").insertBefore(section, days.find((each) => each.dataset.day < key) ?? null);
    return section;
  }
}

function tile({ id, url, made, prompt, width, height }) {
  const image = el("img", { src: url, alt: "", loading: "lazy", decoding: "async", width, height });
  const link = el("a", { className: "tile", href: `#/picture/${id}` }, image, el("span", {}, prompt));
  return el("li", { "data-id": id, "data-made": made }, link);
}

function dayOf(made) {
  const when = new Date(made);
  const parts = [when.getFullYear(), when.getMonth() + 1, when.getDate()];
  return parts.map((part) => String(part).padStart(2, "0")).join("-");
}

function dayName(made) {
  const now = new Date();
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayOf(made) === dayOf(now)) return t.today;
  if (dayOf(made) === dayOf(yesterday)) return t.yesterday;
  const year = new Date(made).getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Date(made).toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long", year });
}
