// The fields of an edit: what the form holds, with the server's bounds and defaults.

import { Scale } from "./scale.js";
import { ideas, say } from "./words.js";

const $ = (id) => document.getElementById(id);
const PLAIN = ["negative_instruction", "steps", "max_size", "sampler", "n"]; // fields with an element of that id
const MOST_SEED = 2 ** 32;

export class Controls {
  #fields = {};
  #scales = { text_guidance: new Scale("text"), image_guidance: new Scale("image") };

  constructor() {
    $("roll").addEventListener("click", () => {
      $("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % MOST_SEED;
      $("lock").checked = true;
    });
    $("seed").addEventListener("input", () => { $("lock").checked = $("seed").value !== ""; });
    $("reset").addEventListener("click", () => this.reset());
  }

  // `fields` are JSON schemas by name.
  learn(fields) {
    this.#fields = fields;
    for (const [name, scale] of Object.entries(this.#scales)) scale.learn(fields[name]);
    for (const name of ["steps", "max_size", "n"]) {
      Object.assign($(name), { min: fields[name].minimum, max: fields[name].maximum });
    }
    $("seed").max = fields.seed.maximum;
    $("sampler").replaceChildren(...fields.sampler.enum.map((name) => new Option(name, name)));
    this.reset();
  }

  get defaults() {
    return Object.fromEntries(Object.entries(this.#fields).map(([name, field]) => [name, field.default]));
  }

  // What is to be sent: the instruction, and every field that differs from its default.
  values() {
    const values = { instruction: $("instruction").value.trim() };
    for (const [name, scale] of Object.entries(this.#scales)) values[name] = scale.value;
    for (const name of PLAIN) values[name] = $(name).value;
    if ($("lock").checked) values.seed = $("seed").value;
    const same = ([name, value]) => value === "" || value === String(this.#fields[name].default);
    return Object.fromEntries(Object.entries(values).filter((field) => !same(field)));
  }

  // Show what an earlier edit was made with.
  fill(values) {
    $("instruction").value = values.instruction;
    const wanted = { ...this.defaults, ...values };
    for (const [name, scale] of Object.entries(this.#scales)) scale.value = wanted[name];
    for (const name of PLAIN) $(name).value = wanted[name];
  }

  reset() {
    this.fill({ instruction: $("instruction").value });
    $("lock").checked = false;
    $("seed").value = "";
  }

  get seed() {
    return $("seed").value;
  }

  set seed(seed) {
    $("seed").value = seed;
  }

  // In the page's language; `pick` is given the idea that was picked.
  speak(pick) {
    for (const scale of Object.values(this.#scales)) scale.tell();
    $("seed").placeholder = say("seedNew");
    $("instruction").placeholder = say("placeholder", { idea: Object.values(ideas()[0][1])[0] });
    $("ideas").replaceChildren(...ideas().map(([kind, texts]) => group(kind, texts, pick)));
  }
}

function group(kind, texts, pick) {
  const row = document.createElement("div");
  const title = document.createElement("span");
  const chips = document.createElement("div");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", kind);
  row.className = "kind";
  title.textContent = kind;
  chips.append(...Object.entries(texts).map(([name, text]) => {
    const chip = document.createElement("button");
    Object.assign(chip, { type: "button", className: "chip", textContent: name, title: text });
    chip.addEventListener("click", () => pick(text));
    return chip;
  }));
  row.append(title, chips);
  return row;
}
