// The number of each region, on the picture: colours alone tell them apart for some people only.

import { mark } from "./cards.js";

const RADIUS = 11;

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
