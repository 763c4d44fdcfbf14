// The picture of a map of labels (a mask is one with labels 0 and 1): a canvas of bounded size in which each label is
// tinted and has an edge. Only the rectangle that changed is painted anew.

import { clip, grow, scaled } from "./rect.js";

const LABELS = 256;
const LONGEST = 2048; // pixels; what a screen shows of a photograph that fills it

export class Layer {
  constructor({ width, height, data }) {
    this.data = data;
    [this.wide, this.high] = [width, height];
    this.scale = Math.min(1, LONGEST / Math.max(width, height));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.edge = Math.max(1, Math.round(Math.max(this.canvas.width, this.canvas.height) / 700));
    this.columns = Uint32Array.from({ length: this.canvas.width }, (_, x) =>
      Math.min(width - 1, Math.floor((x + 0.5) / this.scale)),
    );
  }

  /**
   * Paints a rectangle of the picture's pixels; all of it if none is given.
   * `look(label)` gives {fill, edge}, each [red, green, blue, alpha] of 0 to 255, or null for nothing.
   */
  paint(look, rect = { left: 0, top: 0, right: this.wide, bottom: this.high }) {
    const { canvas, columns, data, edge } = this;
    const area = clip(grow(scaled(rect, this.scale), edge + 1), canvas.width, canvas.height);
    if (!area) return;
    const image = this.context.createImageData(area.right - area.left, area.bottom - area.top);
    const pixels = new Uint32Array(image.data.buffer);
    const [fill, outline] = [new Uint32Array(LABELS), new Uint32Array(LABELS)];
    for (let label = 0; label < LABELS; label++) {
      const style = look(label);
      if (style) [fill[label], outline[label]] = [pack(style.fill), pack(style.edge)];
    }
    let at = 0;
    for (let y = area.top; y < area.bottom; y++) {
      const [row, above, below] = [this.#row(y), this.#row(y - edge), this.#row(y + edge)];
      for (let x = area.left; x < area.right; x++, at++) {
        const column = columns[x];
        const label = data[row + column];
        if (outline[label] === 0) continue;
        const inner =
          above >= 0 &&
          below >= 0 &&
          x >= edge &&
          x + edge < canvas.width &&
          data[above + column] === label &&
          data[below + column] === label &&
          data[row + columns[x - edge]] === label &&
          data[row + columns[x + edge]] === label;
        pixels[at] = inner ? fill[label] : outline[label];
      }
    }
    this.context.putImageData(image, area.left, area.top);
  }

  /** Where a row of the canvas begins in the data; -1 beyond the picture. */
  #row(y) {
    if (y < 0 || y >= this.canvas.height) return -1;
    return Math.min(this.high - 1, Math.floor((y + 0.5) / this.scale)) * this.wide;
  }
}

const pack = ([red, green, blue, alpha]) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** [red, green, blue] of "#rrggbb". */
export function rgb(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}
