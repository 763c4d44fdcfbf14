// Ways for a picture to get here: chosen, dropped, pasted, or one of the demo's scenes.

import { blob, scenes } from "../base/api.js";
import { byId, el } from "../base/dom.js";

/** `open(file, regions)` is called with each picture; `regions` are those to choose from that a scene comes with. */
export function installSources({ open, report }) {
  for (const input of document.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = ""; // so that the same file can be chosen again
      if (file) open(file, []);
    });
  }
  document.addEventListener("paste", (event) => {
    const file = firstPicture(event.clipboardData?.files ?? []);
    if (!file) return;
    event.preventDefault();
    open(file, []);
  });
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    const file = firstPicture(event.dataTransfer.files);
    if (file) open(file, []);
  });
  return showScenes(open, report);
}

/** The first that calls itself a picture; without one the first, of which is then said that it is none. */
function firstPicture(files) {
  return [...files].find(({ type }) => type.startsWith("image/")) ?? files[0];
}

async function showScenes(open, report) {
  try {
    const found = await scenes();
    byId("scenes").hidden = found.length === 0;
    byId("scene-list").replaceChildren(...(await Promise.all(found.map((scene, place) => sceneButton(scene, found.length > 1 ? place + 1 : 0, open)))));
  } catch (error) {
    report(error, () => showScenes(open, report));
  }
}

async function sceneButton({ image, regions, attribution }, number, open) {
  const content = await blob(image);
  const file = new File([content], image.split("/").at(-1), { type: content.type });
  const thumb = el("img", { alt: "", src: URL.createObjectURL(content) });
  thumb.addEventListener("load", () => URL.revokeObjectURL(thumb.src), { once: true });
  return el(
    "li",
    {},
    el("button", { type: "button", class: "scene", on: { click: () => open(file, regions) } }, thumb, number ? `Example ${number}` : "Example"),
    el("span", { class: "quiet" }, attribution),
  );
}
