// The page: what happens when somebody does something.

import { Problem, link, linkFound, readiness, segment } from "./base/api.js";
import { inShort, resultOf, summary } from "./answers/cards.js";
import { byId, el, percent } from "./base/dom.js";
import { showHoldings } from "./knowledge/holdings.js";
import { Gestures } from "./stage/gestures.js";
import { History } from "./masks/history.js";
import { inOrder } from "./answers/order.js";
import { linkUnmarked } from "./asking/middle.js";
import { forget, keepPicture, keepRegions, kept } from "./asking/keeping.js";
import { installKey } from "./base/key.js";
import { KnowledgeBase } from "./knowledge/knowledge.js";
import { drawBadges, drawNames } from "./stage/marks.js";
import { Mask } from "./masks/mask.js";
import { Unreadable, openPicture } from "./stage/picture.js";
import { inWords } from "./base/problems.js";
import { Proposals } from "./masks/proposals.js";
import { showProposals, showRegions } from "./asking/region_list.js";
import { Regions } from "./masks/regions.js";
import { installShortcuts } from "./asking/shortcuts.js";
import { installSources } from "./asking/sources.js";
import { Sizes } from "./masks/sizes.js";
import { Stage } from "./stage/stage.js";
import { TagChoice } from "./knowledge/tags.js";
import { makeTools } from "./stage/tools.js";
import { setSure } from "./answers/verdict.js";
import { View } from "./stage/view.js";

const TOP_K = 5;
const FOOT = 160; // pixels at the foot of the window in which an answer may begin unseen
const history = new History();
const regions = new Regions(history);
const sizes = new Sizes();
const view = new View();
const stage = new Stage(byId("stage"), view, regions);
const size = byId("size");
const tools = makeTools({ regions, view, stage, size: () => Number(size.value), point });
const gestures = new Gestures(stage, view, tool, () => stage.picture !== null);
const answers = new Map(); // result -> its article, so that what was opened in it stays open

function toolName() {
  return document.querySelector("input[name=tool]:checked").value;
}

function tool() {
  return tools[toolName()];
}

function say(text) {
  byId("said").textContent = text;
}

/** Shows what went wrong until the next thing is done; `again` does it once more. */
function report(error, again) {
  if (!(error instanceof Problem || error instanceof Unreadable)) throw error;
  const retry = again && el("button", { type: "button", class: "small" }, "Try again");
  retry?.addEventListener("click", () => (clearProblem(), again()));
  const close = el("button", { type: "button", class: "icon", aria: { label: "Close the message" } }, "×");
  close.addEventListener("click", clearProblem);
  byId("problem").replaceChildren(el("p", {}, inWords(error)), ...[retry, close].filter(Boolean));
}

function clearProblem() {
  byId("problem").replaceChildren();
}

/** Does something that takes the service a while, for one picture only. */
async function working(what, work) {
  clearProblem();
  const { picture } = stage;
  byId("busy").textContent = what;
  document.body.classList.add("working");
  try {
    return await work((then) => stage.picture === picture && then());
  } catch (error) {
    if (stage.picture === picture) report(error, () => working(what, work));
  } finally {
    document.body.classList.remove("working");
    byId("busy").textContent = "";
  }
}

/** Opens a picture, with regions to choose from. It is kept in this browser in place of the one before. */
async function open(file, proposed) {
  if (await show(file, proposed)) {
    keepPicture(file);
    location.hash = "#draw";
  }
}

/** Opens what this browser kept of this tab, with the regions as they were; their answers are asked for anew. */
async function reopen() {
  const found = await kept();
  if (!found || stage.picture || !(await show(found.file, []))) return;
  // null: the whole picture, which is not kept any more
  for (const rle of found.regions.filter(Boolean)) regions.put(Mask.ofRle(rle), { fresh: true });
  history.clear();
}

async function show(file, proposed) {
  clearProblem();
  let picture;
  try {
    picture = await openPicture(file);
  } catch (error) {
    report(error);
    return false;
  }
  document.body.classList.add("open");
  regions.clear(picture.width, picture.height);
  stage.show(picture);
  propose(proposed);
  for (const id of ["box-x", "box-width"]) byId(id).max = picture.width;
  for (const id of ["box-y", "box-height"]) byId(id).max = picture.height;
  byId("file-name").textContent = `${file.name}, ${picture.width} × ${picture.height}`;
  say(`${file.name} is open.`);
  stage.element.focus({ preventScroll: true });
  return true;
}

/** Back to where a picture is chosen; nothing is kept of this one. */
async function close() {
  await forget();
  location.reload();
}

