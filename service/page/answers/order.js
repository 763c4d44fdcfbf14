// In which order answers stand: as their regions do, but the whole picture's above those alone of which it is surer.

/** Whether one result is surer than another: by confidence, or where one has none by the first candidate's score. */
function surer(one, other) {
  const measured = one.confidence !== null && other.confidence !== null;
  const sureness = (result) => (measured ? result.confidence : (result.candidates[0]?.score ?? -Infinity));
  return sureness(one) > sureness(other);
}

/** Regions that are answered, in the order in which their answers stand. */
export function inOrder(regions) {
  const ordered = regions.filter(({ whole }) => !whole);
  for (const whole of regions.filter((region) => region.whole)) {
    const place = ordered.findLastIndex(({ result }) => !surer(whole.result, result)) + 1;
    ordered.splice(place, 0, whole);
  }
  return ordered;
}
