// Why this answer: where the picture resembles the entity, where the entity's own picture was looked at, and the words
// of its description that weighed most.

import { blob, explain } from "../base/api.js";
import { el } from "../base/dom.js";
import { drawHeat, range } from "./heat.js";

/** The panel, once the service has answered. Raises Problem. */
export async function explanation(picture, region, candidate) {
  const told = await explain(picture.file, region, candidate.entity_id);
  const panel = el("div", { class: "why" });
  const { low, high } = range(told.mention.similarity);
  panel.append(
    el(
      "div",
      { class: "maps" },
      map({
        source: picture.small,
        size: picture,
        frame: told.mention.frame,
        grid: told.mention.similarity,
        title: "Your picture",
        label: `Heat map of your picture: how much each part resembles ${candidate.title}.`,
        caption: `Brighter parts resemble the entry more (similarity ${low.toFixed(2)} to ${high.toFixed(2)}).`,
      }),
      told.picture && (await entityMap(told.picture, candidate.title)),
    ),
    words(told.words),
  );
  return panel;
}

async function entityMap({ image, frame, attention }, title) {
  const source = await createImageBitmap(await blob(image));
  const drawn = map({
    source,
    size: source,
    frame,
    grid: attention,
    title: "The entry’s picture",
    label: `Heat map of the entry's picture: where the model looked for ${title}.`,
    caption: "Brighter parts were looked at more when the entry was learnt.",
  });
  source.close();
  return drawn;
}

function map({ source, size, frame, grid, title, label, caption }) {
  const canvas = el("canvas", { role: "img", aria: { label } });
  drawHeat(canvas, source, size, frame, grid);
  return el("figure", {}, canvas, el("figcaption", {}, el("strong", {}, title), ` ${caption}`));
}

function words(list) {
  const most = Math.max(...list.map(({ weight }) => weight), Number.EPSILON);
  const heaviest = [...list].sort((a, b) => b.weight - a.weight).slice(0, 3);
  return el(
    "div",
    { class: "words" },
    el("strong", {}, "Words that weighed"),
    el(
      "p",
      {},
      ...list.flatMap(({ word, weight }) => [el("span", { class: "word", vars: { weight: weight / most } }, word), " "]),
    ),
    el(
      "p",
      { class: "quiet" },
      `Most: ${heaviest.map(({ word, weight }) => `${word} (${(weight * 100).toFixed(0)}%)`).join(", ")}.`,
    ),
  );
}
