// From what a model takes and returns to its form and to the view of its answers.
//
// A kind has `form(about, failed)`: {element, fill(example, name), read(): [{instance, shown}]}, and
// `view(row, shown, about, ask)` for one row of the answer; both may be asynchronous but for `form`. Some have
// `attended(row, shown, about)` for one row of the signature `attention`.

import { picturesView, textView } from "./attention.js";
import { bars, named } from "./bars.js";
import { battleView, entitiesOf, instance as battleInstance } from "./battle.js";
import { instance as clipInstance, player, viewer, wav, PER_SECOND } from "./clips.js";
import { element } from "./elements.js";
import { Told } from "./errors.js";
import { eventsView } from "./events.js";
import { choiceField, clipField, jsonField, pictureField, soundField, textField } from "./fields.js";
import { base64, preview } from "./files.js";
import { flowView } from "./flow.js";
import { filledView, MASK, taggedView } from "./texts.js";

const SINGLE = ["cola", "sst2"]; // GLUE's tasks of one sentence
const ANSWERS = ["probabilities", "score", "flow", "filled", "entity", "pointer"]; // that have a view
const RATE = 16000; // of a sound for a model that does not say what it hears

const shares = (row, labels) => bars(row.probabilities.map((share, i) => [named(labels, i), share]));
const best = (row, labels) => named(labels, row.probabilities.indexOf(Math.max(...row.probabilities)));

function labelView(row, labels) {
  if (!row.probabilities) {
    const score = row.score;
    return element("p", { class: "verdict" }, `Score: ${Number.isFinite(score) ? score.toFixed(3) : "not a number"}`);
  }
  return element("div", {}, element("p", { class: "verdict" }, best(row, labels)), shares(row, labels));
}

const cutNote = (row) => (row.cut > 0 ? element("p", { class: "note" }, `The text is longer than the model reads: its last ${row.cut} bytes (or pieces) were not read.`) : null);

const pictures = {
  form(about, failed) {
    const field = pictureField("Drop pictures here", { multiple: true, failed });
    return {
      element: field.element,
      fill: (example, name) => field.fill(example.image_bytes, name),
      async read() {
        return (await field.read()).map((one) => ({ instance: { image_bytes: { b64: one.b64 } }, shown: one }));
      },
    };
  },
  view: (row, shown, about, ask, several) => element("div", {}, several && preview(shown.blob, shown.name), several && element("p", { class: "quiet" }, shown.name), labelView(row, about.labels)),
  attended: async (row, shown) => picturesView(row.attention, [await createImageBitmap(shown.blob)], ["The picture"], row.seen),
};

const flow = {
  form(about, failed) {
    const second = pictureField("Drop the second frame here", { failed });
    const first = pictureField("Drop the first frame here, or both", { failed, extra: (found) => second.put([found]) });
    return {
      element: element("div", {}, element("p", { class: "name" }, "First frame"), first.element, element("p", { class: "name" }, "Second frame"), second.element),
      async fill(example, name) {
        await first.fill(example.frame1_bytes, `${name}, first frame`);
        await second.fill(example.frame2_bytes, `${name}, second frame`);
      },
      async read() {
        const [[one], [two]] = [await first.read(), await second.read()];
        return [{ instance: { frame1_bytes: { b64: one.b64 }, frame2_bytes: { b64: two.b64 } }, shown: [one, two] }];
      },
    };
  },
  async view(row, [first]) {
    return flowView(row.flow, await createImageBitmap(first.blob).catch(() => null));
  },
  attended: async (row, shown) => picturesView(row.attention, await Promise.all(shown.map((one) => createImageBitmap(one.blob))), ["First frame", "Second frame"]),
};

const texts = {
  form(about) {
    const fills = "filled" in about.outputs;
    const pair = "text2" in about.inputs;
    const field = textField(pair ? "First text" : `Text${fills ? `, with ${MASK} where something is missing` : ""}`, { masks: fills });
    const second = pair && textField("Second text");
    return {
      element: element("div", {}, field.element, pair && second.element),
      fill(example) {
        field.fill(example.text);
        if (pair) second.fill(example.text2);
      },
      read() {
        const text = field.read();
        return [{ instance: pair ? { text, text2: second.read() } : { text }, shown: text }];
      },
    };
  },
  view(row, shown, about) {
    if ("filled" in row) return filledView(row);
    if ("entity" in row) return taggedView(shown, row, about.model.tags);
    return element("div", {}, labelView(row, about.labels), cutNote(row));
  },
  attended: (row, shown, about) => textView(shown, row.attention, "filled" in about.outputs),
};

const glue = {
  form(about) {
    const second = textField("Second sentence");
    const first = textField("Sentence");
    const changed = (name) => { second.element.hidden = SINGLE.includes(name); };
    const names = about.model.tasks || ["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"];
    const task = choiceField("Task of GLUE", names, changed);
    changed(names[0]);
    return {
      element: element("div", {}, task.element, first.element, second.element),
      fill(example) {
        task.fill(example.task);
        first.fill(example.sentence1);
        second.fill(example.sentence2);
      },
      read() {
        const name = task.read();
        const instance = { task: name, sentence1: first.read(), sentence2: SINGLE.includes(name) ? "" : second.read() };
        return [{ instance, shown: name }];
      },
    };
  },
  view(row) {
    if (row.label === "score") return element("div", {}, element("p", { class: "verdict" }, `Score: ${row.score.toFixed(3)}`), cutNote(row));
    const pairs = row.classes.map((name, i) => [name, row.probabilities[i]]).filter(([name]) => name);
    return element("div", {}, element("p", { class: "verdict" }, row.label), bars(pairs), cutNote(row));
  },
};

