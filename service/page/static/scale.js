// A guidance scale: a slider with the model's own value in its middle, and the exact number.

import { say } from "./words.js";

export class Scale {
  #range;
  #number;
  #field = { minimum: 0, maximum: 1, default: 0.5 };

  // `name` is that of the elements: "text" or "image".
  constructor(name) {
    this.#range = document.getElementById(`${name}-range`);
    this.#number = document.getElementById(`${name}-number`);
    this.#range.addEventListener("input", () => {
      this.#number.value = this.#at(Number(this.#range.value));
      this.tell();
    });
    this.#number.addEventListener("input", () => this.#follow());
  }

  // `field` is the JSON schema that the server gives.
  learn(field) {
    this.#field = field;
    Object.assign(this.#number, { min: field.minimum, max: field.maximum });
    this.value = field.default;
  }

  get value() {
    return this.#number.value;
  }

  set value(value) {
    this.#number.value = value;
    this.#follow();
  }

  tell() {
    const value = Number(this.value);
    const middle = this.#field.default;
    const key = value === middle ? "scaleNormal" : value < middle ? "scaleLess" : "scaleMore";
    this.#range.setAttribute("aria-valuetext", say(key, { value: this.value }));
  }

  get #top() {
    return Math.min(this.#field.maximum, 2 * this.#field.default + 1);
  }

  // The value at a position of the slider in [-100, 100].
  #at(position) {
    const { minimum, default: middle } = this.#field;
    const end = position < 0 ? minimum : this.#top;
    return Number((middle + ((end - middle) * Math.abs(position)) / 100).toFixed(2));
  }

  #follow() {
    const { minimum, default: middle } = this.#field;
    const away = Number(this.value) - middle;
    const span = away < 0 ? middle - minimum : this.#top - middle;
    this.#range.value = span ? (100 * away) / span : 0;
    this.tell();
  }
}
