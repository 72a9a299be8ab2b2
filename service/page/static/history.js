// What was edited in this browser: the last entries, newest first, kept over a reload.
//
// An entry: `{id, instruction, fields, facts, translation, source: {blob, width, height, name}, result}`.

const MOST = 24;
const STORE = "entries";

// Entries are kept in IndexedDB where there is one (a private window may have none), else in memory.
export class History {
  entries = [];
  #base = null;

  async open() {
    try {
      this.#base = await opened();
      this.entries = (await settled(this.#store("readonly").getAll())).reverse();
    } catch {
      this.#base = null;
    }
  }

  add(entry) {
    this.entries.unshift(entry);
    this.#write((store) => store.put(entry));
    for (const old of this.entries.splice(MOST)) this.#write((store) => store.delete(old.id));
  }

  clear() {
    this.entries = [];
    this.#write((store) => store.clear());
  }

  #store(mode) {
    return this.#base.transaction(STORE, mode).objectStore(STORE);
  }

  #write(change) {
    if (!this.#base) return;
    const request = change(this.#store("readwrite"));
    // A full disk must not stop the page: the entry is there until the tab is closed.
    request.onerror = (event) => event.preventDefault();
  }
}

function opened() {
  const request = indexedDB.open("retouch", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
  return settled(request);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
