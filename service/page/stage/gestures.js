// Pointers on the stage -> strokes of a tool, panning and zooming. One finger draws, two move and zoom.

const WHEEL = 0.0015;

export class Gestures {
  #pointers = new Map(); // id -> {x, y} on the stage
  #drawing = null; // the id of the pointer that draws or pans
  #panning = false;
  #using = null; // the tool of the stroke: another may be chosen meanwhile
  hover = null; // where a mouse or a pen is, in the picture
  spaceIsDown = false;

  /** `tool()` gives the tool of now; `ready()` whether there is a picture. */
  constructor(stage, view, tool, ready) {
    [this.stage, this.view, this.tool, this.ready] = [stage, view, tool, ready];
    const on = (name, does) => stage.element.addEventListener(name, does.bind(this), { passive: false });
    on("pointerdown", this.#down);
    on("pointermove", this.#move);
    on("pointerup", this.#up);
    on("pointercancel", this.#cancel);
    on("pointerleave", this.#leave);
    on("wheel", this.#wheel);
  }

  #at(event) {
    const box = this.stage.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #down(event) {
    if (!this.ready() || (event.pointerType === "mouse" && event.button > 1)) return;
    event.preventDefault();
    this.stage.element.focus({ preventScroll: true });
    this.stage.element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
    if (this.#pointers.size > 1) {
      if (this.#drawing !== null && !this.#panning) this.#using.cancel();
      this.#drawing = null;
    } else {
      this.#drawing = event.pointerId;
      this.#using = this.tool();
      this.#panning = event.button === 1 || this.spaceIsDown || this.#using.pans === true;
      if (!this.#panning) this.#using.start(this.view.toPicture(this.#at(event)), event);
    }
    this.#hovers(event);
  }

  #move(event) {
    if (!this.ready()) return;
    this.#hovers(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (event.pointerId === this.#drawing) {
      if (this.#panning) this.view.pan(now.x - before.x, now.y - before.y);
      else {
        const events = event.getCoalescedEvents?.() ?? [];
        this.#using.move((events.length ? events : [event]).map((one) => this.view.toPicture(this.#at(one))));
      }
    }
    this.#pointers.set(event.pointerId, now);
  }

  #pinch(id, before, now) {
    const [[, other]] = [...this.#pointers].filter(([key]) => key !== id);
    const far = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.view.zoom(far(now) / far(before), middle);
    this.view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (event.pointerId === this.#drawing) {
      if (!this.#panning) this.#using.end();
      this.#drawing = null;
    }
    if (event.pointerType === "touch") this.hover = null;
    this.stage.drawMarks();
  }

  #cancel(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (event.pointerId === this.#drawing && !this.#panning) this.#using.cancel();
    this.#drawing = null;
    this.hover = null;
    this.stage.drawMarks();
  }

  #leave() {
    this.hover = null;
    this.stage.drawMarks();
  }

  #hovers(event) {
    this.hover = event.pointerType === "touch" && this.#drawing === null ? null : this.view.toPicture(this.#at(event));
    this.stage.drawMarks();
  }

  #wheel(event) {
    if (!this.ready()) return;
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 30 : event.deltaY;
    this.view.zoom(Math.exp(-pixels * WHEEL), this.#at(event));
  }
}
