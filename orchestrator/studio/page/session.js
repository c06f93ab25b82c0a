// What the studio knows: events of the API (and a few of the page's own) come in, the next state goes out. Pure but for
// `Session`, which holds the state and calls those who draw it.

export const START = Object.freeze({
  phase: "idle", // opening listening hearing confirming waiting painting cancelling; idle, done and failed rest
  via: "", // "talk" or "post": who is to be told of a cancel
  microphone: "page",
  words: "",
  final: false, // the words will not change any more
  removed: [],
  notes: [], // {text, hint}
  preview: "",
  drafting: false,
  step: null, // {picture, count, index, steps}
  position: 0,
  working: "", // something long that must be done first: a model is loaded
  shown: null, // the picture on the stage
  batch: [], // the pictures of this request
  change: null, // the picture that the next words change
  error: null, // {message, hint}
  job: "",
});

const RESTING = new Set(["idle", "done", "failed"]);

export const busy = (state) => !RESTING.has(state.phase);

// The page's own events: `asked` begins, `confirmed` answers, `cancelling`, `look` shows a picture, `greet` the last
// one when the page opens, `choose` one of several, `change` has the next words change one, `forget` one that is gone.
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

// Events that say nothing to the stage leave the state as it is; so do those of a sentence that is being cancelled.
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

  tell(event) {
    const before = this.state;
    this.state = next(before, event);
    for (const drawer of this.#drawn) drawer(this.state, before, event);
  }
}
