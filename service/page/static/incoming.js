// Ways in which a picture comes: a file, the camera, the clipboard, a drop, an example.

import { pictureIn } from "./picture.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
const EXAMPLES = { "pagoda.jpg": "examplePagoda", "cat.jpg": "exampleCat", "coffee.jpg": "exampleCoffee" };

// `take` is given every file that comes.
export function receive(take) {
  fromFiles(take);
  fromClipboard(take);
  fromDrops(take);
  $("examples").replaceChildren(...Object.entries(EXAMPLES).map(([name, said]) => example(name, said, take)));
}

// After a change of language.
export function nameExamples() {
  for (const image of $("examples").querySelectorAll("img")) image.alt = say(image.dataset.said);
}

function fromFiles(take) {
  for (const [button, input] of [["choose", "file"], ["replace", "file"], ["camera", "shot"]]) {
    $(button).addEventListener("click", () => $(input).click());
  }
  for (const input of [$("file"), $("shot")]) {
    input.addEventListener("change", () => {
      const [file] = input.files;
      if (file) take(file);
      input.value = ""; // so that the same file may be chosen again
    });
  }
}

function fromClipboard(take) {
  document.addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (!file) return; // text goes where it is pasted
    event.preventDefault();
    take(file);
  });
}

function fromDrops(take) {
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    $("dropping").hidden = false;
  };
  document.addEventListener("dragenter", over);
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("dropping").hidden = true; // out of the window
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    $("dropping").hidden = true;
    take(event.dataTransfer.files[0]);
  });
}

function example(name, said, take) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  image.src = `page/examples/${name}`;
  image.dataset.said = said;
  button.type = "button";
  button.append(image);
  button.addEventListener("click", async () => {
    const file = await (await fetch(image.src)).blob();
    take(new File([file], name, { type: file.type }));
  });
  item.append(button);
  return item;
}
