// The strip of earlier results.

import { say } from "./words.js";

const list = document.getElementById("entries");
const urls = new Map(); // of thumbnails, by an entry's id

// `picked` is given the entry that was picked.
export function drawStrip(entries, picked) {
  document.getElementById("history").hidden = entries.length === 0;
  const ids = new Set(entries.map((entry) => entry.id));
  for (const [id, url] of urls) {
    if (ids.has(id)) continue;
    URL.revokeObjectURL(url);
    urls.delete(id);
  }
  list.replaceChildren(...entries.map((entry) => thumbnail(entry, picked)));
}

export function markStrip(entry) {
  for (const button of list.querySelectorAll("button")) {
    button.setAttribute("aria-current", button.dataset.id === String(entry?.id));
  }
}

function thumbnail(entry, picked) {
  if (!urls.has(entry.id)) urls.set(entry.id, URL.createObjectURL(entry.result));
  const item = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  Object.assign(image, { src: urls.get(entry.id), alt: "" });
  Object.assign(button, { type: "button", title: entry.instruction });
  button.dataset.id = entry.id;
  button.setAttribute("aria-label", say("historyEntry", { ...entry, seed: entry.facts.seed }));
  button.addEventListener("click", () => picked(entry));
  button.append(image);
  item.append(button);
  return item;
}
