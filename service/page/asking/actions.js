// What buttons and single keys do.

import { byId } from "../base/dom.js";
import { installShortcuts } from "./shortcuts.js";

const ZOOM = 1.25;

/** `isActive()` tells whether there is a picture for the keys to act on. */
export function installActions({ history, view, regions, toolbox, gestures, clicks, finding, question, opening, isActive }) {
  const actions = {
    undo: () => history.undo(),
    redo: () => history.redo(),
    in: () => view.zoom(ZOOM),
    out: () => view.zoom(1 / ZOOM),
    fit: () => view.fit(),
    smaller: () => clicks.step(-1),
    larger: () => clicks.step(1),
    new: () => regions.addEmpty(),
    find: () => finding.things(),
    everything: () => finding.everything(),
    ask: () => question.ask(),
    close: () => opening.close(),
    help: () => byId("help").showModal(),
  };
  for (const button of document.querySelectorAll("button[data-action]")) {
    button.addEventListener("click", () => actions[button.dataset.action]());
  }
  byId("help-close").addEventListener("click", () => byId("help").close());
  installShortcuts({
    isActive,
    undo: actions.undo,
    redo: actions.redo,
    actions: {
      p: () => toolbox.choose("point"),
      b: () => toolbox.choose("brush"),
      e: () => toolbox.choose("eraser"),
      l: () => toolbox.choose("lasso"),
      r: () => toolbox.choose("box"),
      h: () => toolbox.choose("hand"),
      "[": () => toolbox.resize(1 / ZOOM),
      "]": () => toolbox.resize(ZOOM),
      "+": actions.in,
      "=": actions.in,
      "-": actions.out,
      0: actions.fit,
      ",": actions.smaller,
      ".": actions.larger,
      n: actions.new,
      f: actions.find,
      a: actions.everything,
      Delete: () => regions.active && regions.remove(regions.active),
      Enter: actions.ask,
      " ": () => (gestures.spaceIsDown = true),
      "?": actions.help,
    },
  });
  document.addEventListener("keyup", (event) => event.key === " " && (gestures.spaceIsDown = false));
}
