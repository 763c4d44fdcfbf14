// The regions by name, and those that are proposed: what can be clicked on the picture can be chosen here with keys.

import { byId, el, percent } from "../base/dom.js";
import { labelOf, mark } from "../answers/cards.js";

export function showRegions(regions) {
  const list = byId("regions");
  // The focus stays on the same button of the same region.
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(...regions.list.map((region) => item(region, regions)));
  if (focused) (list.querySelector(`[data-key="${focused}"]`) ?? list.querySelector("button"))?.focus();
  byId("no-regions").hidden = regions.list.length > 0;
}

function item(region, regions) {
  const says = region.whole ? "" : region.empty ? "empty" : percentOf(region.share);
  const active = region === regions.active;
  return el(
    "li",
    { vars: { colour: region.colour } },
    el(
      "button",
      {
        type: "button",
        class: "choose",
        data: { key: `choose-${region.number}` },
        aria: { pressed: String(active) },
        on: { click: () => regions.choose(region) },
      },
      el("span", { class: "chip", aria: { hidden: "true" } }, mark(region)),
      el("span", {}, region.name),
      el("span", { class: "quiet" }, says),
    ),
    el(
      "button",
      {
        type: "button",
        class: "icon",
        data: { key: `remove-${region.number}` },
        aria: { label: `Remove ${region.name.toLowerCase()}` },
        on: { click: () => regions.remove(region) },
      },
      "×",
    ),
  );
}

/** `take(proposal)` makes one a region, `light(proposal)` shows which one is meant. */
export function showProposals(proposals, { take, light }) {
  const found = proposals?.regions ?? [];
  byId("proposed").hidden = found.length === 0;
  byId("proposals").replaceChildren(
    ...found.map((proposal) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            class: "small",
            on: {
              click: () => take(proposal),
              focus: () => light(proposal),
              blur: () => light(null),
              pointerenter: () => light(proposal),
              pointerleave: () => light(null),
            },
          },
          ...words(proposal, proposals),
        ),
      ),
    ),
  );
}

/** What a proposal is and where it lies; its name alone stands out. */
function words({ result, bounds, share }, proposals) {
  const place = `${where(bounds, proposals)}, ${percentOf(share)}`;
  return result ? [el("span", {}, labelOf(result)), " ", el("span", { class: "quiet" }, place)] : [place];
}

/** In which ninth of the picture a region lies. */
function where(bounds, { width, height }) {
  const third = (at, whole) => Math.min(2, Math.floor((3 * at) / whole));
  const column = ["left", "middle", "right"][third((bounds.left + bounds.right) / 2, width)];
  const row = ["top", "middle", "bottom"][third((bounds.top + bounds.bottom) / 2, height)];
  return row === column ? "Middle" : `${row[0].toUpperCase()}${row.slice(1)} ${column}`;
}

const percentOf = (share) => (share < 0.01 ? "under 1%" : percent(share));
