// All texts of the page: strings, and functions for texts with a gap.

const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;
const seconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;

export const t = {
  // The frame
  name: "Audio to Image",
  skip: "Skip to the content",
  views: "Views",
  studio: "Studio",
  gallery: "Gallery",
  demo: "Demo mode",
  leaveDemo: "Leave demo mode",
  theme: "Colours",
  themes: { auto: "Colours: as in the system", light: "Colours: light", dark: "Colours: dark" },
  close: "Close",
  dismiss: "Dismiss",
  copy: "Copy",
  copied: "Copied",
  seconds,

  // The studio
  motto: "Say it, see it.",
  invitation: "Hold the button and say what you want to see.",
  examplesTitle: "Or try one of these",
  examples: [
    "a red sailboat on the sea at sunset",
    "a blue house on green hills at noon",
    "a white lighthouse by the sea at night",
  ],
  talk: "Talk",
  holdToTalk: "Hold to talk, or tap",
  orSpace: "Hold to talk, or hold the space bar",
  release: "Release when you are done, or pause",
  tapAgain: "Tap again when you are done, or pause",
  cancel: "Cancel",
  cancelling: "Stopping …",
  level: "Loudness",
  type: "Or type what you want to see",
  typeChange: "Type what should change: make it night",
  paint: "Paint",
  paintThese: "Paint these words",
  confirmTitle: "Is this what you said?",
  confirmFirst: "Check the words before painting",
  options: "How to paint",
  change: "Change it",
  changing: (prompt) => `Changing “${prompt}”`,
  stopChanging: "Stop changing this picture",
  again: "Again",
  repaint: "Repaint",
  details: "Details",
  download: "Download",
  downloadBare: "Download without the recipe",
  remove: "Remove",
  undo: "Undo",
  removed: "Removed.",
  restored: "Restored.",
  batch: "The pictures of this request",
  nth: (number, prompt) => `Picture ${number}: ${prompt}`,

  // Progress
  opening: "One moment …",
  speak: "Speak now",
  listeningElsewhere: "Speak now, into the server's microphone",
  hearing: "Understanding …",
  waiting: (position) => (position ? `Waiting: ${many(position, "job", "jobs")} before this one` : "Waiting …"),
  working: (what) => `${what[0].toUpperCase()}${what.slice(1)} …`,
  step: (index, steps) => `Step ${index} of ${steps}`,
  stepOf: (index, steps, number, count) => `Picture ${number} of ${count}, step ${index} of ${steps}`,
  drafting: "A draft while you speak",
  progress: "Painting",
  painted: (value) => `Painted in ${seconds(value)}`,
  paintedLive: (prompt) => `The picture is painted: ${prompt}`,
  heardLive: (words) => `Heard: ${words}`,
  confirmLive: "Check the words, then paint.",
  paintingLive: "Painting.",
  leftOut: "left out",
  cancelled: "Stopped. Nothing was kept.",

  // Microphones
  serverMicrophone: "Uses the server's microphone",
  serverMicrophoneWhy: {
    insecure:
      "Browsers allow the microphone only on https and localhost, so the button uses the microphone of the machine " +
      "that serves this page.",
    refused:
      "This browser did not allow the microphone, so the button now uses the microphone of the machine that serves " +
      "this page. Hold it again to talk.",
  },

  // Options
  microphone: "Microphone",
  microphones: { page: "This browser's", server: "The server's" },
  count: "Pictures",
  steps: "Steps",
  guidance: "Guidance",
  seed: "Seed",
  negative: "Leave out",
  placeholders: { seed: "a new one each time", negative: "clouds, people" },
  model: "Picture model",
  sampler: "Sampler",
  spacing: "Spacing of steps",
  speechModel: "Speech model",
  language: "Language spoken",
  strength: "Strength of changes",
  itsOwn: (value) => `${value} (default)`,
  byItself: "detected automatically",
  modelsOwn: "default",
  less: "little",
  more: "much",
  reset: "Reset to the defaults",
  done: "Done",
  reuse: "Reuse settings",
  useThese: "Use these settings for the next pictures",
  usingThese: "The next pictures will use these settings.",

  // Engines
  status: "Engines",
  engines: { speech: "Hearing", picture: "Painting" },
  states: { cold: "asleep", loading: "loading", warm: "ready", busy: "working", missing: "missing" },
  stateHints: { cold: "loads with the first picture" },
  chip: {
    ready: "Ready", asleep: "Asleep", loading: "Loading", busy: "Working", missing: "No model", away: "Not running",
  },
  waits: "waiting",
  waitingJobs: (count) => `${count} waiting`,
  queue: (running, waiting, most) => `${many(running, "job", "jobs")} running, ${waiting} waiting, ${most} at most`,
  demoModel: "demo model",
  demoModelMeans: "A small model in place of the full one: it knows only a few things.",
  missingBanner: (engine) => `There is no model for ${engine.toLowerCase()}.`,
  away: "The studio is not responding.",
  awayHint: "audio-to-image serve",
  connectionLost: "The connection to the studio was lost.",

  // The gallery
  search: "Search",
  searchPlaceholder: "Search what was said",
  found: (count, more, words) => {
    const shown = more ? `${count}+` : count;
    return words ? `${shown} found for “${words}”` : many(shown, "picture", "pictures");
  },
  nothingFound: (words) => `No picture matches “${words}”.`,
  nothingYet: "Every picture you paint is kept here.",
  firstOne: "Paint the first one",
  showMore: "Show more",
  showingMore: "Loading …",
  today: "Today",
  yesterday: "Yesterday",

  // A picture's page
  picture: "Picture",
  newer: "Newer picture",
  older: "Older picture",
  heard: "Heard",
  nothingRemoved: "The filter removed nothing.",
  filterRemoved: "The filter removed:",
  typed: "These words were typed.",
  recipe: "Recipe",
  made: "Made",
  size: "Size",
  engine: "Engine",
  hearer: "Heard with",
  from: "Painted from",
  fromFile: "a file",
  timings: "Timings",
  stages: { hear: "hearing", load: "loading", paint: "painting" },
  noPicture: "There is no such picture.",
  toGallery: "To the gallery",
  repaintHelp: "The same pixels again",
  againHelp: "The same words, a new seed",
  changeHelp: "Say or type what should be different",

  // Interrupted jobs
  lost: (words) =>
    words
      ? `The studio stopped before this was painted: “${words}”`
      : "The studio stopped before a picture was painted.",
  paintIt: "Paint it",
  failed: "That did not work.",
};
