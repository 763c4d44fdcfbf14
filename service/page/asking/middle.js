// What a question is about where nothing is marked: the thing in the picture's middle, and the whole picture.

import { Problem, link, segment } from "../base/api.js";

/**
 * Links what may be meant: `rles` has what was asked about, null for the whole picture, and `proposed` what the first of
 * them may have been instead. Of a service that takes one region the whole picture alone is asked about.
 */
export async function linkUnmarked(picture, topK, only) {
  const proposed = await middleOf(picture);
  const ask = async (rles) => ({ rles, proposed, answer: await link(picture.file, rles, topK, only) });
  try {
    return await ask([...proposed.slice(0, 1).map(({ rle }) => rle), null]);
  } catch (error) {
    if (error.code !== "too-many-regions") throw error;
    return ask([null]);
  }
}

/**
 * What may be meant by the middle of a picture, as `POST /segment` proposes it, the likeliest first; nothing where nothing
 * is found or the service fails at it. Raises Problem where it is the question's fault, and the whole picture would fare
 * no better.
 */
async function middleOf({ file, width, height }) {
  try {
    const { regions } = await segment(file, { point: [Math.floor(width / 2), Math.floor(height / 2)] });
    return regions;
  } catch (error) {
    const refused = error instanceof Problem && error.status >= 400 && error.status < 500;
    if (refused || !(error instanceof Problem)) throw error;
    return [];
  }
}
