// Shares as bars, the likeliest first.

import { element, percent } from "./elements.js";

const SHOWN = 5;

function rows(pairs, words) {
  return pairs.flatMap(([label, share], place) => {
    const bar = element("span", { class: "bar" });
    bar.style.width = `${100 * Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0))}%`;
    return [
      element("dt", { class: place === 0 ? "first" : "" }, label),
      element("dd", {}, element("span", { class: "track" }, bar)),
      element("dd", { class: "number" }, words(share)),
    ];
  });
}

/** [label, share] pairs, of which the first few are shown and the others on request. */
export function bars(pairs, words = percent, shown = SHOWN) {
  const value = ([, share]) => (Number.isFinite(share) ? share : -1);
  const sorted = [...pairs].sort((a, b) => value(b) - value(a));
  const list = element("dl", { class: "bars" }, rows(sorted.slice(0, shown), words));
  if (sorted.length <= shown) return list;
  const more = element("button", { type: "button" }, `Show all ${sorted.length}`);
  more.addEventListener("click", () => {
    list.replaceChildren(...rows(sorted, words));
    more.remove();
  });
  return element("div", {}, list, element("div", { class: "buttons" }, more));
}

/** The name of class number i, as far as it is known. */
export const named = (labels, i) => (labels && labels[i] !== undefined ? String(labels[i]) : `class ${i}`);
