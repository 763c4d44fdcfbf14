// The question as a command for a shell, and text into the clipboard.

import { el } from "../base/dom.js";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same request with curl; the key is left to a variable of the shell, so that it is not pasted around. */
export function asCurl({ origin, file, region, topK, tags, withKey }) {
  const name = file.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return [
    `curl -s ${quoted(`${origin}/link`)}`,
    ...(withKey ? ['-H "Authorization: Bearer $WIKICLIP_KEY"'] : []),
    `-F ${quoted(`image=@"${name}"`)}`,
    // Not -F: a semicolon or a leading < would mean something in it.
    ...(region ? [`--form-string ${quoted(`region=${JSON.stringify(region)}`)}`] : []),
    `-F top_k=${topK}`,
    ...(tags.length ? [`--form-string ${quoted(`tags=${JSON.stringify({ any: tags })}`)}`] : []),
  ].join(" ");
}

/** Puts text into the clipboard; returns whether that was allowed. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Absent where the page did not come over TLS or from this machine.
    const field = el("textarea", { value: text, class: "unseen" });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
