// What the latents attended to, over the input: the signature `attention` of an export that has it.

import { canvas, element, figure } from "./elements.js";
import { MASK } from "./texts.js";

const SIDE = 320; // a small picture is drawn at least this wide
const DARKEST = 0.7; // of the picture where nothing is attended to

const ALL = [0, 0, 1, 1];

/**
 * A picture in which only what is attended to is bright. `shares` [rows][columns] covers `seen` of it: top, left,
 * bottom and right, as shares of its sides.
 */
export function overPicture(shares, bitmap, words, seen = ALL) {
  const [rows, columns] = [shares.length, shares[0].length];
  const most = Math.max(...shares.map((row) => Math.max(...row)), 1e-12);
  const [map, dots] = canvas(columns, rows, "");
  const pixels = dots.createImageData(columns, rows);
  shares.flat().forEach((share, i) => { pixels.data[4 * i + 3] = Math.round(255 * DARKEST * (1 - share / most)); });
  dots.putImageData(pixels, 0, 0);
  const scale = Math.max(1, Math.round(SIDE / bitmap.width));
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const [surface, context] = canvas(width, height, words);
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0, width, height);
  const [top, left, bottom, right] = [height, width, height, width].map((side, i) => Math.round(seen[i] * side));
  context.fillStyle = `rgb(0 0 0 / ${DARKEST})`; // around what the model sees
  context.fillRect(0, 0, width, top);
  context.fillRect(0, bottom, width, height - bottom);
  context.fillRect(0, top, left, bottom - top);
  context.fillRect(right, top, width - right, bottom - top);
  context.drawImage(map, left, top, right - left, bottom - top);
  const place = shares.flat().indexOf(most);
  surface.dataset.most = [Math.floor(place / columns), place % columns].join();
  return surface;
}

/** Figures of a map over one picture, or of one per frame. */
export function picturesView(shares, bitmaps, captions, seen = ALL) {
  const maps = Array.isArray(shares[0][0]) ? shares : [shares];
  const names = maps.length === captions.length ? captions : ["Both frames together; the first is shown"];
  const shown = maps.map((map, i) => figure(names[i], overPicture(map, bitmaps[i], `${names[i]}: what the latents attended to`, seen)));
  const note = seen.join() === ALL.join() ? "" : " The model sees the middle of the picture.";
  return element("div", {}, element("div", { class: "figures" }, shown), element("p", { class: "quiet" }, `Bright: what the encoder's cross-attention read most, on average over heads and latents.${note}`));
}

/** The characters of a text with the sum of the shares of their bytes; with `masks`, a mask is one byte. */
export function letters(text, shares, masks) {
  const parts = masks ? text.split(MASK).flatMap((part, i) => (i ? [MASK, ...part] : [...part])) : [...text];
  const found = [];
  let place = 0;
  for (const letter of parts) {
    const bytes = letter === MASK && masks ? 1 : new TextEncoder().encode(letter).length;
    if (place + bytes > shares.length) break; // the model does not read further
    found.push([letter, shares.slice(place, place + bytes).reduce((a, b) => a + b, 0)]);
    place += bytes;
  }
  return found;
}

/** A text, marked the more the more it was attended to. */
export function textView(text, shares, masks) {
  const found = letters(text, shares, masks);
  const most = Math.max(...found.map(([, share]) => share), 1e-12);
  const marked = found.map(([letter, share]) => {
    const made = element("span", { class: "read" }, letter);
    made.style.setProperty("--read", `${Math.round((100 * share) / most)}%`);
    return made;
  });
  const rest = found.map(([letter]) => letter).join("").length < text.length;
  return element("div", {}, element("p", { class: "text attended" }, marked), element("p", { class: "quiet" }, `The stronger the colour, the more the encoder's cross-attention read there, on average over heads and latents.${rest ? " What follows is in another window." : ""}`));
}
