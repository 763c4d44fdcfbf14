// A click on the picture: the region, the proposal or the thing that is there, and the step to a larger or smaller one.

import { segment } from "../base/api.js";
import { byId } from "../base/dom.js";
import { Mask } from "../masks/mask.js";
import { say, working } from "./notices.js";

export class Clicks {
  /** `finding` makes a proposal that is clicked a region; `sizes` keeps what a click may have meant. */
  constructor({ stage, regions, sizes, finding }) {
    Object.assign(this, { stage, regions, sizes, finding });
  }

  /** What is at a point of the picture is chosen, or marked; `fresh` makes it a region of its own. */
  point({ x, y }, fresh) {
    const { stage, regions, sizes, finding } = this;
    const { width, height, file } = stage.picture;
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const there = fresh && regions.at(x, y);
    if (there) {
      regions.choose(there);
      return;
    }
    const proposal = stage.proposals?.at(x, y);
    if (proposal) {
      finding.take(proposal, fresh);
      return;
    }
    working(stage, "Looking at the point …", async (ifSame) => {
      const { regions: found } = await segment(file, { point: [Math.floor(x), Math.floor(y)] });
      ifSame(() => {
        sizes.keep(regions.put(Mask.ofRle(found[0].rle), { fresh }), found);
        this.showSizes();
      });
    });
  }

  /** Takes the next larger thing that the click may have meant, for `by` 1, or smaller one, for -1. */
  step(by) {
    const { regions, sizes } = this;
    const { active } = regions;
    const next = active && sizes.next(active, by);
    if (!next) return;
    regions.replace(Mask.ofRle(next.rle));
    say(`${active.name} is ${by < 0 ? "smaller" : "larger"} now.`);
  }

  /** Shows which steps there are. */
  showSizes() {
    const { active } = this.regions;
    const [smaller, larger] = [-1, 1].map((by) => active && this.sizes.next(active, by));
    byId("sizes").hidden = !smaller && !larger;
    byId("smaller").disabled = !smaller;
    byId("larger").disabled = !larger;
  }
}
