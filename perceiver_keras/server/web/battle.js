// A set of entities: the battlefield with the likeliest target, if the numbers say where entities are.

import { bars } from "./bars.js";
import { drawn, element, percent } from "./elements.js";
import { Told } from "./errors.js";

const PLACED = ["x", "y", "enemy", "acting", "health"];
const SIDE = 100;

/** Rows of numbers from JSON: a list of rows, or an object with it as `entities`. Raises Told. */
export function entitiesOf(text, features) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Told("This is not JSON.", "Enter a list of rows of numbers, one row per entity.", String(error.message));
  }
  const several = Array.isArray(given) && given[0] && !Array.isArray(given[0]) && given[0].entities ? given[0] : given;
  const all = Array.isArray(several) ? several : several && several.entities;
  const mask = (several && several.mask) || null;
  const good = Array.isArray(all) && all.length && all.every((row) => Array.isArray(row) && row.every((number) => Number.isFinite(number)));
  if (!good) throw new Told("These are not entities.", "Enter a list of rows of numbers, one row per entity.");
  const rows = all.filter((_, i) => !mask || mask[i]);
  if (!rows.length) throw new Told("No entity is left.", "The mask drops every row.");
  const width = features ? features.length : rows[0].length;
  const odd = rows.findIndex((row) => row.length !== width);
  if (odd >= 0) throw new Told(`Entity ${odd} has ${rows[odd].length} numbers.`, `This model takes ${width} per entity${features ? `: ${features.join(", ")}` : ""}.`);
  return rows;
}

/** What the model takes for the rows. */
export const instance = (rows) => ({ entities: rows, mask: rows.map(() => 1) });

function battlefield(rows, features, target) {
  const at = (name) => features.indexOf(name);
  const [x, y, enemy, acting, health] = PLACED.map(at);
  const place = (row) => [6 + (SIDE - 12) * row[x], SIDE - 6 - (SIDE - 12) * row[y]];
  const actor = rows.find((row) => row[acting] > 0);
  const units = rows.flatMap((row, i) => {
    const [cx, cy] = place(row);
    const r = 2 + 2 * Math.max(0, Math.min(1, row[health]));
    const circle = drawn("circle", { cx, cy, r, class: row[enemy] > 0 ? "enemy" : "own" });
    const ring = row === actor ? [drawn("circle", { cx, cy, r: r + 1.2, class: "acting" })] : [];
    return [circle, ...ring, drawn("text", { x: cx, y: cy - r - 1.6 }, String(i))];
  });
  const aim = actor && target >= 0 && rows[target] !== actor ? arrow(place(actor), place(rows[target])) : [];
  const words = `${rows.length} entities${actor ? `; the acting one aims at entity ${target}` : ""}`;
  return drawn("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": words }, ...units, ...aim);
}

function arrow([x0, y0], [x1, y1]) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const [ex, ey] = [x1 - 4 * Math.cos(angle), y1 - 4 * Math.sin(angle)];
  const side = (turn) => `${ex - 3 * Math.cos(angle + turn)},${ey - 3 * Math.sin(angle + turn)}`;
  return [
    drawn("line", { x1: x0 + 5 * Math.cos(angle), y1: y0 + 5 * Math.sin(angle), x2: ex, y2: ey, class: "aim" }),
    drawn("polygon", { points: `${ex},${ey} ${side(0.5)} ${side(-0.5)}`, class: "aim" }),
  ];
}

/** The field, the chances of each entity to be the target, and the outcome. */
export function battleView(rows, row, features) {
  const chances = row.pointer.slice(0, rows.length);
  const target = chances.indexOf(Math.max(...chances));
  const drawable = features && PLACED.every((name) => features.includes(name));
  const swatch = (kind, words) => [element("span", { class: `key ${kind}` }), ` ${words}  `];
  const key = element("p", { class: "quiet" }, swatch("", "own"), swatch("enemy", "enemy"), "· ringed: the acting one · larger: healthier · arrow: its target");
  return element(
    "div",
    {},
    element("p", { class: "verdict" }, `Target: entity ${target} (${percent(chances[target])})`),
    element("p", {}, `The acting side wins with ${percent(row.winning)}.`),
    drawable && battlefield(rows, features, target),
    drawable && key,
    element("h3", {}, "Who is the target"),
    bars(chances.map((chance, i) => [`entity ${i}`, chance])),
  );
}
