// Which entry is meant, where several that are shown together are called the same: then their ids are shown.

import { el } from "../base/dom.js";

const plain = (title) => title.trim().toLowerCase();

/** A place for an entry's id, which is empty until `tellApart` finds another entry of its title. */
export const idOf = ({ entity_id, title }) =>
  el("span", { class: "id", hidden: true, data: { id: entity_id, title: plain(title) } });

/** Shows the ids of those entries in an element whose titles are equal, whatever their case. */
export function tellApart(place) {
  const ids = [...place.querySelectorAll(".id[data-title]")];
  const times = new Map();
  for (const { dataset } of ids) times.set(dataset.title, (times.get(dataset.title) ?? 0) + 1);
  for (const id of ids.filter(({ dataset }) => times.get(dataset.title) > 1)) {
    [id.textContent, id.hidden] = [id.dataset.id, false];
  }
}

/** What to call an entry among others: its title, with the id where another has the same. */
export function nameAmong({ entity_id, title }, others) {
  const same = others.filter((other) => plain(other.title) === plain(title));
  return same.length > 1 ? `${title} (${entity_id})` : title;
}
