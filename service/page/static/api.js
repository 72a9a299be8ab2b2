// Talks with the server. Every failure is an `ApiError`, save a cancelled call's `AbortError`.

const KEPT = "retouch-key";

export class ApiError extends Error {
  // `retryAfter` is in seconds; null when trying again would not help.
  constructor({ code, message = "", field = "", request_id: requestId = "" }, retryAfter = null) {
    super(message);
    Object.assign(this, { code, field, requestId, retryAfter });
  }
}

let askKey = async () => null;

// `ask` is called when the server wants a key; it answers with one, or null.
export function onKeyWanted(ask) {
  askKey = ask;
}

export async function call(path, options = {}) {
  const response = await send(path, options);
  if (response.status === 401) {
    const key = await askKey();
    if (key) {
      sessionStorage.setItem(KEPT, key);
      return call(path, options);
    }
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function send(path, options) {
  const key = sessionStorage.getItem(KEPT);
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  try {
    return await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ code: "unreachable" });
  }
}

async function failure(response) {
  const wait = Number(response.headers.get("Retry-After"));
  const body = await response.json().catch(() => ({}));
  const told = body.error ?? { code: "internal", message: `HTTP ${response.status}` };
  return new ApiError(told, wait > 0 ? wait : null);
}

export async function about() {
  return (await call("about")).json();
}

// The edited pictures; `told` is given every event on the way: its name and its data.
export async function edit(form, { signal, told }) {
  const response = await call("edit/stream", { method: "POST", body: form, signal });
  for await (const { name, data } of events(response.body)) {
    if (name === "result") return data.images;
    if (name === "error") throw new ApiError(data, data.retry_after);
    told(name, data);
  }
  throw new ApiError({ code: "unreachable" });
}

export async function sweep(form, { signal }) {
  const headers = { Accept: "application/json" };
  return (await call("sweep", { method: "POST", body: form, headers, signal })).json();
}

export async function poster(form) {
  return (await call("poster", { method: "POST", body: form })).blob();
}

const END = /\r?\n\r?\n/;

// Server-sent events of a body (WHATWG HTML, section 9.2), as far as this server writes them.
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = []; // of the unfinished event: pieces without an end, not looked at again
  let tail = ""; // its last characters, which may be the first ones of an end
  for (;;) {
    const { done, value } = await reader.read().catch(broken);
    if (done) return;
    const blocks = (tail + value).split(END);
    const left = blocks.pop();
    for (const block of blocks) {
      const event = parsed([...held, block].join(""));
      held = [];
      if (event.data !== null) yield event;
    }
    held.push(left.slice(0, -3));
    tail = left.slice(-3);
  }
}

function broken(error) {
  if (error.name === "AbortError") throw error;
  throw new ApiError({ code: "unreachable" });
}

function parsed(block) {
  const lines = block.split(/\r?\n/);
  const of = (field) => lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).trimStart());
  const data = of("data").join("\n");
  return { name: of("event")[0] ?? "message", data: data ? JSON.parse(data) : null };
}
