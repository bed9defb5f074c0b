// Clips: a video's pictures and sound, as many pictures per second as the models take.

import { canvas, element, figure } from "./elements.js";
import { Told } from "./errors.js";
import { base64, picture } from "./files.js";
import { decoded, player, sound, wav } from "./sounds.js";

export const PER_SECOND = 25;
export const MOST_FRAMES = 250;
const MOST_SIDE = 512; // pixels; models see less

/** Waits for an event of a video; raises Told if it fails. */
function happens(video, name, file) {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Told(`${file.name} can't be played by this browser.`, "Try an MP4 or a WebM, or drop the frames as pictures together with a WAV.")), { once: true });
  });
}

/** {frames: PNG blobs, samples, rate, note} of a video. Raises Told. */
async function ofVideo(file, rate) {
  const address = URL.createObjectURL(file);
  try {
    const video = element("video", { muted: true, preload: "auto" });
    const ready = happens(video, "loadeddata", file);
    video.src = address;
    await ready;
    const count = Math.min(Math.max(1, Math.round(video.duration * PER_SECOND)), MOST_FRAMES);
    if (!video.videoWidth) throw new Told(`${file.name} has no pictures.`, "This model takes a video.");
    const scale = Math.min(1, MOST_SIDE / Math.max(video.videoWidth, video.videoHeight));
    const surface = element("canvas", { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) });
    const frames = [];
    for (let number = 0; number < count; number += 1) {
      const there = happens(video, "seeked", file);
      video.currentTime = Math.min((number + 0.5) / PER_SECOND, video.duration);
      await there;
      surface.getContext("2d").drawImage(video, 0, 0, surface.width, surface.height);
      frames.push(await new Promise((resolve) => surface.toBlob(resolve, "image/png")));
    }
    const heard = await decoded(file, rate);
    const silent = { samples: new Float32Array(Math.ceil((count * rate) / PER_SECOND)), rate };
    const notes = [heard ? "" : "it has no sound: silence is sent", video.duration * PER_SECOND > MOST_FRAMES + 1 ? `only its first ${MOST_FRAMES / PER_SECOND} seconds are sent` : ""];
    return { frames, ...(heard || silent), note: notes.filter(Boolean).join("; ") };
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** A clip from a video, or from pictures in the order of their names with at most one sound. Raises Told. */
export async function clip(files, rate) {
  const rest = [];
  const frames = [];
  const ordered = [...files].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  for (const file of ordered) {
    if (file.type.startsWith("image/")) frames.push((await picture(file)).blob);
    else rest.push(file);
  }
  if (!frames.length) return ofVideo(rest[0], rate);
  if (frames.length > MOST_FRAMES) throw new Told(`${frames.length} pictures are too many.`, `Drop at most ${MOST_FRAMES}.`);
  if (!rest.length) return { frames, samples: new Float32Array(Math.ceil((frames.length * rate) / PER_SECOND)), rate, note: "no sound was dropped: silence is sent" };
  return { frames, ...(await sound(rest[0], rate)), note: "" };
}

/** A clip as the model's inputs. */
export async function instance(found) {
  return {
    frames_bytes: await Promise.all(found.frames.map(async (frame) => ({ b64: await base64(frame) }))),
    audio_bytes: { b64: await base64(wav(found.samples, found.rate)) },
  };
}

/** Something with frames to look at: a slider, Play, and `draw(context, number, side)` for each view. */
export function viewer(count, views) {
  const surfaces = views.map(({ caption, width, height }) => canvas(width, height, caption));
  let number = 0;
  let running = 0;
  const show = () => views.forEach((view, i) => view.draw(surfaces[i][1], number));
  const slider = element("input", {
    type: "range", min: 0, max: count - 1, value: 0, "aria-label": "Frame",
    oninput: () => {
      number = Number(slider.value);
      show();
    },
  });
  const play = element("button", { type: "button", "aria-pressed": "false" }, "Play");
  const stop = () => {
    clearInterval(running);
    running = 0;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  play.addEventListener("click", () => {
    if (running) {
      stop();
      return;
    }
    play.textContent = "Stop";
    play.setAttribute("aria-pressed", "true");
    running = setInterval(() => {
      if (!play.isConnected) stop();
      number = (number + 1) % count;
      slider.value = number;
      show();
    }, 1000 / PER_SECOND);
  });
  show();
  surfaces.forEach(([surface]) => surface.width < 100 && surface.classList.add("tiny"));
  const figures = views.map(({ caption }, i) => figure(caption, surfaces[i][0]));
  return element("div", {}, element("div", { class: "figures" }, figures), count > 1 && slider, count > 1 && element("div", { class: "buttons" }, play));
}

/** Bitmaps of a clip's frames, with their common size. */
export async function bitmaps(frames) {
  try {
    return await Promise.all(frames.map((frame) => createImageBitmap(frame)));
  } catch {
    throw new Told("A frame of this clip can't be shown by this browser.");
  }
}

export { player, wav };
