// The picture that is open and its regions, kept in this browser so that they survive a reload. One picture at most is
// kept: another takes its place, and closing it removes it. What was opened in another tab is not opened in this one.

const [DATABASE, STORE, NAME] = ["wikiclip", "open", "picture"];
const TAB = "wikiclip-tab";
const PAUSE_MS = 800; // after the last change, before regions are written

let timer = 0;
let turn = Promise.resolve(); // one thing is written after the other, in the order in which it was done

/** Keeps a picture, without regions as yet. */
export function keepPicture(file) {
  clearTimeout(timer);
  return inTurn((store) => store.put({ tab: tab(), file, regions: [] }, NAME));
}

/** Keeps the regions that the picture has in a moment; `regions()` gives them as RLEs. */
export function keepRegions(regions) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const rles = regions();
    inTurn((store) => {
      const asked = store.get(NAME);
      asked.onsuccess = () => asked.result?.tab === tab() && store.put({ ...asked.result, regions: rles }, NAME);
    });
  }, PAUSE_MS);
}

/** What this tab kept, {file, regions}, or null. */
export async function kept() {
  const found = await inTurn((store) => store.get(NAME));
  return found?.tab === tab() ? found : null;
}

/** Keeps nothing of this tab any more. */
export function forget() {
  clearTimeout(timer);
  return inTurn((store) => {
    const asked = store.get(NAME);
    asked.onsuccess = () => asked.result?.tab === tab() && store.delete(NAME);
  });
}

/** Does one thing with the store; its result, or null where this browser keeps nothing (in a private window, say). */
function inTurn(work) {
  const done = turn.then(() => once(work)).catch(() => null);
  turn = done;
  return done;
}

async function once(work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, "readwrite");
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A name for this tab, which a reload does not change. */
function tab() {
  const name = sessionStorage.getItem(TAB) ?? crypto.getRandomValues(new Uint32Array(2)).join("-");
  sessionStorage.setItem(TAB, name);
  return name;
}
