// What an answer amounts to: whether the page knows the thing, takes one for probable, or says that it does not know.

const DEFAULT_SURE = 0.5; // until the service has told its own
const PROBABLE = 0.5; // of that confidence: below it nothing is called probable, however far it leads

let threshold = DEFAULT_SURE;

/** The confidence from which the page says that it knows, 0 to 1: the service's setting. */
export const sureFrom = () => threshold;

export function setSure(confidence) {
  threshold = confidence;
}

/**
 * Whether the first candidate stands out: it lies further before the next than the others lie apart. It takes three
 * candidates to tell. This is no probability: a thing that the knowledge base does not hold may have a candidate that
 * stands out, too.
 */
export function standsOut(candidates) {
  if (candidates.length < 3) return false;
  const [first, ...others] = candidates.map(({ score }) => score);
  const [best, worst] = [Math.max(...others), Math.min(...others)];
  return first > best && first - best >= best - worst;
}

/** "none" without a candidate, "sure", "probable", "unknown"; "unsaid" where there is no confidence and none stands out. */
export function verdictOf({ confidence, candidates }) {
  if (!candidates.length) return "none";
  if (confidence !== null && confidence >= threshold) return "sure";
  const may = confidence === null || confidence >= PROBABLE * threshold;
  if (may && standsOut(candidates)) return "probable";
  return confidence === null ? "unsaid" : "unknown";
}
