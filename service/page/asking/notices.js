// What the page says of what it does: a line for who listens, what went wrong, and that the service is at work.

import { Problem } from "../base/api.js";
import { byId, el } from "../base/dom.js";
import { inWords, mayPass } from "../base/problems.js";
import { Unreadable } from "../stage/picture.js";

/** Tells a screen reader what happened. */
export function say(text) {
  byId("said").textContent = text;
}

/** Shows what went wrong until the next thing is done; `again` does it once more, which is offered where it may help. */
export function report(error, again) {
  if (!(error instanceof Problem || error instanceof Unreadable)) throw error;
  const retry = again && mayPass(error) ? el("button", { type: "button", class: "small" }, "Try again") : null;
  retry?.addEventListener("click", () => (clearProblem(), again()));
  const close = el("button", { type: "button", class: "icon", aria: { label: "Close the message" } }, "×");
  close.addEventListener("click", clearProblem);
  byId("problem").replaceChildren(el("p", {}, inWords(error)), ...[retry, close].filter(Boolean));
}

export function clearProblem() {
  byId("problem").replaceChildren();
}

/**
 * Does something that takes the service a while, for the picture that is on the stage only: `work` is given a function
 * that calls another while that picture is still there.
 */
export async function working(stage, what, work) {
  clearProblem();
  const { picture } = stage;
  byId("busy").textContent = what;
  document.body.classList.add("working");
  try {
    return await work((then) => stage.picture === picture && then());
  } catch (error) {
    if (stage.picture === picture) report(error, () => working(stage, what, work));
  } finally {
    document.body.classList.remove("working");
    byId("busy").textContent = "";
  }
}
