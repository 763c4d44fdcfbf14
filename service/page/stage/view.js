// Where the picture lies on the screen: a point of it at `x * scale + left`, in CSS pixels.

const MOST = 40; // screen pixels to one of the picture
const MARGIN = 12;

export class View extends EventTarget {
  scale = 1;
  left = 0;
  top = 0;
  #fitted = true;

  /** Both sizes are known: shows all of the picture, unless someone looks at a part of it. */
  resize(stage, picture) {
    const same = this.picture?.width === picture.width && this.picture?.height === picture.height;
    [this.stage, this.picture] = [stage, picture];
    if (this.#fitted || !same) this.fit();
    else this.#moved();
  }

  get fitting() {
    const { stage, picture } = this;
    const room = { width: Math.max(1, stage.width - 2 * MARGIN), height: Math.max(1, stage.height - 2 * MARGIN) };
    return Math.min(room.width / picture.width, room.height / picture.height, MOST);
  }

  fit() {
    this.scale = this.fitting;
    this.left = (this.stage.width - this.picture.width * this.scale) / 2;
    this.top = (this.stage.height - this.picture.height * this.scale) / 2;
    this.#moved();
    this.#fitted = true;
  }

  /** Zooms by a factor; the point of the picture below `at` stays there. */
  zoom(factor, at = { x: this.stage.width / 2, y: this.stage.height / 2 }) {
    const scale = Math.min(MOST, Math.max(this.fitting / 2, this.scale * factor));
    const by = scale / this.scale;
    this.left = at.x - (at.x - this.left) * by;
    this.top = at.y - (at.y - this.top) * by;
    this.scale = scale;
    this.#moved();
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.#moved();
  }

  toPicture({ x, y }) {
    return { x: (x - this.left) / this.scale, y: (y - this.top) / this.scale };
  }

  toScreen({ x, y }) {
    return { x: x * this.scale + this.left, y: y * this.scale + this.top };
  }

  /** Keeps a part of the picture in sight. */
  #moved() {
    const { stage, picture, scale } = this;
    const keep = 48;
    this.left = Math.min(stage.width - keep, Math.max(keep - picture.width * scale, this.left));
    this.top = Math.min(stage.height - keep, Math.max(keep - picture.height * scale, this.top));
    this.#fitted = false;
    this.dispatchEvent(new Event("change"));
  }
}
