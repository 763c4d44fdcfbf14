// A grid of numbers as a heat map over a part of a picture.

const WIDEST = 360; // CSS pixels
const VEIL = [245, 245, 245, 170]; // where the grid says nothing
// From little to much: readable on light and dark pictures, and growing steadily lighter, so that it also works in grey.
const RAMP = [
  [28, 16, 68],
  [110, 30, 110],
  [188, 55, 84],
  [243, 120, 25],
  [252, 255, 164],
];
const ALPHA = 165;

/** The smallest and the largest number of a grid. */
export function range(grid) {
  const numbers = grid.flat().filter((value) => value !== null);
  return { low: Math.min(...numbers), high: Math.max(...numbers) };
}

function colour(value) {
  const at = value * (RAMP.length - 1);
  const [below, above] = [RAMP[Math.floor(at)], RAMP[Math.min(RAMP.length - 1, Math.floor(at) + 1)]];
  return below.map((from, channel) => from + (above[channel] - from) * (at - Math.floor(at)));
}

/**
 * Draws `frame` ([x, y, width, height], pixels of the picture) of a picture with a grid over it.
 * @param source what a canvas can draw; @param size {width, height} of the upright picture.
 */
export function drawHeat(canvas, source, size, frame, grid) {
  const [x, y, width, height] = frame;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const by = (WIDEST * ratio) / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * by));
  canvas.height = Math.max(1, Math.round(height * by));
  const context = canvas.getContext("2d");
  context.setTransform(by, 0, 0, by, -x * by, -y * by);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, size.width, size.height);
  context.drawImage(gridImage(grid), x, y, width, height);
}

function gridImage(grid) {
  const { low, high } = range(grid);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [grid[0].length, grid.length];
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  grid.flat().forEach((value, index) => {
    const pixel = value === null ? VEIL : [...colour(high > low ? (value - low) / (high - low) : 1), ALPHA];
    image.data.set(pixel, index * 4);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
