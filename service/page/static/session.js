// What a person does here: one picture, edits of it, and their results.

import { edit } from "./api.js";
import { asPicture, blobOf, readPicture } from "./picture.js";
import { countdown, hideProblem, show, showProblem } from "./problem.js";
import { drawStrip, markStrip } from "./strip.js";
import { say, sayFacts } from "./words.js";

const $ = (id) => document.getElementById(id);
const PREVIEWS = 12; // at most, in one edit
const BY_TOUCH = matchMedia("(pointer: coarse)");

// `server` resolves to what /about says, or to null; `shown` is the entry on the stage, or null.
export class Session {
  shown = null;
  #picture = null;
  #running = null; // the AbortController of the edit that runs

  constructor({ server, controls, stage, history }) {
    Object.assign(this, { server, controls, stage, history });
  }

  // Pictures.

  async take(file) {
    const server = await this.server;
    if (this.#running || !server) return;
    hideProblem();
    try {
      this.#use(await readPicture(file, server.max_upload_bytes));
      this.stage.status(say("ready"));
      type();
    } catch (error) {
      showProblem(error);
    }
  }

  // The result becomes the picture.
  goOn() {
    const { result, facts } = this.shown;
    const [width, height] = facts.size.split("x").map(Number);
    this.#use(asPicture(result, width, height, "result.png"));
    this.stage.status(say("continued"));
    $("instruction").select();
    type();
  }

  #use(picture) {
    if (this.#picture) URL.revokeObjectURL(this.#picture.url);
    this.#picture = picture;
    this.shown = null;
    this.stage.picture(picture);
    markStrip(null);
  }

  // Edits.

  // Whether there is something to do; if not, it is said what is missing.
  ready() {
    if (this.#running) return false;
    hideProblem();
    if (!this.#picture) show(say("noPicture"));
    else if (!this.controls.values().instruction) show(say("noInstruction"));
    else return true;
    return false;
  }

  form(values) {
    const form = new FormData();
    form.set("image", this.#picture.blob, this.#picture.name);
    for (const [name, value] of Object.entries(values)) form.set(name, value);
    return form;
  }

  async run() {
    if (!this.ready()) return;
    const values = this.controls.values();
    this.#running = new AbortController();
    if (BY_TOUCH.matches) document.activeElement.blur();
    this.stage.begin(this.#picture);
    $("stage").scrollIntoView({ block: "nearest" });
    try {
      this.keep(values, await this.#patiently(values, this.#running.signal));
    } catch (error) {
      this.#restore(error);
    } finally {
      this.#running = null;
      this.stage.end();
    }
  }

  cancel() {
    this.#running?.abort();
  }

  // Tries again as often as the server says when to.
  async #patiently(values, signal) {
    const { previews } = await this.server;
    const steps = Number(values.steps ?? this.controls.defaults.steps);
    const told = (name, data) => this.stage.told(name, data);
    for (;;) {
      try {
        const form = this.form(values);
        if (previews) form.set("preview_every", Math.max(1, Math.ceil(steps / PREVIEWS)));
        return await edit(form, { signal, told });
      } catch (error) {
        if (!error.retryAfter) throw error;
        await countdown(error, signal);
      }
    }
  }

  #restore(error) {
    if (this.shown) this.#present(this.shown);
    else this.stage.picture(this.#picture);
    const cancelled = error.name === "AbortError";
    if (cancelled) this.stage.status(say("cancelled"));
    else showProblem(error);
  }

  // Results.

  // Puts results into the history, and the first of them onto the stage.
  keep(values, images) {
    const { blob, width, height, name } = this.#picture;
    const { n, ...fields } = values; // of several variations an entry is one
    const entries = images.map(({ image, media_type: type, translation, ...facts }, index) => ({
      id: Date.now() - index / images.length, // newest first, the first variation before the others
      instruction: values.instruction,
      fields,
      facts,
      translation: translation?.instruction, // where the model does not read the language
      source: { blob, width, height, name },
      result: blobOf(image, type),
    }));
    for (const entry of entries.toReversed()) this.history.add(entry);
    this.#present(entries[0]);
    this.stage.status(`${say("done", entries[0])} · ${sayFacts(entries[0].facts)}`);
  }

  goTo(entry) {
    if (this.#running) return;
    hideProblem();
    const { blob, width, height, name } = entry.source;
    this.#use(asPicture(blob, width, height, name));
    this.controls.fill(entry.fields);
    this.#present(entry);
  }

  draw() {
    drawStrip(this.history.entries, (entry) => this.goTo(entry));
    markStrip(this.shown);
  }

  #present(entry) {
    this.shown = entry;
    this.controls.seed = entry.facts.seed;
    this.stage.result(this.#picture, entry);
    this.stage.status(sayFacts(entry.facts));
    this.draw();
  }
}

// Not by touch: the keyboard on the screen would cover the picture.
function type() {
  if (BY_TOUCH.matches) document.activeElement.blur();
  else $("instruction").focus();
}
