// What the service tells of itself once it is ready: what it holds, from when on it is sure, whether it keeps feedback.

import { setSure } from "../answers/verdict.js";
import { Problem, readiness } from "../base/api.js";
import { byId } from "../base/dom.js";
import { showHoldings } from "../knowledge/holdings.js";

export class Readiness {
  #told = null;

  /** `choice` has the tags to choose from, which are known no sooner. */
  constructor(choice) {
    this.choice = choice;
  }

  get keepsFeedback() {
    return this.#told?.feedback ?? false;
  }

  /** Asks, unless it was told already. A service that is not ready says so where something is asked of it. */
  async learn() {
    if (this.#told) return;
    try {
      this.#told = await readiness();
      setSure(this.#told.sure);
      if (this.#told.feedback) byId("keeps").textContent = "it if you tell what it shows, and nothing else";
      await Promise.all([this.choice.load(), showHoldings(this.#told)]);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}
