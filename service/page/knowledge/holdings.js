// What the knowledge base holds, said before anything is asked: how many entries, of what, and some that have a picture.

import { entities } from "../base/api.js";
import { byId, el } from "../base/dom.js";
import { thumb } from "./entity_picture.js";
import { idOf, tellApart } from "./names.js";

const SHOWN = 6;
const KNOWLEDGE_BASES = {
  wikipedia: "Wikipedia’s vital articles",
  wordnet: "WordNet’s nouns",
  oven: "the Wikipedia of OVEN",
};

const grouped = (count) => count.toLocaleString("en");

/** "6,522 entries, 409 of them with a picture". */
export function inNumbers({ entities: count, pictured }) {
  const entries = count === 1 ? "1 entry" : `${grouped(count)} entries`;
  if (pictured === 0) return `${entries}, none of them with a picture`;
  if (pictured === count) return count === 1 ? `${entries}, with a picture` : `${entries}, all of them with a picture`;
  return `${entries}, ${grouped(pictured)} of them with a picture`;
}

/** Says what `/readyz` told, and shows some of it. Raises Problem. */
export async function showHoldings(told) {
  const name = KNOWLEDGE_BASES[told.knowledge_base] ?? "this service’s own records";
  byId("knowledge").textContent = `Answers come from ${name}: ${inNumbers(told)}.`;
  const { entities: found } = await entities({ limit: SHOWN, ...(told.pictured ? { pictured: true } : {}) });
  byId("holds").hidden = found.length === 0;
  byId("holds-list").replaceChildren(
    ...found.map(({ entity_id, title, images }) =>
      el(
        "li",
        {},
        el("a", { href: `#entities/${encodeURIComponent(entity_id)}` }, thumb(images[0], title, "span"), el("span", {}, title), idOf({ entity_id, title })),
      ),
    ),
  );
  tellApart(byId("holds-list"));
}
