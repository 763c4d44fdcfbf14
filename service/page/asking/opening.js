// A picture comes on the stage, is kept in this browser, and goes.

import { byId } from "../base/dom.js";
import { Mask } from "../masks/mask.js";
import { openPicture } from "../stage/picture.js";
import { forget, keepPicture, kept } from "./keeping.js";
import { clearProblem, report, say } from "./notices.js";

export class Opening {
  /** `finding` shows the regions that a picture comes with; `boxes` is told its size. */
  constructor({ stage, regions, history, finding, boxes }) {
    Object.assign(this, { stage, regions, history, finding, boxes });
  }

  /** Opens a picture, with regions to choose from. It is kept in this browser in place of the one before. */
  async open(file, proposed) {
    if (await this.#show(file, proposed)) {
      keepPicture(file);
      location.hash = "#draw";
    }
  }

  /** Opens what this browser kept of this tab, with the regions as they were; their answers are asked for anew. */
  async reopen() {
    const found = await kept();
    if (!found || this.stage.picture || !(await this.#show(found.file, []))) return;
    // null: the whole picture, which is not kept any more
    for (const rle of found.regions.filter(Boolean)) this.regions.put(Mask.ofRle(rle), { fresh: true });
    this.history.clear();
  }

  /** Back to where a picture is chosen; nothing is kept of this one. */
  async close() {
    await forget();
    location.reload();
  }

  /** Whether the file could be shown. */
  async #show(file, proposed) {
    const { stage, regions, finding, boxes } = this;
    clearProblem();
    let picture;
    try {
      picture = await openPicture(file);
    } catch (error) {
      report(error);
      return false;
    }
    document.body.classList.add("open");
    regions.clear(picture.width, picture.height);
    stage.show(picture);
    finding.propose(proposed);
    boxes.fit(picture);
    byId("file-name").textContent = `${file.name}, ${picture.width} × ${picture.height}`;
    say(`${file.name} is open.`);
    stage.element.focus({ preventScroll: true });
    return true;
  }
}
