// A model that `asl export` wrote: recipe and network in one graph.

import {shrink} from "./letters.js";
import {Graph} from "./models.js";
import {PARTS} from "./tracker.js";

/** Classifies the landmarks of a sign, or the photograph of a letter. */
export class Classifier {
  /** Load the model in a folder. */
  static async load(runtime, folder) {
    const classifier = new Classifier();
    classifier.about = await (await fetch(`${folder}recogniser.json`)).json();
    classifier.graph = await Graph.load(runtime, `${folder}recogniser.tflite`);
    // Which of the tracker's landmarks the model takes.
    classifier.rows = [];
    let first = 0;
    for (const [part, count] of Object.entries(PARTS)) {
      if (part in (classifier.about.parts ?? {})) for (let row = first; row < first + count; row++) classifier.rows.push(row);
      first += count;
    }
    return classifier;
  }

  /**
   * Resolve to the probabilities of the glosses, or to null where the frames do not show what the model needs.
   *
   * @param frames [{time_s, values}], `values` as `Tracker.track` returns them; of more than the model takes, the last.
   * @param size {width, height} of the picture.
   * @param fps rate to which the frames are brought by their times.
   */
  async classify(frames, {width, height}, {fps}) {
    const {max_frames: most, missing} = this.about;
    const used = frames.slice(-most);
    const landmarks = new Float32Array(most * this.rows.length * 4).fill(missing);
    used.forEach(({values}, frame) => {
      this.rows.forEach((row, index) => {
        if (!Number.isNaN(values[4 * row])) {
          landmarks.set(values.subarray(4 * row, 4 * row + 4), 4 * (frame * this.rows.length + index));
        }
      });
    });
    const times = Float32Array.from({length: most}, (_, index) => (used[index] ?? used.at(-1)).time_s - used[0].time_s);
    const one = (value) => Float32Array.of(value);
    const outputs = await this.graph.run({landmarks, times, count: one(used.length), aspect: one(height / width), fps: one(fps)});
    return outputs.found[0] > 0 ? [...outputs.probabilities] : null;
  }

  /** Resolve to the probabilities of the letters in a square picture {width, height, data}. */
  async classifyPicture(picture) {
    const {shape} = this.graph.inputs[0];
    const {probabilities} = await this.graph.run({pixels: shrink(picture, shape[1])});
    return [...probabilities];
  }

  close() {
    this.graph.close();
  }
}
