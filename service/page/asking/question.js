// "What is this?": which regions it is asked of, and that the answers come to them.

import { link } from "../base/api.js";
import { Mask } from "../masks/mask.js";
import { linkUnmarked } from "./middle.js";
import { working } from "./notices.js";
import { TOP_K } from "./results.js";

export class Question {
  /** `choice` has the tags that entries are asked to have; `sizes` is told what the middle may mean. */
  constructor({ stage, regions, sizes, choice, readiness, results }) {
    Object.assign(this, { stage, regions, sizes, choice, readiness, results });
  }

  ask() {
    return working(this.stage, "Looking it up …", async (ifSame) => {
      await this.readiness.learn();
      const there = this.regions.list.filter((region) => !region.empty);
      await (there.length ? this.#about(there, ifSame) : this.#unmarked(ifSame));
    });
  }

  /** Asks anew without a tag, and goes on at the answer, whose button is no more. */
  async without(tag, region) {
    this.choice.remove(tag);
    await this.ask();
    document.getElementById(`answer-${region.number}`)?.focus();
  }

  /** Asks about regions: those that have no answer, or one of other tags; about all where each has its answer. */
  async #about(there, ifSame) {
    const only = this.choice.chosen;
    const open = there.filter((region) => !region.result || region.only.join("\n") !== only.join("\n"));
    const asked = (open.length ? open : there).map((region) => ({ region, rle: region.toRle() }));
    const answer = await link(this.stage.picture.file, asked.map(({ rle }) => rle), TOP_K, only);
    ifSame(() => this.results.take(asked, answer, only));
  }

  /** Asks about the thing in the middle and the whole picture; they are regions once they are answered. */
  async #unmarked(ifSame) {
    const { regions, sizes, results } = this;
    const only = this.choice.chosen;
    const { rles, proposed, answer } = await linkUnmarked(this.stage.picture, TOP_K, only);
    ifSame(() => {
      if (regions.list.some((region) => !region.empty)) return; // marked meanwhile, or asked about twice
      const presumed = regions.presume(rles[0] && Mask.ofRle(rles[0]));
      if (rles[0]) sizes.keep(presumed[0], proposed);
      results.take(presumed.map((region, index) => ({ region, rle: rles[index] })), answer, only);
    });
  }
}
