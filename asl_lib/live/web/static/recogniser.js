// Recognition in a stream of landmarks: the counterpart of asl_lib/live/recogniser.py, which explains each step.
// Settings have the names that they have in Python, and come from it.

import {PARTS, filterStep} from "./tracker.js";
import {Commits, Smoother} from "./words.js";

const TOP = 3;
// A wrist is raised down to this many shoulder widths below the shoulders: about where the ribs end.
const RAISED_WIDTHS = 1.05;
const [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_WRIST, RIGHT_WRIST] = [11, 12, 15, 16];
// Row of each hand's wrist, of the landmarks of a frame.
const WRISTS = {left_hand: PARTS.pose, right_hand: PARTS.pose + PARTS.left_hand};

/**
 * Recognises isolated signs from the landmarks of one signer, continuously or, after `start`, one sign on demand.
 *
 * `process` and `finish` return {time_s, hands, signing, phase, left_s, top, shown, committed, refused}, as `Recognition` in
 * Python, and `process` the landmarks as `values`.
 */
export class SignRecogniser {
  /**
   * @param glosses names of the classes.
   * @param classify called with frames [{time_s, values}] and {width, height}; resolves to probabilities, or null where
   *   they do not show what the model needs.
   * @param settings as of `LiveSettings`; all of them may be changed while it runs.
   * @param tracker a `Tracker`, where pictures are processed.
   */
  constructor(glosses, classify, settings, tracker = null) {
    Object.assign(this, {glosses, classify, settings, tracker});
    this.movement = null; // the frames of the last one that ended, and the size of their pictures
    this.reset();
  }

  /** Forget all frames: another signer, clip or camera starts. */
  reset() {
    this.tracker?.reset();
    this.frames = [];
    this.smoother = new Smoother(this.glosses.length);
    this.commits = new Commits();
    this.began_s = this.capture = null;
    this.raised_s = this.sincePrediction = 0;
    this.last = recognition(0);
  }

  /** Begin press-and-sign: a countdown, then a capture, in which one sign is recognised. */
  start(time_s, {countdown_s = 3, capture_s = 3} = {}) {
    this.reset();
    const begin_s = time_s + countdown_s;
    this.capture = {begin_s, end_s: begin_s + capture_s};
  }

  /** Recognise the next frame, {width, height, data}. */
  async process(picture, time_s) {
    const values = await this.tracker.track(picture, filterStep(time_s - this.last.time_s, this.settings.fps));
    const {width, height} = picture;
    return {...(await this.processLandmarks(values, time_s, {width, height})), values};
  }

  /** Process the landmarks of the next frame, as `Tracker.track` returns them; `size` is its {width, height} in px. */
  async processLandmarks(values, time_s, size) {
    if (this.size && (this.size.width !== size.width || this.size.height !== size.height)) {
      const capture = this.capture;
      this.reset(); // another camera, or a phone that was turned
      this.capture = capture;
    }
    this.size = size;
    const hands = Object.keys(WRISTS).filter((part) => handInView(values, part));
    this.last = this.capture
      ? await this.processCapture(values, time_s, hands)
      : await this.processContinuous(values, time_s, hands);
    return this.last;
  }

  /** Return what is recognised after the last frame: a sign in progress, or a capture, has ended. */
  async finish() {
    const {time_s, phase} = this.last;
    if (this.capture && phase === "capture") this.last = this.captured(await this.predict(-Infinity, Infinity, {ended: true}), time_s, []);
    else if (!this.capture && this.began_s !== null) this.last = await this.endSign(time_s, []);
    else this.last = {...this.last, committed: ""};
    return this.last;
  }

  async processCapture(values, time_s, hands) {
    const {begin_s, end_s} = this.capture;
    const {phase, top, shown, refused} = this.last;
    if (phase === "done") return recognition(time_s, {hands, phase, top, shown, refused});
    if (time_s < begin_s) return recognition(time_s, {hands, phase: "countdown", left_s: begin_s - time_s});
    if (time_s > end_s) return this.captured(await this.predict(-Infinity, Infinity, {ended: true}), time_s, hands);
    this.frames.push({time_s, values});
    return recognition(time_s, {hands, phase: "capture", signing: true, left_s: end_s - time_s});
  }

  async processContinuous(values, time_s, hands) {
    const {settings, smoother} = this;
    const {top, shown, refused} = this.last;
    this.frames.push({time_s, values});
    if (handRaised(values, this.size)) {
      this.raised_s = time_s;
      if (this.began_s === null) [this.began_s, this.sincePrediction] = [time_s, 0];
    }
    if (this.began_s === null) {
      this.forgetBefore(time_s - settings.lead_s);
      return recognition(time_s, {hands, top, shown, refused});
    }
    if (time_s - this.raised_s >= settings.rest_s) return this.endSign(time_s, hands);
    const first_s = Math.max(this.began_s - settings.lead_s, time_s - settings.window_s);
    this.forgetBefore(first_s);
    this.sincePrediction += 1;
    const same = recognition(time_s, {hands, signing: true, top, shown});
    if (this.sincePrediction < settings.every) return same;
    this.sincePrediction = 0;
    const probabilities = await this.predict(first_s, time_s);
    if (!probabilities) return same;
    const label = smoother.update(probabilities, time_s, settings);
    // Part of a sign resembles many others, so only a long one gives words before it ends.
    const long = time_s - this.began_s >= settings.hold_s + settings.window_s / 2;
    const word = long ? this.commits.held(smoother.sure, smoother.since_s, time_s, settings.hold_s) : null;
    const settled = label !== null && time_s - smoother.since_s >= settings.settle_s;
    return recognition(time_s, {
      hands,
      signing: true,
      top: topOf(this.glosses, smoother.mean),
      shown: settled ? this.gloss(label) : shown,
      committed: this.gloss(word),
    });
  }

