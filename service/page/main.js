// The page: its parts, and what each is told of the others.

import { installActions } from "./asking/actions.js";
import { BoxForm } from "./asking/box_form.js";
import { Clicks } from "./asking/clicks.js";
import { Finding } from "./asking/finding.js";
import { keepRegions } from "./asking/keeping.js";
import { clearProblem, report, say } from "./asking/notices.js";
import { Opening } from "./asking/opening.js";
import { Question } from "./asking/question.js";
import { Readiness } from "./asking/readiness.js";
import { showRegions } from "./asking/region_list.js";
import { Results } from "./asking/results.js";
import { installSources } from "./asking/sources.js";
import { byId, percent } from "./base/dom.js";
import { installKey } from "./base/key.js";
import { KnowledgeBase } from "./knowledge/knowledge.js";
import { TagChoice } from "./knowledge/tags.js";
import { History } from "./masks/history.js";
import { Regions } from "./masks/regions.js";
import { Sizes } from "./masks/sizes.js";
import { Gestures } from "./stage/gestures.js";
import { drawBadges, drawNames } from "./stage/marks.js";
import { Stage } from "./stage/stage.js";
import { Toolbox } from "./stage/toolbox.js";
import { View } from "./stage/view.js";

const history = new History();
const regions = new Regions(history);
const sizes = new Sizes();
const view = new View();
const stage = new Stage(byId("stage"), view, regions);
const choice = new TagChoice(byId("tags"), { report, say });
const knowledge = new KnowledgeBase(report, say);
const readiness = new Readiness(choice);
const results = new Results({ stage, regions, readiness, without: (tag, region) => question.without(tag, region) });
const question = new Question({ stage, regions, sizes, choice, readiness, results });
const finding = new Finding({ stage, regions, choice, readiness });
const clicks = new Clicks({ stage, regions, sizes, finding });
const opening = new Opening({ stage, regions, history, finding, boxes: new BoxForm(regions) });
const toolbox = new Toolbox({ regions, view, stage, point: (at, fresh) => clicks.point(at, fresh) });
const gestures = new Gestures(stage, view, () => toolbox.tool, () => stage.picture !== null);

/** Shows the part of the page that the address names. */
function route() {
  const inEntities = location.hash.startsWith("#entities");
  byId("draw-view").hidden = inEntities;
  byId("entities-view").hidden = !inEntities;
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    const current = (link.dataset.view === "entities") === inEntities;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  clearProblem();
  if (inEntities) knowledge.show(location.hash);
}

stage.mark((context) => toolbox.tool.draw(context, view, gestures.hover));
stage.mark((context) => drawNames(context, view, stage.proposals, regions));
stage.mark((context) => drawBadges(context, view, regions));
regions.addEventListener("change", () => {
  showRegions(regions);
  clicks.showSizes();
  if (!stage.picture) return;
  results.show();
  keepRegions(() => regions.marked.filter(({ whole }) => !whole).map((region) => region.toRle()));
});
history.addEventListener("change", () => {
  byId("undo").disabled = !history.canUndo;
  byId("redo").disabled = !history.canRedo;
});
view.addEventListener("change", () => (byId("zoom").textContent = percent(view.scale)));
window.addEventListener("hashchange", route);
const isActive = () => stage.picture !== null && !byId("draw-view").hidden;
installActions({ history, view, regions, toolbox, gestures, clicks, finding, question, opening, isActive });
installKey();
toolbox.show();
readiness.learn();
route();
installSources({ open: (file, proposed) => opening.open(file, proposed), report });
await opening.reopen();
document.body.dataset.ready = "true";
