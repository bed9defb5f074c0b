// Optical flow: Middlebury's colours with their legend, and arrows on the first frame.

import { canvas, element, figure } from "./elements.js";

// The hues lead from one corner of the RGB cube to the next in so many steps (Baker et al. 2007).
const CORNERS = [[[255, 0, 0], 15], [[255, 255, 0], 6], [[0, 255, 0], 4], [[0, 255, 255], 11], [[0, 0, 255], 13], [[255, 0, 255], 6]];
const WHEEL = CORNERS.flatMap(([from, steps], place) => {
  const [to] = CORNERS[(place + 1) % CORNERS.length];
  return Array.from({ length: steps }, (_, i) => from.map((value, c) => value + Math.sign(to[c] - value) * Math.floor((255 * i) / steps)));
});
const UNKNOWN = 1e9;
const ARROWS = 12; // along the longer side
const SCALE = 6; // of the picture under the arrows, so that they are fine

const known = (u, v) => Number.isFinite(u) && Number.isFinite(v) && Math.abs(u) < UNKNOWN && Math.abs(v) < UNKNOWN;

/** Direction as hue, length as saturation up to `largest` pixels: [red, green, blue]. */
export function colour(u, v, largest) {
  if (!known(u, v)) return [0, 0, 0];
  const radius = Math.hypot(u, v) / Math.max(largest, 1e-12);
  const place = ((Math.atan2(-v, -u) / Math.PI + 1) / 2) * (WHEEL.length - 1);
  const below = Math.floor(place);
  const share = place - below;
  return [0, 1, 2].map((c) => {
    const hue = ((1 - share) * WHEEL[below][c] + share * WHEEL[(below + 1) % WHEEL.length][c]) / 255;
    return Math.floor(255 * (radius <= 1 ? 1 - radius * (1 - hue) : hue * 0.75));
  });
}

/** The longest known motion in pixels, at least a thousandth. */
export function largestLength(flow) {
  let most = 1e-3;
  for (const row of flow) for (const [u, v] of row) if (known(u, v)) most = Math.max(most, Math.hypot(u, v));
  return most;
}

function painted(width, height, words, at) {
  const [surface, context] = canvas(width, height, words);
  const pixels = context.createImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) pixels.data.set(at(x, y), 4 * (y * width + x));
  }
  context.putImageData(pixels, 0, 0);
  return [surface, context];
}

function legend(largest) {
  const side = 96;
  const half = side / 2;
  const [surface] = painted(side, side, "The colour of each direction", (x, y) => {
    const u = (x + 0.5 - half) / half;
    const v = (y + 0.5 - half) / half;
    return Math.hypot(u, v) > 1 ? [0, 0, 0, 0] : [...colour(u, v, 1), 255];
  });
  const words = `The colour tells where to, its strength how far: at the edge ${Number(largest.toPrecision(2))} pixels. White does not move.`;
  return element("div", { class: "legend" }, surface, element("p", { class: "quiet" }, words));
}

function arrows(flow, frame, largest) {
  const [height, width] = [flow.length, flow[0].length];
  const scale = Math.max(1, Math.min(SCALE, Math.round(600 / width)));
  const [surface, context] = canvas(width * scale, height * scale, "Arrows of the motion on the first frame");
  context.imageSmoothingEnabled = false;
  context.globalAlpha = 0.55;
  if (frame) context.drawImage(frame, 0, 0, surface.width, surface.height);
  context.globalAlpha = 1;
  const step = Math.max(1, Math.max(width, height) / ARROWS);
  const length = (0.9 * step * scale) / largest; // so that the longest arrow just does not reach the next one
  for (const [style, wide] of [["#000", 4], ["#ffd23f", 2]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.beginPath();
    for (let y = step / 2; y < height; y += step) {
      for (let x = step / 2; x < width; x += step) {
        const [u, v] = flow[Math.floor(y)][Math.floor(x)];
        if (known(u, v)) arrow(context, x * scale, y * scale, u * length, v * length);
      }
    }
    context.stroke();
  }
  return surface;
}

function arrow(context, x, y, u, v) {
  const [ex, ey] = [x + u, y + v];
  context.moveTo(x, y);
  context.lineTo(ex, ey);
  const size = Math.min(6, Math.hypot(u, v) / 2);
  const angle = Math.atan2(v, u);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(ex, ey);
    context.lineTo(ex + size * Math.cos(angle + turn), ey + size * Math.sin(angle + turn));
  }
}

/** Where something moves, in positive numbers: "1.20 to the left, 0.30 up". */
const direction = (u, v) =>
  `${Math.abs(u).toFixed(2)} to the ${u < 0 ? "left" : "right"}, ${Math.abs(v).toFixed(2)} ${v < 0 ? "up" : "down"}`;

/** Both views of a flow [H][W][2]; `frame` is a bitmap of the first frame. */
export function flowView(flow, frame) {
  const [height, width] = [flow.length, flow[0].length];
  const largest = largestLength(flow);
  const [surface] = painted(width, height, "The motion in colours", (x, y) => [...colour(...flow[y][x], largest), 255]);
  if (width < 100) surface.classList.add("tiny");
  const reading = element("p", { class: "quiet", "aria-hidden": "true" }, "Point at the colours to read the motion there.");
  surface.addEventListener("pointermove", (event) => {
    const box = surface.getBoundingClientRect();
    const x = Math.min(width - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * width)));
    const y = Math.min(height - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * height)));
    const [u, v] = flow[y][x];
    const words = known(u, v) ? direction(u, v) : "unknown";
    reading.textContent = `At x ${x}, y ${y}: ${words} (pixels).`;
  });
  let sums = [0, 0, 0];
  for (const row of flow) for (const [u, v] of row) if (known(u, v)) sums = [sums[0] + u, sums[1] + v, sums[2] + 1];
  const moves = largest > 0.005;
  const mean = sums[2] && !moves ? "Nothing moves." : sums[2] ? `On average ${direction(sums[0] / sums[2], sums[1] / sums[2])} (pixels); the longest motion is ${largest.toFixed(2)} pixels.` : "No motion is known.";
  return element(
    "div",
    {},
    element("p", {}, mean),
    element("div", { class: "figures" }, figure("Motion in colours", surface), figure("Arrows on the first frame, lengthened to be seen", arrows(flow, frame, largest))),
    reading,
    legend(largest),
  );
}
