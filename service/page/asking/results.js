// The answers below the regions: an article for each region that has one.

import { resultOf, summary } from "../answers/cards.js";
import { inOrder } from "../answers/order.js";
import { byId } from "../base/dom.js";
import { say } from "./notices.js";

export const TOP_K = 5; // candidates of an answer
const FOOT = 160; // pixels at the foot of the window in which an answer may begin unseen

export class Results {
  #articles = new Map(); // result -> its article, so that what was opened in it stays open

  /** `without(tag, region)` asks anew without one of the tags that a region's answer was asked with. */
  constructor({ stage, regions, readiness, without }) {
    Object.assign(this, { stage, regions, readiness, without });
  }

  /** Takes an answer in; where its beginning is not seen, it is scrolled to. `asked` is `[{region, rle}, ...]`. */
  take(asked, answer, only) {
    asked.forEach(({ region, rle }, index) =>
      Object.assign(region, { asked: rle, answer, only, result: answer.results[index] }),
    );
    this.regions.changed();
    const fresh = inOrder(asked.map(({ region }) => region));
    say(fresh.map(summary).join(" "));
    const article = fresh.map(({ result }) => this.#articles.get(result)).find(Boolean); // none, where all went meanwhile
    const top = article?.getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight - FOOT) article.scrollIntoView();
  }

  /** Shows the answers that the regions have now. */
  show() {
    const { stage, regions, readiness, without } = this;
    const own = (region) => regions.own(region);
    const context = { picture: stage.picture, topK: TOP_K, say, keepsFeedback: readiness.keepsFeedback, without, own };
    const answered = inOrder(regions.list.filter(({ result }) => result));
    for (const result of this.#articles.keys()) {
      if (!answered.some((region) => region.result === result)) this.#articles.delete(result);
    }
    for (const region of answered) {
      if (!this.#articles.has(region.result)) this.#articles.set(region.result, resultOf(region, context));
    }
    const articles = answered.map(({ result }) => this.#articles.get(result));
    const place = byId("results");
    if (articles.length !== place.children.length || articles.some((one, index) => one !== place.children[index])) {
      place.replaceChildren(...articles);
    }
  }
}
