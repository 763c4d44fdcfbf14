// What a record says beyond its title, text and the like: keys and values of its own, as a small table. Text only.

import { el, outwards } from "../base/dom.js";

const MOST_KEYS = 30;
const MOST_VALUES = 20; // of a list; a longer one is left out, as what is nested is
const LONGEST_KEY = 100;
const LONGEST = 300; // characters of a value, those of a list together
const ADDRESS = /^https?:\/\/\S+$/i;

/** The table, or null where there is nothing to show. */
export function extraOf(extra) {
  const rows = Object.entries(extra ?? {})
    .map(([key, value]) => [key, valuesOf(value)])
    .filter(([, values]) => values.length > 0)
    .slice(0, MOST_KEYS)
    .map(([key, values]) => el("div", {}, el("dt", {}, cut(key, LONGEST_KEY)), el("dd", {}, ...pieces(values))));
  return rows.length ? el("dl", { class: "extra" }, ...rows) : null;
}

/** A value, or those of a short list, as texts; none where it is something else. */
function valuesOf(value) {
  const values = Array.isArray(value) ? value : [value];
  if (values.length > MOST_VALUES) return [];
  const texts = values.map(textOf);
  return texts.includes(null) ? [] : texts.filter(Boolean);
}

function textOf(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return ["string", "number"].includes(typeof value) ? String(value).trim() : null;
}

/** Texts and links, with commas between them, cut where they are too long together. */
function pieces(texts) {
  let room = LONGEST;
  const shown = [];
  for (const text of texts) {
    if (shown.length) shown.push(", ");
    if (room <= 0) return [...shown, "…"];
    const short = cut(text, room);
    shown.push((ADDRESS.test(text) && outwards(text, short)) || short);
    room -= text.length;
  }
  return shown;
}

/** The beginning of a text, without half of a character at its end. */
const cut = (text, most) => (text.length > most ? `${text.slice(0, most).replace(/[\uD800-\uDBFF]$/, "")}…` : text);
