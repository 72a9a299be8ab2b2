// The dialogs: an API key, the grid of strengths, the poster.

import { poster, sweep } from "./api.js";
import { blobOf } from "./picture.js";
import { inWords, showProblem } from "./problem.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);

export function askKey() {
  const dialog = $("key-dialog");
  $("key").value = "";
  dialog.returnValue = "";
  $("key-cancel").onclick = () => dialog.close();
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" ? $("key").value.trim() : null), { once: true });
  });
}

export async function showPoster(form, instruction) {
  try {
    const url = URL.createObjectURL(await poster(form));
    Object.assign($("poster-picture"), { src: url, alt: say("posterAlt", { instruction }) });
    $("poster-download").href = url;
    $("poster-dialog").showModal();
    $("poster-dialog").addEventListener("close", () => URL.revokeObjectURL(url), { once: true });
  } catch (error) {
    showProblem(error);
  }
}

// The same edit with several strengths. `form()` gives the edit's form, `picked` is given a cell.
export class Grid {
  #form;
  #picked;
  #running = null;
  #urls = [];

  constructor(form, picked) {
    this.#form = form;
    this.#picked = picked;
    $("grid-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    $("grid-close").addEventListener("click", () => $("grid-dialog").close());
    $("grid-dialog").addEventListener("close", () => {
      this.#running?.abort();
      this.#clear();
    });
  }

  // Half, one and a half times the values of now.
  open(text, image) {
    $("grid-text").value = around(text);
    $("grid-image").value = around(image);
    this.#clear();
    $("grid-dialog").showModal();
    $("grid-go").focus();
  }

  #clear() {
    this.#urls.splice(0).forEach(URL.revokeObjectURL);
    $("grid-status").textContent = "";
    $("grid-sheet").replaceChildren();
    $("grid-download").hidden = true;
  }

  async #run() {
    this.#clear();
    const running = new AbortController();
    this.#running?.abort();
    this.#running = running;
    const form = this.#form();
    form.delete("n");
    form.set("text_guidance", $("grid-text").value);
    form.set("image_guidance", $("grid-image").value);
    $("grid-status").textContent = say("gridWorking");
    $("grid-dialog").toggleAttribute("data-busy", true);
    try {
      this.#show(await sweep(form, running));
    } catch (error) {
      if (error.name === "AbortError") return;
      const { said, detail } = inWords(error);
      $("grid-status").textContent = `${said} ${detail}`;
    } finally {
      if (this.#running === running) $("grid-dialog").removeAttribute("data-busy");
    }
  }

  #show({ sheet, media_type: type, images }) {
    const columns = 1 + Math.max(...images.map((image) => image.column));
    $("grid-sheet").style.setProperty("--columns", columns);
    $("grid-sheet").replaceChildren(...images.map((image) => this.#cell(image)));
    $("grid-download").href = this.#url(blobOf(sheet, type));
    $("grid-download").hidden = false;
    $("grid-status").textContent = say("gridDone");
  }

  #cell(image) {
    const values = { text: image.text_guidance, image: image.image_guidance };
    const button = document.createElement("button");
    const picture = document.createElement("img");
    picture.src = this.#url(blobOf(image.image, image.media_type));
    picture.alt = "";
    button.type = "button";
    button.append(picture, say("gridCell", values));
    button.addEventListener("click", () => {
      $("grid-dialog").close();
      this.#picked(image);
    });
    return button;
  }

  #url(blob) {
    this.#urls.push(URL.createObjectURL(blob));
    return this.#urls.at(-1);
  }
}

function around(value) {
  return [0.5, 1, 1.5].map((factor) => Number((factor * value).toFixed(2))).join(", ");
}
