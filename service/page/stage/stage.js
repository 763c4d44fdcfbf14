// Three canvases above each other, of the screen's size: the picture, which is drawn when the view moves; the regions,
// of which only what changed is drawn; and the marks that follow the pointer. All drawing waits for the next frame.

import { clip, grow, scaled, union } from "../masks/rect.js";
import { Layer, rgb } from "../masks/layer.js";

export class Stage {
  #dirty = { picture: false, marks: false, regions: null };
  #waiting = false;
  #layers = new Map(); // region -> Layer
  #marks = [];

  constructor(element, view, regions) {
    this.element = element;
    this.view = view;
    this.regions = regions;
    this.picture = null;
    this.proposals = null;
    [this.below, this.middle, this.above] = element.querySelectorAll("canvas");
    view.addEventListener("change", () => this.drawAll());
    regions.addEventListener("paint", ({ detail }) => this.#repaint(detail.region, detail.rect));
    regions.addEventListener("change", () => this.#sync());
    new ResizeObserver(() => this.#measure()).observe(element);
  }

  show(picture) {
    this.picture?.close();
    this.picture = picture;
    this.proposals = null;
    this.#layers.clear();
    // Its shape, as far as there is room for it.
    this.element.style.setProperty("--shape", picture.width / picture.height);
    this.#measure();
  }

  /** Regions to choose from, or null; see `Proposals`. */
  propose(proposals) {
    this.proposals = proposals;
    this.drawAll();
  }

  /** `draw(context, view)` is called with each frame of marks. */
  mark(draw) {
    this.#marks.push(draw);
  }

  drawMarks() {
    this.#dirty.marks = true;
    this.#ask();
  }

  drawAll() {
    this.#dirty = { picture: true, marks: true, regions: this.#everything() };
    this.#ask();
  }

  #everything() {
    return { left: 0, top: 0, right: this.middle.width, bottom: this.middle.height };
  }

  #measure() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!this.picture || !width || !height) return;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    for (const canvas of [this.below, this.middle, this.above]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.view.resize({ width, height }, this.picture);
  }

  #repaint(region, rect) {
    this.#layer(region).paint(this.#look(region), rect);
    this.#drawRegions(rect);
  }

  /** Which regions there are, and which one is chosen, may have changed. */
  #sync() {
    for (const region of this.#layers.keys()) {
      if (!this.regions.list.includes(region)) this.#layers.delete(region);
    }
    for (const region of this.regions.list) {
      const layer = this.#layer(region);
      const active = region === this.regions.active;
      if (layer && layer.active !== active && region.bounds) layer.paint(this.#look(region), region.bounds);
      if (layer) layer.active = active;
    }
    this.#dirty.regions = this.#everything();
    this.drawMarks();
  }

  #layer(region) {
    if (region.whole) return null;
    if (!this.#layers.has(region)) {
      const layer = new Layer(region.mask);
      layer.active = region === this.regions.active;
      if (region.bounds) layer.paint(this.#look(region), region.bounds);
      this.#layers.set(region, layer);
    }
    return this.#layers.get(region);
  }

  #look(region) {
    const colour = rgb(region.colour);
    const active = region === this.regions.active;
    const inside = { fill: [...colour, active ? 120 : 80], edge: [...colour, active ? 255 : 190] };
    return (label) => (label ? inside : null);
  }

  #drawRegions(rect) {
    const { scale, left, top } = this.view;
    const screen = scaled(rect, scale);
    const moved = { left: screen.left + left, top: screen.top + top, right: screen.right + left, bottom: screen.bottom + top };
    const edge = Math.max(2, (2 * scale) / this.#finest());
    this.#dirty.regions = union(this.#dirty.regions, scaled(grow(moved, edge + 2), this.ratio));
    this.#ask();
  }

  #finest() {
    return Math.min(1, ...[...this.#layers.values()].map((layer) => layer.scale / (layer.edge + 1)));
  }

  #ask() {
    if (this.#waiting || !this.picture) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      if (this.picture && this.view.stage) this.#frame();
    });
  }

  #frame() {
    const { picture, regions, marks } = this.#dirty;
    this.#dirty = { picture: false, marks: false, regions: null };
    if (picture) this.#drawPicture();
    const rect = regions && clip(regions, this.middle.width, this.middle.height);
    if (rect) this.#drawLayers(rect);
    if (marks) this.#drawMarksNow();
  }

  #placed(canvas) {
    const context = canvas.getContext("2d");
    const { scale, left, top } = this.view;
    const by = scale * this.ratio;
    context.setTransform(by, 0, 0, by, left * this.ratio, top * this.ratio);
    context.imageSmoothingEnabled = by < 3;
    return context;
  }

  #drawPicture() {
    const context = this.below.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.below.width, this.below.height);
    const source = this.picture.at(this.view.scale * this.ratio);
    this.#placed(this.below).drawImage(source, 0, 0, this.picture.width, this.picture.height);
  }

  #drawLayers(rect) {
    const context = this.middle.getContext("2d");
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top);
    context.clip();
    context.clearRect(rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top);
    this.#placed(this.middle);
    const { width, height } = this.picture;
    if (this.proposals) context.drawImage(this.proposals.layer.canvas, 0, 0, width, height);
    for (const region of this.regions.list) {
      const layer = this.#layers.get(region);
      if (layer && region.mask) context.drawImage(layer.canvas, 0, 0, width, height);
    }
    context.restore();
  }

  #drawMarksNow() {
    const context = this.above.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.above.width, this.above.height);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (const draw of this.#marks) draw(context, this.view);
  }
}
