// The page: a picture, a sentence, the edited picture.

import { about, edit, onKeyWanted } from "./api.js";
import { Controls } from "./controls.js";
import { copy, curlOf, settingsOf } from "./copying.js";
import { Grid, askKey, showPoster } from "./dialogs.js";
import { History } from "./history.js";
import { asPicture, blobOf, pictureIn, readPicture } from "./picture.js";
import { countdown, hideProblem, learnBounds, show, showProblem } from "./problem.js";
import { Stage } from "./stage.js";
import { preferredLanguage, say, sayFacts, setLanguage } from "./words.js";

const $ = (id) => document.getElementById(id);
const PREVIEWS = 12; // at most, in one edit
const BY_TOUCH = matchMedia("(pointer: coarse)");

const controls = new Controls();
const stage = new Stage();
const history = new History();
let server = null; // what /about says
let picture = null; // what is edited
let shown = null; // the entry on the stage
let running = null; // the AbortController of the edit that runs

// Pictures in.

async function take(file) {
  if (running || !file) return;
  hideProblem();
  try {
    use(await readPicture(file, server.max_upload_bytes));
    stage.status(say("ready"));
    type();
  } catch (error) {
    showProblem(error);
  }
}

function use(next) {
  if (picture) URL.revokeObjectURL(picture.url);
  picture = next;
  shown = null;
  stage.picture(picture);
  mark();
}

async function takeExample(name) {
  const response = await fetch(`page/examples/${name}`);
  await take(new File([await response.blob()], name, { type: "image/jpeg" }));
}

// Edits.

function formOf(values) {
  const form = new FormData();
  form.set("image", picture.blob, picture.name);
  for (const [name, value] of Object.entries(values)) form.set(name, value);
  return form;
}

async function run() {
  if (running) return;
  const values = controls.values();
  if (!picture) return show(say("noPicture"));
  if (!values.instruction) return show(say("noInstruction"));
  hideProblem();
  running = new AbortController();
  if (BY_TOUCH.matches) document.activeElement.blur();
  stage.begin(picture);
  $("stage").scrollIntoView({ block: "nearest" });
  try {
    keep(values, await patiently(values, running.signal));
  } catch (error) {
    restore(error);
  } finally {
    running = null;
    stage.end();
  }
}

// Tries again as often as the server says when to.
async function patiently(values, signal) {
  for (;;) {
    try {
      const form = formOf(values);
      form.set("preview_every", previewEvery(values));
      return await edit(form, { signal, told: (name, data) => stage.told(name, data) });
    } catch (error) {
      if (!error.retryAfter) throw error;
      await countdown(error, signal);
    }
  }
}

function previewEvery(values) {
  const steps = Number(values.steps ?? controls.defaults.steps);
  return server.previews ? Math.max(1, Math.ceil(steps / PREVIEWS)) : 0;
}

function keep(values, images) {
  const { blob, width, height, name } = picture;
  const entries = images.map(({ image, media_type: type, translation, ...facts }) => ({
    id: Date.now() + facts.seed / 2 ** 33, // in the order of making; seeds tell variations apart
    instruction: values.instruction,
    fields: { ...values, n: undefined },
    facts,
    translation: typeof translation === "string" ? translation : translation?.english,
    source: { blob, width, height, name },
    result: blobOf(image, type),
  }));
  for (const entry of entries.reverse()) history.add(entry);
  present(entries.at(-1));
  stage.status(`${say("done", entries[0])} · ${sayFacts(shown.facts)}`);
}

function restore(error) {
  if (shown) present(shown);
  else stage.picture(picture);
  stage.status(error.name === "AbortError" ? say("cancelled") : shown ? sayFacts(shown.facts) : "");
  if (error.name !== "AbortError") showProblem(error);
}

// Results and history.

function present(entry) {
  shown = entry;
  controls.drawn(entry.facts.seed);
  stage.result(picture, entry);
  draw();
}

function goTo(entry) {
  if (running) return;
  const { blob, width, height, name } = entry.source;
  use(asPicture(blob, width, height, name));
  controls.fill(entry.fields);
  hideProblem();
  present(entry);
  stage.status(sayFacts(entry.facts));
}

function goOn() {
  const [width, height] = shown.facts.size.split("x").map(Number);
  use(asPicture(shown.result, width, height, "result.png"));
  stage.status(say("continued"));
  $("instruction").select();
  type();
}

// Not by touch: the keyboard on the screen would cover the picture.
function type() {
  if (BY_TOUCH.matches) document.activeElement.blur();
  else $("instruction").focus();
}

const thumbs = new Map(); // object URLs by an entry's id

function draw() {
  $("history").hidden = history.entries.length === 0;
  $("entries").replaceChildren(...history.entries.map(thumb));
  for (const id of [...thumbs.keys()].filter((id) => !history.entries.some((entry) => entry.id === id))) {
    URL.revokeObjectURL(thumbs.get(id));
    thumbs.delete(id);
  }
  mark();
}