const sounds = {
  form(about, failed) {
    const field = soundField("Drop a sound here", { rate: about.model.sample_rate || RATE, failed });
    return {
      element: field.element,
      fill: (example, name) => field.fill(example.audio_bytes, name),
      async read() {
        const held = field.read();
        return [{ instance: { audio_bytes: { b64: await base64(held.wav) } }, shown: held }];
      },
    };
  },
  async view(row, shown, about, ask) {
    const events = await eventsView(shown.samples, shown.rate, about.model, about.labels, ask);
    return element("div", {}, element("p", { class: "verdict" }, best(row, about.labels)), element("p", { class: "quiet" }, "Each class is judged by itself: several may be heard."), shares(row, about.labels), events);
  },
};

/** How many samples per second a model of clips hears. */
const clipRate = (model) => model.sample_rate || (model.num_frames && Math.floor((model.audio_samples * PER_SECOND) / model.num_frames)) || RATE;

const clips = {
  form(about, failed) {
    const field = clipField("Drop a video here, or frames as pictures with a sound", { rate: clipRate(about.model), failed });
    return {
      element: field.element,
      fill: (example, name) => field.fill(example.frames_bytes, example.audio_bytes, name),
      async read() {
        const held = field.read();
        return [{ instance: await clipInstance(held), shown: held }];
      },
    };
  },
  view(row, shown, about) {
    const judged = row.probabilities && element("div", {}, element("p", { class: "verdict" }, best(row, about.labels)), shares(row, about.labels));
    if (!row.video) return judged;
    const [height, width] = [row.video[0].length, row.video[0][0].length];
    const made = row.video.map((frame) => {
      const pixels = new Uint8ClampedArray(frame.flat().flatMap((pixel) => [...pixel.map((value) => 255 * value), 255]));
      return new ImageData(pixels, width, height);
    });
    const original = { caption: "Original", width, height, draw: (context, i) => context.drawImage(shown.bitmaps[i], 0, 0, width, height) };
    const again = { caption: "Reconstruction", width, height, draw: (context, i) => context.putImageData(made[i], 0, 0) };
    const rate = clipRate(about.model);
    const heard = row.audio && [element("h3", {}, "Its sound, reconstructed"), player(wav(row.audio, rate), row.audio, "the reconstructed sound")];
    return element("div", {}, viewer(Math.min(made.length, shown.bitmaps.length), [original, again]), heard, element("h3", {}, "What it is"), judged);
  },
};

const battles = {
  form(about, failed) {
    const { features } = about.model;
    const field = jsonField(`Entities, one row of ${features ? `${features.length} numbers` : "numbers"} each`, failed);
    return {
      element: element("div", {}, field.element, features && features.length <= 20 && element("p", { class: "quiet" }, `The numbers: ${features.join(", ")}.`)),
      fill(example) {
        const rows = example.entities.filter((_, i) => example.mask[i]);
        field.fill(`[\n${rows.map((row) => `  [${row.map((number) => Math.round(number * 1000) / 1000).join(", ")}]`).join(",\n")}\n]`);
      },
      read() {
        const text = field.read();
        if (!text.trim()) throw new Told("There are no entities yet.", "Enter them, drop a JSON file, or take the example.");
        const rows = entitiesOf(text, features);
        return [{ instance: battleInstance(rows), shown: rows }];
      },
    };
  },
  view: (row, shown, about) => battleView(shown, row, about.model.features),
};

const plain = {
  form(about, failed) {
    const field = jsonField("One row for the model, as JSON", failed);
    const { inputs } = about;
    field.fill(JSON.stringify(Object.fromEntries(Object.entries(inputs).map(([name, end]) => [name, end.dtype === "string" ? "" : 0])), null, 2));
    const takes = Object.entries(inputs).map(([name, end]) => `${name}: ${end.dtype} [${end.shape ? end.shape.map((side) => side ?? "?").join(", ") : "any shape"}]`);
    return {
      element: element("div", {}, field.element, element("p", { class: "quiet" }, `It takes ${takes.join("; ")}; the first axis is the rows'.`)),
      fill: (example) => field.fill(JSON.stringify(example, null, 2)),
      read() {
        try {
          return [{ instance: JSON.parse(field.read()), shown: null }];
        } catch (error) {
          throw new Told("This is not JSON.", "", String(error.message));
        }
      },
    };
  },
  view: (row) => element("pre", { tabindex: 0 }, JSON.stringify(row, null, 1).slice(0, 20000)),
};

/** The kind of a model, told by the names of what it takes and returns. */
export function kindOf(about) {
  const inputs = Object.keys(about.inputs).sort().join();
  const known = {
    image_bytes: pictures,
    "frame1_bytes,frame2_bytes": flow,
    text: texts,
    "text,text2": texts,
    "sentence1,sentence2,task": glue,
    audio_bytes: sounds,
    "audio_bytes,frames_bytes": clips,
    "entities,mask": battles,
  };
  return known[inputs] && ANSWERS.some((name) => name in about.outputs) ? known[inputs] : plain;
}
