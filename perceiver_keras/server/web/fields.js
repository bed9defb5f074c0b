// What people enter: each field has its element, `read()` for what was entered, and `fill(values)` for an example.

import { element, figure, size } from "./elements.js";
import { Told } from "./errors.js";
import { clip, player, viewer, bitmaps, wav } from "./clips.js";
import { base64, blob, dropZone, picture, pictureType, preview } from "./files.js";
import { sound } from "./sounds.js";
import { MASK, wellFormed } from "./texts.js";

let numbers = 0;

/** A label and what it belongs to. */
function labelled(words, field) {
  numbers += 1;
  field.id = `field-${numbers}`;
  return element("div", {}, element("label", { class: "name", for: field.id }, words), field);
}

/** Several lines of text. */
export function textField(words, { masks = false, optional = false } = {}) {
  const area = element("textarea", { spellcheck: "false", autocapitalize: "off" });
  const hide = element("button", { type: "button", onclick: () => mask(area) }, "Hide what is selected");
  const shown = element("div", {}, labelled(words, area), masks && element("div", { class: "buttons" }, hide));
  return {
    element: shown,
    area,
    read() {
      const text = wellFormed(area.value);
      if (!optional && !text.trim()) throw new Told("There is no text yet.", `Write something under “${words}”, or take the example.`);
      return text;
    },
    fill: (text) => { area.value = text; },
  };
}

/** Puts a mask for each byte of the selection, or one where the cursor is. */
function mask(area) {
  const { selectionStart: from, selectionEnd: to } = area;
  const bytes = new TextEncoder().encode(area.value.slice(from, to)).length;
  area.setRangeText(MASK.repeat(Math.max(1, bytes)), from, to, "end");
  area.focus();
}

/** A choice of names. */
export function choiceField(words, names, changed) {
  const list = element("select", { onchange: () => changed && changed(list.value) }, names.map((name) => element("option", { value: name }, name)));
  return {
    element: labelled(words, list),
    read: () => list.value,
    fill: (name) => {
      list.value = name;
      if (changed) changed(name);
    },
  };
}

/** Pictures: one, or several that are asked together. `failed` gets what goes wrong when files arrive. */
export function pictureField(words, { multiple = false, failed, extra }) {
  let held = [];
  const shown = element("div", { class: "previews" });
  const show = () => shown.replaceChildren(...held.map(({ blob: content, name, note }) => figure(`${name}, ${size(content.size)}${note ? `, ${note}` : ""}`, preview(content, name))));
  const take = async (files) => {
    try {
      const found = await Promise.all(files.map(picture));
      failed(null);
      held = multiple ? found : found.slice(0, 1);
      if (!multiple && found.length > 1 && extra) extra(found[1]);
      show();
    } catch (error) {
      failed(error);
    }
  };
  const zone = dropZone(words, "image/*", multiple || Boolean(extra), take);
  return {
    element: element("div", {}, zone, shown),
    put(found) {
      held = found;
      show();
    },
    async fill(value, name) {
      const content = blob(value);
      held = [{ blob: new Blob([content], { type: await pictureType(content) }), name, note: "" }];
      show();
    },
    async read() {
      if (!held.length) throw new Told("There is no picture yet.", `${words}, or take the example.`);
      return Promise.all(held.map(async (one) => ({ ...one, b64: await base64(one.blob) })));
    },
  };
}

/** A sound, as {samples, rate, wav}. */
export function soundField(words, { rate, failed }) {
  let held = null;
  const shown = element("div", {});
  const hold = (found, name) => {
    held = { ...found, wav: wav(found.samples, found.rate), name };
    shown.replaceChildren(element("p", { class: "quiet" }, `${name}, ${(found.samples.length / found.rate).toFixed(2)} s`), player(held.wav, found.samples, name));
  };
  const zone = dropZone(words, "audio/*,video/*", false, async ([file]) => {
    try {
      hold(await sound(file, rate), file.name);
      failed(null);
    } catch (error) {
      failed(error);
    }
  });
  return {
    element: element("div", {}, zone, shown),
    fill: async (value, name) => hold(await sound(blob(value, "audio/wav"), rate), name),
    read() {
      if (!held) throw new Told("There is no sound yet.", `${words}, or take the example.`);
      return held;
    },
  };
}

/** A clip, as {frames, samples, rate, bitmaps}. */
export function clipField(words, { rate, failed }) {
  let held = null;
  const shown = element("div", {});
  const status = element("p", { class: "quiet", role: "status" });
  const hold = async (found, name) => {
    const pictures = await bitmaps(found.frames);
    held = { ...found, name, bitmaps: pictures };
    const { width, height } = pictures[0];
    const view = { caption: `${name}, ${found.frames.length} frames${found.note ? `; ${found.note}` : ""}`, width, height, draw: (context, i) => context.drawImage(pictures[i], 0, 0, width, height) };
    shown.replaceChildren(viewer(pictures.length, [view]), player(wav(found.samples, found.rate), found.samples, "the sound"));
  };
  const zone = dropZone(words, "video/*,image/*,audio/*", true, async (files) => {
    status.textContent = "Reading the frames …";
    try {
      await hold(await clip(files, rate), files[0].name);
      failed(null);
    } catch (error) {
      failed(error);
    }
    status.textContent = "";
  });
  return {
    element: element("div", {}, zone, status, shown),
    async fill(frames, value, name) {
      const heard = await sound(blob(value, "audio/wav"), rate);
      await hold({ frames: frames.map((frame) => blob(frame)), ...heard, note: "" }, name);
    },
    read() {
      if (!held) throw new Told("There is no clip yet.", `${words}, or take the example.`);
      return held;
    },
  };
}

/** JSON, from the keyboard or a file. */
export function jsonField(words, failed) {
  const area = element("textarea", { class: "code", rows: 10, spellcheck: "false" });
  const zone = dropZone("Drop a JSON file here", ".json,application/json,text/plain", false, async ([file]) => {
    if (file.size > 1e7) {
      failed(new Told(`${file.name} is too large to be edited here.`, "Ask with curl or Python instead.", size(file.size)));
      return;
    }
    area.value = await file.text();
    failed(null);
  });
  return {
    element: element("div", {}, labelled(words, area), zone),
    area,
    read: () => area.value,
    fill: (value) => { area.value = value; },
  };
}
