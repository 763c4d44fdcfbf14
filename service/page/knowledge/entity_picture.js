// An entity's picture. With a key it has to be fetched: an <img> cannot send one.

import { blob } from "../base/api.js";
import { el } from "../base/dom.js";
import { key } from "../base/key.js";

/** An <img>, or null where the entity has no picture. One that cannot be shown goes, and its frame (`.thumb`) with it. */
export function entityPicture(path, title) {
  if (!path) return null;
  const image = el("img", { alt: `Picture of ${title}`, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => (image.closest(".thumb") ?? image).remove(), { once: true });
  if (key()) load(image, path);
  else image.src = path;
  return image;
}

/** The same in a frame of a card, or null. */
export function thumb(path, title, tag = "div") {
  const image = entityPicture(path, title);
  return image && el(tag, { class: "thumb" }, image);
}

async function load(image, path) {
  try {
    const url = URL.createObjectURL(await blob(path));
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    image.src = url;
  } catch {
    image.dispatchEvent(new Event("error"));
  }
}
