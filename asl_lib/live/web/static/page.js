// The live page: what is recognised in the frames of a camera or a clip, shown in words.

import {startEngine} from "./client.js";
import {drawFrame} from "./drawing.js";
import {RecordingSession, WordRecording, sendRecording} from "./recorder.js";
import {Camera, Clip} from "./sources.js";
import {Teacher} from "./teacher.js";
import {Transcript, counted} from "./words.js";

// Under which names the browser keeps the words and the letters.
const KEPT = {words: "asl-words", letters: "asl-letters"};
// Frames a second below which fast signs are missed, and how long the rate is measured.
const [TOO_FEW_FPS, RATE_MS] = [8, 2000];
// After how many frames it is shown anew where the models run.
const PLACES_FRAMES = 25;
// Firefox sometimes never starts a worker that a worker asks for, as threads are: one page in eight was never ready.
const MOST_THREADS = navigator.userAgent.includes("Firefox/") ? 1 : Math.min(4, navigator.hardwareConcurrency ?? 1);
const HANDS = {left_hand: "left hand", right_hand: "right hand"};

// What the server of `asl live --web` wants to know before it takes recordings.
const token = location.hash.slice(1);

const byId = (id) => document.getElementById(`asl-${id}`);
const button = (name) => document.querySelector(`[data-asl="${name}"]`);
const engine = startEngine();
const teacher = new Teacher(engine, {byId, say, save});
let config = {};
let settings = {};
let source = null; // the camera or clip whose frames are recognised now
let recording = null; // the recording of the camera and its words, while it lasts
let session = null; // the session of "Record your own signs", while it lasts
let phaseBefore = ""; // that of the frame before
let answers = []; // [when it came, how long it took] of each answer of the last seconds
let transcript = new Transcript({pieces: stored(false)});

/** Show a sentence, which a screen reader says; the same one is not said twice. */
function say(text) {
  if (byId("status").textContent !== text) byId("status").textContent = text;
}

function show({shown, signing, top, hands, phase, left_s, committed, refused}) {
  // While the next sign is under way, the last one stays, and says that it is the last one.
  const before = shown && signing && top.length && top[0][0] !== shown;
  const unnamed = refused ? "not a sign I know" : top.length ? "unknown" : "–";
  const name = before ? `before: ${shown}` : shown || unnamed;
  if (byId("shown").textContent !== name) byId("shown").textContent = name;
  const seen = hands.length > 1 ? "both hands" : (HANDS[hands[0]] ?? "no hand");
  byId("hands").textContent = `In view: ${seen}. ${signing ? "A sign is in progress." : "No sign is in progress."}`;
  byId("count").hidden = phase !== "countdown";
  byId("count").textContent = Math.ceil(left_s);
  if (phase === "capture") say("Sign now.");
  const ended = phase === "done" && phaseBefore !== "done";
  phaseBefore = phase;
  if (ended && !teacher.captured()) {
    say("The sign has been recognised. Press the button again for the next, or recognise continuously.");
  }
  button("continuous").hidden = phase === "continuous";
  showTop(top, shown);
  if (committed) {
    transcript.add(committed);
    recording?.add(committed);
    showWords();
  }
}

function showTop(top, named) {
  const list = byId("top");
  while (list.children.length < top.length) {
    const row = document.createElement("li");
    row.innerHTML =
      '<div class="asl-row"><span></span><span></span></div><div class="asl-bar" role="meter" aria-valuemin="0" ' +
      'aria-valuemax="100"><div></div></div>';
    list.append(row);
  }
  while (list.children.length > top.length) list.lastChild.remove();
  top.forEach(([gloss, probability], index) => {
    const row = list.children[index];
    const percent = Math.round(100 * probability);
    const [title, number] = row.querySelectorAll("span");
    [title.textContent, number.textContent] = [gloss, `${percent} %`];
    const bar = row.querySelector(".asl-bar");
    bar.setAttribute("aria-label", gloss);
    bar.setAttribute("aria-valuenow", percent);
    bar.firstChild.style.width = `${percent}%`;
    row.classList.toggle("named", gloss === named);
  });
}

