// The page's entry point: makes the parts, connects them, and shows the view that the address after # names.

import * as api from "./api.js";
import { Demo } from "./demo.js";
import { $, fillTexts, remember, remembered, setText, show } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Meter } from "./meter.js";
import { barred } from "./microphone.js";
import { failed, showLost, toast } from "./notices.js";
import { Panel } from "./panel.js";
import { PicturePage } from "./picturepage.js";
import { Session, busy } from "./session.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import { t } from "./strings.js";
import { TalkButton } from "./talkbutton.js";
import { Work } from "./work.js";

fillTexts();
const session = new Session();
const meter = new Meter($("meter"));
const gallery = new Gallery();
const demo = new Demo(() => (location.hash = "#/"));
const panel = new Panel(() => setText($("mic-hint"), hint(session.state)));
const work = new Work(session, panel, (level) => meter.hear(level));
const stage = new Stage(session, work, hint);
const status = new Status((choices) => panel.setChoices(choices));
const page = new PicturePage({ change, again, repaint, remove, use }, (id) => gallery.beside(id));
const talk = new TalkButton($("mic"), {
  begin: () => work.talk(),
  finish: () => work.finish(),
  listening: () => ["opening", "listening"].includes(session.state.phase),
});

function hint({ phase }) {
  if (phase === "listening" || phase === "opening") return talk.held ? t.release : t.tapAgain;
  if (panel.microphone === "server") return t.serverMicrophone;
  return matchMedia("(hover: hover)").matches ? t.orSpace : t.holdToTalk;
}

// The actions of a picture's page. Those that paint go back to the studio, which shows the progress.

function change(picture) {
  session.dispatch({ event: "look", picture });
  session.dispatch({ event: "change", picture });
  location.hash = "#/";
  focusLater($("typed-words"));
}

function again(picture) {
  location.hash = "#/";
  work.again(picture);
}

function repaint(picture) {
  location.hash = "#/";
  work.repaint(picture);
}

function use(picture) {
  panel.use(picture);
  toast(t.usingThese);
}

async function remove(picture) {
  try {
    await api.remove(picture.id);
  } catch (error) {
    return failed(error);
  }
  forget(picture.id);
  location.hash = "#/gallery";
  const box = toast(t.removed, t.undo, async () => {
    try {
      await api.restore(picture.id);
      gallery.add(picture);
      toast(t.restored);
      location.hash = `#/picture/${picture.id}`;
    } catch (error) {
      failed(error);
    }
  });
  focusLater(box.querySelector("button"));
}

function forget(id) {
  gallery.drop(id);
  demo.drop(id);
  session.dispatch({ event: "forget", id });
}

// Views

const scrolled = { gallery: 0 };
let shown = "";
let later = null; // the element to focus in the next view

const focusLater = (element) => (later = element);

async function route() {
  const [, view = "", id = ""] = /^#\/(gallery|picture|demo)?\/?([0-9a-z]*)/.exec(location.hash) ?? [];
  const name = { gallery: "gallery", picture: "picture" }[view] ?? "studio";
  if (shown === "gallery") scrolled.gallery = scrollY;
  const first = !shown;
  for (const each of ["studio", "gallery", "picture"]) show($(each), each === name);
  for (const link of document.querySelectorAll("nav [data-view]")) {
    link.setAttribute("aria-current", link.dataset.view === name ? "page" : "false");
  }
  if (view === "demo") demo.open();
  else if (demo.on) demo.close();
  shown = name;
  if (name === "gallery") gallery.open();
  const title = name === "picture" ? await page.open(id) : $(`${name}-title`);
  if (shown !== name) return;
  document.title = `${title.textContent} · ${t.name}`;
  scrollTo(0, scrolled[name] ?? 0);
  if (!first) (later ?? (name === "studio" ? $("mic") : title)).focus({ preventScroll: true });
  later = null;
}

addEventListener("hashchange", route);

// Keys: the space bar talks in the studio unless the focused element uses it; Escape stops.

talk.keys(({ target }) => !$("studio").hidden && !document.querySelector("dialog[open]")
  && (target === $("mic") || !target.closest("a, button, input, textarea, select, summary")));

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (busy(session.state)) work.cancel();
  else if (demo.on) location.hash = "#/";
});

$("cancel").addEventListener("click", () => work.cancel());
$("stop-changing").addEventListener("click", () => {
  session.dispatch({ event: "change", picture: null });
  $("typed-words").focus();
});
$("skip").addEventListener("click", () => $("main").focus());
$("demo").addEventListener("click", () => (location.hash = "#/demo"));

$("typed").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = $("typed-words").value.trim();
  if (!words || busy(session.state)) return;
  $("typed-words").value = "";
  work.write(words);
});

$("confirm").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = $("confirm-words").value.trim();
  if (words) work.confirmed(words);
});

$("confirm-words").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("confirm").requestSubmit();
});

// Colours

const COLOURS = ["auto", "light", "dark"];

function colours(name) {
  document.documentElement.dataset.theme = name;
  $("theme").querySelector("use").setAttribute("href", `#icon-${name}`);
  $("theme").setAttribute("aria-label", t.themes[name]);
  $("theme").title = t.themes[name];
}

$("theme").addEventListener("click", () => {
  const name = COLOURS[(COLOURS.indexOf(document.documentElement.dataset.theme) + 1) % COLOURS.length];
  remember("theme", name);
  colours(name);
});

// Start

session.draw((state, before, event) => {
  if (event.event !== "kept") return;
  gallery.add(event.picture);
  demo.add(event.picture);
});

colours(remembered("theme") ?? "auto");
if (barred()) panel.refused();
session.dispatch({ event: "look", picture: null });
route();
status.look();
showLost((words) => ((location.hash = "#/"), work.write(words))).catch(failed);
api.gallery({ limit: 1 }).then(({ pictures }) => session.dispatch({ event: "greet", picture: pictures[0] })).catch(failed);
