// Regions that somebody proposes, the largest first, as one map of labels: 0 is none, n the nth, and a later one lies over
// those before it, as what a frame holds lies over the frame. Those that were linked have an answer and a result already.

import { decode } from "./rle.js";
import { Mask } from "./mask.js";
import { Layer } from "./layer.js";

const EDGE = [255, 255, 255, 235];
const SHADE = [20, 20, 25, 40];
const LIT = [255, 255, 255, 110];

export class Proposals {
  #lit = 0;

  /** `regions` is `[{rle, answer, result, only}, ...]`, the last three where they were linked, of at most 255 regions of a picture of this size. */
  constructor(regions, width, height) {
    [this.width, this.height] = [width, height];
    this.labels = new Uint8Array(width * height);
    this.regions = regions.map(({ rle, answer = null, result = null, only = [] }, index) => {
      const inside = new Mask(width, height, decode(rle));
      for (let at = 0; at < inside.data.length; at++) if (inside.data[at]) this.labels[at] = index + 1;
      const { bounds, count, tip } = inside.measure();
      return { label: index + 1, rle, answer, result, only, bounds, tip, share: count / inside.data.length };
    });
    this.layer = new Layer({ width, height, data: this.labels });
    this.layer.paint(this.#look);
  }

  /** The one at a point, or null. */
  at(x, y) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return null;
    return this.regions[this.labels[Math.floor(y) * this.width + Math.floor(x)] - 1] ?? null;
  }

  /** Lights one up, or none. Returns whether anything is to be drawn again. */
  light(region) {
    const label = region?.label ?? 0;
    if (label === this.#lit) return false;
    const changed = [this.#lit, label].map((one) => this.regions[one - 1]?.bounds).filter(Boolean);
    this.#lit = label;
    for (const bounds of changed) this.layer.paint(this.#look, bounds);
    return true;
  }

  #look = (label) => (label ? { fill: label === this.#lit ? LIT : SHADE, edge: EDGE } : null);
}
