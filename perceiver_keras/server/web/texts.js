// Texts: gaps with their candidates, and tags marked where they are.

import { bars } from "./bars.js";
import { element, percent } from "./elements.js";

export const MASK = "[MASK]";

/** A text without halves of surrogate pairs, which UTF-8 does not have. */
export const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd"));

/** How a candidate is written in a list: blanks are made visible. */
const spelled = (token) => ({ " ": "␣ (a space)", "\n": "↵ (a new line)", "<0x0A>": "↵ (a new line)", "<0x20>": "␣ (a space)", "<0x09>": "⇥ (a tab)", "": "(nothing)" })[token] || token.replaceAll("\u2581", "␣");
const inText = (token) => ({ "<0x0A>": "↵", "\n": "↵", "<0x20>": "␣", " ": "␣", "<0x09>": "⇥" })[token] || token.replaceAll("\u2581", "␣");

/** A text with a button for each gap; the chosen gap's candidates stand below, and can be put in. */
export function filledView(row) {
  const parts = row.text.split(MASK);
  const gaps = parts.length - 1;
  if (!gaps) return element("p", { class: "note" }, `There is no gap in this text. Write ${MASK} where something is missing.`);
  const chosen = row.token.slice(0, gaps).map(() => 0);
  const candidates = element("div", {});
  const buttons = chosen.map((_, gap) => element("button", { type: "button", class: "gap", onclick: () => open(gap) }));
  const label = (gap) => {
    buttons[gap].textContent = inText(row.token[gap][chosen[gap]]);
    buttons[gap].setAttribute("aria-label", `Gap ${gap + 1}: ${spelled(row.token[gap][chosen[gap]])}`);
  };
  function open(gap) {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === gap)));
    const put = row.token[gap].map((token, place) => element(
      "button",
      { type: "button", class: "candidate", onclick: () => { chosen[gap] = place; label(gap); } },
      spelled(token),
    ));
    candidates.replaceChildren(
      element("h3", {}, `Candidates for gap ${gap + 1} of ${gaps}`),
      bars(put.map((button, place) => [button, row.probability[gap][place]]), percent, put.length),
      element("p", { class: "quiet" }, "Choose a gap in the text to see its candidates, and a candidate to put it in."),
    );
  }
  chosen.forEach((_, gap) => label(gap));
  open(0);
  const text = element("p", { class: "text" }, parts.flatMap((part, i) => (i < gaps ? [part, buttons[i]] : [part])));
  return element("div", {}, text, candidates);
}

/**
 * Runs of characters with the same tag, from tags and scores of bytes: [{text, tag, score}], "" outside entities.
 * A character has the tag with the largest sum of scores among its bytes.
 */
export function runs(text, tags, scores) {
  const found = [];
  let place = 0;
  for (const letter of text) {
    const sums = new Map();
    const bytes = new TextEncoder().encode(letter).length;
    for (let i = place; i < place + bytes; i += 1) sums.set(tags[i], (sums.get(tags[i]) || 0) + scores[i]);
    let tag = "";
    let most = -1;
    for (const [name, sum] of sums) if (sum > most) [tag, most] = [name, sum];
    const last = found[found.length - 1];
    const own = scores.slice(place, place + bytes);
    if (last && last.tag === tag) {
      last.text += letter;
      last.scores.push(...own);
    } else found.push({ text: letter, tag, scores: [...own] });
    place += bytes;
  }
  return found.map(({ text: run, tag, scores: all }) => ({ text: run, tag, score: all.reduce((a, b) => a + b, 0) / all.length }));
}

const HUES = 360 / 1.618; // so that neighbours in the list differ

/** A text with its entities marked, and what the tags are. */
export function taggedView(text, row, tags) {
  const found = runs(text, row.entity, row.score);
  const names = (tags || []).slice(1);
  for (const { tag } of found) if (tag && !names.includes(tag)) names.push(tag);
  const tint = (made, tag) => {
    made.style.setProperty("--tag", `hsl(${(names.indexOf(tag) * HUES) % 360} 65% 45%)`);
    return made;
  };
  const marked = found.map(({ text: run, tag, score }) => (tag
    ? tint(element("mark", { title: `${tag}, ${percent(score)}` }, run, element("span", { class: "tag" }, tag)), tag)
    : run));
  const counts = names.map((name) => [name, found.filter(({ tag }) => tag === name).length]).filter(([, count]) => count);
  const told = counts.length ? counts.map(([name, count]) => `${count} ${name}`).join(", ") : "No entity was found.";
  const rows = found.filter(({ tag }) => tag).map(({ text: run, tag, score }) => element("tr", {}, element("td", {}, run), element("td", {}, tag), element("td", {}, percent(score))));
  const head = element("tr", {}, ["text", "tag", "score"].map((word) => element("th", { scope: "col" }, word)));
  const list = rows.length ? element("details", {}, element("summary", {}, "As a table"), element("div", { class: "scroll" }, element("table", {}, head, rows))) : null;
  return element("div", {}, element("p", { class: "text" }, marked), element("p", { class: "quiet" }, told), list);
}
