// Sounds: whatever the browser decodes becomes a WAV of 16 bits with one channel, which every model hears.

import { canvas, element } from "./elements.js";
import { Told } from "./errors.js";

const HEADER = 44;

/** Samples in [-1, 1] as the bytes of a WAV. */
export function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(HEADER + 2 * samples.length));
  const text = (place, word) => [...word].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    view.setInt16(HEADER + 2 * i, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
  });
  return new Blob([view.buffer], { type: "audio/wav" });
}

/** The first sound in a file as {samples, rate}; null if there is none that the browser can decode. */
export async function decoded(file, rate) {
  const bytes = await file.arrayBuffer();
  const context = new OfflineAudioContext(1, 1, rate);
  let buffer;
  try {
    buffer = await context.decodeAudioData(bytes);
  } catch {
    return null;
  }
  const samples = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    buffer.getChannelData(channel).forEach((sample, i) => {
      samples[i] += sample / buffer.numberOfChannels;
    });
  }
  return { samples, rate: buffer.sampleRate };
}

/** As `decoded`; raises Told if there is no sound. */
export async function sound(file, rate) {
  const found = await decoded(file, rate);
  if (found && found.samples.length) return found;
  throw new Told(`${file.name || "The file"} has no sound that this browser can decode.`, "WAV, MP3, OGG and FLAC are understood by most.");
}

/** A player for a sound, and its wave. */
export function player(content, samples, words) {
  const heard = element("audio", { controls: true, src: URL.createObjectURL(content), "aria-label": words });
  const [surface, context] = canvas(600, 60, `The wave of ${words}`);
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--bar");
  context.fillStyle = ink;
  const each = Math.max(1, samples.length / surface.width);
  for (let x = 0; x < surface.width; x += 1) {
    let most = 0;
    for (let i = Math.floor(x * each); i < Math.min((x + 1) * each, samples.length); i += 1) most = Math.max(most, Math.abs(samples[i]));
    context.fillRect(x, 30 - 29 * Math.min(most, 1), 1, Math.max(1, 58 * Math.min(most, 1)));
  }
  return element("div", { class: "sound" }, surface, heard);
}
