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
  const { type, title, detail } = await response.json();
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
  return (await ask(path, options)).json();
}

function form(image, fields) {
  const body = new FormData();
  body.append("image", image, image.name);
  for (const [name, value] of Object.entries(fields)) {
    body.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return { method: "POST", body };
}

export const link = (image, regions, top_k) => json("/link", form(image, { regions, top_k }));
/** Whatever stands out in the picture, each with its region. */
export const linkFound = (image, top_k) => json("/link", form(image, { regions: "find", top_k }));
export const segment = (image, prompt = {}) => json("/segment", form(image, prompt));
export const explain = (image, region, entity_id) =>
  json("/explain", form(image, region ? { region, entity_id } : { entity_id }));
export const readiness = () => json("/readyz");
export const scenes = async () => (await json("/scenes")).scenes;
export const entity = (id, signal) => json(`/entities/${encodeURIComponent(id)}`, { signal });
/**
 * `asked` is {title, limit, after, pictured}, each as the service takes it; answers {entities, count, next}. With q in
 * place of the title, {entities, next}.
 */
export const entities = (asked, signal) => json(`/entities?${new URLSearchParams(asked)}`, { signal });
export const neighbours = async (id, signal) =>
  (await json(`/entities/${encodeURIComponent(id)}/neighbours?top_k=8`, { signal })).candidates;
export const blob = async (path) => (await ask(path)).blob();
