// The live page's script: it sends frames of the camera or of a clip to the server, and shows what is recognised.
"use strict";
(() => {
  let config = {}; // limits and colours, which come with the page's session
  const byId = (id) => document.getElementById(id);
  let token = "";
  let run = null; // what is running now: {kind: "camera" | "clip", stopped, video, times…}
  let recording = false;
  let asked = null; // the prompt of "Record your own signs", while that goes on
  let taken = []; // frames of the last capture, to look at before they are kept

  const shows = (id) => byId(id) && byId(id).offsetParent !== null;

  const address = (path) => {
    const here = new URL(location.href);
    here.search = here.hash = "";
    if (!here.pathname.endsWith("/")) here.pathname += "/";
    return new URL(path, here);
  };

  // Sentences for the reader of a screen too; the same one is not said twice.
  const say = (text) => {
    const status = byId("asl-status");
    if (status && status.textContent !== text) status.textContent = text;
  };

  class Refused extends Error {
    constructor(text, status) {
      super(text);
      this.status = status;
    }
  }

  async function post(path, body, headers = {}) {
    let response;
    try {
      response = await fetch(address(path), {
        method: "POST", body, headers: {"X-Session": token, ...headers}, keepalive: typeof body === "string",
      });
    } catch (error) {
      throw new Refused("The server does not answer. Is it still running, and is the network there?", 0);
    }
    let answer = {};
    try {
      answer = await response.json();
    } catch (error) {
      throw new Refused(`The server's answer cannot be read (status ${response.status}). Load the page again.`, 0);
    }
    if (!response.ok) throw new Refused(answer.error || `The server refused (status ${response.status}).`, response.status);
    return answer;
  }

  const command = (name, what = {}) => post(`asl/command/${name}`, JSON.stringify(what));

  // One frame as a JPEG, never mirrored: mirrored, a right hand would be a left one.
  async function capture(video, canvas) {
    const scale = Math.min(1, config.frame_px / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.max(2, Math.round((video.videoWidth * scale) / 2) * 2);
    canvas.height = Math.max(2, Math.round((video.videoHeight * scale) / 2) * 2);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    if (!jpeg) throw new Refused("The browser could not make a picture of the frame. Try another browser.", 0);
    return jpeg;
  }

  function draw(frame, points = {}, box = null) {
    const canvas = byId("asl-canvas");
    if (!canvas) return;
    canvas.width = frame.width;
    canvas.height = frame.height;
    const context = canvas.getContext("2d");
    context.drawImage(frame, 0, 0);
    const thick = Math.max(2, Math.hypot(frame.width, frame.height) / 300);
    context.lineWidth = thick;
    context.lineCap = "round";
    for (const [part, values] of Object.entries(points)) {
      const at = (index) => {
        const [x, y] = [values[2 * index], values[2 * index + 1]];
        if (x == null || y == null || 2 * index + 1 >= values.length) return null;
        return [(x * frame.width) / 1e4, (y * frame.height) / 1e4];
      };
      context.strokeStyle = context.fillStyle = config.colours[part];
      for (const [one, other] of config.limbs[part] || []) {
        const [a, b] = [at(one), at(other)];
        if (!a || !b) continue;
        context.beginPath();
        context.moveTo(...a);
        context.lineTo(...b);
        context.stroke();
      }
      for (let index = 0; 2 * index < values.length; index++) {
        const point = at(index);
        if (!point) continue;
        context.beginPath();
        context.arc(...point, part === "face" ? 1 : thick, 0, 7);
        context.fill();
      }
    }
    if (box) {
      context.strokeStyle = "#ffffff";
      context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
    }
    canvas.hidden = false;
    byId("asl-hint").hidden = true;
    byId("asl-stage").style.aspectRatio = `${frame.width} / ${frame.height}`;
  }

  const hand = {left_hand: "left hand", right_hand: "right hand"};

  function show(answer) {
    const shown = byId("asl-shown");
    if (!shown) return;
    // While the next sign is under way, the last one stays, and says that it is the last one.
    const before = answer.shown && answer.signing && answer.top.length && answer.top[0][0] !== answer.shown;
    const name = before ? `before: ${answer.shown}` : answer.shown || (answer.top.length ? "unknown" : "–");
    if (shown.textContent !== name) shown.textContent = name;
    const hands = answer.hands.length > 1 ? "both hands" : answer.hands.length ? hand[answer.hands[0]] : "no hand";
    byId("asl-hands").textContent =
      `In view: ${hands}. ${answer.signing ? "A sign is in progress." : "No sign is in progress."}`;
    showTop(answer.top, answer.shown);
    showWords(answer.words);
  }

  function showTop(top, named) {
    const list = byId("asl-top");
    while (list.children.length < top.length) {
      const row = document.createElement("li");
      row.innerHTML = '<div class="asl-row"><span></span><span></span></div><div class="asl-bar" role="meter" ' +
        'aria-valuemin="0" aria-valuemax="100"><div></div></div>';
      list.append(row);
    }
    while (list.children.length > top.length) list.lastChild.remove();
    top.forEach(([gloss, probability], index) => {
      const row = list.children[index];
      const percent = Math.round(100 * probability);
      const [title, number] = row.querySelectorAll("span");
      title.textContent = gloss;
      number.textContent = `${percent} %`;
      const bar = row.querySelector(".asl-bar");
      bar.setAttribute("aria-label", gloss);
      bar.setAttribute("aria-valuenow", percent);
      bar.firstChild.style.width = `${percent}%`;
      row.classList.toggle("named", gloss === named);
    });
  }

  // Words are added, not written anew, so that a screen reader says only what has come.
  function showWords(words) {
    const log = byId("asl-words");
    if (!log) return;
    const old = [...log.children].map((word) => word.textContent);
    let same = old.length <= words.length && old.every((word, index) => word === words[index]);
    if (!same) log.replaceChildren();
    for (const word of words.slice(same ? old.length : 0)) {
      const element = document.createElement("span");
      element.textContent = word;
      log.append(element, " ");
    }
    if (!same || words.length > old.length) log.scrollTop = log.scrollHeight;
  }

  // Rates are those of the last two seconds; a latency is from taking a frame to having its answer.
  function showSpeed() {
    const now = performance.now();
    run.answers = run.answers.filter(([end]) => now - end < 2000);
    if (run.answers.length < 3) return;
    const latencies = run.answers.map(([, latency]) => latency).sort((a, b) => a - b);
    const span = now - run.answers[0][0];
    byId("asl-speed").textContent =
      `${((1000 * run.answers.length) / span).toFixed(0)} frames a second; ` +
      `${latencies[latencies.length >> 1].toFixed(0)} ms from a frame to its answer; ${run.leftOut} left out.`;
  }

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function look(mine, canvas, clip_s = null) {
    // One picture is made at a time, so that they leave in the order in which they were taken.
    const before = mine.camera;
    let done;
    mine.camera = new Promise((free) => (done = free));
    await before;
    const began = performance.now();
    const time_s = clip_s === null ? began / 1000 : clip_s;
    const jpeg = await capture(mine.video, canvas).finally(done);
    if (mine.stopped) return;
    const recorder = mine.kind === "camera" && asked && shows("asl-recorder");
    const answer = await post(recorder ? "asl/prompt" : "asl/frame", jpeg, {"X-Time": time_s.toFixed(4)});
    if (mine.stopped) return;
    if (answer.left_out) {
      mine.leftOut += 1;
      return;
    }
    if (time_s < mine.shown_s) return;
    mine.shown_s = time_s;
    mine.answers.push([performance.now(), performance.now() - began]);
    if (recorder) {
      if (answer.prompt.phase === "capture") taken.push(jpeg);
      showPrompt(answer.prompt);
      if (!replaying()) draw(canvas);
    } else {
      draw(canvas, answer.points, answer.box);
      show(answer);
    }
    showSpeed();
    if (mine.troubled) say(mine.message);
    mine.troubled = false;
    if (recording && answer.full) record();
  }

  // A camera's frames go on two lanes: while the server looks at one, the next is on its way. Frames that the
  // camera takes meanwhile are never sent, so nothing queues up and the answer is about now.
  async function lane(mine) {
    const canvas = document.createElement("canvas");
    while (!mine.stopped) {
      const wait = mine.next - performance.now();
      mine.next = Math.max(mine.next, performance.now()) + 1000 / config.most_fps;
      if (wait > 0) await pause(wait);
      if (mine.stopped) return;
      try {
        await look(mine, canvas);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        say(error.message);
        mine.troubled = true;
        if (error.status === 410 || error.status === 403) return stop(error.message);
        if (error.status === 409 && asked) await over(); // the server has stopped asking for signs
        await pause(3000);
      }
    }
  }

  // Every frame of a clip is looked at, however long that takes, at the time it has in the clip.
  async function step(mine) {
    const canvas = document.createElement("canvas");
    const video = mine.video;
    const count = Math.max(1, Math.floor(video.duration * config.clip_fps));
    for (let index = 0; index < count && !mine.stopped; index++) {
      const time_s = index / config.clip_fps;
      await new Promise((done) => {
        const given_up = setTimeout(done, 2000);
        video.onseeked = () => {
          clearTimeout(given_up);
          done();
        };
        video.currentTime = Math.min(time_s + 0.25 / config.clip_fps, video.duration);
      });
      await look(mine, canvas, time_s);
    }
    if (mine.stopped) return;
    const last = await command("finish");
    if (last.top) show({...last, hands: [], signing: false});
    stop(`${mine.name} was recognised to its end: ${count} frames.`);
  }

  function begin(kind, video, message, name = "") {
    run = {kind, video, message, name, stopped: false, next: 0, shown_s: -1, answers: [], leftOut: 0, troubled: true,
      camera: Promise.resolve()};
    byId("asl-speed").textContent = "";
    const button = document.querySelector('[data-asl="camera"]');
    button.textContent = kind === "camera" ? "Stop the camera" : "Stop the clip";
    document.querySelector('[data-asl="clip"]').disabled = true;
    document.querySelector('[data-asl="record"]').disabled = kind !== "camera";
    byId("asl-mirror").checked = kind === "camera";
    mirror();
    return run;
  }

  async function stop(message = "") {
    if (!run || run.stopped) return;
    const mine = run;
    mine.stopped = true;
    if (mine.video.srcObject) mine.video.srcObject.getTracks().forEach((track) => track.stop());
    mine.video.srcObject = null;
    mine.video.hidden = true;
    if (mine.url) {
      URL.revokeObjectURL(mine.url);
      mine.video.removeAttribute("src");
    }
    document.querySelector('[data-asl="camera"]').textContent = "Start the camera";
    document.querySelector('[data-asl="clip"]').disabled = false;
    document.querySelector('[data-asl="record"]').disabled = true;
    say(message || "Stopped.");
    if (recording) await record();
    if (asked) await over();
    await pause(200); // what is still on its way
    if (run === mine) await command("rest").catch(() => {});
  }

  async function startCamera() {
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      say("The browser gives cameras only to pages with an address that begins with https:// or is on this computer " +
        "(localhost, 127.0.0.1). Open the page that way, or open a clip instead.");
      return;
    }
    say("Waiting for the camera. The browser asks whether this page may use it.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false, video: {width: {ideal: 640}, height: {ideal: 480}, frameRate: {ideal: 30}, facingMode: "user"},
      });
    } catch (error) {
      say(error.name === "NotAllowedError"
        ? "The browser may not use the camera. Allow it beside the address of this page, then press Start again."
        : error.name === "NotFoundError"
          ? "There is no camera. Connect one, or open a clip instead."
          : `The camera cannot be used (${error.name}). Another program may have it: close that, and press Start again.`);
      return;
    }
    const video = byId("asl-video");
    const mine = begin("camera", video, "The camera is on.");
    video.srcObject = stream;
    stream.getVideoTracks()[0].onended = () => stop("The camera was taken away. Connect it again and press Start.");
    await video.play();
    video.hidden = false;
    byId("asl-hint").hidden = true;
    say("The camera is on. Loading the model: the first answer takes some seconds.");
    await command("restart").catch((error) => say(error.message));
    lane(mine);
    lane(mine);
  }

  async function openClip(file) {
    const what = `${file.name} (${(file.size / 1e6).toFixed(1)} MB)`;
    if (file.size > config.clip_mb * 1e6) {
      say(`A clip must have at most ${config.clip_mb} MB; got ${what}. Cut it, or make it smaller.`);
      return;
    }
    const video = byId("asl-video");
    const url = URL.createObjectURL(file);
    const opened = await new Promise((done) => {
      video.onerror = () => done(false);
      video.onloadeddata = () => done(video.videoWidth > 0);
      setTimeout(() => done(false), 15000);
      video.srcObject = null;
      video.src = url;
    });
    video.onerror = video.onloadeddata = null;
    if (!opened || !Number.isFinite(video.duration)) {
      URL.revokeObjectURL(url);
      video.removeAttribute("src");
      say(`${what} is not a video that this browser can play. Convert it to mp4 (H.264), and open that.`);
      return;
    }
    if (video.duration > config.clip_s) {
      URL.revokeObjectURL(url);
      say(`A clip must last at most ${config.clip_s} seconds; ${file.name} lasts ${video.duration.toFixed(0)}. Cut it.`);
      return;
    }
    const mine = begin("clip", video, `Looking at ${file.name}.`, file.name);
    mine.url = url;
    say(`Looking at ${file.name}. Loading the model: the first answer takes some seconds.`);
    try {
      await command("restart");
      await step(mine);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      stop(error.message);
    }
  }

  async function record() {
    const button = document.querySelector('[data-asl="record"]');
    try {
      const answer = await command(recording ? "store" : "record");
      recording = !recording;
      button.textContent = recording ? "Stop recording" : "Record";
      button.setAttribute("aria-pressed", String(recording));
      byId("asl-badge").hidden = !recording;
      if (run) run.message = recording ? "Recording: frames and words are kept." : answer.message || run.message;
      say(recording ? "Recording: frames and words are kept." : answer.message || "");
    } catch (error) {
      say(error.message);
    }
  }

  // Record your own signs: the server asks for one sign after the other, and keeps what the signer likes.
  const PHASES = {
    ready: ["Press Start when you are ready.", "Start"],
    countdown: ["Get ready: hands at rest.", "Start"],
    capture: ["Sign now.", "Start"],
    review: ["Look at it: keep it, or take it again.", "Take again"],
    finished: ["All signs are recorded. Thank you.", "Start"],
  };
  const replaying = () => asked && asked.phase === "review" && taken.length > 0;

  function showPrompt(prompt) {
    const news = !asked || asked.phase !== prompt.phase || asked.number !== prompt.number;
    asked = prompt;
    const counting = prompt.phase === "countdown";
    byId("asl-count").hidden = !counting;
    if (counting) byId("asl-count").textContent = Math.ceil(prompt.left_s);
    byId("asl-badge").hidden = prompt.phase !== "capture" && !recording;
    if (!news) return;
    const [what, start] = PHASES[prompt.phase];
    byId("asl-recorder-form").hidden = true;
    byId("asl-recorder-prompt").hidden = false;
    byId("asl-asked").textContent = prompt.phase === "finished" ? "Done" : prompt.gloss;
    byId("asl-asked-number").textContent = `Recording ${prompt.number} of ${prompt.total}, ${prompt.kept} kept`;
    byId("asl-asked-what").textContent = what;
    const button = (name) => document.querySelector(`[data-asl="${name}"]`);
    button("take").textContent = start;
    button("take").disabled = !["ready", "review"].includes(prompt.phase);
    button("keep").disabled = prompt.phase !== "review";
    button("skip").disabled = prompt.phase === "finished";
    const next = {ready: "take", review: "keep", finished: "over"}[prompt.phase];
    if (next && shows("asl-recorder")) button(next).focus();
    if (prompt.phase === "review") replay();
  }

  async function replay() {
    for (let index = 0; replaying() && shows("asl-recorder"); index = (index + 1) % taken.length) {
      const picture = await createImageBitmap(taken[index]);
      if (replaying()) draw(picture);
      picture.close();
      await pause(40);
    }
  }

  async function tell(name, what = {}) {
    try {
      const answer = await command(name, what);
      if (answer.message) say(answer.message);
      if (answer.prompt) showPrompt(answer.prompt);
      return true;
    } catch (error) {
      say(error.message);
      return false;
    }
  }

  async function beginRecorder(form) {
    const values = Object.fromEntries(new FormData(form));
    if (!run || run.stopped) await startCamera();
    if (!run || run.stopped) return;
    taken = [];
    await tell("ask", {...values, repetitions: Number(values.repetitions)});
  }

  async function take() {
    taken = [];
    await tell("take", {time_s: performance.now() / 1000});
  }

  async function over() {
    await command("over").catch(() => {});
    asked = null;
    taken = [];
    byId("asl-count").hidden = byId("asl-badge").hidden = true;
    byId("asl-recorder-form").hidden = false;
    byId("asl-recorder-prompt").hidden = true;
  }

  async function copy() {
    const text = [...byId("asl-words").children].map((word) => word.textContent).join(" ");
    try {
      await navigator.clipboard.writeText(text);
      say("The transcript is copied.");
    } catch (error) {
      getSelection().selectAllChildren(byId("asl-words"));
      say(document.execCommand("copy") ? "The transcript is copied." : "It is selected: press Ctrl+C to copy it.");
    }
  }

  const mirror = () => byId("asl-stage").classList.toggle("mirrored", byId("asl-mirror").checked);

  const actions = {
    camera: () => (run && !run.stopped ? stop("The camera is off.") : startCamera()),
    clip: () => byId("asl-file").click(),
    record,
    copy,
    take,
    over,
    keep: () => tell("keep"),
    skip: () => tell("skip"),
    clear: () => command("clear").then(() => showWords([])).catch((error) => say(error.message)),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-asl]");
    if (button && !token) say("The page has no session at the server. Load it again.");
    else if (button && actions[button.dataset.asl]) actions[button.dataset.asl]();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "asl-mirror") mirror();
    if (event.target.id === "asl-model") change({model: event.target.value});
    if (event.target.id === "asl-threshold") change({threshold: Number(event.target.value)});
    if (event.target.id === "asl-file" && event.target.files.length) {
      const file = event.target.files[0];
      event.target.value = "";
      openClip(file);
    }
  });
  byId("asl-threshold").addEventListener("input", (event) => showThreshold(event.target.value));
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "asl-recorder-form") return;
    event.preventDefault();
    beginRecorder(event.target);
  });
  window.addEventListener("pagehide", () => {
    if (token) command("leave").catch(() => {});
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // the server has forgotten a page that was left
  });

  // Tabs as in the ARIA Authoring Practices: one of them is in the tab order, arrow keys go to the others.
  const tabs = [...document.querySelectorAll('[role="tab"]')];

  function open(tab) {
    for (const other of tabs) {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
      byId(other.getAttribute("aria-controls")).hidden = other !== tab;
    }
  }

  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const next = {ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1}[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const other = tabs[(next + tabs.length) % tabs.length];
      open(other);
      other.focus();
    });
  });

  function showThreshold(value) {
    byId("asl-threshold").value = value;
    byId("asl-threshold-value").textContent = Number(value).toFixed(2);
  }

  async function change(what) {
    try {
      showThreshold((await command("settings", what)).threshold);
    } catch (error) {
      say(error.message);
    }
  }

  async function beginSession() {
    const session = await post("asl/begin", "");
    ({token, config} = session);
    for (const name of session.models) byId("asl-model").append(new Option(name));
    showThreshold(session.threshold);
    for (const mark of document.querySelectorAll("[data-part]")) mark.style.background = config.colours[mark.dataset.part];
    for (const span of document.querySelectorAll("[data-value]")) span.textContent = config[span.dataset.value];
    document.documentElement.dataset.aslReady = "yes";
  }

  beginSession().catch((error) => say(error.message));
})();
