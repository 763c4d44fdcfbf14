// Undo and redo. A step is `{undo, redo, bytes}`; the oldest are forgotten once all of them hold more than MOST_BYTES.

const MOST_BYTES = 128 * 1024 * 1024;

export class History extends EventTarget {
  #done = [];
  #undone = [];
  #bytes = 0;

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Keeps a step that was just taken; what had been undone cannot be redone any more. */
  keep(step) {
    for (const { bytes } of this.#undone) this.#bytes -= bytes;
    this.#undone = [];
    this.#done.push(step);
    this.#bytes += step.bytes;
    while (this.#bytes > MOST_BYTES && this.#done.length > 1) this.#bytes -= this.#done.shift().bytes;
    this.#changed();
  }

  undo() {
    this.#move(this.#done, this.#undone, "undo");
  }

  redo() {
    this.#move(this.#undone, this.#done, "redo");
  }

  /** Undoes the last step as if it had never been taken. */
  takeBack() {
    const step = this.#done.pop();
    this.#bytes -= step.bytes;
    step.undo();
    this.#changed();
  }

  clear() {
    this.#done = [];
    this.#undone = [];
    this.#bytes = 0;
    this.#changed();
  }

  #move(from, to, way) {
    const step = from.pop();
    if (!step) return;
    step[way]();
    to.push(step);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
