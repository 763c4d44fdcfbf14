// The number of each region, on the picture: colours alone tell them apart for some people only. And the name of each
// proposal that was linked.

import { mark } from "../answers/cards.js";
import { verdictOf } from "../answers/verdict.js";

const RADIUS = 11;
const [HIGH, PAD, LONGEST] = [22, 7, 28]; // of a name: pixels, pixels, characters

export function drawBadges(context, view, regions) {
  context.font = "600 12px Inter, system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const region of regions.list) {
    if (!region.tip) continue;
    const { x, y } = view.toScreen(region.tip);
    context.beginPath();
    context.arc(x, y, RADIUS, 0, 2 * Math.PI);
    context.fillStyle = region.colour;
    context.fill();
    context.lineWidth = region === regions.active ? 2.5 : 1;
    context.strokeStyle = "#fff";
    context.stroke();
    context.fillStyle = "#fff";
    context.fillText(mark(region), x, y + 0.5);
  }
}

/** The names of proposals, each at its upper edge; those that were taken have a number instead. */
export function drawNames(context, view, proposals, regions) {
  context.font = "600 12px Inter, system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const { tip, result } of proposals?.regions ?? []) {
    if (!result || regions.at(tip.x, tip.y)) continue;
    const name = nameOf(result);
    const [{ x, y }, wide] = [view.toScreen(tip), context.measureText(name).width + 2 * PAD];
    const left = Math.max(0, Math.min(x - wide / 2, view.stage.width - wide));
    const top = Math.max(0, y - HIGH / 2);
    context.fillStyle = "rgba(20, 20, 25, 0.85)";
    context.beginPath();
    context.roundRect(left, top, wide, HIGH, HIGH / 2);
    context.fill();
    context.fillStyle = "#fff";
    context.fillText(name, left + PAD, top + HIGH / 2 + 0.5);
  }
}

function nameOf(result) {
  const title = result.candidates[0]?.title ?? "";
  const short = title.length > LONGEST ? `${title.slice(0, LONGEST - 1)}…` : title;
  return { sure: short, probable: `${short}?`, unsaid: `${short}?`, unknown: "not known", none: "nothing" }[verdictOf(result)];
}
