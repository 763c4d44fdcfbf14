// Single keys, which can be switched off (WCAG 2.1.4), and undo and redo, which cannot.

import { byId } from "../base/dom.js";

const NAME = "wikiclip-single-keys";

/** `actions` maps keys (as `event.key` has them) to what they do; `undo` and `redo` are of their own. */
export function installShortcuts({ actions, undo, redo, isActive }) {
  // On a screen that is touched no word speaks of keys.
  if (matchMedia("(pointer: coarse)").matches) {
    for (const node of document.querySelectorAll("[title]")) node.title = node.title.replace(/ \([^)]*\)$/, "");
  }
  const single = byId("single-keys");
  single.checked = localStorage.getItem(NAME) !== "off";
  single.addEventListener("change", () => localStorage.setItem(NAME, single.checked ? "on" : "off"));

  document.addEventListener("keydown", (event) => {
    if (!isActive() || event.altKey || document.querySelector("dialog[open]")) return;
    const takesText = event.target.closest("input:not([type=radio], [type=range], [type=checkbox]), textarea");
    if (takesText) return;
    if (event.ctrlKey || event.metaKey) {
      const letter = event.key.toLowerCase();
      if (letter === "z") run(event, event.shiftKey ? redo : undo);
      else if (letter === "y") run(event, redo);
      return;
    }
    // A control that has the focus keeps the keys that work it.
    const worked = event.target.closest("button, a, summary") && ["Enter", " "].includes(event.key);
    const ranged = event.target.closest("input") && event.key === " ";
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (single.checked && action && !worked && !ranged) run(event, action);
  });
}

function run(event, action) {
  event.preventDefault();
  action(event);
}
