// What a click may have meant: a part of a thing, the thing, what it belongs to. The likeliest is taken first, and the
// others are a step away.

const NEAR = 1e-6; // the service rounds shares to this

export class Sizes {
  #found = new WeakMap(); // region -> the masks of its click, the smallest first

  /** Keeps what a click found, `[{rle, area}, ...]`, for the region that shows one of it. */
  keep(region, found) {
    this.#found.set(
      region,
      [...found].sort((a, b) => a.area - b.area),
    );
  }

  /** The next larger one, for `by` 1, or smaller one, for -1; null where there is none or the mask was changed by hand. */
  next(region, by) {
    const found = this.#found.get(region) ?? [];
    const shown = found.findIndex(({ area }) => Math.abs(area - region.share) <= NEAR);
    return shown < 0 ? null : (found[shown + by] ?? null);
  }
}
