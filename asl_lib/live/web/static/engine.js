// What the worker does for the page: the tracker, the model and the recogniser together.

import {Classifier} from "./classifier.js";
import {hasPlanes, pixelsOfColours, pixelsOfPlanes} from "./colours.js";
import {LetterRecogniser} from "./letters.js";
import {loadRuntime} from "./models.js";
import {SignRecogniser, raised} from "./recogniser.js";
import {HandFinder, Tracker} from "./tracker.js";
import {placesOf} from "./trial.js";
import {OpenClassifier, Vocabulary, cleanName} from "./vocabulary.js";

export class Engine {
  /**
   * Load the tracker; `threads` are used where the browser gives memory to several, and a graphics card as `openCard`
   * has it. Return how many threads there are.
   */
  async open({threads = 1, gpu = "card"} = {}) {
    const address = (folder) => new URL(folder, self.location.href).href;
    this.address = address;
    this.runtime = await loadRuntime(address("litert/"), {threads, gpu});
    this.tracker = await Tracker.load(this.runtime, address("tracker/"));
    return this.runtime.threads;
  }

  /**
   * Use the model in a folder of the page, and return its settings; of a model for letters, for the right or the left
   * hand. Where it learns signs, `embedding` names the space in which it compares them; `refuses` tells whether it
   * refuses what is none of its signs. Without a network it knows only signs that were taught.
   */
  async useModel({folder, left_handed: leftHanded, learns, network = true}) {
    const own = network ? await Classifier.load(this.runtime, this.address(folder)) : null;
    const classifier = learns ? await OpenClassifier.load(this.runtime, this.address(folder), own) : own;
    this.classifier?.close();
    this.classifier = classifier;
    const {input, settings} = classifier.about;
    if (input === "photographs") {
      this.finder ??= await HandFinder.load(this.runtime, this.address("tracker/"), {confidence: 0.4});
      const classify = (picture) => classifier.classifyPicture(picture);
      this.recogniser = new LetterRecogniser(classifier.glosses, classify, settings, this.finder, {leftHanded});
    } else {
      const classify = (frames, size) => classifier.classify(frames, size, this.recogniser.settings);
      this.recogniser = new SignRecogniser(classifier.glosses, classify, settings, this.tracker);
    }
    return {settings, refuses: Boolean(classifier.refuses), embedding: classifier.space?.embedding ?? ""};
  }

  /** Return where each model runs. */
  places() {
    return placesOf(this.runtime);
  }

  /** Learn the last movement that ended as a clip of a sign; return what `know` does. */
  async teach(name) {
    const {classifier, recogniser} = this;
    const gloss = cleanName(name);
    if (!gloss) throw new Error("A sign needs a name, its gloss.");
    if (!recogniser.movement) throw new Error("There is nothing to learn from yet: show the sign first.");
    const {frames, size} = recogniser.movement;
    const sign = raised(frames, size, recogniser.settings);
    if (sign.length < 2) throw new Error("No hand was raised, so there is nothing to learn from: show the sign again.");
    const vector = await classifier.embed(sign, size, recogniser.settings);
    if (!vector) throw new Error("Your shoulders were not in the picture: sit further back, and show the sign again.");
    recogniser.movement = null;
    return this.know(classifier.taught.with([{gloss, signer: "", vector}]));
  }

  /** Forget a sign that was taught; return what `know` does. */
  async forget(gloss) {
    return this.know(this.classifier.taught.without(gloss));
  }

  /** Learn the signs in the bytes of a file, whose name is for messages; return what `know` does. */
  async learn(bytes, name) {
    const read = await Vocabulary.read(this.classifier.space, bytes, name);
    return this.know(this.classifier.taught.with(read.clips));
  }

  /** Know the signs in the bytes of a file, or none where these are null, in place of those so far; see `learn`. */
  async replace(bytes, name) {
    const {space} = this.classifier;
    return this.know(bytes ? await Vocabulary.read(space, bytes, name) : new Vocabulary(space));
  }

  /** Return the signs that were taught: [gloss, number of clips] of each, and the file of them. */
  async know(taught) {
    this.classifier.learn(taught);
    this.recogniser.glosses = this.classifier.glosses;
    this.recogniser.reset(); // the classes have changed
    const count = (gloss) => taught.clips.filter((clip) => clip.gloss === gloss).length;
    return {signs: taught.glosses.map((gloss) => [gloss, count(gloss)]), bytes: await taught.bytes()};
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

  /** Forget all frames: a camera or another clip starts, whose `colours` are those of `pixelsOfColours`. */
  reset(colours = {}) {
    this.colours = colours;
    this.recogniser.reset();
  }

  /** Begin press-and-sign at a time. */
  start(time_s) {
    this.recogniser.start(time_s);
  }

  async pixels(frame) {
    try {
      return await (frame instanceof ImageBitmap ? this.pixelsOfBitmap(frame) : pixelsOfVideo(frame, this.colours));
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
    return pixelsOfColours(this.context.getImageData(0, 0, width, height), this.colours);
  }
}

async function pixelsOfVideo(frame, colours) {
  if (hasPlanes(frame)) return pixelsOfPlanes(frame);
  const {width, height} = frame.visibleRect;
  const data = new Uint8ClampedArray(4 * width * height);
  await frame.copyTo(data, {format: "RGBA"});
  return pixelsOfColours({width, height, data}, colours);
}
