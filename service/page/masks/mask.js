// A mask of the picture's size, a byte a pixel, and the shapes that are drawn into it. Coordinates are pixels of the
// upright picture and may have fractions; the pixel in column i covers x from i to i + 1, and a shape takes the pixels
// whose middle it covers. Each shape returns the rectangle that it touched, or null.

import { decode, encode } from "./rle.js";
import { clip, union } from "./rect.js";

export class Mask {
  constructor(width, height, data = new Uint8Array(width * height)) {
    this.width = width;
    this.height = height;
    this.data = data;
  }

  static ofRle(rle) {
    return new Mask(rle.size[1], rle.size[0], decode(rle));
  }

  toRle() {
    return encode(this.data, this.width, this.height);
  }

  has(x, y) {
    const inside = x >= 0 && y >= 0 && x < this.width && y < this.height;
    return inside && this.data[Math.floor(y) * this.width + Math.floor(x)] !== 0;
  }

  /**
   * How many pixels are inside, the rectangle that holds them, and the middle of the first run of its upper row; looked
   * for in a rectangle that is known to hold them all. `bounds` and `tip` are null where there is none.
   */
  measure({ left, top, right, bottom } = this.#all()) {
    const { data, width } = this;
    const bounds = { left: right, top: bottom, right: left, bottom: top };
    let count = 0;
    for (let y = top; y < bottom; y++) {
      const [start, end] = [y * width + left, y * width + right];
      let [first, last] = [-1, -1];
      for (let at = start; at < end; at++) {
        if (data[at] === 0) continue;
        if (first < 0) first = at;
        last = at;
        count++;
      }
      if (first < 0) continue;
      bounds.top = Math.min(bounds.top, y);
      bounds.bottom = y + 1;
      bounds.left = Math.min(bounds.left, first - y * width);
      bounds.right = Math.max(bounds.right, last - y * width + 1);
    }
    return count ? { count, bounds, tip: this.#tip(bounds) } : { count, bounds: null, tip: null };
  }

  #tip({ left, top }) {
    const row = top * this.width;
    let from = row + left;
    while (!this.data[from]) from++;
    let to = from;
    while (to - row < this.width && this.data[to]) to++;
    return { x: (from + to) / 2 - row, y: top };
  }

  #all() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  /** A stroke of a round brush from one point to another. */
  stroke(from, to, radius, value) {
    const rect = clip(
      {
        left: Math.min(from.x, to.x) - radius,
        top: Math.min(from.y, to.y) - radius,
        right: Math.max(from.x, to.x) + radius,
        bottom: Math.max(from.y, to.y) + radius,
      },
      this.width,
      this.height,
    );
    if (!rect) return null;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length2 = dx * dx + dy * dy;
    for (let y = rect.top; y < rect.bottom; y++) {
      const py = y + 0.5 - from.y;
      for (let x = rect.left; x < rect.right; x++) {
        const px = x + 0.5 - from.x;
        const along = length2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length2)) : 0;
        const [ex, ey] = [px - along * dx, py - along * dy];
        if (ex * ex + ey * ey <= radius * radius) this.data[y * this.width + x] = value;
      }
    }
    return rect;
  }

  box(from, to, value) {
    const rect = clip(
      {
        left: Math.round(Math.min(from.x, to.x)),
        top: Math.round(Math.min(from.y, to.y)),
        right: Math.round(Math.max(from.x, to.x)),
        bottom: Math.round(Math.max(from.y, to.y)),
      },
      this.width,
      this.height,
    );
    if (rect) this.#fillRows(rect, (_, fill) => fill(rect.left, rect.right), value);
    return rect;
  }

  /** The inside of a closed outline, by the even-odd rule. */
  polygon(points, value) {
    if (points.length < 3) return null;
    const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
    const extent = { left: least(xs), top: least(ys), right: most(xs), bottom: most(ys) };
    const rect = clip(extent, this.width, this.height);
    if (!rect) return null;
    const crossings = (y, fill) => {
      const found = [];
      points.forEach((a, index) => {
        const b = points[(index + 1) % points.length];
        if (a.y <= y !== b.y <= y) found.push(a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x));
      });
      found.sort((a, b) => a - b);
      for (let i = 0; i + 1 < found.length; i += 2) fill(Math.ceil(found[i] - 0.5), Math.ceil(found[i + 1] - 0.5));
    };
    this.#fillRows(rect, crossings, value);
    return rect;
  }

  /** All that another mask of the same size has inside. */
  add(other) {
    const { bounds: rect } = other.measure();
    if (!rect) return null;
    for (let y = rect.top; y < rect.bottom; y++) {
      for (let at = y * this.width + rect.left; at < y * this.width + rect.right; at++) {
        if (other.data[at]) this.data[at] = 1;
      }
    }
    return rect;
  }

  /** All of another mask of the same size, and nothing else. */
  become(other) {
    const rect = union(this.measure().bounds, other.measure().bounds);
    this.data.set(other.data);
    return rect;
  }

  #fillRows(rect, spans, value) {
    for (let y = rect.top; y < rect.bottom; y++) {
      const row = y * this.width;
      spans(y + 0.5, (left, right) => {
        this.data.fill(value, row + Math.max(left, 0), row + Math.max(Math.min(right, this.width), 0));
      });
    }
  }
}

// Not Math.min(...values): a long outline has more points than a function takes arguments.
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
