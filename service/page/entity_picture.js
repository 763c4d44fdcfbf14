// An entity's picture. With a key it has to be fetched: an <img> cannot send one.

import { blob } from "./api.js";
import { el } from "./dom.js";
import { key } from "./key.js";

/** An <img>, or a quiet place-holder where the entity has no picture or it cannot be shown. */
export function entityPicture(path, title) {
  if (!path) return nothing(title);
  const image = el("img", { alt: `Picture of ${title}`, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(nothing(title)), { once: true });
  if (key()) load(image, path);
  else image.src = path;
  return image;
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

function nothing(title) {
  return el("span", { class: "no-picture", aria: { hidden: "true" } }, [...title][0]?.toUpperCase() ?? "?");
}
