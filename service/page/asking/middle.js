// What a question is about where nothing is marked: the thing in the picture's middle, and the whole picture.

import { Problem, segment } from "../base/api.js";

/**
 * What may be meant by the middle of a picture, as `POST /segment` proposes it, the likeliest first; nothing where nothing
 * is found or the service fails at it. Raises Problem where it is the question's fault, and the whole picture would fare
 * no better.
 */
export async function middleOf({ file, width, height }) {
  try {
    const { regions } = await segment(file, { point: [Math.floor(width / 2), Math.floor(height / 2)] });
    return regions;
  } catch (error) {
    const refused = error instanceof Problem && error.status >= 400 && error.status < 500;
    if (refused || !(error instanceof Problem)) throw error;
    return [];
  }
}
