// The knowledge base: what has a picture, entries by words that are in them, and a record with its pictures and its
// nearest neighbours. The address says what is shown, so that it can be kept and gone back to: #entities?q=...&tag=... or
// #entities/ID.

import { entities, entity, neighbours } from "../base/api.js";
import { byId, el, outwards } from "../base/dom.js";
import { entityPicture, thumb } from "./entity_picture.js";
import { extraOf } from "./extra.js";
import { inNumbers } from "./holdings.js";
import { idOf, tellApart } from "./names.js";
import { TagChoice } from "./tags.js";

const PAUSE_MS = 200; // without a key, before words are looked for
const SHOWN_TEXT = 2000; // characters of a description, before the rest is asked for
const SHOWN_NAMES = 20;
const LIST = "#entities?";
const PAGE = 30; // entries, before more are asked for

export class KnowledgeBase {
  #running = null;
  #timer = 0;

  /** `report(error)` shows what went wrong, `say(text)` tells a screen reader what is shown. */
  constructor(report, say) {
    [this.report, this.say] = [report, say];
    this.input = byId("words");
    [this.place, this.count] = [byId("entries"), byId("entries-count")];
    this.tags = new TagChoice(byId("entries-tags"), { report, say });
    this.tags.addEventListener("change", () => this.#search());
    this.input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#search(), PAUSE_MS);
    });
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.#timer);
      this.#search();
    });
  }

  #search() {
    const hash = addressOf(this.input.value.trim(), this.tags.chosen);
    if (location.hash === hash) this.show(hash);
    else if (location.hash.startsWith(LIST)) {
      history.replaceState(null, "", hash);
      this.show(hash);
    } else location.hash = hash;
  }

  /** Shows what an address that begins with #entities names. */
  async show(hash) {
    this.#running?.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    try {
      if (hash.startsWith("#entities/")) await this.#record(decodeURIComponent(hash.slice("#entities/".length)), signal);
      else await this.#list(asked(hash), signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.place.replaceChildren();
      this.count.textContent = "";
      this.report(error, () => this.show(hash));
    }
  }

  /** Entries that hold the words; without any all, those that have a picture before those that have none. */
  async #list({ words, tags_any }, signal) {
    if (this.input.value.trim() !== words) this.input.value = words;
    this.tags.set(tags_any);
    await this.tags.load();
    const held = words ? null : await holds(tags_any, signal);
    const parts = words
      ? [{ q: words }]
      : [held.pictured && { pictured: true }, held.pictured < held.entities && { pictured: false }].filter(Boolean);
    const list = el("ul", { class: "entries" });
    const more = el("button", { type: "button", class: "more" });
    let after = null;
    const turn = async () => {
      if (!parts.length) return [];
      let found;
      do {
        // One that was long in the looking may show nothing and yet tell where to go on.
        found = await entities({ ...parts[0], tags_any, limit: PAGE, ...(after && { after }) }, signal);
        after = found.next;
      } while (after && !found.entities.length);
      if (!after) parts.shift();
      more.hidden = parts.length === 0;
      more.textContent = after ? "More" : "Show those without a picture";
      const fresh = found.entities.map(entry);
      list.append(...fresh);
      tellApart(list);
      return fresh;
    };
    more.addEventListener("click", () => this.#goOn(turn, more));
    const { length } = await turn();
    this.place.replaceChildren(...(length ? [list, more] : []));
    const among = tags_any.length ? ` Only: ${tags_any.join(", ")}.` : "";
    this.#counts((words ? holding(length, words, !more.hidden) : all(held)) + among);
  }

  /** Shows more of a list; who asked with a key goes on at the first of them. */
  async #goOn(turn, more) {
    more.disabled = true;
    try {
      const fresh = await turn();
      this.say(fresh.length === 1 ? "1 more entry." : `${fresh.length} more entries.`);
      fresh[0]?.querySelector("a").focus();
    } catch (error) {
      if (error.name !== "AbortError") this.report(error, () => this.#goOn(turn, more));
    } finally {
      more.disabled = false;
    }
  }

  #counts(text) {
    this.count.textContent = text;
    this.say(text);
  }

  async #record(id, signal) {
    const [record, { candidates }] = await Promise.all([
      entity(id, signal),
      neighbours(id, signal).then((found) => ({ candidates: found })),
    ]);
    this.tags.set([]);
    const heading = el("h2", { tabIndex: -1 }, record.title);
    this.count.textContent = "";
    this.place.replaceChildren(
      el(
        "article",
        { class: "record" },
        heading,
        record.images.length > 0 &&
          el("div", { class: "pictures" }, ...record.images.map((path) => entityPicture(path, record.title))),
        ...names(record),
        ...textOf(record),
        extraOf(record.extra),
        el("p", { class: "links" }, el("code", {}, record.entity_id), outwards(record.url, "Source ↗")),
        record.attribution && el("p", { class: "quiet" }, record.attribution),
        el("h3", {}, "Nearest entries"),
        candidates.length
          ? el("ul", { class: "entries" }, ...candidates.map(entry))
          : el("p", { class: "quiet" }, "There is no other entry."),
      ),
    );
    tellApart(this.place);
    heading.focus();
    window.scrollTo(0, 0);
  }
}

