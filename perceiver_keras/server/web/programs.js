// The request that was sent, for curl and for Python.

import { element, save } from "./elements.js";

const INLINE = 1500; // characters; a longer request goes into a file
const FILE = "request.json";

/** A word for a POSIX shell. */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A value as Python writes it. */
export function python(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${python(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

/** {curl, python, file: whether both read FILE} for a request. */
export function programs(address, request) {
  const text = JSON.stringify(request);
  const file = text.length > INLINE;
  const body = file ? [`with open("${FILE}") as file:`, "    body = json.load(file)"] : [`body = ${python(request)}`];
  return {
    file,
    curl: `curl -H 'Content-Type: application/json' -d ${file ? `@${FILE}` : quoted(text)} ${quoted(address)}`,
    python: [
      "import json",
      "import urllib.request",
      "",
      ...body,
      `request = urllib.request.Request(${JSON.stringify(address)}, json.dumps(body).encode())`,
      'request.add_header("Content-Type", "application/json")',
      "with urllib.request.urlopen(request) as answer:",
      "    print(json.load(answer))",
    ].join("\n"),
  };
}

function program(name, text) {
  const copy = element("button", {
    type: "button",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        // Without https from another machine there is no clipboard: the text is selected instead.
        getSelection().selectAllChildren(shown);
        copy.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 2500);
    },
  }, "Copy");
  const shown = element("pre", { tabindex: 0, "aria-label": name }, text);
  return element("div", { class: "program" }, element("div", {}, element("strong", {}, name), copy), shown);
}

/** Both programs, and the file that they read if the request is long. */
export function programsView(address, request) {
  const made = programs(address, request);
  const saved = made.file && element(
    "div",
    { class: "note" },
    `The request is long, so both read it from a file: `,
    element("button", { type: "button", onclick: () => save(JSON.stringify(request), FILE, "application/json") }, `Save ${FILE}`),
  );
  return element("div", {}, saved, program("curl", made.curl), program("Python", made.python));
}
