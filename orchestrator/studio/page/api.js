// The studio's HTTP API: functions that return JSON or yield events, and throw a Failure.

import { t } from "./strings.js";

export class Failure extends Error {
  constructor(message, hint = "", code = "failed") {
    super(message);
    this.hint = hint;
    this.code = code;
  }
}

export const away = () => new Failure(t.away, t.awayHint, "away");

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : away();
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const { message, hint, code } = body.error ?? {};
  throw new Failure(message || `${t.failed} (${response.status})`, hint ?? "", code ?? String(response.status));
}

export async function get(path, signal) {
  return (await ask(path, { signal })).json();
}

export async function send(method, path) {
  const response = await ask(path, { method });
  return response.status === 204 ? null : response.json().catch(() => null);
}

export const gallery = ({ search = "", before = "", limit = 40 } = {}, signal) => {
  const query = new URLSearchParams({ limit });
  if (search) query.set("search", search);
  if (before) query.set("before", before);
  return get(`/v1/gallery?${query}`, signal);
};

export const picture = (id) => get(`/v1/gallery/${encodeURIComponent(id)}`);
export const remove = (id) => send("DELETE", `/v1/gallery/${encodeURIComponent(id)}`);
export const restore = (id) => send("POST", `/v1/gallery/${encodeURIComponent(id)}/restore`);
export const file = (id, choice = "") => `/v1/gallery/${encodeURIComponent(id)}.png${choice && `?${choice}`}`;

// Paint, and yield the events; leaving the loop or aborting the signal cancels the job.
export async function* paint(fields, signal) {
  const response = await ask("/v1/pictures", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(fields),
    signal,
  });
  try {
    yield* serverSentEvents(response.body);
  } catch (error) {
    throw error.name === "TypeError" ? new Failure(t.connectionLost, t.awayHint, "away") : error;
  }
}

// Parse server-sent events: blocks of "event:" and "data:" lines, each followed by an empty line.
export async function* serverSentEvents(body) {
  let text = "";
  for await (const piece of pieces(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + piece).replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
  }
}

function parse(block) {
  let name = "";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { event: name, ...JSON.parse(data.join("\n")) } : null;
}

// Safari's streams are not iterable.
async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (let each = await reader.read(); !each.done; each = await reader.read()) yield each.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}
