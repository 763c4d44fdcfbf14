// Things that are found in the picture, to choose from; and those that are named at once.

import { inShort } from "../answers/cards.js";
import { linkFound, segment } from "../base/api.js";
import { Mask } from "../masks/mask.js";
import { Proposals } from "../masks/proposals.js";
import { say, working } from "./notices.js";
import { showProposals } from "./region_list.js";
import { TOP_K } from "./results.js";

export class Finding {
  /** `choice` has the tags that entries are asked to have. */
  constructor({ stage, regions, choice, readiness }) {
    Object.assign(this, { stage, regions, choice, readiness });
  }

  /** Shows regions to choose from, on the picture and as buttons, in place of those before; see `Proposals`. */
  propose(found) {
    const { stage } = this;
    stage.propose(found.length ? new Proposals(found, stage.picture.width, stage.picture.height) : null);
    showProposals(stage.proposals, {
      take: (proposal) => this.take(proposal, true),
      light: (proposal) => stage.proposals?.light(proposal) && stage.drawAll(),
    });
  }

  /** Makes a proposal a region. One that was linked and was not added to another region is answered already. */
  take({ rle, answer, result, only }, fresh) {
    const region = this.regions.put(Mask.ofRle(rle), { fresh });
    if (!fresh || !result) return;
    Object.assign(region, { asked: rle, answer, only, result: { ...result } }); // its own, where one is taken twice
    this.regions.changed();
  }

  things() {
    return working(this.stage, "Looking for things …", async (ifSame) => {
      const { regions: found } = await segment(this.stage.picture.file);
      ifSame(() => {
        this.propose(found);
        say(found.length ? `${found.length} ${found.length === 1 ? "region" : "regions"} proposed.` : "Nothing was found to propose.");
      });
    });
  }

  /** Finds things and says what each is. */
  everything() {
    return working(this.stage, "Looking for things and what they are …", async (ifSame) => {
      await this.readiness.learn();
      const only = this.choice.chosen;
      const answer = await linkFound(this.stage.picture.file, TOP_K, only);
      ifSame(() => {
        const { results } = answer;
        this.propose(results.map((result) => ({ rle: result.region.rle, answer, result, only })));
        const names = results.map((result) => inShort(result)).join("; ");
        say(results.length ? `${results.length} found: ${names}.` : "Nothing was found in the picture.");
      });
    });
  }
}
