// What a stroke changed in a mask, kept as runs: a stroke over twelve megapixels takes a few kilobytes, not twelve
// megabytes.

import { area } from "./rect.js";

/** Lengths of runs of equal pixels in a rectangle of a mask, row by row, outside first. */
function runs(mask, data, rect) {
  const found = [];
  let [value, length] = [0, 0];
  for (let y = rect.top; y < rect.bottom; y++) {
    for (let at = y * mask.width + rect.left; at < y * mask.width + rect.right; at++) {
      if (data[at] !== value) {
        found.push(length);
        [value, length] = [data[at], 0];
      }
      length++;
    }
  }
  found.push(length);
  return Uint32Array.from(found);
}

function write(mask, rect, lengths) {
  const wide = rect.right - rect.left;
  let at = 0;
  lengths.forEach((length, index) => {
    const end = at + length;
    while (at < end) {
      const [row, column] = [Math.floor(at / wide), at % wide];
      const count = Math.min(end - at, wide - column);
      const start = (rect.top + row) * mask.width + rect.left + column;
      mask.data.fill(index % 2, start, start + count);
      at += count;
    }
  });
}

/**
 * A step of the history: `before` is the mask's data before the change that touched `rect`, and `changed(rect)` is called
 * whenever the mask is changed again.
 */
export function patch(mask, before, rect, changed) {
  if (area(rect) === 0) return null;
  const [old, now] = [runs(mask, before, rect), runs(mask, mask.data, rect)];
  if (old.length === now.length && old.every((length, index) => length === now[index])) return null;
  const put = (lengths) => () => {
    write(mask, rect, lengths);
    changed(rect);
  };
  return { undo: put(old), redo: put(now), bytes: old.byteLength + now.byteLength };
}
