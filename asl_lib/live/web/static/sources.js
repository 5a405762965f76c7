// Where frames come from: a camera, or a clip that was opened.

// Longest side of a frame: more would take longer, and the models see no more.
const LONGEST_PX = 1280;
const [LONGEST_CLIP_S, LARGEST_CLIP_MB] = [120, 200];
const HEADER_BYTES = 1e6;
// How long a frame that was found may take until it is shown.
const LATEST_MS = 500;
// A camera that gives no frame for so long stands still: its last one is taken again.
const STILL_MS = 500;
const CAMERA = {width: {ideal: 640}, height: {ideal: 480}, frameRate: {ideal: 30}, facingMode: "user"};

/**
 * Return the frame that a video shows as a VideoFrame, or null where this browser does not read it as it is shown.
 * Chromium keeps each of the bitmaps that it makes of a camera, up to half a gigabyte.
 */
function videoFrame(video) {
  try {
    const frame = new VideoFrame(video);
    const {width, height} = frame.visibleRect;
    const asShown = width === video.videoWidth && height === video.videoHeight && Math.max(width, height) <= LONGEST_PX;
    // A browser that does not know the format gives another one.
    if (asShown && frame.allocationSize({format: "RGBA"}) === 4 * width * height) return frame;
    frame.close();
  } catch {
    // A browser without VideoFrame, or without RGBA.
  }
  return null;
}

/** Return the frame that a clip shows, as `videoFrame`: clips may be turned or mirrored, which not each browser tells. */
function clipFrame(video) {
  const frame = videoFrame(video);
  if (!frame || (frame.rotation === 0 && !frame.flip)) return frame;
  frame.close();
  return null;
}

/** Return the frame that a video shows, never mirrored: mirrored, a right hand would be a left one. */
async function frameOf(video) {
  const {videoWidth, videoHeight} = video;
  const scale = LONGEST_PX / Math.max(videoWidth, videoHeight);
  const size = {resizeWidth: Math.round(videoWidth * scale), resizeHeight: Math.round(videoHeight * scale)};
  return createImageBitmap(video, scale < 1 ? {...size, resizeQuality: "medium"} : {});
}

/**
 * Resolve to whether a clip tells that the matrix of its colours is BT.709: in the box "colr" of an MP4 file, or the
 * element Colour of a WebM one. Both are near the beginning or the end.
 */
export async function tellsBt709(file) {
  const ends = new Blob([file.slice(0, HEADER_BYTES), file.slice(-HEADER_BYTES)]);
  const text = new TextDecoder("latin1").decode(await ends.arrayBuffer());
  return /colrncl[cx].{4}\0\x01|\x55\xb1\x81\x01/s.test(text);
}

/** A camera. `ended` is called when it is taken away. */
export class Camera {
  constructor(video, ended) {
    Object.assign(this, {video, ended, closed: false});
  }