function propose(found) {
  const { picture } = stage;
  stage.propose(found.length ? new Proposals(found, picture.width, picture.height) : null);
  showProposals(stage.proposals, {
    take: (proposal) => take(proposal, true),
    light: (proposal) => stage.proposals?.light(proposal) && stage.drawAll(),
  });
}

/** Makes a proposal a region. One that was linked and was not added to another region is answered already. */
function take({ rle, answer, result, only }, fresh) {
  const region = regions.put(Mask.ofRle(rle), { fresh });
  if (!fresh || !result) return;
  Object.assign(region, { asked: rle, answer, only, result: { ...result } }); // its own, where one is taken twice
  regions.changed();
}

const findThings = () =>
  working("Looking for things …", async (ifSame) => {
    const { regions: found } = await segment(stage.picture.file);
    ifSame(() => {
      propose(found);
      say(found.length ? `${found.length} regions proposed.` : "Nothing was found to propose.");
    });
  });

const findEverything = () =>
  working("Looking for things and what they are …", async (ifSame) => {
    if (!told) await sayWhatAnswers();
    const only = choice.chosen;
    const answer = await linkFound(stage.picture.file, TOP_K, only);
    ifSame(() => {
      const { results } = answer;
      propose(results.map((result) => ({ rle: result.region.rle, answer, result, only })));
      const names = results.map((result) => inShort(result)).join("; ");
      say(results.length ? `${results.length} found: ${names}.` : "Nothing was found in the picture.");
    });
  });

function point({ x, y }, fresh) {
  const { width, height, file } = stage.picture;
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  const there = fresh && regions.at(x, y);
  if (there) {
    regions.choose(there);
    return;
  }
  const proposal = stage.proposals?.at(x, y);
  if (proposal) {
    take(proposal, fresh);
    return;
  }
  working("Looking at the point …", async (ifSame) => {
    const { regions: found } = await segment(file, { point: [Math.floor(x), Math.floor(y)] });
    ifSame(() => {
      sizes.keep(regions.put(Mask.ofRle(found[0].rle), { fresh }), found);
      showSizes();
    });
  });
}

/** Takes the next larger or smaller thing that the click may have meant. */
function step(by) {
  const { active } = regions;
  const next = active && sizes.next(active, by);
  if (!next) return;
  regions.replace(Mask.ofRle(next.rle));
  say(`${active.name} is ${by < 0 ? "smaller" : "larger"} now.`);
}

function showSizes() {
  const { active } = regions;
  const [smaller, larger] = [-1, 1].map((by) => active && sizes.next(active, by));
  byId("sizes").hidden = !smaller && !larger;
  byId("smaller").disabled = !smaller;
  byId("larger").disabled = !larger;
}

const ask = () =>
  working("Looking it up …", async (ifSame) => {
    if (!told) await sayWhatAnswers();
    const there = regions.list.filter((region) => !region.empty);
    await (there.length ? askAbout(there, ifSame) : askUnmarked(ifSame));
  });

/** Asks about regions: those that have no answer, or one of other tags; about all where each has its answer. */
async function askAbout(there, ifSame) {
  const only = choice.chosen;
  const open = there.filter((region) => !region.result || region.only.join("\n") !== only.join("\n"));
  const asked = (open.length ? open : there).map((region) => ({ region, rle: region.toRle() }));
  const answer = await link(stage.picture.file, asked.map(({ rle }) => rle), TOP_K, only);
  ifSame(() => showAnswers(asked, answer, only));
}

/** Asks about the thing in the middle and the whole picture; they are regions once they are answered. */
async function askUnmarked(ifSame) {
  const only = choice.chosen;
  const { rles, proposed, answer } = await linkUnmarked(stage.picture, TOP_K, only);
  ifSame(() => {
    if (regions.list.some((region) => !region.empty)) return; // marked meanwhile, or asked about twice
    const presumed = regions.presume(rles[0] && Mask.ofRle(rles[0]));
    if (rles[0]) sizes.keep(presumed[0], proposed);
    showAnswers(presumed.map((region, index) => ({ region, rle: rles[index] })), answer, only);
  });
}

/** Shows an answer; where its beginning is not seen, it is scrolled to. */
function showAnswers(asked, answer, only) {
  asked.forEach(({ region, rle }, index) =>
    Object.assign(region, { asked: rle, answer, only, result: answer.results[index] }),
  );
  regions.changed();
  const fresh = inOrder(asked.map(({ region }) => region));
  say(fresh.map(summary).join(" "));
  const article = fresh.map(({ result }) => answers.get(result)).find(Boolean); // none, where all went meanwhile
  const top = article?.getBoundingClientRect().top;
  if (top < 0 || top > window.innerHeight - FOOT) article.scrollIntoView();
}

