// Which tool is chosen, and how large its brush is.

import { byId } from "../base/dom.js";
import { makeTools } from "./tools.js";

export class Toolbox {
  #tools;

  /** `kit` is what the tools work with, but for the size; see `tools.js`. */
  constructor(kit) {
    this.stage = kit.stage;
    this.size = byId("size");
    this.#tools = makeTools({ ...kit, size: () => Number(this.size.value) });
    document.querySelector(".tools").addEventListener("change", () => this.show());
  }

  get name() {
    return document.querySelector("input[name=tool]:checked").value;
  }

  /** The tool that is chosen. */
  get tool() {
    return this.#tools[this.name];
  }

  choose(name) {
    document.querySelector(`input[name=tool][value=${name}]`).checked = true;
    this.show();
  }

  /** Shows what belongs to the tool: its pointer, its hint, and the size where it has one. */
  show() {
    const { stage, name } = this;
    stage.element.dataset.tool = name;
    for (const hint of document.querySelectorAll("[data-hint]")) hint.hidden = hint.dataset.hint !== name;
    byId("size-field").hidden = name !== "brush" && name !== "eraser";
    if (stage.proposals?.light(null)) stage.drawAll();
    stage.drawMarks();
  }

  /** Makes the brush larger or smaller by a factor. */
  resize(by) {
    this.size.value = String(Math.round(Number(this.size.value) * by));
    this.stage.drawMarks();
  }
}
