// The tags that entries have, as buttons: those that are chosen leave out the entries that have none of them. Nothing is
// seen of it where no entry has a tag.

import { entities, tags } from "../base/api.js";
import { el } from "../base/dom.js";

const FIRST = 8; // tags, before more are asked for
const MORE = 16;

/** Says "change" when somebody chooses a tag, or takes one away. */
export class TagChoice extends EventTarget {
  #chosen = new Set();
  #buttons = new Map(); // tag -> its button, in the order in which they are shown
  #next = null;
  #loading = null;

  /** `place` is an element with an id; `report(error, again)` and `say(text)` are the page's. */
  constructor(place, { report, say }) {
    super();
    Object.assign(this, { place, report, say });
    const more = el("button", { type: "button", class: "small tag", on: { click: () => this.#showMore() } }, "More …");
    this.more = el("li", { hidden: true }, more);
    this.list = el("ul", { class: "chips", aria: { labelledby: `${place.id}-label` } }, this.more);
    this.input = el("input", { type: "search", id: `${place.id}-other`, autocomplete: "off", maxLength: 128 });
    this.missing = el("p", { class: "quiet", role: "status" });
    this.form = el(
      "form",
      { class: "other-tag", on: { submit: (event) => (event.preventDefault(), this.#other()) } },
      el("label", { htmlFor: this.input.id }, "Another tag"),
      el("div", { class: "row" }, this.input, el("button", { class: "small" }, "Add")),
      this.missing,
    );
    const label = el("p", { class: "quiet", id: `${place.id}-label` }, "Only entries tagged");
    place.replaceChildren(label, this.list, this.form);
    place.hidden = true;
  }

  /** The chosen tags, in the order in which they were chosen. */
  get chosen() {
    return [...this.#chosen];
  }

  /** Asks once which tags there are. Raises Problem, after which it asks again. */
  load() {
    this.#loading ??= this.#first().catch((error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** Chooses these alone, as an address says, and tells nobody. */
  set(chosen) {
    this.#chosen = new Set(chosen);
    for (const tag of chosen) this.#button(tag);
    for (const [tag, button] of this.#buttons) button.setAttribute("aria-pressed", String(this.#chosen.has(tag)));
    if (chosen.length) this.place.hidden = false;
  }

  take(tag) {
    this.set([...this.chosen, tag]);
    this.dispatchEvent(new Event("change"));
  }

  remove(tag) {
    this.set(this.chosen.filter((each) => each !== tag));
    this.dispatchEvent(new Event("change"));
  }

  async #first() {
    const { tags: found, count, next } = await tags({ limit: FIRST });
    this.#add(found, next);
    this.form.hidden = true;
    if (count > 0) this.place.hidden = false;
  }

  #add(found, next) {
    for (const { tag, entities: count } of found) this.#button(tag, count);
    this.#next = next;
    this.more.hidden = next === null;
  }

  /** The button of a tag; one that is not shown yet comes last. */
  #button(tag, count) {
    const known = this.#buttons.get(tag);
    const button =
      known ??
      el(
        "button",
        {
          type: "button",
          class: "small tag",
          aria: { pressed: String(this.#chosen.has(tag)) },
          on: { click: () => (this.#chosen.has(tag) ? this.remove(tag) : this.take(tag)) },
        },
        el("span", {}, tag),
      );
    if (count !== undefined && !button.querySelector(".quiet")) {
      button.append(el("span", { class: "quiet" }, count.toLocaleString("en")));
    }
    if (!known) {
      this.#buttons.set(tag, button);
      this.more.before(el("li", {}, button));
    }
    return button;
  }

  async #showMore() {
    const button = this.more.firstChild;
    button.disabled = true;
    try {
      const { tags: found, next } = await tags({ limit: MORE, after: this.#next });
      this.#add(found, next);
      this.form.hidden = next === null; // with all in sight there is none to write
      this.say(found.length === 1 ? "1 more tag." : `${found.length} more tags.`);
      if (found.length) this.#button(found[0].tag).focus();
    } catch (error) {
      this.report(error, () => this.#showMore());
    } finally {
      button.disabled = false;
    }
  }

  /** Takes the tag that was written, if an entry has it. */
  async #other() {
    const tag = this.input.value.trim();
    if (!tag) return;
    this.missing.textContent = "";
    try {
      const { count } = await entities({ tags_any: [tag], limit: 1 });
      if (this.input.value.trim() !== tag) return;
      if (!count) {
        this.missing.textContent = `No entry has the tag “${tag}”.`;
        return;
      }
      this.input.value = "";
      this.take(tag);
      this.#button(tag).focus();
    } catch (error) {
      this.report(error, () => this.#other());
    }
  }
}
