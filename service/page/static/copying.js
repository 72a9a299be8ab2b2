// Settings and commands as text, for the clipboard.

const NUMERIC = ["number", "integer"];

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

// The edit as a command for a terminal: text in double quotes that is a JSON string would be unquoted.
export function curlOf({ fields, seed, name }, base) {
  const lines = [`curl -F image=@${quoted(name)}`];
  for (const [field, value] of Object.entries({ ...fields, seed })) {
    lines.push(`--form-string ${field}=${quoted(value)}`);
  }
  return [...lines, `-o edited.png ${new URL("edit", base)}`].join(" \\\n  ");
}

// As JSON that `/edit` takes. `schemas` are JSON schemas by field.
export function settingsOf({ fields, seed }, schemas) {
  const typed = ([field, value]) => [field, NUMERIC.includes(schemas[field]?.type) ? Number(value) : value];
  return JSON.stringify(Object.fromEntries(Object.entries({ ...fields, seed }).map(typed)), null, 2);
}

// Pages that came by plain HTTP have no clipboard, but may still copy what is selected.
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