/** Show and keep the transcript. Words are added, not written anew: a screen reader says only what has come. */
function showWords() {
  const words = transcript.words.filter(Boolean);
  const log = byId("words");
  const shown = [...log.children].map(({textContent}) => textContent);
  const same = shown.every((word, index) => word === words[index]);
  if (!same) log.replaceChildren();
  for (const word of words.slice(same ? shown.length : 0)) {
    const element = document.createElement("span");
    element.textContent = word;
    log.append(element, " ");
  }
  log.scrollTop = log.scrollHeight;
  try {
    localStorage.setItem(transcript.spelling ? KEPT.letters : KEPT.words, JSON.stringify(transcript.pieces));
  } catch {
    // A browser without storage forgets the transcript when the page is closed.
  }
}

/** Return the words, or the letters, that were there before. */
function stored(spelling) {
  try {
    return JSON.parse(localStorage.getItem(spelling ? KEPT.letters : KEPT.words)) ?? [];
  } catch {
    return [];
  }
}

function showSpeed(began) {
  const now = performance.now();
  answers = [...answers.filter(([end]) => now - end < RATE_MS), [now, now - began]];
  if (answers.length < 3) return;
  const rate = (1000 * (answers.length - 1)) / (now - answers[0][0]);
  const latencies = answers.map(([, latency]) => latency).sort((one, other) => one - other);
  const slow = source instanceof Camera && rate < TOO_FEW_FPS ? " That is few: sign slowly, or close other programs." : "";
  byId("speed").textContent =
    `${rate.toFixed(0)} frames a second; ${latencies[latencies.length >> 1].toFixed(0)} ms from a frame to its answer.${slow}`;
}

/** Recognise the frames of a camera or a clip, in place of the one before, until it ends or is stopped. */
async function recognise(opened, message) {
  if (source) stop("");
  source = opened;
  try {
    await opened.open();
  } catch (error) {
    if (source === opened) stop(error.message);
    return;
  }
  if (source !== opened) return; // it was stopped before it was there
  const camera = opened instanceof Camera;
  byId("video").hidden = byId("canvas").hidden = false;
  byId("hint").hidden = true;
  byId("stage").style.aspectRatio = `${byId("video").videoWidth} / ${byId("video").videoHeight}`;
  byId("mirror").checked = camera;
  mirror();
  button("camera").textContent = camera ? "Stop the camera" : "Stop the clip";
  enableCamera(camera);
  say(message);
  await engine.reset({bt709: opened.bt709});
  let count = 0;
  try {
    for await (const [picture, time_s] of opened.frames()) {
      if (session) {
        picture.close(); // the camera is recorded, and nothing else
        continue;
      }
      const began = performance.now();
      const recognition = await engine.process(picture, time_s);
      if (opened.closed) return;
      if (session) continue;
      drawFrame(byId("canvas"), recognition, config);
      show(recognition);
      showSpeed(began);
      if (count % PLACES_FRAMES === 0) byId("places").textContent = await engine.places();
      count += 1;
    }
    if (opened.closed) return;
    show(await engine.finish());
    stop(`${opened.file.name} was recognised to its end: ${counted(count, "frame")}.`);
  } catch (error) {
    if (source === opened) stop(error.message);
  }
}

/** Let the buttons be pressed that need a camera, or not. */
function enableCamera(on) {
  for (const each of [button("one"), button("record"), ...document.querySelectorAll("[data-asl-camera]")]) each.disabled = !on;
}

function stop(message) {
  if (recording) record(message);
  source?.close();
  source = null;
  if (session) endSession(message);
  answers = [];
  byId("speed").textContent = "";
  byId("count").hidden = byId("video").hidden = byId("canvas").hidden = button("continuous").hidden = true;
  byId("hint").hidden = false;
  button("camera").textContent = "Start the camera";
  enableCamera(false);
  teacher.stop();
  say(message);
}

