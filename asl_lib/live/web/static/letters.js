// Fingerspelling: the counterpart of asl_lib/live/letters.py, which explains each step.

import {PARTS} from "./tracker.js";
import {recognition, topOf} from "./recogniser.js";
import {Commits, Smoother} from "./words.js";

// Side of the box, in heights of the picture.
const BOX_HEIGHTS = 0.5;

/** Recognises the letter that is held in a box of the picture, while there is a hand in it. */
export class LetterRecogniser {
  /**
   * @param glosses names of the classes.
   * @param classify called with the picture in the box; resolves to probabilities.
   * @param settings as of `LiveSettings`; all of them may be changed while it runs.
   * @param finder a `HandFinder`.
   * @param leftHanded whether the box is on the left hand's side.
   */
  constructor(glosses, classify, settings, finder, {leftHanded = false} = {}) {
    Object.assign(this, {glosses, classify, settings, finder, leftHanded});
    this.reset();
  }

  /** Forget all frames: another signer, clip or camera starts. */
  reset() {
    this.finder.reset();
    this.smoother = new Smoother(this.glosses.length);
    this.commits = new Commits();
    this.last = recognition(0);
  }

  /** Start anew: letters need no countdown. */
  start() {
    this.reset();
  }

  /**
   * Return left, top, right and bottom of the box in px. The right hand of a person who faces the camera is in the left
   * half of its picture.
   */
  box({width, height}) {
    const side = Math.min(Math.round(BOX_HEIGHTS * height), width);
    const wanted = Math.round((this.leftHanded ? 0.75 : 0.25) * width - side / 2);
    const left = Math.min(Math.max(0, wanted), width - side);
    const top = Math.floor((height - side) / 2);
    return [left, top, left + side, top + side];
  }

  /** Recognise the next frame, {width, height, data}. */
  async process(picture, time_s) {
    const box = this.box(picture);
    const inside = cut(picture, box);
    const points = await this.finder.track(inside);
    if (!points) {
      this.smoother.reset();
      this.commits.ended(null);
      this.last = recognition(time_s, {box});
      return this.last;
    }
    const {smoother, settings} = this;
    const shown = smoother.update(await this.classify(inside), time_s, settings);
    const letter = this.commits.held(smoother.sure, smoother.since_s, time_s, settings.hold_s);
    const part = this.leftHanded ? "left_hand" : "right_hand";
    this.last = recognition(time_s, {
      hands: [part],
      signing: true,
      top: topOf(this.glosses, smoother.mean),
      shown: this.glosses[shown] ?? "",
      committed: this.glosses[letter] ?? "",
      values: row(points, part, box, picture),
      box,
    });
    return this.last;
  }

  /** Return what is recognised after the last frame. */
  async finish() {
    return this.last;
  }
}

/** Return the part of a picture in a box. */
function cut({width, data}, [left, top, right, bottom]) {
  const side = right - left;
  const part = new Uint8ClampedArray(4 * side * (bottom - top));
  for (let y = top; y < bottom; y++) {
    part.set(data.subarray(4 * (y * width + left), 4 * (y * width + right)), 4 * (y - top) * side);
  }
  return {width: side, height: bottom - top, data: part};
}

/** Return the landmarks of a hand in a box, in px of it, as `Tracker.track` returns them. */
function row(points, part, [left, top], {width, height}) {
  const values = new Float32Array(75 * 4).fill(NaN);
  const first = part === "left_hand" ? PARTS.pose : PARTS.pose + PARTS.left_hand;
  points.forEach(([x, y, z], index) => {
    values.set([(left + x) / width, (top + y) / height, z / width, 1], 4 * (first + index));
  });
  return values;
}

/**
 * Return a square picture as (size * size * 3) RGB values from 0 to 255: each pixel is the mean of the area that it
 * covers, as OpenCV's INTER_AREA has it for a picture that is made smaller.
 */
export function shrink({width, data}, size) {
  const scale = width / size;
  // For each pixel of the result along an axis: the first pixel that it covers, and how much of each one.
  const covers = Array.from({length: size}, (_, index) => {
    const [start, stop] = [index * scale, (index + 1) * scale];
    const first = Math.floor(start + 1e-9);
    const shares = [];
    for (let at = first; at < stop - 1e-9; at++) shares.push(Math.min(at + 1, stop) - Math.max(at, start));
    return [first, shares];
  });
  const pixels = new Float32Array(3 * size * size);
  covers.forEach(([top, heights], row) => {
    covers.forEach(([left, widths], column) => {
      const sum = [0, 0, 0];
      heights.forEach((high, y) =>
        widths.forEach((wide, x) => {
          const at = 4 * ((top + y) * width + left + x);
          for (let colour = 0; colour < 3; colour++) sum[colour] += high * wide * data[at + colour];
        }),
      );
      const mean = sum.map((value) => Math.round(value / scale ** 2));
      pixels.set(mean, 3 * (row * size + column));
    });
  });
  return pixels;
}
