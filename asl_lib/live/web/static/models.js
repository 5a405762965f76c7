// The tracker's models on LiteRT.js, and how the boxes of a detector become one object.
// The counterpart of asl_lib/landmarks/detectors.py.

import {squareAround} from "./regions.js";
import {Trial, openCard} from "./trial.js";

// Least overlap, in intersection over union, of boxes that show the same object.
const OVERLAP = 0.3;

/**
 * Load LiteRT.js once, and return it with the number of threads that its models use, and the graphics card on which they
 * are tried; `gpu` tells which, see `openCard`.
 *
 * Threads need memory that they share, which a browser gives only to pages that are isolated from all others; the
 * runtime counts them for all models together. In a worker the runtime must be told where its own script lies.
 */
export async function loadRuntime(folder, {threads = 1, gpu = "none"} = {}) {
  const shared = globalThis.crossOriginIsolated ? threads : 1;
  const litert = await import(`${folder}index.js`);
  self.Module = {
    locateFile: (file) => folder + file,
    mainScriptUrlOrBlob: `${folder}litert_wasm_threaded_internal.js`,
    printErr: console.debug, // how it starts is no error
  };
  await litert.loadLiteRt(folder, {threads: shared > 1});
  return {litert, threads: shared, card: openCard(litert.getWebGpuDevice(), gpu)};
}

/** Resolve to the answer that has a file of the page; fails with a message for the user. */
export async function fetchFile(address) {
  const answer = await fetch(address).catch(() => ({status: "no answer"}));
  if (answer.ok) return answer;
  throw new Error(`${address} cannot be loaded (${answer.status}). Check the network, and load the page again.`);
}

/** A `.tflite` file: arrays in, arrays out. */
export class Graph {
  /** Load a file; `accelerator` is "wasm" or "webgpu". */
  static async load(runtime, address, {accelerator = "wasm"} = {}) {
    const bytes = new Uint8Array(await (await fetchFile(address)).arrayBuffer());
    const graph = new this();
    graph.tensor = runtime.litert.Tensor;
    graph.compiled = await runtime.litert.loadAndCompile(bytes, {
      accelerator,
      cpuOptions: {numThreads: runtime.threads},
      gpuOptions: {precision: "fp32"},
    });
    graph.inputs = graph.compiled.getInputDetails().map(({name, shape}) => ({name, shape: [...shape]}));
    graph.outputs = graph.compiled.getOutputDetails().map(({name, shape}) => ({name, shape: [...shape]}));
    return graph;
  }

  /** Return the outputs for inputs: typed arrays in the order of the file, or by their names. */
  async run(inputs) {
    const named = !Array.isArray(inputs);
    // LiteRT.js frees nothing by itself: every tensor that is made here is deleted here.
    const tensors = this.inputs.map(({name, shape}, index) => new this.tensor(inputs[named ? name : index], shape));
    let results = [];
    try {
      results = await this.compiled.run(tensors);
      const outputs = await Promise.all(results.map((tensor) => tensor.data()));
      return named ? Object.fromEntries(outputs.map((output, index) => [this.outputs[index].name, output])) : outputs;
    } finally {
      for (const tensor of [...tensors, ...results]) tensor.delete();
    }
  }

  close() {
    this.compiled.delete();
  }
}

/** A model of one square picture. */
export class Model {
  /** Load a model; `low` is what the darkest pixel becomes, and the brightest becomes 1. */
  static async load(runtime, address, {low = 0} = {}) {
    const model = new Model();
    model.graph = await Graph.load(runtime, address);
    if (runtime.card) {
      const name = address.match(/([^/]*)\.tflite$/)[1];
      const load = () => Graph.load(runtime, address, {accelerator: "webgpu"});
      model.graph = await Trial.begin(name, model.graph, load, runtime.card);
    }
    model.size = model.graph.inputs[0].shape[1];
    model.input = new Float32Array(3 * model.size ** 2);
    const scale = Math.fround((1 - low) / 255);
    model.levels = Float32Array.from({length: 256}, (_, level) => Math.fround(level * scale) + low);
    return model;
  }

  /** Return the outputs for the part of a picture in a region. */
  async run(picture, region, {replicate = true} = {}) {
    region.crop(picture, this.size, this.input, this.levels, {replicate});
    return this.graph.run([this.input]);
  }

  close() {
    this.graph.close();
  }
}

/** A detector that answers, for each anchor of its grids, with a box, key points and a score. */
export class Detector {
  /** Make a detector of a model; `grids` are [cells to a side, anchors in a cell]. */
  constructor(model, grids) {
    this.model = model;
    this.anchors = grids.flatMap(([cells, count]) =>
      Array.from({length: cells * cells * count}, (_, index) => {
        const cell = Math.floor(index / count);
        return [((cell % cells) + 0.5) / cells, (Math.floor(cell / cells) + 0.5) / cells];
      }),
    );
  }

  /**
   * Return the object with the highest score in a picture, or null: two opposite corners of its box and its key points,
   * in px. The boxes that overlap with the best one are averaged, weighted by their scores.
   */
  async detect(picture, {confidence = 0.5} = {}) {
    const region = squareAround(picture);
    const [values, logits] = await this.model.run(picture, region, {replicate: false});
    const width = values.length / logits.length;
    const boxes = [];
    logits.forEach((logit, index) => {
      const score = sigmoid(logit);
      if (score >= confidence) boxes.push({score, points: this.points(values, index, width)});
    });
    if (!boxes.length) return null;
    const best = boxes.reduce((one, other) => (other.score > one.score ? other : one));
    const same = boxes.filter(({points}) => overlap(points, best.points) > OVERLAP);
    const total = same.reduce((sum, {score}) => sum + score, 0);
    const mean = best.points.map((_, number) =>
      [0, 1].map((axis) => same.reduce((sum, {score, points}) => sum + score * points[number][axis], 0) / total),
    );
    return region.toPicture(mean);
  }

  /** Return the corners of a box and its key points, in widths of the model's input. */
  points(values, index, width) {
    const pairs = [];
    for (let at = index * width; at < (index + 1) * width; at += 2) {
      pairs.push([values[at] / this.model.size, values[at + 1] / this.model.size]);
    }
    const [centre, size, ...keys] = pairs;
    const anchor = this.anchors[index];
    const place = (pair, share) => [0, 1].map((axis) => pair[axis] + anchor[axis] + share * size[axis]);
    return [place(centre, -0.5), place(centre, 0.5), ...keys.map((key) => place(key, 0))];
  }
}

/** Return the intersection over union of two boxes, given by their low and high corners. */
function overlap([low, high], [otherLow, otherHigh]) {
  const side = (axis) => Math.max(0, Math.min(high[axis], otherHigh[axis]) - Math.max(low[axis], otherLow[axis]));
  const area = ([one, other]) => (other[0] - one[0]) * (other[1] - one[1]);
  const common = side(0) * side(1);
  return common / Math.max(area([low, high]) + area([otherLow, otherHigh]) - common, 1e-12);
}

/** Return 1 / (1 + exp(-value)), without overflow. */
export function sigmoid(value) {
  return 1 / (1 + Math.exp(-Math.min(Math.max(value, -80), 80)));
}
