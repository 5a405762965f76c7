// A model that `asl export` wrote: recipe and network in one graph.

import {shrink} from "./letters.js";
import {Graph, fetchFile} from "./models.js";
import {PARTS} from "./tracker.js";

/** A graph that `asl export` wrote for landmarks. */
export class LandmarkGraph {
  /** Load a graph of a folder, and the file that tells about it. */
  static async load(runtime, folder, about, file) {
    const graph = new LandmarkGraph();
    graph.about = await (await fetchFile(folder + about)).json();
    graph.graph = await Graph.load(runtime, folder + file);
    // Which of the tracker's landmarks it takes.
    graph.rows = [];
    let first = 0;
    for (const [part, count] of Object.entries(PARTS)) {
      if (part in (graph.about.parts ?? {})) for (let row = first; row < first + count; row++) graph.rows.push(row);
      first += count;
    }
    return graph;
  }

  /**
   * Resolve to the outputs for frames; `found` of them is 0 where they do not show what it needs.
   *
   * @param frames [{time_s, values}], `values` as `Tracker.track` returns them; of more than it takes, the last.
   * @param size {width, height} of the picture.
   * @param fps rate to which the frames are brought by their times.
   */
  async run(frames, {width, height}, {fps}) {
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
    return this.graph.run({landmarks, times, count: one(used.length), aspect: one(height / width), fps: one(fps)});
  }

  close() {
    this.graph.close();
  }
}

/** Classifies the landmarks of a sign, or the photograph of a letter. */
export class Classifier {
  /** Load the model in a folder. */
  static async load(runtime, folder) {
    const classifier = new Classifier();
    classifier.model = await LandmarkGraph.load(runtime, folder, "recogniser.json", "recogniser.tflite");
    classifier.about = classifier.model.about;
    classifier.glosses = classifier.about.glosses;
    return classifier;
  }

  /** Resolve to the probabilities of the glosses, or to null; frames, size and settings are as for `LandmarkGraph`. */
  async classify(frames, size, settings) {
    const {found, probabilities} = await this.model.run(frames, size, settings);
    return found[0] > 0 ? [...probabilities] : null;
  }

  /** Resolve to the probabilities of the letters in a square picture {width, height, data}. */
  async classifyPicture(picture) {
    const {graph} = this.model;
    const {shape} = graph.inputs[0];
    const {probabilities} = await graph.run({pixels: shrink(picture, shape[1])});
    return [...probabilities];
  }

  close() {
    this.model.close();
  }
}
