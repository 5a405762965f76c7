// Signs learned from examples, and what is none of them: the counterpart of asl_lib/live/vocabulary.py, which explains
// each step. Constants come from there, in the exported `vocabulary.json`.

import {LandmarkGraph} from "./classifier.js";
import {fetchFile} from "./models.js";
import {readNpz, writeNpz} from "./npz.js";

// What looks like nothing: soft hyphens, zero-width spaces, marks of direction.
const INVISIBLE = /[\u00ad\u034f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]/g;
const CONTROL = /(?!\s)\p{Cc}/gu;

/** Return a gloss in the one form of all that look the same. */
export function cleanName(text) {
  return text.replace(INVISIBLE, "").replace(CONTROL, "").split(/\s+/u).filter(Boolean).join(" ").normalize("NFC");
}

/** Signs, each known by one or more clips {gloss, signer, vector} with vectors of length 1. */
export class Vocabulary {
  /** Make one of clips; `space` is {embedding, size, background, named_background, refused_own}. */
  constructor(space, clips = []) {
    Object.assign(this, {space, clips});
    this.glosses = [...new Set(clips.map(({gloss}) => gloss))].sort();
    this.thresholds = this.measured();
  }

  /** Resolve to the vocabulary in the bytes of a file that `asl teach`, or this page, wrote; `name` is for messages. */
  static async read(space, bytes, name) {
    let arrays;
    try {
      arrays = await readNpz(bytes);
    } catch (error) {
      throw new Error(`${name} is not a file of taught signs (${error.message}). Choose one that this page or asl teach wrote.`);
    }
    const {vectors, glosses, signers, embedding} = arrays;
    if (embedding && embedding.data[0] !== space.embedding) {
      throw new Error(`${name} was made with another sign embedding: its numbers mean nothing to this one. Teach the signs again.`);
    }
    const count = vectors?.shape[0];
    const fits = embedding && vectors.shape[1] === space.size && glosses?.data.length === count && signers?.data.length === count;
    const clips = Array.from({length: fits ? count : 0}, (_, row) => ({
      gloss: cleanName(glosses.data[row]),
      signer: cleanName(signers.data[row]),
      vector: vectors.data.slice(row * space.size, (row + 1) * space.size),
    }));
    if (!fits || clips.some(({gloss, vector}) => !gloss || !(Math.abs(dot(vector, vector) - 1) < 2e-3))) {
      throw new Error(`${name} is not a file of taught signs: its arrays do not fit. Choose one that this page or asl teach wrote.`);
    }
    return new Vocabulary(space, clips);
  }

  /** Resolve to the bytes of a file that `asl teach` reads, too. */
  async bytes() {
    const {clips, space} = this;
    const vectors = new Float32Array(clips.length * space.size);
    clips.forEach(({vector}, row) => vectors.set(vector, row * space.size));
    return writeNpz({
      vectors: {shape: [clips.length, space.size], data: vectors},
      glosses: {shape: [clips.length], data: clips.map(({gloss}) => gloss)},
      signers: {shape: [clips.length], data: clips.map(({signer}) => signer)},
      embedding: {shape: [], data: [space.embedding]},
    });
  }

  /** Return a vocabulary with more clips; those that are there already come once. */
  with(clips) {
    const isHere = ({gloss, vector}) =>
      this.clips.some((clip) => clip.gloss === gloss && clip.vector.every((number, index) => number === vector[index]));
    return new Vocabulary(this.space, [...this.clips, ...clips.filter((clip) => !isHere(clip))]);
  }

  /** Return a vocabulary without a sign. */
  without(gloss) {
    return new Vocabulary(this.space, this.clips.filter((clip) => clip.gloss !== gloss));
  }

  /** Return a Map from each gloss to the similarity of a vector and the sign's nearest clip. */
  similarities(vector) {
    const nearest = new Map(this.glosses.map((gloss) => [gloss, -1]));
    for (const clip of this.clips) nearest.set(clip.gloss, Math.max(nearest.get(clip.gloss), dot(clip.vector, vector)));
    return nearest;
  }

