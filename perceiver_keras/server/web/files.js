// Files that people drop or choose: what they are by their content, and their bytes as base64.

import { element, size } from "./elements.js";
import { Told } from "./errors.js";

/** A blob's bytes as base64. */
export function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Told(`${blob.name || "The file"} can't be read.`, "It may have been moved or changed; choose it again."));
    reader.readAsDataURL(blob);
  });
}

/** The bytes of {b64}, or of a text, as a blob. */
export function blob(value, type) {
  const text = atob(value.b64);
  return new Blob([Uint8Array.from(text, (letter) => letter.charCodeAt(0))], { type });
}

const KINDS = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  ["image/bmp", [0x42, 0x4d]],
];

/** The type of a picture that every model decodes, told by its first bytes; null for other content. */
export async function pictureType(file) {
  const first = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  const found = KINDS.find(([, bytes]) => bytes.every((byte, place) => first[place] === byte));
  return found ? found[0] : null;
}

/** A picture as the server decodes it. What only the browser knows, such as WebP, becomes a PNG. Raises Told. */
export async function picture(file) {
  if (!file.size) throw new Told(`${file.name} is empty.`, "Choose another picture.");
  const type = await pictureType(file);
  if (type) return { blob: new Blob([file], { type }), name: file.name, note: "" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Told(`${file.name} is not a picture.`, "This model takes PNG, JPEG, BMP and GIF, and what this browser can show.", await start(file));
  }
  const surface = element("canvas", { width: bitmap.width, height: bitmap.height });
  surface.getContext("2d").drawImage(bitmap, 0, 0);
  const made = await new Promise((resolve) => surface.toBlob(resolve, "image/png"));
  return { blob: made, name: file.name, note: "converted to PNG here" };
}

/** How a file begins, for messages. */
async function start(file) {
  const text = await file.slice(0, 60).text();
  return `It has ${size(file.size)} and begins with: ${text.replace(/[^\x20-\x7e]/g, ".")}`;
}

/** A place to drop files on, or to choose them with the keyboard; `take` gets the list. */
export function dropZone(words, accept, multiple, take) {
  const input = element("input", {
    type: "file",
    accept,
    multiple,
    "aria-label": words,
    onchange: () => {
      if (input.files.length) take([...input.files]);
      input.value = ""; // so that the same file can be chosen again
    },
  });
  const zone = element("label", { class: "drop" }, input, element("span", {}, `${words}, or `, element("strong", {}, multiple ? "choose files" : "choose a file")));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const files = [...event.dataTransfer.files];
    if (files.length) take(multiple ? files : files.slice(0, 1));
  });
  return zone;
}

/** An <img> of a blob; small pictures are shown large, pixel by pixel. */
export function preview(content, words) {
  const address = URL.createObjectURL(content);
  const shown = element("img", { class: "picture", src: address, alt: words });
  const done = () => URL.revokeObjectURL(address);
  shown.addEventListener("load", () => {
    if (shown.naturalWidth < 100) shown.classList.add("tiny");
    done();
  });
  shown.addEventListener("error", done);
  return shown;
}
