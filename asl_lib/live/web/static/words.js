// From probabilities to a transcript: the counterpart of asl_lib/live/words.py, which explains each step.

// Classes of the ASL Alphabet that are not letters.
const [SPACE, DELETE, NOTHING] = [["space"], ["del", "delete"], ["nothing"]];

/** Averages probabilities over time and shows one class, or none, that changes seldom. */
export class Smoother {
  constructor(classes) {
    this.mean = new Array(classes).fill(1 / classes);
    this.reset();
  }

  /** Forget all probabilities: another sign starts. */
  reset() {
    this.mean = this.mean.map((_, __, {length}) => 1 / length);
    this.shown = this.time_s = null;
    this.since_s = 0;
  }

  /** Add the probabilities of a time and return the class to show, or null for unknown. */
  update(probabilities, time_s, {memory_s, threshold, margin}) {
    const old = this.time_s === null || memory_s <= 0 ? 0 : Math.exp(-(time_s - this.time_s) / memory_s);
    this.mean = this.mean.map((mean, index) => old * mean + (1 - old) * probabilities[index]);
    [this.time_s, this.threshold] = [time_s, threshold];
    const best = this.mean.indexOf(Math.max(...this.mean));
    let shown = this.shown;
    if (shown !== null && this.mean[shown] < threshold - margin) shown = null;
    const ahead = shown === null || (best !== shown && this.mean[best] >= this.mean[shown] + margin);
    if (ahead && this.mean[best] > 0 && this.mean[best] >= threshold) shown = best;
    if (shown !== this.shown) [this.shown, this.since_s] = [shown, time_s];
    return shown;
  }

  /** The class that is shown, where its mean reaches the threshold now, or null. */
  get sure() {
    return this.shown === null || this.mean[this.shown] < this.threshold ? null : this.shown;
  }
}

/** Decides when a class becomes a word, and repeats none without a pause. */
export class Commits {
  constructor() {
    this.last = null;
  }

  /** Return the class that becomes a word because it has been shown for `hold_s`, or null. */
  held(label, since_s, time_s, hold_s) {
    if (label === null || label === this.last || time_s - since_s < hold_s) return null;
    this.last = label;
    return label;
  }

  /** Return the class that becomes a word because its sign has ended; null where it already became one. */
  ended(label) {
    const last = this.last;
    this.last = null;
    return label === last ? null : label;
  }
}

/** The words so far; in spelling "space" ends a word, "del" removes a letter, and "nothing" is ignored. */
export class Transcript {
  constructor({spelling = false, pieces = []} = {}) {
    Object.assign(this, {spelling, pieces});
  }

  /** Append a word or a letter. */
  add(piece) {
    const name = piece.toLowerCase();
    if (this.spelling && NOTHING.includes(name)) return;
    if (this.spelling && DELETE.includes(name)) this.pieces.pop();
    else this.pieces.push(this.spelling && SPACE.includes(name) ? " " : piece);
  }

  /** The words; in spelling the last one may be unfinished. */
  get words() {
    return this.spelling ? this.pieces.join("").split(" ") : [...this.pieces];
  }
}

/** Return a number of things in words, such as "1 clip". */
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
