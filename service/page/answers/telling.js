// What a region really shows, said by who looks at it: the service keeps it as a label to learn from, where it keeps any.

import { entities, tell } from "../base/api.js";
import { el } from "../base/dom.js";
import { thumb } from "../knowledge/entity_picture.js";
import { idOf, tellApart } from "../knowledge/names.js";
import { inWords } from "../base/problems.js";

const PAUSE_MS = 200; // without a key, before words are looked for
const SHOWN = 6; // entries

/** The controls of one answer, which are there until something was told. */
export class Telling {
  #rights = [];
  #running = null;
  #timer = 0;

  /** `context` is {picture, say(text), own(region)}; the last is called with a region of which something was told. */
  constructor(region, { picture, say, own }) {
    [this.picture, this.say, this.own] = [picture, say, () => own(region)];
    const { name, middle, asked, result } = region; // as they are now: what is told is of what was asked
    Object.assign(this, { name: middle ? "the thing in the middle" : name, asked, answered: result.candidates[0]?.entity_id });
    const id = `telling-${region.number}`;
    this.other = el(
      "button",
      { type: "button", class: "link", aria: { expanded: "false", describedby: id }, on: { click: () => this.#toggle() } },
      "It is something else",
    );
    this.input = el("input", { type: "search", id: `${id}-words`, autocomplete: "off", spellcheck: false });
    this.input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#search(), PAUSE_MS);
    });
    this.found = el("ul", { class: "choices" });
    this.fault = el("div");
    this.search = el(
      "form",
      { role: "search", hidden: true, on: { submit: (event) => (event.preventDefault(), this.#search()) } },
      el("label", { htmlFor: this.input.id }, "What is it? Words of the right entry"),
      el("div", { class: "row" }, this.input, el("button", { class: "small" }, "Look up")),
      this.found,
    );
    this.noteId = id;
    this.element = el(
      "div",
      { class: "telling" },
      el("p", {}, this.other),
      this.search,
      el("p", { class: "quiet", id }, "What you tell is kept by the service with the picture, to learn from."),
      this.fault,
    );
  }

  /** A button that says that a candidate is right, which is called `name` among the others. */
  right(candidate, name) {
    const button = el(
      "button",
      {
        type: "button",
        class: "link",
        aria: { label: `This is right: ${name}`, describedby: this.noteId },
        on: { click: () => this.#tell(candidate) },
      },
      "This is right",
    );
    this.#rights.push(button);
    return button;
  }

  #toggle() {
    this.search.hidden = !this.search.hidden;
    this.other.setAttribute("aria-expanded", String(!this.search.hidden));
    if (!this.search.hidden) this.input.focus();
  }

  async #search() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.fault.replaceChildren();
    const words = this.input.value.trim();
    if (!words) {
      this.found.replaceChildren();
      return;
    }
    this.#running = new AbortController();
    try {
      const { entities: found } = await entities({ q: words, limit: SHOWN }, this.#running.signal);
      const none = `No entry holds “${words}”.`;
      const items = found.length ? found.map((entity) => this.#choice(entity)) : [el("span", { class: "quiet" }, none)];
      this.found.replaceChildren(...items.map((item) => el("li", {}, item)));
      tellApart(this.found);
      this.say(found.length ? `${found.length} to choose from.` : none);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#fail(error);
    }
  }

  #choice(entity) {
    return el(
      "button",
      { type: "button", aria: { describedby: this.noteId }, on: { click: () => this.#tell(entity) } },
      thumb(entity.images[0], entity.title, "span"),
      el(
        "span",
        { class: "about" },
        el("span", { class: "title" }, entity.title),
        idOf(entity),
        el("span", { class: "text" }, entity.text),
      ),
    );
  }

  async #tell({ entity_id, title }) {
    clearTimeout(this.#timer);
    this.#running?.abort();
    const buttons = [...this.#rights, ...this.element.querySelectorAll("button")];
    this.fault.replaceChildren();
    for (const button of buttons) button.disabled = true;
    try {
      await tell(this.picture.file, { region: this.asked, entity_id, answered: this.answered });
    } catch (error) {
      for (const button of buttons) button.disabled = false;
      this.#fail(error);
      return;
    }
    this.own();
    for (const button of this.#rights) button.remove();
    const kept = this.asked ? `the picture and ${this.name}` : "the picture";
    const thanks = el("p", { tabIndex: -1 }, `Thank you. The service kept ${kept}, and that it shows “${title}”.`);
    this.element.replaceChildren(thanks);
    thanks.focus();
    this.say(thanks.textContent);
  }

  #fail(error) {
    if (!error.code) throw error;
    this.fault.replaceChildren(el("p", { class: "problem", role: "alert" }, inWords(error)));
  }
}