// What the signer is asked to do in each phase of a recording session.
const PROMPTS = {
  ready: "Press Start when you are ready.",
  countdown: "Get ready: hands at rest.",
  capture: "Sign now.",
  review: "Look at it: keep it, or take it again.",
  saving: "It is being saved.",
  finished: "All signs are recorded. Press End and save.",
};

function showPrompt({phase, gloss, number, asked, files, stored: sent, left_s, video}) {
  byId("recorder-form").hidden = true;
  byId("recorder-prompt").hidden = false;
  const at = `Recording ${Math.min(number + 1, asked.length)} of ${asked.length}, ${files.length + sent} kept`;
  const texts = {"asked-number": at, "asked": gloss || "Done", "asked-what": PROMPTS[phase], "count": left_s};
  for (const [id, text] of Object.entries(texts)) byId(id).textContent = text;
  byId("count").hidden = phase !== "countdown";
  byId("badge").hidden = phase !== "capture";
  const replay = byId("replay");
  URL.revokeObjectURL(replay.src);
  replay.hidden = phase !== "review";
  if (phase === "review") {
    replay.src = URL.createObjectURL(video.blob);
    replay.play();
  } else {
    replay.removeAttribute("src");
  }
  button("take").textContent = phase === "review" ? "Take again" : "Start";
  button("take").disabled = !["ready", "review"].includes(phase);
  button("keep").disabled = phase !== "review";
  button("skip").disabled = ["saving", "finished"].includes(phase);
  const next = {ready: "take", review: "keep", finished: "over"}[phase];
  if (next) button(next).focus();
}

function beginSession(form) {
  const {signer, glosses, repetitions, straight} = Object.fromEntries(new FormData(form));
  const names = glosses.split(",").map((gloss) => gloss.trim()).filter(Boolean);
  const asked = {signer: signer.trim(), glosses: names, repetitions: Number(repetitions)};
  if (!(source instanceof Camera) || !byId("video").srcObject) {
    say("Start the camera first.");
    button("camera").focus();
    return;
  }
  const put = (recorded) => sendRecording(token, {signer: asked.signer, ...recorded});
  try {
    session = new RecordingSession(byId("video").srcObject, asked, showPrompt, straight ? put : null);
  } catch (error) {
    say(error.message);
    return;
  }
  if (recording) record();
  byId("canvas").hidden = true;
  byId("speed").textContent = "";
  say("");
  document.querySelector("main").classList.add("recording");
  scrollTo(0, 0);
  session.enter("ready");
}

/** End the recording session, and let the browser save what was kept; `reason` is said with it. */
async function endSession(reason = "") {
  const ended = session;
  session = null;
  document.querySelector("main").classList.remove("recording");
  byId("recorder-form").hidden = false;
  byId("recorder-prompt").hidden = byId("replay").hidden = byId("count").hidden = byId("badge").hidden = true;
  byId("canvas").hidden = !source;
  const kept = await ended.end();
  const there = ended.stored ? `${reason} ${counted(ended.stored, "recording")} went into data/recordings.`.trim() : reason;
  if (kept) save(kept, `recordings-${ended.signer}.zip`, "Unpack it into data/recordings.", there);
  else if (there) say(there);
}

/** Begin or end a recording of the camera and of the words; `reason` is said with what is saved. */
async function record(reason = "") {
  const ended = recording;
  recording = ended ? null : new WordRecording(byId("video").srcObject);
  button("record").textContent = recording ? "Stop recording" : "Record";
  button("record").setAttribute("aria-pressed", String(Boolean(recording)));
  byId("badge").hidden = !recording;
  if (ended) save(await ended.end(), `live-${ended.recording.name}.zip`, "It has the video and the words.", reason);
}

