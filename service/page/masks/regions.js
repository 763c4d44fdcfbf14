// The regions of the picture that is open: each has a colour, a mask, and what the service answered for it.
// Says "change" when a region comes, goes, is chosen or answered, "paint" ({region, rect}) when a mask changed.

import { Mask } from "./mask.js";
import { patch } from "./patch.js";
import { union } from "./rect.js";

// Told apart with any kind of colour vision, side by side and one after the other; white is read on each.
export const COLOURS = ["#c2410c", "#1d5fbf", "#0f766e", "#9333a8", "#8a6100", "#be185d", "#4d7c0f", "#4b5bd6"];

export class Region {
  constructor(number, mask, { middle = false } = {}) {
    this.number = number;
    this.colour = COLOURS[(number - 1) % COLOURS.length];
    this.mask = mask;
    this.whole = mask === null; // the whole picture: no mask is sent
    this.middle = middle; // the thing in the picture's middle, which nobody marked
    [this.bounds, this.tip, this.share] = [null, null, 0];
    this.forget();
  }

  /** Measures the mask anew after a change in `rect`: its bounds, its share of the picture, a point of its upper edge. */
  measure(rect) {
    const { count, bounds, tip } = this.mask.measure(union(this.bounds, rect));
    this.bounds = bounds;
    this.tip = tip;
    this.share = count / this.mask.data.length;
  }

  /** The mask is another than the one that was answered. */
  forget() {
    this.result = null;
    this.answer = null;
    this.asked = null;
    this.only = []; // tags of which each candidate has one; without any all were compared
    this.rle = null;
  }

  /** The mask as it is sent; null for the whole picture. It is encoded once. */
  toRle() {
    if (this.whole) return null;
    this.rle ??= this.mask.toRle();
    return this.rle;
  }

  get empty() {
    return !this.whole && this.bounds === null;
  }

  get name() {
    if (this.whole) return "Whole picture";
    return this.middle ? "Thing in the middle" : `Region ${this.number}`;
  }
}

export class Regions extends EventTarget {
  #presumed = []; // those that nobody marked

  constructor(history) {
    super();
    this.history = history;
    this.clear(0, 0);
  }

  /** Starts anew with a picture of this size. */
  clear(width, height) {
    [this.width, this.height] = [width, height];
    this.history.clear();
    this.#show({ list: [], active: null, presumed: [] });
  }

