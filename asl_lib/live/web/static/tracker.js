// The tracker: landmarks of the body and the hands from the frames of a camera or a clip.
// The counterpart of asl_lib/landmarks/tracker.py, which tells its sources; the face is left out.

import {Detector, Model, sigmoid} from "./models.js";
import {palmRegion, regionAround, regionBetween, rotationBetween, staysInUse} from "./regions.js";

// Seconds between two frames of a clip of constant rate for the filters, and the steps of the clocks of videos.
const [FRAME_S, CLOCK_S] = [1 / 30, 1.1e-3];
// Landmarks of each part, in the order of a row.
export const PARTS = {pose: 33, left_hand: 21, right_hand: 21};
// Cells to a side of the pose model's heatmaps, and cells to each side of a landmark whose heat refines it.
const [HEATMAP, KERNEL] = [64, 4];
const WRIST_PINKY_INDEX = {left_hand: [15, 17, 19], right_hand: [16, 18, 20]};
// A hand is not looked for where less of its region's middle lies in the picture: none was ever found there.
const LEAST_INSIDE = 0.2;
const STEADINESS = {degrees: 40, shift: 0.2, scale: 0.4, inner: 0.9};

/**
 * Return the time between two frames for the filters: at the rate of the clips that models learn from what these count
 * with, else the true time.
 */
export function filterStep(since_s, fps) {
  return Math.abs(since_s - 1 / fps) <= 2 * CLOCK_S ? FRAME_S : Math.max(since_s, CLOCK_S);
}

/** Smooths values over time, less the faster they change (1€ filter): cut-off frequency at rest in Hz, and its growth. */
export class OneEuroFilter {
  constructor(cutoff, beta) {
    Object.assign(this, {cutoff, beta, last: null});
  }

  /** Return the smoothed points of the next frame; `scale` is the object's size, in which speed is measured. */
  smooth(points, scale, seconds) {
    const weight = (cutoff) => 1 / (1 + 1 / (2 * Math.PI * cutoff * seconds));
    if (!this.last) {
      this.speed = points.map((point) => point.map(() => 0));
      this.smoothed = points;
    } else {
      this.smoothed = points.map((point, index) =>
        point.map((value, axis) => {
          const speed = (value - this.last[index][axis]) / scale / seconds;
          this.speed[index][axis] += weight(1) * (speed - this.speed[index][axis]);
          const share = weight(this.cutoff + this.beta * Math.abs(this.speed[index][axis]));
          return share * value + (1 - share) * this.smoothed[index][axis];
        }),
      );
    }
    this.last = points;
    return this.smoothed;
  }
}

/** Finds the person of a stream of pictures, and 33 landmarks of the body. */
class PoseTracker {
  constructor(detector, model) {
    Object.assign(this, {detector, model});
    this.reset();
  }

  /** Forget the frames so far. */
  reset() {
    this.region = this.visibility = null;
    this.filter = new OneEuroFilter(0.05, 80);
    this.regionFilter = new OneEuroFilter(0.01, 10);
  }

  /** Return {points, visibility} of the next frame, 33 smoothed [x, y, z] in px, or null. */
  async track(picture, seconds) {
    const region = this.region ?? (await this.detect(picture));
    const found = region && (await this.landmarks(picture, region));
    if (!found) {
      this.reset();
      return null;
    }
    // Landmarks 33 and 34 are the centre and the rim of the circle around the person.
    const scale = regionBetween(found.points[33], found.points[34], 90).width;
    const [centre, rim] = this.regionFilter.smooth(found.points.slice(33, 35), scale, seconds);
    this.region = regionBetween(centre, rim, 90).square(1.25);
    const previous = this.visibility ?? found.visibility;
    this.visibility = found.visibility.map((value, index) => 0.1 * value + 0.9 * previous[index]);
    return {points: this.filter.smooth(found.points.slice(0, 33), scale, seconds), visibility: this.visibility};
  }

  /** Return the region of the person in a picture, or null. */
  async detect(picture) {
    const found = await this.detector.detect(picture);
    return found && regionBetween(found[2], found[3], 90).square(1.25);
  }

  /** Return {points, visibility} in a region, 39 landmarks in px and the visibility of the first 33, or null. */
  async landmarks(picture, region) {
    const [values, score, heat] = await this.model.run(picture, region);
    if (score[0] <= 0.5) return null;
    const points = threes(values, 5).map((point) => point.map((value) => value / this.model.size));
    const visibility = Array.from({length: 33}, (_, index) => sigmoid(values[5 * index + 3]));
    return {points: region.toPicture(points.map((point, index) => refined(point, heat, index))), visibility};
  }
}

/** Return a landmark [x, y, z] in widths of the region, moved to the centre of the heat around it if it is hot enough. */
function refined([x, y, z], heat, index) {
  const [column, row] = [Math.trunc(x * HEATMAP), Math.trunc(y * HEATMAP)];
  if (Math.min(column, row) < 0 || Math.max(column, row) >= HEATMAP) return [x, y, z];
  let [total, most, sumX, sumY] = [0, 0, 0, 0];
  for (let low = Math.max(0, row - KERNEL); low <= Math.min(HEATMAP - 1, row + KERNEL); low++) {
    for (let right = Math.max(0, column - KERNEL); right <= Math.min(HEATMAP - 1, column + KERNEL); right++) {
      const weight = sigmoid(heat[(low * HEATMAP + right) * 39 + index]);
      total += weight;
      most = Math.max(most, weight);
      sumX += weight * right;
      sumY += weight * low;
    }
  }
  return most >= 0.5 ? [sumX / total / HEATMAP, sumY / total / HEATMAP, z] : [x, y, z];
}

