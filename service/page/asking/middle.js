// What a question is about where nothing is marked: the thing in the picture's middle, and the whole picture.

import { Problem, link, segment } from "../base/api.js";

const ALL = 0.9; // of the picture's area: what takes so much is asked about as the whole picture

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
 * What stands out nearest to the middle of a picture, as `POST /segment` proposes it, then what lies in it or about it, such
 * as what a frame holds; nothing where nothing stands out or the service fails at it. Raises Problem where it is the
 * question's fault, and the whole picture would fare no better.
 */
async function middleOf({ file, width, height }) {
  try {
    const found = (await segment(file)).regions.filter(({ box: [, , across, down] }) => across * down < ALL * width * height);
    const off = ({ box: [x, y, across, down] }) => Math.hypot(x + across / 2 - width / 2, y + down / 2 - height / 2);
    const [nearest] = [...found].sort((one, other) => off(one) - off(other));
    const others = found.filter((one) => one !== nearest && (holds(one.box, nearest.box) || holds(nearest.box, one.box)));
    return nearest ? [nearest, ...others] : [];
  } catch (error) {
    const refused = error instanceof Problem && error.status >= 400 && error.status < 500;
    if (refused || !(error instanceof Problem)) throw error;
    return [];
  }
}

/** Whether one box, [x, y, width, height], lies in another. */
const holds = ([x, y, width, height], [left, top, across, down]) =>
  left >= x && top >= y && left + across <= x + width && top + down <= y + height;
