// Elements are made here: what users and servers say becomes text, never HTML.

/** An element; properties are attributes, listeners ("onclick") or, for `value`, properties. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child || child === 0));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function drawn(tag, properties = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A figure with its caption. */
export function figure(caption, ...content) {
  return element("figure", {}, ...content, element("figcaption", {}, caption));
}

/** A canvas of a size, and its context. */
export function canvas(width, height, words) {
  const made = element("canvas", { width, height, role: "img", "aria-label": words });
  return [made, made.getContext("2d")];
}

/** "3.1 kB", as people read sizes. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

export const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)}%` : "not a number");

/** Saves bytes or text as a file of the user's. */
export function save(content, name, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
