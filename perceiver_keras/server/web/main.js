// The page: which models are up, the form of the chosen one, its answers, and what goes wrong.

import { element, size } from "./elements.js";
import { AWAY, shownError, Told } from "./errors.js";
import { kindOf } from "./kinds.js";
import { programsView } from "./programs.js";
import * as server from "./server.js";

const LOOK_EVERY = 3000; // milliseconds
const at = (id) => document.getElementById(id);

let list = []; // what the server has
let most = Infinity; // bytes of a request
let name = ""; // the chosen model
let shown = ""; // what the page shows of it: its name, version and state
let current = null; // {about, kind, form} of the chosen model
let running = null; // the AbortController of the request that is under way
let exampleNumber = 0;

// === Models ===

function state(model) {
  if (model.version !== null) return `version ${model.version}`;
  if (model.versions.some((one) => one.state === "LOADING" || one.state === "START")) return "loading …";
  return "not ready";
}

function showModels() {
  const chips = list.map((model) => {
    const radio = element("input", { type: "radio", name: "model", value: model.name, onchange: () => { location.hash = encodeURIComponent(model.name); } });
    radio.checked = model.name === name;
    return element("label", {}, radio, model.name, element("span", { class: model.version === null ? "quiet down" : "quiet" }, state(model)));
  });
  const held = document.activeElement && document.activeElement.name === "model" && document.activeElement.value;
  at("models").replaceChildren(element("fieldset", { class: "models" }, element("legend", {}, "Models"), chips));
  if (held) [...document.querySelectorAll("input[name=model]")].find((radio) => radio.value === held)?.focus();
}

async function look() {
  try {
    const found = await server.models();
    at("banner").hidden = true;
    most = found.max_request_bytes;
    if (JSON.stringify(found.models) !== JSON.stringify(list)) {
      list = found.models;
      if (!list.some((model) => model.name === name)) name = fromHash() || (list[0] ? list[0].name : "");
      showModels();
    }
    await choose();
  } catch (error) {
    at("banner").replaceChildren(element("strong", {}, error.message), ` ${error.hint || ""}`);
    at("banner").hidden = false;
  }
}

function fromHash() {
  let asked = "";
  try {
    asked = decodeURIComponent(location.hash.slice(1));
  } catch {
    // Not ours: the first model is shown.
  }
  return list.some((model) => model.name === asked) ? asked : "";
}

// === The chosen model ===

async function choose() {
  const model = list.find((one) => one.name === name);
  const wanted = JSON.stringify(model);
  if (!model || shown === wanted) return;
  const kept = current && current.about.name === name; // a new version of the same model
  if (running && !kept) running.abort();
  if (model.version === null) {
    [current, shown] = [null, wanted];
    unavailable(model);
    return;
  }
  const about = await server.about(name);
  if (about.name !== name || shown === wanted) return; // another one was chosen meanwhile
  shown = wanted;
  showAbout(about);
  const kind = kindOf(about);
  if (kept) {
    current = { about, kind, form: current.form };
    return;
  }
  clear();
  const form = kind.form(about, (error) => error === null ? clearError() : showError(error));
  current = { about, kind, form };
  exampleNumber = 0;
  const ask = element("button", { class: "main", id: "ask", type: "submit" }, "Ask the model");
  const example = element("button", { type: "button", id: "example", onclick: takeExample }, "Take an example");
  at("form").replaceChildren(form.element, element("div", { class: "buttons" }, ask, example));
}

function unavailable(model) {
  clear();
  const broken = model.versions.filter((one) => one.error).map((one) => `Version ${one.version}: ${one.error}`);
  const loading = state(model) === "loading …";
  at("about").replaceChildren();
  const title = loading ? `${model.name} is still loading.` : `${model.name} is not ready.`;
  at("form").replaceChildren(shownError(new Told(title, "The page looks again by itself, and shows it as soon as it answers.", broken.join("\n"))));
}

