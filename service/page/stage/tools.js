// What the pointer does. A tool is told `start`, `move` and `end` with points of the picture, `cancel` where a second
// finger makes a pinch of it, and draws its own marks. `kit` is {regions, view, stage, size(), point(point, fresh)}.

const SHADOW = "rgb(0 0 0 / 0.55)";
const LINE = "#fff";

function outline(context, path) {
  for (const [width, colour] of [
    [3.5, SHADOW],
    [1.5, LINE],
  ]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke(path);
  }
}

class Brush {
  constructor(kit, value) {
    [this.kit, this.value] = [kit, value];
  }

  start(point) {
    const { regions } = this.kit;
    if (!this.value && (!regions.active || regions.active.whole)) return;
    this.stroke = regions.begin();
    this.last = point;
    this.move([point]);
  }

  move(points) {
    if (!this.stroke) return;
    const radius = this.kit.size() / this.kit.view.scale;
    for (const point of points) {
      this.stroke.draw((mask) => mask.stroke(this.last, point, radius, this.value));
      this.last = point;
    }
  }

  end() {
    this.stroke?.end();
    this.stroke = null;
  }

  cancel() {
    this.stroke?.cancel();
    this.stroke = null;
  }

  draw(context, view, hover) {
    if (!hover) return;
    const path = new Path2D();
    const { x, y } = view.toScreen(hover);
    path.arc(x, y, this.kit.size(), 0, 2 * Math.PI);
    outline(context, path);
  }
}

/** A shape that is seen while it is drawn, and fills the mask in the end. */
class Shape {
  constructor(kit) {
    this.kit = kit;
    this.points = [];
  }

  start(point) {
    this.points = [point];
  }

  end() {
    const points = this.points;
    this.points = [];
    if (points.length < 2) return;
    const stroke = this.kit.regions.begin();
    stroke.draw((mask) => this.fill(mask, points));
    stroke.end();
  }

  cancel() {
    this.points = [];
  }

  draw(context, view) {
    if (this.points.length < 2) return;
    const path = new Path2D();
    const corners = this.corners(this.points).map((point) => view.toScreen(point));
    corners.forEach(({ x, y }, index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
    context.fillStyle = "rgb(255 255 255 / 0.18)";
    context.fill(path);
    outline(context, path);
  }
}

class Lasso extends Shape {
  move(points) {
    for (const point of points) {
      const last = this.points.at(-1);
      if (Math.hypot(point.x - last.x, point.y - last.y) * this.kit.view.scale >= 1.5) this.points.push(point);
    }
  }

  fill(mask, points) {
    return mask.polygon(points, 1);
  }

  corners(points) {
    return points;
  }
}

class Box extends Shape {
  move(points) {
    this.points = [this.points[0], points.at(-1)];
  }

  fill(mask, [from, to]) {
    return mask.box(from, to, 1);
  }

  corners([a, b]) {
    return [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
  }
}

/** A click chooses what is there: a region, one that is proposed, or one that is asked for. Shift adds it to the region. */
class Point {
  constructor(kit) {
    this.kit = kit;
  }

  start(point, event) {
    this.at = point;
    this.fresh = !event.shiftKey;
  }

  move() {}

  end() {
    if (this.at) this.kit.point(this.at, this.fresh);
    this.at = null;
  }

  cancel() {
    this.at = null;
  }

  draw(context, view, hover) {
    const { stage } = this.kit;
    if (stage.proposals?.light(hover && stage.proposals.at(hover.x, hover.y))) stage.drawAll();
  }
}

/** Moves the picture, which `gestures.js` does for every tool while the space bar is down. */
class Hand {
  pans = true;
  draw() {}
}

export function makeTools(kit) {
  return {
    point: new Point(kit),
    brush: new Brush(kit, 1),
    eraser: new Brush(kit, 0),
    lasso: new Lasso(kit),
    box: new Box(kit),
    hand: new Hand(),
  };
}
