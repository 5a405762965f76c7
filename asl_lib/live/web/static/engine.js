// What the worker does for the page: the tracker, the model and the recogniser together.

import {Classifier} from "./classifier.js";
import {LetterRecogniser} from "./letters.js";
import {loadRuntime} from "./models.js";
import {SignRecogniser} from "./recogniser.js";
import {HandFinder, Tracker} from "./tracker.js";

export class Engine {
  /** Load the tracker; `threads` are used where the browser gives memory to several. Return how many they are. */
  async open({threads = 1} = {}) {
    const address = (folder) => new URL(folder, self.location.href).href;
    this.address = address;
    this.runtime = await loadRuntime(address("litert/"), {threads});
    this.tracker = await Tracker.load(this.runtime, address("tracker/"));
    return this.runtime.threads;
  }

  /**
   * Use the model in a folder of the page, and return its settings; of a model for letters, for the right or the left
   * hand.
   */
  async useModel({folder, left_handed: leftHanded}) {
    const classifier = await Classifier.load(this.runtime, this.address(folder));
    this.classifier?.close();
    this.classifier = classifier;
    const {input, glosses, settings} = classifier.about;
    if (input === "photographs") {
      this.finder ??= await HandFinder.load(this.runtime, this.address("tracker/"), {confidence: 0.4});
      const classify = (picture) => classifier.classifyPicture(picture);
      this.recogniser = new LetterRecogniser(glosses, classify, settings, this.finder, {leftHanded});
    } else {
      const classify = (frames, size) => classifier.classify(frames, size, this.recogniser.settings);
      this.recogniser = new SignRecogniser(glosses, classify, settings, this.tracker);
    }
    return settings;
  }

  /** Change settings of the recogniser, such as {threshold: 0.5}. */
  tune(settings) {
    Object.assign(this.recogniser.settings, settings);
  }

  /** Return the landmarks of the next frame, as `Tracker.track` does. */
  async track(picture, seconds) {
    return this.tracker.track(picture, seconds);
  }

  /** Recognise the next frame, an ImageBitmap or VideoFrame, which is used up; return its pixels, too, as `picture`. */
  async process(frame, time_s) {
    const picture = await this.pixels(frame);
    return {...(await this.recogniser.process(picture, time_s)), picture};
  }

  /** Return what is recognised after the last frame. */
  async finish() {
    return this.recogniser.finish();
  }

  /** Forget all frames: a camera or another clip starts. */
  reset() {
    this.recogniser.reset();
  }

  /** Begin press-and-sign at a time. */
  start(time_s) {
    this.recogniser.start(time_s);
  }

  async pixels(frame) {
    try {
      return await (frame instanceof ImageBitmap ? this.pixelsOfBitmap(frame) : pixelsOfVideo(frame));
    } finally {
      frame.close();
    }
  }

  pixelsOfBitmap(bitmap) {
    const {width, height} = bitmap;
    if (this.canvas?.width !== width || this.canvas.height !== height) {
      this.canvas = new OffscreenCanvas(width, height);
      this.context = this.canvas.getContext("2d", {willReadFrequently: true});
    }
    this.context.drawImage(bitmap, 0, 0);
    const {data} = this.context.getImageData(0, 0, width, height);
    return {width, height, data};
  }
}

async function pixelsOfVideo(frame) {
  const {width, height} = frame.visibleRect;
  const data = new Uint8ClampedArray(4 * width * height);
  await frame.copyTo(data, {format: "RGBA"});
  return {width, height, data};
}