  /** Those that somebody marked. */
  get marked() {
    return this.list.filter((region) => !region.empty && !this.#presumed.includes(region));
  }

  /** The one of these at a point, the one that lies above where there are several, or undefined. */
  at(x, y) {
    return this.marked.findLast((region) => region.mask?.has(x, y));
  }

  /**
   * Takes in what a question is about where nothing is marked, as one step: the thing in the middle, where `middle` is a
   * mask, and the whole picture; returns them. None is chosen, so that what is drawn next is a region of its own; and they
   * go as soon as anything is marked, but for one that is itself changed.
   */
  presume(middle) {
    const presumed = [];
    if (middle) {
      const region = new Region(this.#number(), middle, { middle: true });
      region.measure({ left: 0, top: 0, right: this.width, bottom: this.height });
      presumed.push(region);
    }
    presumed.push(new Region(this.#number(presumed), null));
    this.#step({ list: [...this.list, ...presumed], active: null, presumed }, presumed[0]);
    return presumed;
  }

  /** Somebody vouches for a region: it stays when others are marked. */
  own(region) {
    this.#presumed = this.#presumed.filter((one) => one !== region);
    this.changed();
  }

  /** Takes an empty region in, unless the one that is chosen is empty. */
  addEmpty() {
    if (!this.active?.empty) this.#add(new Region(this.#number(), new Mask(this.width, this.height)));
    return this.active;
  }

  remove(region) {
    const index = this.list.indexOf(region);
    const list = this.list.filter((one) => one !== region);
    this.#step({ list, active: list[index] ?? list[index - 1] ?? null, presumed: this.#presumed }, region);
  }

  /** Starts a change of the chosen region's mask; of a new region where `fresh` is set or none can be drawn into. */
  begin({ fresh = false } = {}) {
    const makes = !this.active || this.active.whole || (fresh && !this.active.empty);
    if (makes) this.#add(new Region(this.#number(), new Mask(this.width, this.height)));
    return new Stroke(this, this.active, makes);
  }

  /** Adds all of a mask, as one step. */
  put(mask, options) {
    const stroke = this.begin(options);
    stroke.draw((own) => own.add(mask));
    stroke.end();
    return stroke.region;
  }

  /** Makes another mask of the one that is chosen, as one step. */
  replace(mask) {
    const stroke = this.begin();
    stroke.draw((own) => own.become(mask));
    stroke.end();
  }

  choose(region) {
    this.active = region;
    this.changed();
  }

  /** A mask changed on the screen; it is not measured before the stroke ends. */
  painted(region, rect) {
    this.dispatchEvent(new CustomEvent("paint", { detail: { region, rect } }));
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Keeps a step that changed a region's mask; where nothing was marked before, those that were presumed go with it. */
  kept(region, step) {
    if (!this.#presumed.length) {
      this.history.keep(step);
      return;
    }
    const before = this.#state();
    const after = this.#without(region);
    const undo = () => (this.#show(before), step.undo());
    const redo = () => (this.#show(after), step.redo());
    this.history.keep({ undo, redo, bytes: step.bytes });
    this.#show(after);
  }

  /** A mask is another than it was, and was painted so. */
  edited(region, rect) {
    region.measure(rect);
    region.forget();
    this.changed();
  }

  #add(region) {
    const { list } = this.#without(region);
    this.#step({ list: [...list, region], active: region, presumed: [] }, region);
    return region;
  }

  #state() {
    return { list: this.list, active: this.active, presumed: this.#presumed };
  }

  /** What there is once a region is marked: none that was presumed, but for itself. */
  #without(region) {
    const list = this.list.filter((one) => one === region || !this.#presumed.includes(one));
    return { list, active: region, presumed: [] };
  }

  /** Shows other regions, or another choice of them, as a step that can be undone; `held` is what it keeps alive. */
  #step(after, held = null) {
    const before = this.#state();
    this.history.keep({
      undo: () => this.#show(before),
      redo: () => this.#show(after),
      bytes: held?.mask?.data.length ?? 0,
    });
    this.#show(after);
  }

  #show({ list, active, presumed }) {
    [this.list, this.active, this.#presumed] = [list, active, presumed];
    this.changed();
  }

  /** The lowest that is free, of those that stay. */
  #number(others = []) {
    const stay = this.list.filter((region) => !this.#presumed.includes(region));
    const taken = new Set([...stay, ...others].map(({ number }) => number));
    let number = 1;
    while (taken.has(number)) number++;
    return number;
  }
}

/**
 * A change of a mask, from the first touch to the last: one step that can be undone. What a new region is drawn with comes
 * and goes with the region itself.
 */
class Stroke {
  #before;
  #rect = null;

  constructor(regions, region, isNew) {
    [this.regions, this.region, this.isNew] = [regions, region, isNew];
    this.#before = isNew ? null : region.mask.data.slice();
  }

  /** `shape(mask)` draws and returns the rectangle it touched, or null. */
  draw(shape) {
    const rect = shape(this.region.mask);
    if (!rect) return;
    this.#rect = union(this.#rect, rect);
    this.regions.painted(this.region, rect);
  }

  end() {
    const { regions, region, isNew } = this;
    const again = (rect) => {
      regions.painted(region, rect);
      regions.edited(region, rect);
    };
    const step = !isNew && this.#rect && patch(region.mask, this.#before, this.#rect, again);
    if (step) regions.kept(region, step);
    if (step || (isNew && this.#rect)) regions.edited(region, this.#rect);
    if (isNew && region.empty) regions.history.takeBack();
  }

  cancel() {
    const { regions, region } = this;
    if (this.isNew) {
      regions.history.takeBack();
      return;
    }
    region.mask.data.set(this.#before);
    region.rle = null;
    if (this.#rect) regions.painted(region, this.#rect);
  }
}
