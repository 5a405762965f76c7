// Record your own signs: one prompt after another, and what the signer keeps as a zip of videos.

import {zip} from "./zip.js";

const [COUNTDOWN_S, CAPTURE_S] = [3, 2.5];
const FORMS = [["video/mp4;codecs=avc1", "mp4"], ["video/webm;codecs=vp9", "webm"], ["video/webm", "webm"]];
// As in record.py: what can be the name of a folder on every system.
const SAFE_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_ .'&()+-]*$/u;
const LONGEST_NAME_BYTES = 90;

/**
 * Prompts for one sign after another. Its phase is "ready", "countdown", "capture", "review" or "finished". Nothing is
 * kept before the signer says so. Videos are as the camera saw them, not mirrored.
 */
export class RecordingSession {
  /**
   * @param stream the camera's MediaStream.
   * @param asked {signer, glosses, repetitions}: all signs come once before any comes twice.
   * @param changed called with each new phase.
   */
  constructor(stream, {signer, glosses, repetitions}, changed) {
    for (const name of [signer, ...glosses]) {
      const bytes = new TextEncoder().encode(name).length;
      if (!SAFE_NAME.test(name) || name.endsWith(".") || bytes > LONGEST_NAME_BYTES) {
        throw new Error(
          "Names become folders: they must be made of letters, digits, spaces, '-' and '_', begin with a letter or " +
            `digit, and have at most ${LONGEST_NAME_BYTES} bytes; got '${name.slice(0, 99)}'.`,
        );
      }
    }
    if (!glosses.length) throw new Error("Name at least one sign.");
    this.asked = Array.from({length: repetitions}, () => glosses).flat();
    [this.type, this.suffix] = FORMS.find(([type]) => MediaRecorder.isTypeSupported(type)) ?? FORMS.at(-1);
    Object.assign(this, {stream, signer, changed, phase: "ready", number: 0, files: [], video: null});
  }

  /** The sign to record now; "" after the last. */
  get gloss() {
    return this.asked[this.number] ?? "";
  }

  /** Count down, record one sign, and show it for review. */
  async take() {
    if (!["ready", "review"].includes(this.phase)) return;
    const {number} = this;
    const isOver = () => this.number !== number; // skipped or ended meanwhile
    for (this.left_s = COUNTDOWN_S; this.left_s > 0; this.left_s--) {
      this.enter("countdown");
      await pause(1);
      if (isOver()) return;
    }
    const recorder = new MediaRecorder(this.stream, {mimeType: this.type, videoBitsPerSecond: 4e6});
    const pieces = [];
    recorder.ondataavailable = ({data}) => pieces.push(data);
    const stopped = new Promise((done) => (recorder.onstop = done));
    recorder.start();
    this.enter("capture");
    await pause(CAPTURE_S);
    if (recorder.state === "recording") recorder.stop(); // the camera may have been taken away
    await stopped;
    if (isOver()) return;
    this.video = new Blob(pieces, {type: this.type});
    this.enter("review");
  }

  /** Keep the video that is shown, and go on to the next sign. */
  keep() {
    if (this.phase !== "review") return;
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    this.files.push({name: `${this.signer}/${this.gloss}/${time}.${this.suffix}`, blob: this.video});
    this.skip();
  }

  /** Go on to the next sign without a recording. */
  skip() {
    this.video = null;
    this.number += 1;
    this.enter(this.number < this.asked.length ? "ready" : "finished");
  }

  /** End the session, and return what was kept as a zip, or null where that is nothing. */
  async end() {
    this.number = this.asked.length;
    return this.files.length ? zip(this.files) : null;
  }

  enter(phase) {
    this.phase = phase;
    this.changed(this);
  }
}

function pause(seconds) {
  return new Promise((done) => setTimeout(done, 1000 * seconds));
}