  /** Return a Map from each gloss to the least similarity of a clip that is accepted as this sign. */
  measured() {
    const {background, size, named_background: named, refused_own: refused} = this.space;
    if (!this.clips.length) return new Map();
    const strangers = Array.from({length: background.length / size}, (_, row) => {
      const vector = background.subarray(row * size, (row + 1) * size);
      return Math.max(...this.clips.map((clip) => dot(clip.vector, vector)));
    });
    const similar = [];
    const several = this.glosses.filter((gloss) => {
      const clips = this.clips.filter((clip) => clip.gloss === gloss);
      if (new Set(clips.map(({signer}) => signer)).size < 2) return false;
      for (const {signer, vector} of clips) {
        const others = clips.filter((clip) => clip.signer !== signer);
        similar.push(Math.max(...others.map((clip) => dot(clip.vector, vector))));
      }
      return true;
    });
    const threshold = quantile(strangers, 1 - named);
    const thresholds = new Map(this.glosses.map((gloss) => [gloss, threshold]));
    if (several.length) {
      const own = quantile(similar, refused);
      for (const gloss of several) thresholds.set(gloss, own);
    }
    return thresholds;
  }
}

/** Names signs of vocabularies and refuses every other movement; takes the place of a `Classifier`. */
export class OpenClassifier {
  /** Load what lies beside the model in a folder; `own` is the model, or null where there is none. */
  static async load(runtime, folder, own) {
    const open = new OpenClassifier();
    open.embedding = await LandmarkGraph.load(runtime, folder, "vocabulary.json", "embedding.tflite");
    const bytes = new Uint8Array(await (await fetchFile(`${folder}vocabulary.npz`)).arrayBuffer());
    const {background} = await readNpz(bytes);
    open.space = {...open.embedding.about, background: background.data};
    open.own = own;
    open.about = own?.about ?? open.space;
    open.refuses = open.space.refuses;
    open.known = await Vocabulary.read(open.space, bytes, "vocabulary.npz");
    open.learn(new Vocabulary(open.space));
    return open;
  }

  /** Know a vocabulary besides the model's signs. */
  learn(taught) {
    this.taught = taught;
    this.signs = this.known.with(taught.clips);
    const {glosses} = this.about;
    this.glosses = [...glosses, ...taught.glosses.filter((gloss) => !glosses.includes(gloss))];
  }

  /** Resolve to the vector of frames, as for `Classifier.classify`, or to null where they do not show what it needs. */
  async embed(frames, size, settings) {
    const {found, vector} = await this.embedding.run(frames, size, settings);
    return found[0] > 0 ? vector : null;
  }

  /** Resolve to the probabilities of `glosses`, all 0 for a movement that is refused, as `Classifier.classify` does. */
  async classify(frames, size, settings) {
    const above = new Map();
    if (this.signs.clips.length) {
      const vector = await this.embed(frames, size, settings);
      if (!vector) return null;
      for (const [gloss, similarity] of this.signs.similarities(vector)) {
        above.set(gloss, similarity - this.signs.thresholds.get(gloss));
      }
    }
    const nearness = this.glosses.map((gloss) => above.get(gloss) ?? -1);
    const nearest = nearness.indexOf(Math.max(...nearness));
    if (nearness[nearest] >= 0 && this.taught.glosses.includes(this.glosses[nearest])) {
      const weights = nearness.map((value) => Math.exp(value / this.space.temperature));
      const total = weights.reduce((sum, weight) => sum + weight, 1);
      return weights.map((weight) => weight / total);
    }
    if (!this.own) return nearness.map(() => 0);
    const own = await this.own.classify(frames, size, settings);
    if (!own) return null;
    const expected = own.reduce((sum, probability, index) => sum + probability * nearness[index], 0);
    const accepted = !this.refuses || expected >= 0;
    return this.glosses.map((_, index) => (accepted ? (own[index] ?? 0) : 0));
  }

  close() {
    this.own?.close();
    this.embedding.close();
  }
}

function dot(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += one[index] * other[index];
  return sum;
}

/** Return the quantile of numbers, between two of them as NumPy has it. */
function quantile(numbers, share) {
  const rising = Float64Array.from(numbers).sort();
  const place = share * (rising.length - 1);
  const before = Math.floor(place);
  const after = Math.min(before + 1, rising.length - 1);
  return rising[before] + (place - before) * (rising[after] - rising[before]);
}
