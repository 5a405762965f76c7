// Recordings of the camera, as it sees: never mirrored, and nothing is kept before the signer says so.

import {zip} from "./zip.js";

const [COUNTDOWN_S, CAPTURE_S] = [3, 2.5];
const BITS_PER_SECOND = 4e6;
const FORMS = [["video/mp4;codecs=avc1", "mp4"], ["video/webm;codecs=vp9", "webm"], ["video/webm", "webm"]];
// As in record.py: what can be the name of a folder on every system.
const SAFE_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_ .'&()+-]*$/u;
const LONGEST_NAME_BYTES = 90;

/** A video of a camera, from now on. */
class Recording {
  constructor(stream) {
    const [type, suffix] = FORMS.find(([form]) => MediaRecorder.isTypeSupported(form)) ?? FORMS.at(-1);
    Object.assign(this, {type, suffix, began: performance.now(), pieces: []});
    this.name = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    this.recorder = new MediaRecorder(stream, {mimeType: type, videoBitsPerSecond: BITS_PER_SECOND});
    this.recorder.ondataavailable = ({data}) => this.pieces.push(data);
    this.stopped = new Promise((done) => (this.recorder.onstop = done));
    this.recorder.start();
  }

  /** End it, and resolve to the file: {name, blob}. */
  async stop() {
    if (this.recorder.state !== "inactive") this.recorder.stop(); // the camera may have been taken away
    await this.stopped;
    return {name: `${this.name}.${this.suffix}`, blob: new Blob(this.pieces, {type: this.type})};
  }
}

/** A recording of the camera with the words that are recognised meanwhile. */
export class WordRecording {
  constructor(stream) {
    Object.assign(this, {recording: new Recording(stream), lines: []});
  }

  /** Note a word, and when it came. */
  add(word) {
    const seconds = (performance.now() - this.recording.began) / 1000;
    this.lines.push(`${seconds.toFixed(1).padStart(6)} s  ${word}\n`);
  }

  /** End it, and resolve to a zip of the video and a text of the words. */
  async end() {
    const video = await this.recording.stop();
    return zip([video, {name: `${this.recording.name}.txt`, blob: new Blob(this.lines)}]);
  }
}

/**
 * Prompts for one sign after another. Its phase is "ready", "countdown", "capture", "review", "saving" or "finished".
 */
export class RecordingSession {
  /**
   * @param stream the camera's MediaStream.
   * @param asked {signer, glosses, repetitions}: all signs come once before any comes twice.
   * @param changed called with each new phase.
   * @param put called with {gloss, blob} of each recording that is kept, or null; where it fails, that one goes into the
   *   zip as all do without it.
   */
  constructor(stream, {signer, glosses, repetitions}, changed, put = null) {
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
    Object.assign(this, {stream, signer, changed, put, phase: "ready", number: 0, files: [], stored: 0, video: null});
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
    const recording = new Recording(this.stream);
    this.enter("capture");
    await pause(CAPTURE_S);
    const video = await recording.stop();
    if (isOver()) return;
    this.video = video;
    this.enter("review");
  }

  /** Keep the video that is shown, and go on to the next sign. */
  async keep() {
    if (this.phase !== "review") return;
    const {gloss, number, video: {name, blob}} = this;
    const pack = () => this.files.push({name: `${this.signer}/${gloss}/${name}`, blob});
    if (this.put) {
      this.enter("saving");
      this.saving = this.put({gloss, blob}).then(() => (this.stored += 1));
      this.saving = this.saving.catch((error) => {
        pack();
        return error;
      });
    } else {
      pack();
    }
    const failed = await this.saving;
    if (this.number === number) this.skip(); // not ended meanwhile
    if (failed instanceof Error) throw new Error(`${failed.message} It comes with a zip at the end.`);
  }

  /** Go on to the next sign without a recording. */
  skip() {
    this.video = null;
    this.number += 1;
    this.enter(this.number < this.asked.length ? "ready" : "finished");
  }

  /** End the session, and return what was kept and not stored as a zip, or null where that is nothing. */
  async end() {
    this.number = this.asked.length;
    await this.saving;
    return this.files.length ? zip(this.files) : null;
  }

  enter(phase) {
    this.phase = phase;
    this.changed(this);
  }
}

/** Send a recording to the server of the page, which knows it by a token; return under which name it keeps it. */
export async function sendRecording(token, {signer, gloss, blob}) {
  const headers = {"Content-Type": blob.type.split(";")[0], "X-Token": token};
  const address = `recordings?${new URLSearchParams({signer, gloss})}`;
  const answer = await fetch(address, {method: "POST", headers, body: blob}).catch(() => ({status: "it does not answer"}));
  if (answer.status !== 201) throw new Error(`The computer of this page has not taken the recording (${answer.status}).`);
  return (await answer.json()).file;
}

function pause(seconds) {
  return new Promise((done) => setTimeout(done, 1000 * seconds));
}
