// The before/after slider: the picture before lies over the one after, cut at `split` percent.

import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
const STEP = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };

export class Compare {
  #split = 50;

  constructor() {
    const frame = $("frame");
    frame.addEventListener("pointerdown", (event) => this.#drag(event));
    $("handle").addEventListener("keydown", (event) => {
      if (!(event.key in STEP)) return;
      event.preventDefault();
      this.split = this.#split + STEP[event.key];
    });
    this.split = 50;
  }

  get split() {
    return this.#split;
  }

  set split(percent) {
    this.#split = Math.max(0, Math.min(100, percent));
    $("frame").style.setProperty("--split", `${this.#split}%`);
    this.tell();
  }

  tell() {
    const handle = $("handle");
    handle.setAttribute("aria-valuenow", Math.round(this.#split));
    handle.setAttribute("aria-valuetext", say("compareAt", { after: Math.round(100 - this.#split) }));
  }

  // `after` is a URL; without one the picture alone is shown.
  show(picture, after = null) {
    const frame = $("frame");
    frame.style.setProperty("--ratio", picture.width / picture.height);
    frame.dataset.state = after ? "result" : "picture";
    $("before").src = picture.url;
    if (after) $("after").src = after;
    else $("after").removeAttribute("src");
    $("handle").tabIndex = after ? 0 : -1;
  }

  // A preview: small, and drawn over the picture as it is.
  preview(url) {
    $("frame").dataset.state = "preview";
    $("after").src = url;
  }

  #drag(event) {
    const frame = $("frame");
    if (frame.dataset.state !== "result" || event.button !== 0) return;
    event.preventDefault();
    $("handle").focus({ preventScroll: true });
    const move = ({ clientX }) => {
      const box = frame.getBoundingClientRect();
      this.split = (100 * (clientX - box.left)) / box.width;
    };
    move(event);
    frame.setPointerCapture(event.pointerId);
    frame.addEventListener("pointermove", move);
    const stop = () => frame.removeEventListener("pointermove", move);
    frame.addEventListener("pointerup", stop, { once: true });
    frame.addEventListener("pointercancel", stop, { once: true });
  }
}
