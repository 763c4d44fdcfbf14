// The service, as any client would ask it: the same paths, bodies and problem documents as in its description at /docs.

import { key, askForKey } from "./key.js";

/** An answer other than success; `code` is the last part of the problem's type, `retryAfter` is in seconds or null. */
export class Problem extends Error {
  constructor({ code, title, detail = "", status = 0, retryAfter = null }) {
    super(detail || title);
    Object.assign(this, { code, title, detail, status, retryAfter });
  }
}

async function problemOf(response) {
  const about = { status: response.status, retryAfter: Number(response.headers.get("Retry-After")) || null };
  if (!response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    return new Problem({ code: "unknown", title: `The service answered ${response.status}.`, ...about });
  }
  const { type, title, detail } = await read(response);
  return new Problem({ code: type.split(":").at(-1), title, detail, ...about });
}

/** Asks, and asks for a key where the service does. Raises Problem; an abort is raised as it is. */
async function ask(path, options = {}) {
  for (;;) {
    const secret = key();
    const headers = secret ? { Authorization: `Bearer ${secret}` } : {};
    let response;
    try {
      response = await fetch(path, { ...options, headers, credentials: "omit", redirect: "error" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem({ code: "unreachable", title: "The service cannot be reached." });
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.code !== "unauthorized" || !(await askForKey({ refused: secret !== null }))) throw problem;
  }
}

async function json(path, options) {
  return read(await ask(path, options));
}

/** An answer's JSON. Raises Problem where it is none, such as of a proxy, or was cut off. */
async function read(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreadable", title: "The service's answer cannot be read.", status: response.status });
  }
}

/** A query; a list comes once for each of its values. */
function query(asked) {
  const pairs = Object.entries(asked).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  return new URLSearchParams(pairs);
}

function form(image, fields) {
  const body = new FormData();
  body.append("image", image, image.name);
  for (const [name, value] of Object.entries(fields)) {
    body.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return { method: "POST", body };
}

/** `tags` are those of which an entity has to have one; none ask nothing. */
export const link = (image, regions, top_k, tags) => json("/link", form(image, { regions, top_k, ...among(tags) }));
/** Whatever stands out in the picture, each with its region. */
export const linkFound = (image, top_k, tags) =>
  json("/link", form(image, { regions: "find", top_k, ...among(tags) }));
const among = (tags) => (tags.length ? { tags: { any: tags } } : {});
export const segment = (image, prompt = {}) => json("/segment", form(image, prompt));
export const explain = (image, region, entity_id) =>
  json("/explain", form(image, region ? { region, entity_id } : { entity_id }));
/** Keeps what a region shows as a label; `told` is {region, entity_id, answered}, the first null for the whole picture. */
export const tell = (image, told) =>
  json("/feedback", form(image, Object.fromEntries(Object.entries(told).filter(([, value]) => value != null))));
export const readiness = () => json("/readyz");
export const scenes = async () => (await json("/scenes")).scenes;
export const entity = (id, signal) => json(`/entities/${encodeURIComponent(id)}`, { signal });
/**
 * `asked` is {title, limit, after, pictured, tags_any}, each as the service takes it; answers {entities, count, next}.
 * With q in place of the title, {entities, next}.
 */
export const entities = (asked, signal) => json(`/entities?${query(asked)}`, { signal });
/** `asked` is {limit, after}; answers {tags, count, next}, the most frequent first. */
export const tags = (asked) => json(`/tags?${query(asked)}`);
export const neighbours = async (id, signal) =>
  (await json(`/entities/${encodeURIComponent(id)}/neighbours?top_k=8`, { signal })).candidates;
export const blob = async (path) => (await ask(path)).blob();
