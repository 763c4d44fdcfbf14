// What the service answered for a region: one article with a card for each candidate.

import { asCurl, copy } from "./copy.js";
import { el, outwards, percent } from "../base/dom.js";
import { thumb } from "../knowledge/entity_picture.js";
import { idOf, nameAmong, tellApart } from "../knowledge/names.js";
import { explanation } from "./explain.js";
import { key } from "../base/key.js";
import { inWords } from "../base/problems.js";
import { Telling } from "./telling.js";
import { sureFrom, verdictOf } from "./verdict.js";

// What is done one after the other, in words; the last where there is a cross-encoder.
const STAGES = {
  decode: "reading the picture",
  segment: "finding things",
  wait: "waiting",
  encode: "looking at it",
  search: "searching",
  rerank: "looking twice",
};

/** What is said of a region in one sentence. */
export const summary = (region) => `${region.name}: ${inShort(region.result)}.`;

/** The same as a label, which begins with a capital; a title stays as it is. */
export function labelOf(result) {
  const words = inShort(result);
  return verdictOf(result) === "sure" ? words : `${words[0].toUpperCase()}${words.slice(1)}`;
}

/** What a result amounts to, in a few words. */
export function inShort(result) {
  const { confidence, candidates } = result;
  const nearest = candidates[0]?.title;
  const says = {
    none: () => "nothing found",
    sure: () => `${nearest}, ${percent(confidence)} sure`,
    probable: () => `probably ${nearest}`,
    unknown: () => `not known. Nearest is ${nearest}`,
    unsaid: () => `nearest is ${nearest}`,
  };
  return says[verdictOf(result)]();
}

/**
 * `context` is {picture, topK, say(text), keepsFeedback, without(tag, region), own(region)}: `without` asks anew, and
 * does not leave out the entries that have not the tag; `own` is for a region of which somebody told what it shows.
 */
export function resultOf(region, context) {
  const { result, answer } = region;
  const heading = `answer-${region.number}`;
  const telling = context.keepsFeedback ? new Telling(region, context) : null;
  const article = el(
    "article",
    { class: "answer", vars: { colour: region.colour }, aria: { labelledby: heading } },
    el(
      "header",
      {},
      el("h3", { id: heading, tabIndex: -1 }, el("span", { class: "chip", aria: { hidden: "true" } }, mark(region)), ` ${region.name}`),
    ),
    filter(region, context),
    verdict(result),
    el("ol", { class: "cards" }, ...result.candidates.map((candidate) => card(candidate, region, context, telling))),
    telling?.element,
    el(
      "details",
      { class: "details" },
      el("summary", {}, "Details"),
      copies(region, context),
      timings(answer.timings_ms),
    ),
  );
  tellApart(article.querySelector(".cards"));
  return article;
}

export const mark = (region) => (region.whole ? "∗" : String(region.number));

/** The tags that were asked for, each of which can be taken away. */
function filter(region, { without }) {
  if (!region.only.length) return null;
  const away = (tag) =>
    el(
      "button",
      { type: "button", class: "small tag", aria: { label: `Not only ${tag}` }, on: { click: () => without(tag, region) } },
      el("span", {}, tag),
      el("span", { aria: { hidden: "true" } }, "×"),
    );
  return el("p", { class: "only chips" }, el("span", {}, "Only:"), ...region.only.map(away));
}

function verdict(result) {
  const { confidence, candidates } = result;
  const kind = verdictOf(result);
  if (kind === "none") return el("p", { class: "verdict" }, "Nothing was found.");
  if (kind === "unsaid") return null;
  const says = {
    sure: () => [record(candidates[0])],
    probable: () => [el("span", { class: "perhaps" }, "Probably"), " ", record(candidates[0])],
    unknown: () => ["I do not know what this is. These are nearest:"],
  };
  return el(
    "div",
    { class: `sure ${kind}` },
    el("p", { class: "verdict" }, ...says[kind]()),
    kind === "probable" && el("p", { class: "quiet" }, "It fits clearly better than the others. That is no proof."),
    confidence !== null && meter(confidence),
  );
}

