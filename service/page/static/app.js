// The page: wires what a person touches to the session.

import { about, onKeyWanted } from "./api.js";
import { Controls } from "./controls.js";
import { copy, curlOf, settingsOf } from "./copying.js";
import { Grid, askKey, showPoster } from "./dialogs.js";
import { History } from "./history.js";
import { nameExamples, receive } from "./incoming.js";
import { hideProblem, learnBounds, showProblem } from "./problem.js";
import { Session } from "./session.js";
import { Stage } from "./stage.js";
import { preferredLanguage, say, setLanguage } from "./words.js";

const $ = (id) => document.getElementById(id);
const onClick = (id, then) => $(id).addEventListener("click", then);

const controls = new Controls();
const stage = new Stage();
const history = new History();
const session = new Session({ server: learn(), controls, stage, history });

async function learn() {
  try {
    const server = await about();
    controls.learn(server.fields);
    learnBounds(server.fields);
    stage.fit(server.fields.max_size.default);
    Object.assign($("model"), { hidden: false, textContent: server.name, title: `Retouch ${server.version}` });
    return server;
  } catch (error) {
    showProblem(error);
    return null;
  }
}

function speak(tag, keep = false) {
  setLanguage(tag, keep);
  $("language").value = tag;
  controls.speak((idea) => {
    $("instruction").value = idea;
    session.run();
  });
  stage.speak();
  nameExamples();
  session.draw();
}

function onEdits() {
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    session.run();
  });
  $("instruction").addEventListener("keydown", (event) => {
    // While an input method composes, Enter picks a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    session.run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) session.cancel();
  });
  onClick("cancel", () => session.cancel());
  onClick("dismiss", () => {
    session.cancel();
    hideProblem();
  });
}

function onResults() {
  const copying = (id, text) => onClick(id, async () => {
    const { fields, facts, source } = session.shown;
    const schemas = (await session.server).fields;
    await copy(text({ fields, seed: facts.seed, name: source.name }, schemas));
    stage.status(say("copied"));
  });
  copying("copy-settings", settingsOf);
  copying("copy-curl", (edited) => curlOf(edited, document.baseURI));
  onClick("continue", () => session.goOn());
  onClick("correct", () => {
    $("instruction").value = session.shown.translation;
    $("instruction").focus();
  });
  onClick("poster", async () => {
    const { instruction, result } = session.shown;
    const form = session.form({ instruction });
    form.set("edited", result, "edited.png");
    stage.status(say("posterWorking"));
    await showPoster(form, instruction);
    stage.status("");
  });
  onClick("clear", () => {
    history.clear();
    session.draw();
  });
}

function onGrid() {
  // With one seed for all, so that strengths alone differ.
  const form = () => session.form({ ...controls.values(), ...(controls.seed && { seed: controls.seed }) });
  const grid = new Grid(form, (image) => {
    const { text_guidance, image_guidance } = image;
    const used = { ...controls.values(), text_guidance: String(text_guidance), image_guidance: String(image_guidance) };
    controls.fill(used);
    session.keep(used, [image]);
  });
  onClick("grid", () => {
    const { text_guidance, image_guidance } = { ...controls.defaults, ...controls.values() };
    if (session.ready()) grid.open(Number(text_guidance), Number(image_guidance));
  });
}

async function main() {
  receive((file) => session.take(file));
  speak(preferredLanguage());
  $("language").addEventListener("change", (event) => speak(event.target.value, true));
  onKeyWanted(askKey);
  onEdits();
  onResults();
  onGrid();
  await history.open();
  session.draw();
  await session.server;
  document.body.dataset.ready = "";
}

main();