/** Let the browser save a file, and say so after the reason for it. */
function save(blob, name, message, reason) {
  const link = document.createElement("a");
  Object.assign(link, {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say(`${reason} ${name} is saved. ${message}`.trim());
}

async function copy() {
  const text = transcript.words.join(" ");
  try {
    await navigator.clipboard.writeText(text);
    say("The transcript is copied.");
  } catch {
    getSelection().selectAllChildren(byId("words"));
    say("The transcript is selected: press Ctrl+C to copy it.");
  }
}

function mirror() {
  byId("stage").classList.toggle("mirrored", byId("mirror").checked);
}

function showThreshold() {
  byId("threshold").value = settings.threshold;
  byId("threshold-value").textContent = settings.threshold.toFixed(2);
}

async function useModel(name) {
  const {spells} = config.models[name];
  const used = await engine.useModel(config.models[name]);
  ({settings} = used);
  await teacher.use({...used, spells});
  if (transcript.spelling !== spells) transcript = new Transcript({spelling: spells, pieces: stored(spells)});
  showWords();
  showThreshold();
}

const actions = {
  camera: () => {
    if (source) stop(source instanceof Camera ? "The camera is off." : "The clip was stopped.");
    else recognise(new Camera(byId("video"), () => stop("The camera was taken away. Connect it again and press Start.")), "The camera is on.");
  },
  clip: () => byId("file").click(),
  one: () => {
    teacher.stop();
    return engine.start(performance.now() / 1000);
  },
  continuous: async () => {
    teacher.stop();
    await engine.reset();
    button("one").focus(); // this one goes
    say("Recognition is continuous again.");
  },
  "save-signs": () => teacher.download(),
  "open-signs": () => byId("signs-file").click(),
  record: () => record(),
  take: () => session.take(),
  keep: () => session.keep(),
  skip: () => session.skip(),
  over: () => endSession(),
  copy,
  clear: () => {
    transcript = new Transcript({spelling: transcript.spelling});
    showWords();
  },
};

document.addEventListener("click", async ({target}) => {
  try {
    await actions[target.closest("[data-asl]")?.dataset.asl]?.();
  } catch (error) {
    say(error.message);
  }
});
byId("recorder-form").addEventListener("submit", (event) => {
  event.preventDefault();
  beginSession(event.target);
});
byId("mirror").addEventListener("change", mirror);
byId("model").addEventListener("change", ({target}) => useModel(target.value).catch((error) => say(error.message)));
byId("threshold").addEventListener("input", ({target}) => {
  settings.threshold = Number(target.value);
  showThreshold();
  engine.tune({threshold: settings.threshold});
});
byId("file").addEventListener("change", ({target}) => {
  const [file] = target.files;
  target.value = "";
  if (file) recognise(new Clip(byId("video"), file, settings.fps), `Looking at ${file.name}.`);
});

/** Let a service worker keep the page for use without a network, and isolate it on hosts that cannot. */
async function keepPage() {
  if (!navigator.serviceWorker) return;
  const first = !navigator.serviceWorker.controller;
  // What was loaded before the service worker is loaded again through it.
  if (first) navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
  const {active} = await navigator.serviceWorker.register("sw.js");
  if (first && !active) await new Promise(() => {});
}

async function begin() {
  byId("straight").hidden = !token;
  say("Loading the tracker and the model, about 20 MB the first time ...");
  await keepPage().catch(() => {}); // without it the page works on one thread
  config = await (await fetch("config.json")).json();
  for (const mark of document.querySelectorAll("[data-part]")) mark.style.background = config.colours[mark.dataset.part];
  for (const name of Object.keys(config.models)) byId("model").append(new Option(name));
  const gpu = new URLSearchParams(location.search).get("gpu") ?? "card";
  const threads = await engine.open({threads: MOST_THREADS, gpu});
  byId("places").textContent = await engine.places();
  await useModel(byId("model").value);
  button("camera").disabled = button("clip").disabled = false;
  say("Ready.");
  Object.assign(document.documentElement.dataset, {aslReady: "yes", aslThreads: threads});
}

begin().catch((error) => say(error.message));