function thumb(entry) {
  if (!thumbs.has(entry.id)) thumbs.set(entry.id, URL.createObjectURL(entry.result));
  const item = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  Object.assign(image, { src: thumbs.get(entry.id), alt: "", loading: "lazy" });
  Object.assign(button, { type: "button", title: entry.instruction });
  button.dataset.id = entry.id;
  button.setAttribute("aria-label", say("historyEntry", { instruction: entry.instruction, seed: entry.facts.seed }));
  button.append(image);
  button.addEventListener("click", () => goTo(entry));
  item.append(button);
  return item;
}

function mark() {
  for (const button of $("entries").querySelectorAll("button")) {
    button.toggleAttribute("aria-current", button.dataset.id === String(shown?.id));
  }
}

// Wiring.

function speak(tag, keep = false) {
  setLanguage(tag, keep);
  $("language").value = tag;
  controls.speak((idea) => {
    $("instruction").value = idea;
    run();
  });
  stage.speak();
  for (const image of $("examples").querySelectorAll("img")) image.alt = say(image.dataset.alt);
  $("credits").textContent = say("credits");
  draw();
}

function examples() {
  const offered = { "pagoda.jpg": "examplePagoda", "cat.jpg": "exampleCat", "coffee.jpg": "exampleCoffee" };
  $("examples").replaceChildren(...Object.entries(offered).map(([name, key]) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = `page/examples/${name}`;
    image.dataset.alt = key;
    button.type = "button";
    button.append(image);
    button.addEventListener("click", () => takeExample(name));
    item.append(button);
    return item;
  }));
}

function onPictures() {
  for (const [button, input] of [["choose", "file"], ["replace", "file"], ["camera", "shot"]]) {
    $(button).addEventListener("click", () => $(input).click());
  }
  for (const input of [$("file"), $("shot")]) {
    input.addEventListener("change", () => {
      take(input.files[0]);
      input.value = "";
    });
  }
  document.addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    $("dropping").hidden = false;
  };
  document.addEventListener("dragenter", over);
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("dropping").hidden = true; });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("dropping").hidden = true;
    take(event.dataTransfer.files[0]);
  });
}

function onKeys() {
  $("instruction").addEventListener("keydown", (event) => {
    // While an input method composes, Enter picks a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) running?.abort();
  });
}

function onResults() {
  const told = (button, text) => $(button).addEventListener("click", async () => {
    await copy(text());
    stage.status(say("copied"));
  });
  const edited = () => ({ fields: JSON.parse(JSON.stringify(shown.fields)), seed: shown.facts.seed, name: shown.source.name });
  told("copy-settings", () => settingsOf(edited()));
  told("copy-curl", () => curlOf(edited(), document.baseURI));
  $("continue").addEventListener("click", goOn);
  $("correct").addEventListener("click", () => {
    $("instruction").value = shown.translation;
    $("instruction").focus();
  });
  $("poster").addEventListener("click", async () => {
    const form = formOf({ instruction: shown.instruction });
    form.set("edited", shown.result, "edited.png");
    stage.status(say("posterWorking"));
    await showPoster(form, shown.instruction);
    stage.status("");
  });
  $("clear").addEventListener("click", () => {
    history.clear();
    draw();
  });
}

function onGrid() {
  const values = () => controls.values();
  // With one seed for all, so that strengths alone differ.
  const form = () => formOf({ ...values(), ...($("seed").value && { seed: $("seed").value }) });
  const grid = new Grid(form, (image) => {
    const { text_guidance, image_guidance } = image;
    const used = { ...values(), text_guidance: String(text_guidance), image_guidance: String(image_guidance) };
    controls.fill(used);
    keep(used, [image]);
  });
  $("grid").addEventListener("click", () => {
    if (!picture) return show(say("noPicture"));
    if (!values().instruction) return show(say("noInstruction"));
    hideProblem();
    const now = { ...controls.defaults, ...values() };
    grid.open(Number(now.text_guidance), Number(now.image_guidance));
  });
}

async function main() {
  examples();
  speak(preferredLanguage());
  $("language").addEventListener("change", (event) => speak(event.target.value, true));
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  $("cancel").addEventListener("click", () => running?.abort());
  $("dismiss").addEventListener("click", () => {
    running?.abort();
    hideProblem();
  });
  onKeyWanted(askKey);
  onPictures();
  onKeys();
  onResults();
  onGrid();
  await history.open();
  draw();
  try {
    server = await about();
  } catch (error) {
    return showProblem(error);
  }
  controls.learn(server.fields);
  learnBounds(server.fields);
  stage.fit(server.fields.max_size.default);
  Object.assign($("model"), { hidden: false, textContent: server.name, title: `Retouch ${server.version}` });
  document.body.dataset.ready = "";
}

main();
