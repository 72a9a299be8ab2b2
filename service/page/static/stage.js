// What is on the stage: a picture, an edit that runs, or a result beside its picture.

import { Compare } from "./compare.js";
import { blobOf } from "./picture.js";
import { say } from "./words.js";

const MOST_ENLARGED = 3;
const $ = (id) => document.getElementById(id);

export class Stage {
  #compare = new Compare();
  #preview = null;
  #result = null;

  // Results of at most `pixels` a side are not blown up without end.
  fit(pixels) {
    $("frame").style.setProperty("--most", `${Math.round(MOST_ENLARGED * pixels)}px`);
  }

  status(text) {
    $("status").textContent = text;
  }

  picture(picture) {
    this.#swap(null);
    $("empty").hidden = true;
    $("loaded").hidden = false;
    this.#compare.show(picture);
    this.#with(null);
  }

  result(picture, entry) {
    this.#swap(URL.createObjectURL(entry.result));
    $("empty").hidden = true;
    $("loaded").hidden = false;
    this.#compare.show(picture, this.#result);
    this.#with(entry);
  }

  begin(picture) {
    this.#compare.show(picture);
    this.#with(null);
    $("progress").removeAttribute("value");
    this.#busy(true);
    this.status(say("working"));
  }

  // `name` and `data` of an event of the stream.
  told(name, data) {
    if (name === "queued") this.#queued(data.position);
    if (name !== "progress" || data.image) return; // of several variations the first is shown
    Object.assign($("progress"), { max: data.steps, value: data.step });
    const left = Math.ceil(data.remaining_seconds);
    const parts = [say("step", data), left >= 1 && say("remaining", { seconds: left })];
    this.status(parts.filter(Boolean).join(" · "));
    if (data.preview) this.#show(data);
  }

  end() {
    this.#busy(false);
    if (this.#preview) URL.revokeObjectURL(this.#preview);
    this.#preview = null;
  }

  // After a change of language.
  speak() {
    this.#compare.tell();
  }

  #queued(position) {
    this.status(position > 0 ? say("queued", { position }) : say("queuedNext"));
  }

  #show({ preview, media_type: type }) {
    const old = this.#preview;
    this.#preview = URL.createObjectURL(blobOf(preview, type));
    this.#compare.preview(this.#preview);
    if (old) URL.revokeObjectURL(old);
  }

  #busy(busy) {
    $("loaded").toggleAttribute("data-busy", busy);
    $("working").hidden = !busy;
    $("cancel").hidden = !busy;
    $("go").hidden = busy;
  }

  #with(entry) {
    $("loaded").toggleAttribute("data-result", Boolean(entry));
    $("understood").hidden = !entry?.translation;
    if (!entry) return;
    $("translation").textContent = entry.translation ?? "";
    Object.assign($("download"), { href: this.#result, download: `retouch-${entry.facts.seed}.png` });
  }

  #swap(url) {
    if (this.#result) URL.revokeObjectURL(this.#result);
    this.#result = url;
  }
}
