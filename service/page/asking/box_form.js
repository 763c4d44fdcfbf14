// A box by numbers, for who has no pointer.

import { byId } from "../base/dom.js";
import { say } from "./notices.js";

export class BoxForm {
  constructor(regions) {
    this.regions = regions;
    byId("box-form").addEventListener("submit", (event) => (event.preventDefault(), this.#mark()));
  }

  /** Takes numbers within a picture's size. */
  fit({ width, height }) {
    for (const id of ["box-x", "box-width"]) byId(id).max = width;
    for (const id of ["box-y", "box-height"]) byId(id).max = height;
  }

  #mark() {
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => byId(`box-${name}`).valueAsNumber);
    const stroke = this.regions.begin({ fresh: true });
    stroke.draw((mask) => mask.box({ x, y }, { x: x + width, y: y + height }, 1));
    stroke.end();
    say(`${this.regions.active?.name ?? "Nothing"} is marked.`);
  }
}
