// Events over time: a sound in windows of what the model hears at once.

import { named } from "./bars.js";
import { element, percent } from "./elements.js";
import { base64 } from "./files.js";
import { wav } from "./sounds.js";

const MOST_WINDOWS = 40;
const SHOWN = 6;

/** The windows of a sound: [{start, samples}] that overlap by half, or less if there would be too many. */
export function windows(samples, rate, seconds) {
  const size = Math.round(seconds * rate);
  if (samples.length <= size * 1.25) return [];
  const hop = Math.max(size / 2, (samples.length - size) / (MOST_WINDOWS - 1));
  const count = Math.floor((samples.length - size) / hop + 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => {
    const start = Math.round(i * hop);
    return { start: start / rate, samples: samples.slice(start, start + size) };
  });
}

/** The table for a sound, asked window by window with `ask(instances)`; null for a sound of one window. */
export async function eventsView(samples, rate, model, labels, ask) {
  if (!model.num_samples || !model.sample_rate) return null;
  const seconds = model.num_samples / model.sample_rate;
  const parts = windows(samples, rate, seconds);
  if (!parts.length) return element("p", { class: "quiet" }, `The model hears ${seconds.toFixed(2)} s at once, and so all of this sound: there is no course of events to show.`);
  const instances = await Promise.all(parts.map(async (part) => ({ audio_bytes: { b64: await base64(wav(part.samples, rate)) } })));
  const rows = (await ask(instances)).map((row) => row.probabilities);
  const most = rows[0].map((_, i) => [i, Math.max(...rows.map((row) => row[i]))]).sort((a, b) => b[1] - a[1]).slice(0, SHOWN);
  const head = element("tr", {}, element("th", { scope: "col" }, "from, s"), parts.map((part) => element("th", { scope: "col" }, part.start.toFixed(1))));
  const body = most.map(([i]) => element("tr", {}, element("th", { scope: "row" }, named(labels, i)), rows.map((row) => cell(row[i]))));
  return element(
    "div",
    {},
    element("h3", {}, "Events over time"),
    element("p", { class: "quiet" }, `Each column is a window of ${seconds.toFixed(2)} s, asked by itself; numbers are percent.`),
    element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Events over time" }, element("table", { class: "events" }, element("thead", {}, head), element("tbody", {}, body))),
  );
}

function cell(share) {
  const heat = element("span", { class: "heat" });
  heat.style.opacity = Math.max(0, Math.min(0.75, 0.75 * share));
  return element("td", { title: percent(share) }, heat, element("span", {}, String(Math.round(100 * share))));
}
