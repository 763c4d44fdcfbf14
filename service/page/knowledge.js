// The knowledge base: entries by the start of their title, and a record with its pictures and its nearest neighbours.
// The address says what is shown, so that it can be kept and gone back to: #entities?title=... or #entities/ID.

import { entities, entity, neighbours } from "./api.js";
import { byId, el, outwards } from "./dom.js";
import { entityPicture } from "./entity_picture.js";

const PAUSE_MS = 200; // without a key, before a title is looked for
const SHOWN_TEXT = 2000; // characters of a description, before the rest is asked for
const SHOWN_NAMES = 20;
const TITLE = "#entities?title=";

export class KnowledgeBase {
  #running = null;
  #timer = 0;

  /** `report(error)` shows what went wrong, `say(text)` tells a screen reader what is shown. */
  constructor(report, say) {
    [this.report, this.say] = [report, say];
    this.input = byId("title");
    this.place = byId("entries");
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
    const hash = `${TITLE}${encodeURIComponent(this.input.value.trim())}`;
    if (location.hash === hash) this.show(hash);
    else if (location.hash.startsWith(TITLE)) {
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
      else await this.#titles(decodeURIComponent(hash.startsWith(TITLE) ? hash.slice(TITLE.length) : ""), signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.place.replaceChildren();
      this.report(error, () => this.show(hash));
    }
  }

  async #titles(title, signal) {
    if (this.input.value.trim() !== title) this.input.value = title;
    const found = await entities(title, signal);
    this.say(`${found.length} entries.`);
    this.place.replaceChildren(
      found.length
        ? el("ul", { class: "entries" }, ...found.map(entry))
        : el("p", { class: "quiet" }, `No entry begins with “${title}”.`),
    );
  }

  async #record(id, signal) {
    const [record, { candidates }] = await Promise.all([
      entity(id, signal),
      neighbours(id, signal).then((found) => ({ candidates: found })),
    ]);
    const heading = el("h2", { tabIndex: -1 }, record.title);
    const pictures = record.images.length ? record.images : [null];
    this.place.replaceChildren(
      el(
        "article",
        { class: "record" },
        heading,
        el("div", { class: "pictures" }, ...pictures.map((path) => entityPicture(path, record.title))),
        ...names(record),
        ...textOf(record),
        el("p", { class: "links" }, el("code", {}, record.entity_id), outwards(record.url, "Source ↗")),
        record.attribution && el("p", { class: "quiet" }, record.attribution),
        el("h3", {}, "Nearest in the index"),
        candidates.length
          ? el("ul", { class: "entries" }, ...candidates.map(entry))
          : el("p", { class: "quiet" }, "There is no other entry."),
      ),
    );
    heading.focus();
    window.scrollTo(0, 0);
  }
}

/** Other names and tags, where there are some. */
function names({ aliases, tags }) {
  return [
    aliases.length ? el("p", { class: "quiet" }, `Also called ${aliases.slice(0, SHOWN_NAMES).join(", ")}`) : null,
    tags.length ? el("p", { class: "quiet" }, `Tags: ${tags.slice(0, SHOWN_NAMES).join(", ")}`) : null,
  ];
}

/** The description; of a long one the beginning, and the whole behind a line. */
function textOf({ text, lang }) {
  const language = lang === null ? {} : { lang };
  if (text.length <= SHOWN_TEXT) return [el("p", { class: "text", ...language }, text || "The record has no text.")];
  return [
    el("p", { class: "text", ...language }, `${text.slice(0, SHOWN_TEXT)}…`),
    el("details", {}, el("summary", {}, "The whole text"), el("p", { class: "text", ...language }, text)),
  ];
}

function entry({ entity_id, title, text, image, images = [], score }) {
  return el(
    "li",
    {},
    el(
      "a",
      { href: `#entities/${encodeURIComponent(entity_id)}` },
      el("span", { class: "thumb" }, entityPicture(image ?? images[0] ?? null, title)),
      el(
        "span",
        { class: "about" },
        el("span", { class: "title" }, title),
        el("span", { class: "text" }, text),
        score === undefined ? null : el("span", { class: "quiet" }, `similarity ${score.toFixed(2)}`),
      ),
    ),
  );
}