const meter = (confidence) =>
  el(
    "label",
    { class: "meter" },
    el("span", {}, `${percent(confidence)} sure`),
    el("meter", { min: 0, max: 1, low: sureFrom(), optimum: 1, value: confidence }),
  );

const record = ({ entity_id, title }) => el("a", { href: `#entities/${encodeURIComponent(entity_id)}` }, title);

function card(candidate, region, context, telling) {
  const { rank, title, text, score, url, image, attribution, entity_id } = candidate;
  const why = el("button", { type: "button", class: "link", aria: { expanded: "false" } }, "Why this answer?");
  const body = el("div", { class: "why-place" });
  const source = outwards(url, "Source ↗");
  const node = el(
    "li",
    { class: rank === 1 ? "card best" : "card", data: { entity: entity_id } },
    thumb(image, title),
    el(
      "div",
      { class: "about" },
      el("h4", {}, record(candidate)),
      el("p", {}, idOf(candidate)),
      el("p", { class: "text" }, text),
      el("p", { class: "links" }, why, telling?.right(candidate, nameAmong(candidate, region.result.candidates))),
      el(
        "details",
        {},
        el("summary", {}, "Source and similarity"),
        el("p", { class: "links" }, el("code", {}, entity_id), source),
        attribution && el("p", { class: "quiet" }, attribution),
        el(
          "label",
          { class: "meter score" },
          el("span", {}, `similarity ${score.toFixed(2)}`),
          el("meter", { min: 0, max: 1, value: Math.max(0, score) }),
        ),
      ),
    ),
    body,
  );
  why.addEventListener("click", () => toggle(why, body, region, candidate, context));
  return node;
}

async function toggle(button, place, region, candidate, { picture, say }) {
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  place.hidden = open;
  if (open || place.querySelector(".why")) return;
  button.disabled = true;
  place.replaceChildren(el("p", { class: "quiet" }, "Looking into it …"));
  try {
    place.replaceChildren(await explanation(picture, region.asked, candidate));
    say(`Explanation of ${candidate.title} shown.`);
  } catch (error) {
    if (!error.code) throw error;
    button.setAttribute("aria-expanded", "false");
    place.replaceChildren(el("p", { class: "problem", role: "alert" }, inWords(error)));
  } finally {
    button.disabled = false;
  }
}

function timings(times) {
  const [width, whole] = [Math.max(times.total, Number.EPSILON), `${Math.round(times.total)} ms`];
  return el(
    "dl",
    { class: "timings" },
    ...Object.entries(STAGES)
      .filter(([stage]) => times[stage] != null)
      .map(([stage, words]) =>
        el(
          "div",
          { class: stage, vars: { share: times[stage] / width } },
          el("dt", {}, words),
          el("dd", {}, `${times[stage].toFixed(times[stage] < 10 ? 1 : 0)} ms`),
        ),
      ),
    el("div", { class: "total" }, el("dt", {}, "in all"), el("dd", {}, whole)),
  );
}

function copies(region, { picture, topK, say }) {
  const button = (text, what) =>
    el("button", { type: "button", class: "small", on: { click: async () => say(await copied(text, what())) } }, text);
  return el(
    "p",
    { class: "copies" },
    button("Copy as curl", () =>
      asCurl({
        origin: location.origin,
        file: picture.file.name,
        region: region.asked,
        topK,
        tags: region.only,
        withKey: key() !== null,
      }),
    ),
    button("Copy JSON", () => JSON.stringify({ ...region.answer, results: [region.result] }, null, 2)),
  );
}

async function copied(what, text) {
  return (await copy(text)) ? `${what}: done.` : "The browser does not let the page write to the clipboard.";
}