/** Return the 21 landmarks [x, y, z] of the hand in a region, in px with the wrist's z as 0, or null. */
async function handLandmarks(model, picture, region) {
  const [values, score] = await model.run(picture, region);
  if (score[0] <= 0.5) return null;
  return region.toPicture(threes(values, 3).map(([x, y, z]) => [x, y, z / 0.4].map((value) => value / model.size)));
}

/** Finds the landmarks of one hand where the pose says that it is. */
class HandTracker {
  constructor(part, recropModel, model) {
    Object.assign(this, {joints: WRIST_PINKY_INDEX[part], recropModel, model});
    this.reset();
  }

  /** Forget the frames so far. */
  reset() {
    this.last = null;
  }

  /** Return the 21 landmarks of the next frame, [x, y, z] in px, or null; `pose` is what `PoseTracker` found in it. */
  async track(picture, pose) {
    const last = this.last;
    this.last = null;
    const found = await this.find(picture, pose);
    if (!found) return null;
    const previous = last && palmRegion(last).square(2, -0.1);
    const region = previous && staysInUse(STEADINESS, previous, found, last) ? previous : found;
    this.last = await handLandmarks(this.model, picture, region);
    return this.last;
  }

  /** Return the region of the hand in a frame, without the frames before it, or null. */
  async find(picture, {points, visibility}) {
    const [wrist, pinky, index] = this.joints.map((joint) => points[joint]);
    const knuckles = [0, 1].map((axis) => (2 * index[axis] + pinky[axis]) / 3);
    const coarse = regionBetween(knuckles, wrist, -90).square(2.7, -0.1);
    if (visibility[this.joints[0]] <= 0.1 || coarse.middleInside(picture) < LEAST_INSIDE) return null;
    const [values] = await this.recropModel.run(picture, coarse);
    const [x, y, rimX, rimY] = values.map((value) => value / this.recropModel.size);
    const [centre, rim] = coarse.toPicture([[x, y], [rimX, rimY]]);
    return regionBetween(centre, rim, -90).square(1, -0.1);
  }
}

/** The tracker of one person's body and hands; it carries its state from frame to frame. */
export class Tracker {
  /** Load the models in a folder, of a runtime as `loadRuntime` returns it. */
  static async load(runtime, folder) {
    const model = (name, options) => Model.load(runtime, `${folder}${name}.tflite`, options);
    const [detector, pose, recrop, hand] = await Promise.all([
      model("pose_detection", {low: -1}),
      model("pose_landmark_full"),
      model("hand_recrop"),
      model("hand_landmark_full"),
    ]);
    const tracker = new Tracker();
    tracker.models = [detector, pose, recrop, hand];
    tracker.pose = new PoseTracker(new Detector(detector, [[28, 2], [14, 2], [7, 6]]), pose);
    tracker.hands = ["left_hand", "right_hand"].map((part) => new HandTracker(part, recrop, hand));
    return tracker;
  }

  /** End a clip: the next frame is tracked as the first of another clip. */
  reset() {
    for (const part of [this.pose, ...this.hands]) part.reset();
  }

  /**
   * Return the landmarks of the next frame of a clip or a camera.
   *
   * @param picture {width, height, data}: RGBA, as of `getImageData`, not mirrored.
   * @param seconds time since the frame before, for the filters: see `filterStep`.
   * @return (75 * 4) float32: x and y in widths and heights of the picture, z in widths (NaN where not detected) and
   *   confidence; the parts follow each other as in `PARTS`.
   */
  async track(picture, seconds = FRAME_S) {
    const row = Float32Array.from({length: 75 * 4}, (_, index) => (index % 4 < 3 ? NaN : 0));
    const pose = await this.pose.track(picture, seconds);
    if (!pose) {
      this.reset();
      return row;
    }
    const write = (first, points, confidence) =>
      points.forEach(([x, y, z], index) => {
        const scaled = [x / picture.width, y / picture.height, z / picture.width, confidence(index)];
        row.set(scaled, 4 * (first + index));
      });
    // A detected landmark has a confidence above 0.
    write(0, pose.points, (index) => Math.max(pose.visibility[index], 1e-6));
    for (const [index, tracker] of this.hands.entries()) {
      const points = await tracker.track(picture, pose);
      if (points) write(PARTS.pose + index * PARTS.left_hand, points, () => 1);
    }
    return row;
  }

  close() {
    for (const model of this.models) model.close();
  }
}

/** Finds the one hand in a stream of close-ups, without a pose: the counterpart of `HandFinder` in hands.py. */
export class HandFinder {
  static async load(runtime, folder, {confidence}) {
    const finder = new HandFinder();
    finder.palms = new Detector(await Model.load(runtime, `${folder}palm_detection_full.tflite`), [[24, 2], [12, 6]]);
    finder.model = await Model.load(runtime, `${folder}hand_landmark_full.tflite`);
    finder.confidence = confidence;
    finder.reset();
    return finder;
  }

  /** Forget the frames so far. */
  reset() {
    this.region = null;
  }

  /** Return the 21 landmarks of the hand in the next frame, [x, y, z] in px, or null. */
  async track(picture) {
    const region = this.region ?? (await this.detect(picture));
    const found = region && (await handLandmarks(this.model, picture, region));
    this.region = found && palmRegion(found).square(2, -0.1);
    return found;
  }

  /** Return the region of the hand in a picture, or null. */
  async detect(picture) {
    const found = await this.palms.detect(picture, {confidence: this.confidence});
    // Key points 2 and 4 are the wrist and the knuckle of the middle finger.
    return found && regionAround(found.slice(0, 2), rotationBetween(found[2], found[4], 90)).square(2.6, -0.5);
  }
}

/** Return the first three of every `step` values. */
function threes(values, step) {
  return Array.from({length: values.length / step}, (_, index) => [...values.slice(index * step, index * step + 3)]);
}