  /** Classify the sign as a whole, from the raising of the hand to its lowering. */
  async endSign(time_s, hands) {
    const {settings, began_s, raised_s} = this;
    const last_s = raised_s + settings.lead_s;
    const first_s = Math.max(began_s - settings.lead_s, last_s - settings.window_s);
    const probabilities = raised_s - began_s >= settings.shortest_s ? await this.predict(first_s, last_s, {ended: true}) : null;
    this.began_s = null;
    this.smoother.reset();
    this.forgetBefore(time_s - settings.lead_s);
    if (!probabilities) return recognition(time_s, {hands, shown: this.last.shown});
    const label = this.label(probabilities);
    const word = this.commits.ended(label);
    return recognition(time_s, {
      hands,
      top: topOf(this.glosses, probabilities),
      shown: this.gloss(label),
      committed: this.gloss(word),
      refused: isRefused(probabilities),
    });
  }

  /** Return the result of a capture; `probabilities` are null where nothing could be classified. */
  captured(probabilities, time_s, hands) {
    if (!probabilities) return recognition(time_s, {hands, phase: "done"});
    const gloss = this.gloss(this.label(probabilities));
    const [top, refused] = [topOf(this.glosses, probabilities), isRefused(probabilities)];
    return recognition(time_s, {hands, phase: "done", top, shown: gloss, committed: gloss, refused});
  }

  /**
   * Resolve to the probabilities of the frames between two times, or to null where they cannot be classified; those of a
   * movement that has `ended` are kept.
   */
  async predict(first_s, last_s, {ended = false} = {}) {
    const frames = this.frames.filter(({time_s}) => first_s <= time_s && time_s <= last_s);
    if (frames.length < 2) return null;
    if (ended) this.movement = {frames, size: this.size};
    return this.classify(frames, this.size);
  }

  forgetBefore(time_s) {
    while (this.frames.length && this.frames[0].time_s < time_s - 1e-9) this.frames.shift();
  }

  /** Return the most probable class, or null where its probability is below the threshold. */
  label(probabilities) {
    const best = probabilities.indexOf(Math.max(...probabilities));
    return probabilities[best] > 0 && probabilities[best] >= this.settings.threshold ? best : null;
  }

  gloss(label) {
    return label === null ? "" : this.glosses[label];
  }
}

/** Return the three most probable glosses with their probabilities, best first; none where all are 0. */
export function topOf(glosses, probabilities) {
  if (!probabilities.some(Boolean)) return [];
  const pairs = glosses.map((gloss, index) => [gloss, probabilities[index]]);
  return pairs.sort(([, one], [, other]) => other - one).slice(0, TOP);
}

/** Return whether "none of the signs" is the most probable: its probability is what the others lack to 1. */
export function isRefused(probabilities) {
  return 1 - probabilities.reduce((sum, probability) => sum + probability, 0) > Math.max(0, ...probabilities);
}

/** Return a recognition at a time: what is known about it, and for the rest that nothing is. */
export function recognition(time_s, about = {}) {
  const none = {hands: [], signing: false, phase: "continuous", left_s: 0, top: [], shown: "", committed: "", refused: false};
  return {time_s, ...none, ...about};
}

/**
 * Return whether a hand is raised in front of the body, which is when a sign is in progress. Where no shoulders are
 * visible any hand in view counts.
 */
export function handRaised(values, {width, height}) {
  const scale = height / width;
  const place = (index) => [values[4 * index], values[4 * index + 1]];
  const [left, right] = [place(LEFT_SHOULDER), place(RIGHT_SHOULDER)];
  const seen = (part) => !Number.isNaN(place(WRISTS[part])[0]);
  if ([...left, ...right].some(Number.isNaN)) return Object.keys(WRISTS).some(seen);
  const shoulders = Math.hypot(left[0] - right[0], (left[1] - right[1]) * scale);
  const lowest = ((left[1] + right[1]) / 2) * scale + RAISED_WIDTHS * shoulders;
  // The hand's own wrist is more reliable; the pose's is a guess where the arm is out of the picture.
  const wrists = [["left_hand", LEFT_WRIST], ["right_hand", RIGHT_WRIST]];
  return wrists.some(([part, wrist]) => {
    const [, y] = place(seen(part) ? WRISTS[part] : wrist);
    return y <= 1 && y * scale <= lowest;
  });
}

/** Return the frames of a movement from the raising of a hand to its lowering: a capture also shows the rest before. */
export function raised(frames, size, {lead_s}) {
  const times = frames.filter(({values}) => handRaised(values, size)).map(({time_s}) => time_s);
  return frames.filter(({time_s}) => times[0] - lead_s <= time_s && time_s <= times.at(-1) + lead_s);
}

function handInView(values, part) {
  return Array.from({length: PARTS[part]}, (_, index) => values[4 * (WRISTS[part] + index)]).some((x) => !Number.isNaN(x));
}
