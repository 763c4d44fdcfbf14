// COCO's run-length encoding, as pycocotools writes it: columns first, runs of outside and inside in turn, outside
// first. Compressed, each run but the first three is a difference from the one two before it, in five bits a character.

const FIRST = 48; // the character that stands for 0

/** The runs of a mask: `data` has a byte a pixel, row by row, 0 is outside. */
export function runsOf(data, width, height) {
  // A run ends wherever a pixel differs from the one before it in column order. Rows are read as they lie in memory:
  // once to count the ends of each column, once to put each end where it belongs.
  const starts = new Uint32Array(width + 1);
  eachChange(data, width, height, (x) => starts[x + 1]++);
  for (let x = 0; x < width; x++) starts[x + 1] += starts[x];
  const ends = new Uint32Array(starts[width]);
  const next = starts.slice(0, width);
  eachChange(data, width, height, (x, y) => (ends[next[x]++] = x * height + y));

  const runs = [];
  let last = 0;
  for (const end of ends) {
    runs.push(end - last);
    last = end;
  }
  runs.push(width * height - last);
  return runs;
}

function eachChange(data, width, height, found) {
  const bottom = (height - 1) * width;
  for (let x = 0; x < width; x++) {
    const before = x === 0 ? 0 : data[bottom + x - 1];
    if ((data[x] !== 0) !== (before !== 0)) found(x, 0);
  }
  for (let y = 1; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++) {
      if ((data[row + x] !== 0) !== (data[row + x - width] !== 0)) found(x, y);
    }
  }
}

/** The runs as COCO's string. */
export function compress(runs) {
  const characters = [];
  runs.forEach((run, index) => {
    let value = index > 2 ? run - runs[index - 2] : run;
    let more = true;
    while (more) {
      const bits = value & 31;
      value >>= 5;
      more = bits & 16 ? value !== -1 : value !== 0;
      characters.push(String.fromCharCode(FIRST + (more ? bits | 32 : bits)));
    }
  });
  return characters.join("");
}

/** The runs of COCO's string. */
export function decompress(text) {
  const runs = [];
  let at = 0;
  while (at < text.length) {
    let value = 0;
    let shift = 0;
    let bits;
    do {
      if (at === text.length) throw new RangeError("The run-length encoding ends in the middle of a number.");
      bits = text.charCodeAt(at++) - FIRST;
      value |= (bits & 31) << shift;
      shift += 5;
    } while (bits & 32);
    if (bits & 16 && shift < 32) value |= -1 << shift;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** A mask as `{size: [height, width], counts}`. */
export function encode(data, width, height) {
  return { size: [height, width], counts: compress(runsOf(data, width, height)) };
}

/** The mask of `{size, counts}`: a byte a pixel, row by row, 1 inside. */
export function decode({ size: [height, width], counts }) {
  const data = new Uint8Array(width * height);
  let at = 0;
  (typeof counts === "string" ? decompress(counts) : counts).forEach((run, index) => {
    const end = at + run;
    if (run < 0 || end > data.length) throw new RangeError("The run-length encoding does not fit its size.");
    if (index % 2 === 1) {
      let [x, y] = [Math.floor(at / height), at % height];
      for (; at < end; at++) {
        data[y * width + x] = 1;
        if (++y === height) [x, y] = [x + 1, 0];
      }
    }
    at = end;
  });
  if (at !== data.length) throw new RangeError("The run-length encoding does not fill its size.");
  return data;
}