/** Asks anew without a tag, and goes on at the answer, whose button is no more. */
async function without(tag, region) {
  choice.remove(tag);
  await ask();
  document.getElementById(`answer-${region.number}`)?.focus();
}

function showResults() {
  const own = (region) => regions.own(region);
  const context = { picture: stage.picture, topK: TOP_K, say, keepsFeedback: told?.feedback ?? false, without, own };
  const answered = inOrder(regions.list.filter(({ result }) => result));
  for (const result of answers.keys()) {
    if (!answered.some((region) => region.result === result)) answers.delete(result);
  }
  for (const region of answered) {
    if (!answers.has(region.result)) answers.set(region.result, resultOf(region, context));
  }
  const articles = answered.map(({ result }) => answers.get(result));
  const place = byId("results");
  if (articles.length !== place.children.length || articles.some((one, index) => one !== place.children[index])) {
    place.replaceChildren(...articles);
  }
}

function boxByNumbers(event) {
  event.preventDefault();
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => byId(`box-${name}`).valueAsNumber);
  const stroke = regions.begin({ fresh: true });
  stroke.draw((mask) => mask.box({ x, y }, { x: x + width, y: y + height }, 1));
  stroke.end();
  say(`${regions.active?.name ?? "Nothing"} is marked.`);
}

function chooseTool(name) {
  const input = document.querySelector(`input[name=tool][value=${name}]`);
  input.checked = true;
  showTool();
}

function showTool() {
  const name = toolName();
  stage.element.dataset.tool = name;
  for (const hint of document.querySelectorAll("[data-hint]")) hint.hidden = hint.dataset.hint !== name;
  byId("size-field").hidden = name !== "brush" && name !== "eraser";
  if (stage.proposals?.light(null)) stage.drawAll();
  stage.drawMarks();
}

function resizeBrush(by) {
  size.value = String(Math.round(Number(size.value) * by));
  stage.drawMarks();
}

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

const knowledge = new KnowledgeBase(report, say);
const choice = new TagChoice(byId("tags"), { report, say });
const hasPicture = () => stage.picture !== null && !byId("draw-view").hidden;

stage.mark((context) => tool().draw(context, view, gestures.hover));
stage.mark((context) => drawNames(context, view, stage.proposals, regions));
stage.mark((context) => drawBadges(context, view, regions));
regions.addEventListener("change", () => {
  showRegions(regions);
  showSizes();
  if (!stage.picture) return;
  showResults();
  keepRegions(() => regions.marked.filter(({ whole }) => !whole).map((region) => region.toRle()));
});
history.addEventListener("change", () => {
  byId("undo").disabled = !history.canUndo;
  byId("redo").disabled = !history.canRedo;
});
view.addEventListener("change", () => (byId("zoom").textContent = percent(view.scale)));
document.querySelector(".tools").addEventListener("change", showTool);
window.addEventListener("hashchange", route);

const actions = {
  undo: () => history.undo(),
  redo: () => history.redo(),
  in: () => view.zoom(1.25),
  out: () => view.zoom(0.8),
  fit: () => view.fit(),
  smaller: () => step(-1),
  larger: () => step(1),
  new: () => regions.addEmpty(),
  find: findThings,
  everything: findEverything,
  ask,
  close,
  help: () => byId("help").showModal(),
};
for (const button of document.querySelectorAll("button[data-action]")) {
  button.addEventListener("click", () => actions[button.dataset.action]());
}
byId("help-close").addEventListener("click", () => byId("help").close());
byId("box-form").addEventListener("submit", boxByNumbers);
installShortcuts({
  isActive: hasPicture,
  undo: actions.undo,
  redo: actions.redo,
  actions: {
    p: () => chooseTool("point"),
    b: () => chooseTool("brush"),
    e: () => chooseTool("eraser"),
    l: () => chooseTool("lasso"),
    r: () => chooseTool("box"),
    h: () => chooseTool("hand"),
    "[": () => resizeBrush(1 / 1.25),
    "]": () => resizeBrush(1.25),
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
    Enter: ask,
    " ": () => (gestures.spaceIsDown = true),
    "?": actions.help,
  },
});
document.addEventListener("keyup", (event) => event.key === " " && (gestures.spaceIsDown = false));

let told = null; // by the service about itself, once it is ready

async function sayWhatAnswers() {
  try {
    told = await readiness();
    setSure(told.sure);
    if (told.feedback) byId("keeps").textContent = "it if you tell what it shows, and nothing else";
    await Promise.all([choice.load(), showHoldings(told)]);
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // a service that is not ready says so where something is asked of it
  }
}

installKey();
showTool();
sayWhatAnswers();
route();
installSources({ open, report });
await reopen();
document.body.dataset.ready = "true";
