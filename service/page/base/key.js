// The API key: asked for when the service wants one, kept until the tab is closed, and sent to this server only.

import { byId } from "./dom.js";

const NAME = "wikiclip-key";
let asking = null;

export const key = () => sessionStorage.getItem(NAME);

/** Whether somebody gave a key; several who ask at once ask once. */
export function askForKey({ refused }) {
  asking ??= show(refused).finally(() => (asking = null));
  return asking;
}

function show(refused) {
  const dialog = byId("key");
  const input = byId("key-input");
  byId("key-refused").hidden = !refused;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "use" && input.value.trim() !== "";
        if (given) sessionStorage.setItem(NAME, input.value.trim());
        resolve(given);
      },
      { once: true },
    );
  });
}

/** Makes the dialog's buttons work: the page's policy lets no form be sent, not even to a dialog. */
export function installKey() {
  const dialog = byId("key");
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close("use");
  });
  byId("key-cancel").addEventListener("click", () => dialog.close(""));
}