function showAbout(about) {
  const task = (about.task || "").replaceAll("_", " ");
  const words = [task && `Task: ${task}`, about.preset && `preset ${about.preset}`, `version ${about.version}`].filter(Boolean).join(" · ");
  const text = element("pre", { tabindex: 0 });
  const card = element("details", {
    ontoggle: async () => {
      if (!card.open || text.textContent) return;
      try {
        text.textContent = (await server.card(about.name)) || "This export has no model card.";
      } catch (error) {
        text.textContent = error.message;
      }
    },
  }, element("summary", {}, "Model card: data, metrics, limits"), text);
  at("about").replaceChildren(element("p", {}, element("strong", {}, about.name)), element("p", { class: "quiet" }, words), card);
}

async function takeExample() {
  const { about, form } = current;
  const button = at("example");
  button.disabled = true;
  try {
    const found = await server.examples(about.name);
    if (!found.length) throw new Told("This export has no example.", "Exports of this project carry some, unless they are old.");
    const number = exampleNumber % found.length;
    exampleNumber += 1;
    await form.fill(found[number], `example ${number + 1} of ${found.length}`);
    clearError();
  } catch (error) {
    showError(error);
  } finally {
    button.disabled = false;
  }
}

// === Questions and answers ===

function clear() {
  at("timing").textContent = "";
  at("shown").replaceChildren(element("p", { class: "quiet" }, "Enter something, or take an example, and ask."));
  at("code").hidden = true;
}

function clearError() {
  at("shown").querySelector(".error")?.remove();
}

function showError(error) {
  at("timing").textContent = "";
  at("shown").replaceChildren(shownError(error));
  at("code").hidden = true;
  if (error === AWAY) look();
}

async function ask(event) {
  event.preventDefault();
  if (!current || running) return;
  const { about, kind, form } = current;
  const button = at("ask");
  const controller = new AbortController();
  running = controller;
  button.disabled = true;
  at("timing").textContent = "Asking …";
  try {
    const entered = await form.read();
    const instances = entered.map((one) => one.instance);
    const answer = await server.predict(about.name, instances, most, controller.signal);
    const outputs = Object.keys(about.outputs);
    const rows = named(answer.rows, outputs);
    const again = async (more) => named((await server.predict(about.name, more, most, controller.signal)).rows, outputs);
    const views = [];
    for (const [i, row] of rows.entries()) views.push(element("div", { class: "answer" }, await kind.view(row, entered[i].shown, about, again, rows.length > 1)));
    if (controller.signal.aborted) return;
    at("timing").textContent = `${answer.milliseconds.toFixed(answer.milliseconds < 10 ? 1 : 0)} ms there and back · ${size(answer.sent)} sent · ${size(answer.received)} received`;
    if (about.attention.length && kind.attended) views.forEach((view, i) => view.append(attention(about, kind, entered[i])));
    at("shown").replaceChildren(...views);
    at("programs").replaceChildren(programsView(server.address(about.name), { instances }));
    at("code").hidden = false;
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
  } finally {
    running = null;
    button.disabled = false;
  }
}

/** What the latents attended to in what was asked, once it is opened. */
function attention(about, kind, { instance, shown: given }) {
  const place = element("div", {});
  const details = element("details", {
    ontoggle: async () => {
      if (!details.open || place.childElementCount) return;
      place.replaceChildren(element("p", { class: "quiet" }, "Asking …"));
      try {
        const [row] = named((await server.predict(about.name, [instance], most, undefined, "attention")).rows, about.attention);
        place.replaceChildren(await kind.attended(row, given, about));
      } catch (error) {
        place.replaceChildren(shownError(error));
      }
    },
  }, element("summary", {}, "What the latents attended to"), place);
  return details;
}

/** Rows as objects: where a model has one output, a row is its value alone. */
function named(rows, outputs) {
  return outputs.length === 1 ? rows.map((row) => ({ [outputs[0]]: row })) : rows;
}

// === The start ===

addEventListener("hashchange", () => {
  name = fromHash() || name;
  showModels();
  choose().catch(showError);
});
// A file that is dropped next to the place for it must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
at("form").addEventListener("submit", ask);
at("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});
clear();
look();
setInterval(() => document.hidden || look(), LOOK_EVERY);
