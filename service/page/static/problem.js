// What went wrong, in words.

import { ApiError } from "./api.js";
import { Unreadable } from "./picture.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);

const SAID = {
  unreachable: "unreachable",
  overloaded: "busy",
  rate_limited: "busy",
  too_many_requests: "busy",
  out_of_memory: "busy",
  service_unavailable: "stopping",
  shutting_down: "stopping",
  cancelled: "stopping",
  too_large: "tooLarge",
  slow_upload: "timeout",
  timeout: "timeout",
  unsupported_image: "unsupported",
  unsupported_media_type: "unsupported",
  invalid_request: "invalid",
  non_finite: "blackout",
  unauthorized: "unauthorized",
  content_refused: "content",
};

// What the page calls a field.
const CALLED = {
  text_guidance: "words",
  image_guidance: "kept",
  steps: "steps",
  seed: "seed",
  max_size: "maxSize",
  n: "variations",
};

let bounds = {};

// `fields` are JSON schemas by name.
export function learnBounds(fields) {
  bounds = fields;
}

// The sentence, and what the server itself said.
export function inWords(error) {
  if (error instanceof Unreadable) return { said: say(error.message), detail: "" };
  if (!(error instanceof ApiError)) return { said: say("broken"), detail: String(error) };
  const id = error.requestId && say("requestId", { id: error.requestId });
  const detail = [error.message, id].filter(Boolean).join(" · ");
  return { said: blamed(error) ?? say(SAID[error.code] ?? "broken"), detail };
}

function blamed({ field, message }) {
  if (field === "instruction") return say("unclear");
  const { minimum, maximum } = bounds[field] ?? {};
  if (minimum === undefined || !(field in CALLED) || !message.includes("out of bounds")) return null;
  return say("outside", { field: say(CALLED[field]), minimum, maximum });
}

export function showProblem(error) {
  const { said, detail } = inWords(error);
  show(said, detail);
}

export function show(said, detail = "") {
  $("problem-said").textContent = said;
  $("problem-detail").textContent = detail;
  $("again").hidden = true;
  $("problem").hidden = false;
}

export function hideProblem() {
  $("problem").hidden = true;
}

// Counts down before another try, which a button brings forward. Rejects when `signal` is aborted.
export function countdown(error, signal) {
  showProblem(error);
  const { said } = inWords(error);
  $("again").hidden = false;
  return new Promise((resolve, reject) => {
    let left = error.retryAfter;
    const tell = () => { $("problem-said").textContent = `${said} ${say("retry", { seconds: left })}`; };
    const timer = setInterval(() => (--left > 0 ? tell() : go()), 1000);
    const end = (then) => {
      clearInterval(timer);
      $("again").onclick = null;
      hideProblem();
      then();
    };
    const go = () => end(resolve);
    $("again").onclick = go;
    signal.addEventListener("abort", () => end(() => reject(signal.reason)), { once: true });
    tell();
  });
}
