// Which entry is meant, where several that are shown together are called the same: then their ids are shown.

import { el } from "../base/dom.js";

const plain = (title) => title.trim().toLowerCase();

/** An entry's id, which is not seen before `tellApart` finds another entry of its title. */
export const idOf = ({ entity_id, title }) =>
  el("span", { class: "quiet id", hidden: true, data: { title: plain(title) } }, entity_id);

/** Shows the ids of those entries in an element whose titles are equal, whatever their case. */
export function tellApart(place) {
  const ids = [...place.querySelectorAll(".id[data-title]")];
  const times = new Map();
  for (const { dataset } of ids) times.set(dataset.title, (times.get(dataset.title) ?? 0) + 1);
  for (const id of ids) id.hidden = times.get(id.dataset.title) === 1;
}

/** What to call an entry among others: its title, with the id where another has the same. */
export function nameAmong({ entity_id, title }, others) {
  const same = others.filter((other) => plain(other.title) === plain(title));
  return same.length > 1 ? `${title} (${entity_id})` : title;
}