  /** Start it; fails with a message for the user. */
  async open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error(
        "The browser gives cameras only to pages with an address that begins with https:// or is on this computer " +
          "(localhost, 127.0.0.1). Open the page that way, or open a clip instead.",
      );
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({audio: false, video: CAMERA});
    } catch ({name}) {
      const messages = {
        NotAllowedError: "The browser may not use the camera. Allow it beside the address of this page, then press Start again.",
        NotFoundError: "There is no camera. Connect one, or open a clip instead.",
      };
      throw new Error(messages[name] ?? `The camera cannot be used (${name}). Another program may have it: close that, and press Start again.`);
    }
    if (this.closed) return this.close(); // while the browser asked for permission
    this.video.srcObject = this.stream;
    this.stream.getVideoTracks()[0].onended = this.ended;
    await this.video.play();
  }

  /**
   * Yield [picture, seconds on the page's clock at which it was taken] of the newest frame. A frame that comes while the
   * one before is recognised is there at once; of several, the older ones are left out.
   */
  async *frames() {
    let time_s = performance.now() / 1000;
    this.watch();
    while (!this.closed) {
      if (!this.newest) {
        await new Promise((taken) => {
          this.taken = taken;
          setTimeout(taken, STILL_MS);
        });
      }
      if (this.closed) return;
      const {frame, taken_s} = this.newest ?? {frame: videoFrame(this.video), taken_s: time_s + STILL_MS / 1000};
      this.newest = null;
      time_s = taken_s;
      yield [frame ?? (await frameOf(this.video)), time_s];
    }
  }

  /** Keep each frame that the camera takes until there is a newer one. */
  watch() {
    const next = this.video.requestVideoFrameCallback?.bind(this.video) ?? requestAnimationFrame;
    next((now, about) => {
      if (this.closed) return;
      this.newest?.frame?.close();
      // Where the browser tells when a frame was taken: it may wait here for as long as the one before it takes.
      this.newest = {frame: videoFrame(this.video), taken_s: (about?.captureTime ?? now) / 1000};
      this.taken?.();
      this.watch();
    });
  }

  close() {
    this.closed = true;
    this.newest?.frame?.close();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.video.srcObject === this.stream) this.video.srcObject = null;
  }
}

/** A video file: every frame is taken, however long that takes, at the time that it has in the clip. */
export class Clip {
  constructor(video, file, fps) {
    Object.assign(this, {video, file, fps, closed: false});
  }

  /** Open it; fails with a message for the user. */
  async open() {
    const {video, file} = this;
    const about = `${file.name} (${(file.size / 1e6).toFixed(1)} MB)`;
    if (file.size > LARGEST_CLIP_MB * 1e6) {
      throw new Error(`A clip must have at most ${LARGEST_CLIP_MB} MB; got ${about}. Cut it, or make it smaller.`);
    }
    this.address = URL.createObjectURL(file);
    const opened = await new Promise((done) => {
      video.addEventListener("error", () => done(false), {once: true});
      video.addEventListener("loadeddata", () => done(video.videoWidth > 0), {once: true});
      setTimeout(done, 15000, false);
      video.src = this.address;
    });
    // Browsers write recordings without a duration, and find it at the end.
    if (opened && video.duration === Infinity) await this.seek(Number.MAX_SAFE_INTEGER);
    this.bt709 = await tellsBt709(file);
    if (this.closed) return;
    if (!opened || !Number.isFinite(video.duration)) {
      this.close();
      throw new Error(`${about} is not a video that this browser can play. Convert it to mp4 (H.264), and open that.`);
    }
    if (video.duration > LONGEST_CLIP_S) {
      this.close();
      throw new Error(`A clip must last at most ${LONGEST_CLIP_S} seconds; ${about} lasts longer. Cut it.`);
    }
  }

  /** Yield [picture, seconds in the clip] of each frame. */
  async *frames() {
    const {video, fps} = this;
    const count = Math.max(1, Math.floor(video.duration * fps));
    for (let index = 0; index < count && !this.closed; index++) {
      await this.seek(Math.min((index + 0.25) / fps, video.duration));
      if (!this.closed) yield [clipFrame(video) ?? (await frameOf(video)), index / fps];
    }
  }

  /** Go to a time in seconds, and wait until the frame there is shown, or give up after a while. */
  async seek(time_s) {
    const {video} = this;
    const shown = new Promise((done) => video.requestVideoFrameCallback?.(done) ?? done());
    await new Promise((done) => {
      const given_up = setTimeout(done, 2000);
      video.onseeked = () => {
        clearTimeout(given_up);
        done();
      };
      video.currentTime = time_s;
    });
    // A busy browser has found a frame before it shows it; a page that is hidden shows none.
    if (!document.hidden) await Promise.race([shown, new Promise((done) => setTimeout(done, LATEST_MS))]);
  }

  close() {
    if (this.closed) return; // another one may have the video
    this.closed = true;
    URL.revokeObjectURL(this.address);
    this.video.removeAttribute("src");
  }
}