/** The address of a list. */
function addressOf(words, tags) {
  const tagged = tags.map((tag) => `&tag=${encodeURIComponent(tag)}`);
  return `${LIST}q=${encodeURIComponent(words)}${tagged.join("")}`;
}

/** What the address of a list asks; `title` is of addresses that were kept. */
function asked(hash) {
  const query = new URLSearchParams(hash.slice(LIST.length));
  return { words: (query.get("q") ?? query.get("title") ?? "").trim(), tags_any: query.getAll("tag") };
}

/** How many entries there are, and how many of them have a picture. */
async function holds(tags_any, signal) {
  const counted = [true, false].map((pictured) => entities({ pictured, tags_any, limit: 1 }, signal));
  const [pictured, bare] = await Promise.all(counted);
  return { pictured: pictured.count, entities: pictured.count + bare.count };
}

function all(held) {
  if (!held.entities) return "No entry.";
  return `${inNumbers(held)}${held.pictured && held.pictured < held.entities ? ", which come first" : ""}.`;
}

function holding(count, words, hasMore) {
  if (!count) return `No entry holds “${words}”.`;
  if (hasMore) return `The best ${count} entries that hold “${words}”.`;
  return count === 1 ? `1 entry holds “${words}”.` : `${count} entries hold “${words}”.`;
}

/** A text whose second piece, fourth, and so on was looked for. */
function marked(pieces) {
  return pieces.map((piece, place) => (place % 2 ? el("mark", {}, piece) : piece));
}

/** Another name, and what of the text is shown: where words were found, or the beginning. */
function told(text, found) {
  const names = found.filter(({ where }) => where === "alias");
  const part = found.find(({ where }) => where === "text");
  return [
    ...names.map(({ pieces }) => el("span", { class: "quiet" }, "Also called ", ...marked(pieces))),
    el("span", { class: "text" }, ...(part ? marked(part.pieces) : [text])),
  ];
}

/** Other names and tags, where there are some. */
function names({ aliases, tags }) {
  return [
    aliases.length ? el("p", { class: "quiet" }, `Also called ${aliases.slice(0, SHOWN_NAMES).join(", ")}`) : null,
    tags.length ? el("p", { class: "chips quiet" }, "Tags: ", ...tags.slice(0, SHOWN_NAMES).flatMap(tagged)) : null,
  ];
}

/** A tag, which leads to the entries that have it. */
const tagged = (tag) => [el("a", { class: "tag", href: addressOf("", [tag]) }, tag), " "];

/** The description; of a long one the beginning, and the whole behind a line. */
function textOf({ text, lang }) {
  const language = lang === null ? {} : { lang };
  if (text.length <= SHOWN_TEXT) return [el("p", { class: "text", ...language }, text || "The record has no text.")];
  return [
    el("p", { class: "text", ...language }, `${text.slice(0, SHOWN_TEXT)}…`),
    el("details", {}, el("summary", {}, "The whole text"), el("p", { class: "text", ...language }, text)),
  ];
}

function entry({ entity_id, title, text, image, images = [], score, found = [] }) {
  const named = found.find(({ where }) => where === "title");
  return el(
    "li",
    {},
    el(
      "a",
      { href: `#entities/${encodeURIComponent(entity_id)}` },
      thumb(image ?? images[0], title, "span"),
      el(
        "span",
        { class: "about" },
        el("span", { class: "title" }, ...(named ? marked(named.pieces) : [title])),
        idOf({ entity_id, title }),
        ...told(text, found),
        score === undefined ? null : el("span", { class: "quiet" }, `similarity ${score.toFixed(2)}`),
      ),
    ),
  );
}
