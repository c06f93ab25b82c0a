// The studio's state, and how it follows from events of the API and of the page: pure functions, and `Session`, which
// holds the state and calls the functions that draw it.

export const START = Object.freeze({
  phase: "idle", // opening listening hearing confirming waiting painting cancelling; not busy: idle, done, failed
  via: "", // "talk" or "post": where to send a cancel
  microphone: "page",
  words: "",
  final: false, // the words will not change
  removed: [],
  notes: [], // {text, hint}
  preview: "",
  drafting: false,
  step: null, // {picture, count, index, steps}
  position: 0,
  working: "", // a long task that comes first, such as loading a model
  shown: null, // the picture on the stage
  batch: [], // the pictures of this request
  change: null, // the picture that the next words will change
  error: null, // {message, hint}
  job: "",
});

const RESTING = new Set(["idle", "done", "failed"]);

export const busy = (state) => !RESTING.has(state.phase);

// The page's own events: `asked` starts a request, `confirmed` confirms its words, `cancelling` cancels it; `look`
// shows a picture, `greet` the latest one when the page opens, `choose` one of several; `change` makes the next words
// change a picture, `forget` drops one that was removed.
const STEPS = {
  asked: (state, { via, words = "", microphone = "page" }) => ({
    ...START, shown: state.shown, change: state.change, via, words, microphone, final: Boolean(words),
    phase: via === "talk" ? "opening" : "waiting",
  }),
  confirmed: (state, { words }) => ({ ...state, phase: "waiting", words, removed: [], drafting: false }),
  cancelling: (state) => ({ ...state, phase: "cancelling" }),
  look: (state, { picture }) => (busy(state) ? state : looking(picture)),
  greet: (state, { picture }) => (state.phase === "idle" && !state.shown && picture ? looking(picture) : state),
  choose: (state, { picture }) => ({ ...state, shown: picture, change: state.change && picture }),
  change: (state, { picture }) => ({ ...state, change: picture }),
  forget: (state, { id }) => ({
    ...state,
    shown: state.shown?.id === id ? null : state.shown,
    change: state.change?.id === id ? null : state.change,
    batch: state.batch.filter((each) => each.id !== id),
    ...(state.shown?.id === id && !busy(state) ? { phase: "idle", words: "" } : {}),
  }),

  accepted: (state, { job }) => ({ ...state, job }),
  opened: (state) => (state.phase === "opening" ? { ...state, phase: "listening" } : state),
  recorded: (state) => ({ ...state, phase: "hearing" }),
  words: (state, { text }) => ({ ...state, words: text }),
  heard: (state, { transcript }) => ({ ...state, phase: "hearing", working: "", words: transcript }),
  cleaned: (state, { prompt, removed }) => ({ ...state, phase: "waiting", words: prompt, removed, final: true }),
  confirm: (state, { prompt }) => ({ ...state, phase: "confirming", words: prompt, final: true }),
  queued: (state, { position }) => ({ ...state, position }),
  working: (state, { what }) => ({ ...state, working: what }),
  drafted: (state, { preview, index, steps }) => ({
    ...state, preview: preview ?? "", drafting: true, step: { picture: 0, count: 1, index, steps },
  }),
  painted: (state, { preview, picture, count, index, steps }) => ({
    ...state, phase: "painting", working: "", drafting: false,
    preview: preview ?? state.preview, step: { picture, count, index, steps },
  }),
  kept: (state, { picture }) => ({
    ...state, shown: picture, preview: "", batch: [...state.batch, picture],
    change: state.change && picture, words: picture.prompt,
  }),
  note: (state, { text, hint }) => ({
    ...state, notes: [...state.notes.filter((each) => each.text !== text), { text, hint }],
  }),
  done: (state) => rest(state, state.batch.length ? {} : { words: state.shown?.prompt ?? "" }),
  failed: (state, { message, hint, code }) =>
    code === "cancelled"
      ? rest(state, { phase: "idle", words: state.shown?.prompt ?? "", removed: [] })
      : rest(state, { phase: "failed", error: { message, hint, code } }),
};

function looking(picture) {
  return { ...START, shown: picture, words: picture?.prompt ?? "", final: true, phase: picture ? "done" : "idle" };
}

function rest(state, more) {
  return { ...state, phase: "done", working: "", preview: "", drafting: false, step: null, job: "", ...more };
}

// Return the state after an event. Unknown events change nothing, nor do most events of a sentence being cancelled.
export function next(state, event) {
  if (state.phase === "cancelling" && !["failed", "done", "kept"].includes(event.event)) return state;
  return STEPS[event.event]?.(state, event) ?? state;
}

export class Session {
  #drawn = [];
  state = START;

  draw(drawer) {
    this.#drawn.push(drawer);
  }

  dispatch(event) {
    const before = this.state;
    this.state = next(before, event);
    for (const drawer of this.#drawn) drawer(this.state, before, event);
  }
}
