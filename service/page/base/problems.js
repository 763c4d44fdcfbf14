// Problem documents in plain words: what happened, and what to do about it.

const WORDS = {
  unreachable: "The service cannot be reached. Is it running?",
  unauthorized: "The service wants an API key.",
  forbidden: "This key is not one for that.",
  "foreign-origin": "The service does not take orders from a page at this address.",
  "wrong-host": "The service does not answer to this name. Open the page by its address, or add the name to WIKICLIP_HOSTS.",
  "not-ready": "The service is still starting.",
  "index-damaged": "The knowledge base's files are damaged. Whoever runs the service has to restore them.",
  "index-unreachable": "The server that searches the knowledge base does not answer.",
  busy: "The service is busy.",
  deadline: "The service did not get round to it in time.",
  "rate-limited": "You asked more often than is allowed.",
  "internal-error": "The service failed. It is not your fault.",
  "body-too-large": "The picture is larger than the service accepts: save it smaller, or as a JPEG.",
  "body-too-slow": "The picture took too long to arrive.",
  "image-too-large": "The picture is larger than the service accepts: save it smaller.",
  "unsupported-image": "The service does not read pictures of this format.",
  "empty-image": "The file is empty.",
  "malformed-image": "The service cannot read this picture: the file seems to be damaged.",
  "mask-size-mismatch": "This browser and the service do not agree which way up the picture is. Save it upright and try again.",
  "empty-mask": "The region is empty: mark something first.",
  "outside-picture": "That lies outside the picture.",
  "region-too-complex": "The region is too intricate: draw it with a larger brush.",
  "too-many-regions": "These are more regions than the service takes at once.",
  "feedback-off": "The service keeps no such thing any more.",
  "no-room": "The service has no room left to keep it.",
  unreadable: "The service's answer cannot be read.",
  "unknown-entity": "The knowledge base has no such entry any more.",
  "no-picture": "The entry has no such picture.",
  "not-found": "This service does not offer that.",
};

// The service's own detail says more than these words do, and speaks to a person.
const DETAILED = new Set([
  "image-too-large",
  "body-too-large",
  "unsupported-image",
  "malformed-image",
  "rate-limited",
  "too-many-regions",
]);

// Of these the same question gets the same answer again.
const FINAL = new Set([400, 413, 415, 422]);

/** Whether what went wrong may go well another time. */
export const mayPass = ({ status }) => !FINAL.has(status);

/** One or two sentences for a person. */
export function inWords(problem) {
  if (!problem.code) return problem.message;
  const words = [WORDS[problem.code] ?? `${problem.title} ${problem.detail}`.trim()];
  if (DETAILED.has(problem.code) && problem.detail) words.push(inMegabytes(problem.detail));
  if (problem.retryAfter) words.push(`Try again in ${seconds(problem.retryAfter)}.`);
  else if (problem.code === "deadline" || problem.code === "busy") words.push("Try again in a moment.");
  return words.join(" ");
}

const seconds = (count) => (count === 1 ? "a second" : `${count} seconds`);

/** Bytes by the million say nothing to a person. */
function inMegabytes(detail) {
  const tenths = (bytes) => Math.floor((10 * Number(bytes.replaceAll(",", ""))) / 2 ** 20);
  return detail.replace(/(\d[\d,]{6,}) bytes/g, (_, bytes) => `${tenths(bytes) / 10} MB`);
}
