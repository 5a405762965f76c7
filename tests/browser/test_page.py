"""The live page in real browsers: what runs in it equals what runs in Python."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from contextlib import closing, contextmanager
from dataclasses import asdict
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlparse

import av
import cv2
import numpy as np
import pytest

from asl_lib.course.cli import main
from asl_lib.data.clips import read_clips
from asl_lib.data.demo import load_signers
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import read_frames
from asl_lib.features.photographs import fit_square
from asl_lib.features.recipe import RecipeError
from asl_lib.landmarks.tracker import HolisticTracker
from asl_lib.live.errors import LiveError
from asl_lib.live.letters import LETTER_SETTINGS, LetterRecogniser
from asl_lib.live.networks import open_recogniser
from asl_lib.live.recogniser import LiveSettings, SignRecogniser
from asl_lib.live.web.build import STATIC, build_page
from asl_lib.live.web.packages import fetch_packages
from asl_lib.live.web.server import serve_files
from benchmarks.browsers import (
    FILM,
    TAKEN,
    WORDS,
    compare,
    firefox,
    load_page,
    wait_for,
    words_of_page,
    words_of_taken,
)
from benchmarks.tracker import BODY, GROUPS, agreement, render
from scripts.build_site import add_live_page
from scripts.check_site import check_site
from tests.browser.conftest import GLOSSES

FIRST, LAST = 8, 28


@pytest.fixture(scope="module")
def site(chromium, model, tmp_path_factory):
    """Folder of the page, and its address."""
    try:
        fetch_packages()
    except LiveError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASL_HOME", str(model.parents[3]))  # without a sign embedding
        folder = build_page(tmp_path_factory.mktemp("site"), models={"small": model, "other": model})
    with served(folder) as address:
        yield folder, address


@contextmanager
def served(folder):
    """Serve a page's folder, and yield its address."""
    with serve_files(folder, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def write_pixels(path, clip):
    """Write the frames of a clip as `getImageData` has them, and return their height and width."""
    alpha = np.full((*clip.shape[:3], 1), 255, np.uint8)
    path.write_bytes(np.concatenate([clip, alpha], axis=-1).tobytes())
    return clip.shape[1:3]


TRACK = """
    const [address, steps, width, height, threads] = given;
    const {startEngine} = await import("./client.js");
    const engine = startEngine();
    const used = await engine.open({threads});
    const pixels = new Uint8ClampedArray(await (await fetch(address)).arrayBuffer());
    const rows = [], times = [];
    for (const [i, seconds] of steps.entries()) {
      const data = pixels.slice(i * width * height * 4, (i + 1) * width * height * 4);
      const began = performance.now();
      const row = await engine.track({data, width, height}, seconds);
      times.push(performance.now() - began);
      rows.push([...row].map((value) => (Number.isNaN(value) ? null : value)));
    }
    return {rows, times, used};
"""


def test_the_browser_finds_the_landmarks_that_python_finds(site, run_script):
    folder, _ = site
    clip = render("WANT", "chen")[FIRST:LAST]  # both hands, apart: hands that touch are ill-conditioned
    height, width = write_pixels(folder / "clip.rgba", clip)
    steps = [1 / 30] * 10 + [0.05, 0.1] * 5  # first as clips have them, then as a slow camera's
    with HolisticTracker(BODY) as tracker:
        expected = np.stack([tracker.track(frame, seconds=step) for frame, step in zip(clip, steps, strict=True)])
    found = run_script(TRACK, "clip.rgba", steps, width, height, 1)
    rows = np.array(found["rows"], float).reshape(len(clip), 75, 4)
    size = (width, height)
    print(found["used"], np.median(found["times"]))
    for group, place in GROUPS["body"].items():
        same = agreement({"": rows[..., :2] * size}, {"": expected[..., :2] * size}, place)
        print(group, same)
        assert same["mean_px"] <= 0.3, group
        assert same["same"] == 1, group
    np.testing.assert_allclose(rows[..., 3], expected[..., 3], atol=0.01)


DECIDE = """
    const {Trial, openCard} = await import("./trial.js");
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const model = (ms, number) => ({
      compiled: {isFullyAccelerated: true}, closed: false, runs: 0,
      async run() {
        await pause(ms);
        return [Float32Array.of(200, number(this.runs++))];
      },
      close() {
        this.closed = true;
      },
    });
    const right = (run) => 1 + run / 1000;
    const broken = () => {
      throw new Error("lost");
    };
    const cases = {
      better: model(0, right),
      rounded: model(0, (run) => right(run) * 1.0001),
      slower: model(60, right),
      wrong: model(0, (run) => right(run) + 0.5),
      "wrong from the third run on": model(0, (run) => right(Math.min(run, 1)) + (run > 1)),
      "no number": model(0, () => NaN),
      failing: model(0, broken),
      partly: {...model(0, right), compiled: {isFullyAccelerated: false}},
      "lost later": model(0, (run) => (run < 12 ? right(run) : broken())),
      "without time": model(0, right),
    };
    const answers = {};
    for (const [name, other] of Object.entries(cases)) {
      const card = openCard({}, "card");
      if (name === "without time") card.left_ms = 0;
      const own = model(20, right);
      const trial = await Trial.begin(name, own, async () => other, card);
      const numbers = [];
      for (let run = 0; run < 14; run++) numbers.push((await trial.run([]))[0][1]);
      answers[name] = {moved: trial.moved, runs: own.runs, numbers, place: trial.place, closed: other.closed};
    }
    const failed = await Trial.begin("", model(0, right), broken, openCard({}, "card"));
    const imitated = {adapterInfo: {isFallbackAdapter: true}};
    const open = (device, wanted) => Boolean(openCard(device, wanted));
    return {
      answers, failed: failed.place,
      cards: [open(null, "any"), open(imitated, "card"), open(imitated, "any"), open({}, "card"), open({}, "none")],
    };
"""


def test_a_model_moves_to_the_graphics_card_only_where_it_gives_the_same_numbers_sooner(run_script):
    found = run_script(DECIDE)
    assert found["cards"] == [False, False, True, True, False]
    assert "cannot run it" in found["failed"]
    answers = found["answers"]
    assert [name for name, answer in answers.items() if answer["moved"]] == ["better", "rounded"]
    assert answers["better"]["runs"] == 8  # and from then on the processor rests
    reasons = {name: answer["place"].partition("(")[2] for name, answer in answers.items()}
    for name in ("wrong", "wrong from the third run on", "no number"):
        assert reasons[name] == "the graphics card gives other numbers)"
    assert reasons["failing"] == reasons["partly"] == "the graphics card cannot run it)"
    assert reasons["lost later"] == "the graphics card stopped)"
    assert reasons["without time"] == "trying the graphics card took too long)"
    assert all(answer["closed"] != answer["moved"] for name, answer in answers.items() if name != "without time")
    assert answers["lost later"]["runs"] == 10  # eight beside the card, and two after it was gone
    numbers = {name: answer["numbers"] for name, answer in answers.items()}
    lost = numbers.pop("lost later")
    np.testing.assert_allclose(lost, [*np.arange(1, 1.0115, 0.001), 1.008, 1.009], rtol=1e-6)
    for name, found in numbers.items():
        np.testing.assert_allclose(found, np.arange(1, 1.0135, 0.001), rtol=2e-4 if name == "rounded" else 1e-6)


CARD = """
    const [address, count, width, height] = given;
    const {loadRuntime} = await import("./models.js");
    const {Tracker} = await import("./tracker.js");
    const runtime = await loadRuntime(new URL("litert/", location.href).href, {gpu: "any"});
    const tracker = await Tracker.load(runtime, "tracker/");
    const {card} = runtime;
    runtime.card = null;
    const expecting = await Tracker.load(runtime, "tracker/");
    const trials = Object.fromEntries(card.trials.map((trial) => [trial.name, trial]));
    const {pose_landmark_full: pose, hand_recrop: recrop, hand_landmark_full: hand} = trials;
    pose.other.run = async () => { throw new Error("lost"); };
    const {other} = hand;
    const right = other.run;
    let runs = 0;
    other.run = async (inputs) => {
      const outputs = await right.call(other, inputs);
      if (++runs === 2) outputs[0][5] += 1;
      return outputs;
    };
    const slow = recrop.own.run;
    recrop.own.run = async (inputs) => {
      await new Promise((done) => setTimeout(done, 1000));
      return slow.call(recrop.own, inputs);
    };
    const tensors = [];
    const {compiled} = recrop.other;
    const {run} = compiled;
    compiled.run = async (inputs) => {
      const outputs = await run.call(compiled, inputs);
      tensors.push(...inputs, ...outputs);
      return outputs;
    };
    const pixels = new Uint8ClampedArray(await (await fetch(address)).arrayBuffer());
    let apart = 0;
    for (let index = 0; index < count; index++) {
      const data = pixels.slice(index * width * height * 4, (index + 1) * width * height * 4);
      const row = await tracker.track({data, width, height});
      const expected = await expecting.track({data, width, height});
      expected.forEach((value, at) => {
        if (Number.isNaN(value) !== Number.isNaN(row[at])) apart = Infinity;
        else if (!Number.isNaN(value)) apart = Math.max(apart, Math.abs(row[at] - value));
      });
    }
    return {
      apart, places: Object.fromEntries(card.trials.map(({name, place}) => [name, place])),
      tensors: tensors.length, kept: tensors.filter((tensor) => !tensor.deleted).length,
    };
"""


def test_on_a_card_that_a_program_imitates_the_landmarks_stay_and_wrong_numbers_are_noticed(site, run_script):
    folder, _ = site
    clip = render("WANT", "chen")[FIRST : FIRST + 8]
    height, width = write_pixels(folder / "card.rgba", clip)
    found = run_script(CARD, "card.rgba", len(clip), width, height)
    places = found["places"]
    assert places["hand_recrop"].startswith("on the graphics card")
    assert places["hand_landmark_full"] == "on the processor (the graphics card gives other numbers)"
    assert places["pose_landmark_full"] == "on the processor (the graphics card cannot run it)"
    assert places["pose_detection"] == "on the processor (the graphics card cannot run it)"  # it has sparse weights
    assert found["apart"] < 1e-3
    assert found["tensors"] > 16
    assert found["kept"] == 0


def test_a_graphics_card_that_a_program_imitates_is_left_alone(site, open_page):
    tab = open_page(site[1])
    assert "this browser offers them no graphics card" in tab.text("places")


SPELL = """
    const [address, count, width, height, answers, glosses, settings, size] = given;
    const {loadRuntime} = await import("./models.js");
    const {HandFinder} = await import("./tracker.js");
    const {LetterRecogniser, shrink} = await import("./letters.js");
    const runtime = await loadRuntime(new URL("litert/", location.href).href);
    const finder = await HandFinder.load(runtime, "tracker/", {confidence: 0.4});
    const {compiled} = finder.model.graph;
    const {run} = compiled;
    const tensors = [];
    compiled.run = async (inputs) => {
      const outputs = await run.call(compiled, inputs);
      tensors.push(...inputs, ...outputs);
      return outputs;
    };
    const pictures = [];
    const classify = async (picture) => {
      pictures.push([...shrink(picture, size)]);
      return answers[pictures.length - 1];
    };
    const recogniser = new LetterRecogniser(glosses, classify, settings, finder);
    const pixels = new Uint8ClampedArray(await (await fetch(address)).arrayBuffer());
    const events = [];
    for (let i = 0; i < count; i++) {
      const data = pixels.slice(i * width * height * 4, (i + 1) * width * height * 4);
      const event = await recogniser.process({data, width, height}, i / 4);
      events.push({...event, values: event.values && [...event.values].slice(4 * 54)});
    }
    return {events, pictures, tensors: tensors.length, kept: tensors.filter((tensor) => !tensor.deleted).length};
"""


def test_letters_in_the_box_give_the_events_that_python_gives(site, run_script):
    folder, _ = site
    clip = render("HELLO", next(iter(load_signers())))[:28]
    height, width = write_pixels(folder / "letters.rgba", clip)
    glosses, size = ("A", "B", "C"), 64
    answers = np.repeat(np.random.default_rng(0).dirichlet((0.2, 0.2, 0.2), 3), 10, axis=0)
    pictures = []

    def classify(inside):
        pictures.append(fit_square(inside, size=size))
        return answers[len(pictures) - 1]

    classify.glosses = glosses
    recogniser = LetterRecogniser(classify)
    expected = [recogniser.process(frame, index / 4) for index, frame in enumerate(clip)]
    given = ("letters.rgba", len(clip), width, height, answers.tolist(), glosses, asdict(LETTER_SETTINGS), size)
    found = run_script(SPELL, *given)
    assert sum(bool(event.hands) for event in expected) == len(pictures) == len(found["pictures"]) > 5
    assert any(event.committed for event in expected)
    assert found["tensors"] > 5
    assert found["kept"] == 0  # LiteRT.js frees nothing by itself
    difference = np.array(found["pictures"]).reshape(-1, size, size, 3) - np.array(pictures)
    assert np.abs(difference).max() <= 1
    distances = []
    for event, python in zip(found["events"], expected, strict=True):
        assert (event["shown"], event["committed"]) == (python.shown, python.committed)
        assert event["box"] == list(python.box)
        if python.hands:
            points = np.array(event["values"]).reshape(21, 4)[:, :2] - python.parts["right_hand"][:, :2]
            distances.append(np.linalg.norm(points * (width, height), axis=1).mean())
    assert np.mean(distances) <= 0.3


SIZE = (640, 480)
RECOGNISE = """
    const [frames, answers, glosses, settings, start_s] = given;
    const {SignRecogniser} = await import("./recogniser.js");
    const asked = [];
    const classify = async (chosen) => {
      asked.push(chosen.length);
      return answers[asked.length - 1];
    };
    const recogniser = new SignRecogniser(glosses, classify, settings);
    if (start_s !== null) recogniser.start(start_s, {countdown_s: 0.5, capture_s: 1});
    const events = [];
    for (const [time_s, values] of frames) {
      const row = Float32Array.from(values, (value) => value ?? NaN);
      events.push(await recogniser.processLandmarks(row, time_s, {width: 640, height: 480}));
    }
    events.push(await recogniser.finish());
    return {events, asked};
"""


def landmark_stream(rng, *, frames=300, fps=25.0):
    """Return (time, (75, 4) landmarks) of a person who raises and lowers each hand now and then, with gaps."""
    values = np.full((frames, 75, 4), np.nan, np.float32)
    values[..., 3] = 0
    values[:, :33] = rng.normal((0.5, 0.5, 0, 0.9), 0.01, (frames, 33, 4))
    values[:, 11, :2], values[:, 12, :2] = (0.65, 0.4), (0.35, 0.4)
    for wrist, rows, x in ((15, slice(33, 54), 0.7), (16, slice(54, 75), 0.3)):
        raised = np.repeat(rng.random(frames // 15 + 1) < 0.5, 15)[:frames]
        values[:, wrist, 0], values[:, wrist, 1] = x, np.where(raised, 0.6, 0.98)
        values[:, rows] = values[:, [wrist]] + rng.normal(0, 0.01, (frames, 21, 4))
        values[rng.random(frames) < 0.3, rows] = (np.nan, np.nan, np.nan, 0)
    values[rng.random(frames) < 0.05] = (np.nan, np.nan, np.nan, 0)
    return [(frame / fps, row) for frame, row in enumerate(values)]


def recognise(stream, answers, glosses, *, start_s):
    """Return what Python's recogniser makes of a stream, and how many frames it classified each time."""
    asked = []

    def classify(clip):
        asked.append(len(clip.points))
        if answers[len(asked) - 1] is None:
            raise RecipeError("no person")
        return np.array(answers[len(asked) - 1])

    classify.recipe = SimpleNamespace(tracked_parts=BODY, tracker="asl_lib")
    classify.glosses = glosses
    recogniser = SignRecogniser(classify)
    if start_s is not None:
        recogniser.start(start_s, countdown_s=0.5, capture_s=1)
    events = [recogniser.process_landmarks(row, time_s, size=SIZE) for time_s, row in stream]
    return [*events, recogniser.finish()], asked


@pytest.mark.parametrize(("seed", "start_s"), [(1, None), (2, None), (3, 0.1), (4, 11), (5, None)])
def test_a_stream_of_landmarks_gives_the_events_that_python_gives(run_script, seed, start_s):
    rng = np.random.default_rng(seed)
    glosses = ("BOOK", "HELLO", "WHERE", "YES")
    stream = landmark_stream(rng)
    # Probabilities that stay for a while, so that some classes settle, hold and become words.
    lasting = np.repeat(rng.dirichlet(np.full(len(glosses), 0.4), 60), 5, axis=0)
    if seed == 5:
        lasting[::3] = 0  # refused
    answers = [None if rng.random() < 0.1 else [float(value) for value in row] for row in lasting]
    expected, asked = recognise(stream, answers, glosses, start_s=start_s)
    frames = [(time_s, [None if np.isnan(v) else float(v) for v in row.ravel()]) for time_s, row in stream]
    found = run_script(RECOGNISE, frames, answers, glosses, asdict(LiveSettings()), start_s)
    assert found["asked"] == asked
    assert len(found["events"]) == len(expected)
    for event, python in zip(found["events"], expected, strict=True):
        for name in ("hands", "signing", "phase", "shown", "committed", "refused"):
            one = getattr(python, name)
            assert event[name] == (list(one) if name == "hands" else one), (python.time_s, name)
        assert event["left_s"] == pytest.approx(python.left_s)
        assert [gloss for gloss, _ in event["top"]] == [gloss for gloss, _ in python.top]
        assert [p for _, p in event["top"]] == pytest.approx([p for _, p in python.top])
    if seed == 5:
        assert any(event.refused for event in expected)
    elif start_s is None:
        assert sum(bool(event.committed) for event in expected) >= 3
        assert any(event.committed and event.signing for event in expected)


CLASSIFY = """
    const [golden] = given;
    const {loadRuntime} = await import("./models.js");
    const {Classifier} = await import("./classifier.js");
    const runtime = await loadRuntime(new URL("litert/", location.href).href);
    const {models} = await (await fetch("config.json")).json();
    const classifier = await Classifier.load(runtime, models.small.folder);
    const {landmarks, times, aspect, fps} = golden.inputs;
    const frames = landmarks[0].map((rows, index) => ({
      time_s: times[0][index],
      values: Float32Array.from(rows.flatMap((row) => row ?? [NaN, NaN, NaN, 0])),
    }));
    const size = {width: 1000, height: 1000 * aspect[0]};
    const classify = (some) => classifier.classify(some, size, {fps: fps[0]});
    return [await classify(frames), await classify(frames.slice(0, 1))];
"""


def test_the_exported_file_gives_in_the_browser_what_it_gives_in_python(site, run_script):
    about = json.loads((site[0] / "config.json").read_text(encoding="utf-8"))
    golden = json.loads((site[0] / about["models"]["small"]["folder"] / "golden.json").read_text(encoding="utf-8"))
    found, of_one_frame = run_script(CLASSIFY, golden)
    np.testing.assert_allclose(found, np.ravel(golden["probabilities"]), atol=1e-4)
    assert of_one_frame is None


def test_clips_are_recognised_as_in_python_and_no_other_host_is_asked(site, model, clip_of, open_page, tmp_path):
    """The second one has no duration, as browsers record."""
    clips = {gloss: clip_of(gloss) for gloss in GLOSSES}
    clips["HELLO"] = tmp_path / "hello.webm"
    write_webm(clips["HELLO"], [picture for _, picture in read_frames(clip_of("HELLO"))], live="1")
    expected = []
    with open_recogniser(model) as recogniser:
        for clip in clips.values():
            recogniser.reset()
            events = [recogniser.process(picture, time_s) for time_s, picture in read_frames(clip)]
            expected += [event.committed for event in [*events, recogniser.finish()] if event.committed]
    tab = open_page(site[1])
    tab.button("clear").click()
    tab.errors()  # of pages before this one
    for clip in clips.values():
        tab.driver.find_element("id", "asl-file").send_keys(str(clip))
        tab.until(lambda clip=clip: f"{clip.name} was recognised to its end" in tab.text("status"), "the clip's end")
    assert tab.words() == expected
    assert len(expected) >= 2
    assert {urlparse(address).netloc for address in tab.requests()} == {urlparse(site[1]).netloc}
    assert tab.errors() == []


BUSY = """
    const [address, fps, rounds, busy] = given;
    const {Clip} = await import("./sources.js");
    const file = new File([await (await fetch(address)).blob()], address);
    const work = URL.createObjectURL(new Blob(["for (;;);"]));
    const workers = Array.from({length: busy}, () => new Worker(work));
    const video = document.body.appendChild(document.createElement("video"));
    const stamps = [];
    for (let round = 0; round < rounds; round++) {
      const clip = new Clip(video, file, fps);
      await clip.open();
      for await (const [frame] of clip.frames()) {
        stamps.push(frame.timestamp / 1e6);
        frame.close();
      }
      clip.close();
    }
    for (const worker of workers) worker.terminate();
    return stamps;
"""


def test_a_busy_browser_gives_every_frame_of_a_clip_once(site, run_script, clip_of):
    shutil.copy(clip_of("BOOK"), site[0] / "busy.mp4")
    times = [time_s for time_s, _ in read_frames(clip_of("BOOK"))]
    assert run_script(BUSY, "busy.mp4", 25, 6, 4) == pytest.approx(6 * times, abs=1e-3)


CLIP = """
    const [address, fps] = given;
    const {Clip} = await import("./sources.js");
    const {Engine} = await import("./engine.js");
    const file = new File([await (await fetch(address)).blob()], address);
    const clip = new Clip(document.createElement("video"), file, fps);
    await clip.open();
    const [frame, time_s] = (await clip.frames().next()).value;
    const engine = new Engine();
    const {data, width, height} = await engine.pixels(frame);
    const bitmap = await engine.pixels(await createImageBitmap(clip.video));
    clip.close();
    const apart = bitmap.data.reduce((sum, value, at) => sum + Math.abs(value - data[at]), 0) / data.length;
    return {data: [...data], width, height, time_s, apart};
"""


def test_the_first_frame_of_a_clip_has_the_colours_that_python_reads(site, run_script, clip_of):
    shutil.copy(clip_of("BOOK"), site[0] / "clip.mp4")
    found = run_script(CLIP, "clip.mp4", 25)
    time_s, picture = next(iter(read_frames(clip_of("BOOK"))))
    read = np.array(found["data"]).reshape(found["height"], found["width"], 4)
    assert found["time_s"] == time_s
    # A browser's own conversion is 1.4 levels brighter.
    np.testing.assert_allclose(read[..., :3], picture, atol=1)
    assert np.abs(read[..., :3] - picture).mean() < 0.1
    assert (read[..., 3] == 255).all()
    assert found["apart"] < 0.01  # as of a clip that is turned, of which a browser gives colours alone


COLOURS = """
    const [pictures, bt709] = given;
    const {pixelsOfColours} = await import("./colours.js");
    const pixels = ({width, height, data}) => ({width, height, data: Uint8ClampedArray.from(data)});
    return pictures.map((picture) => [...pixelsOfColours(pixels(picture), {bt709}).data]);
"""
LIBYUV = {"bt601": (102, 25, 52, 128), "bt709": (115, 14, 34, 128)}
"""What a pixel's V adds to red, its U and V take from green, and its U adds to blue, in 64ths."""
UNKNOWN, BT709 = 2, 1
"""How FFmpeg numbers the matrices of colours."""


def browser_colours(planes, matrix):
    """Return the (H, W, 4) RGBA values that libyuv, as in Firefox, makes of Y, U and V."""
    level = (planes[0].astype(int) * 257 * 18997 >> 16) - 1160
    u, v = (plane.repeat(2, axis=0).repeat(2, axis=1).astype(int) - 128 for plane in planes[1:])
    red_v, green_u, green_v, blue_u = LIBYUV[matrix]
    levels = [level + red_v * v, level - green_u * u - green_v * v, level + blue_u * u]
    rgb = np.clip([value >> 6 for value in levels], 0, 255)
    return np.stack([*rgb, np.full_like(level, 255)], axis=-1)


def python_colours(planes, matrix):
    """Return the (H, W, 3) picture that Python reads from Y, U and V."""
    height, width = planes[0].shape
    joined = np.concatenate([plane.ravel() for plane in planes]).reshape(height * 3 // 2, width)
    frame = av.VideoFrame.from_ndarray(joined, format="yuv420p")
    frame.colorspace = matrix
    return frame.to_ndarray(format="rgb24", threads=1)


@pytest.mark.parametrize(("made_with", "tells"), [("bt601", UNKNOWN), ("bt709", UNKNOWN), ("bt709", BT709)])
def test_from_a_browser_s_colours_come_those_that_python_reads_from_the_planes(run_script, made_with, tells):
    rng = np.random.default_rng(42)
    pictures = [  # in which no value becomes 0 or 255: there, levels are lost
        [rng.integers(60, 190, (48, 64), np.uint8), *rng.integers(108, 148, (2, 24, 32), np.uint8)] for _ in range(3)
    ]
    shown = [browser_colours(planes, made_with) for planes in pictures]
    given = [{"width": 64, "height": 48, "data": one.ravel().tolist()} for one in shown]
    found = run_script(COLOURS, given, tells == BT709)
    for planes, data in zip(pictures, found, strict=True):
        read = np.array(data).reshape(48, 64, 4)
        np.testing.assert_array_equal(read[..., :3], python_colours(planes, tells))


RGB_FRAME = """
    const [codedWidth, codedHeight, data] = given;
    const {Engine} = await import("./engine.js");
    const frame = new VideoFrame(Uint8Array.from(data), {format: "RGBA", codedWidth, codedHeight, timestamp: 0});
    return [...(await new Engine().pixels(frame)).data];
"""


def test_a_camera_s_frame_without_planes_is_read_as_python_reads_its_planes(run_script):
    """As Firefox gives frames of a stream that is made of a video."""
    rng = np.random.default_rng(42)
    planes = [rng.integers(60, 190, (48, 64), np.uint8), *rng.integers(108, 148, (2, 24, 32), np.uint8)]
    found = run_script(RGB_FRAME, 64, 48, browser_colours(planes, "bt601").ravel().tolist())
    read = np.array(found).reshape(48, 64, 4)
    np.testing.assert_array_equal(read[..., :3], python_colours(planes, UNKNOWN))


def test_colours_that_no_planes_explain_stay_as_they_are_but_for_rounding(run_script):
    rows, columns = np.mgrid[:31, :43]  # odd, as after a change of size
    smooth = np.stack([60 + 3 * rows, 50 + 2 * columns, 200 - rows - 2 * columns, np.full_like(rows, 255)], axis=-1)
    (found,) = run_script(COLOURS, [{"width": 43, "height": 31, "data": smooth.ravel().tolist()}], False)
    assert np.abs(np.array(found).reshape(smooth.shape) - smooth).max() <= 8


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "mp4"), ("libx264", "mov"), ("libvpx-vp9", "webm")])
def test_the_page_reads_in_a_clip_whether_its_colours_are_of_bt709(site, run_script, codec, suffix):
    for matrix in (UNKNOWN, BT709):
        with av.open(str(site[0] / f"{matrix}.{suffix}"), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width = stream.height = 64
            about = stream.codec_context
            about.colorspace = about.color_primaries = about.color_trc = matrix
            for number in range(3):
                frame = av.VideoFrame(64, 64, "yuv420p")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    program = """
        const {tellsBt709} = await import("./sources.js");
        return Promise.all(given[0].map(async (name) => tellsBt709(await (await fetch(name)).blob())));
    """
    assert run_script(program, [f"{UNKNOWN}.{suffix}", f"{BT709}.{suffix}"]) == [False, True]


CAMERA = """
    const {Camera} = await import("./sources.js");
    const {Engine} = await import("./engine.js");
    const video = document.createElement("video");
    const camera = new Camera(video, () => {});
    await camera.open();
    const engine = new Engine();
    const [frame] = (await camera.frames().next()).value;
    video.pause();
    const read = await engine.pixels(frame);
    const shown = await engine.pixels(await createImageBitmap(video));
    camera.close();
    const {width, height} = read;
    const apart = read.data.map((value, index) => Math.abs(value - shown.data[index]));
    return {
      kind: frame.constructor.name, size: [width, height], shown: [shown.width, shown.height],
      mean: apart.reduce((sum, value) => sum + value, 0) / apart.length,
    };
"""


def test_a_camera_s_frames_are_read_as_they_are_shown_without_a_bitmap_of_each(run_script):
    found = run_script(CAMERA)
    assert found["kind"] == "VideoFrame"  # Chromium keeps bitmaps of videos, up to half a gigabyte
    assert found["size"] == found["shown"]
    assert found["mean"] < 3  # the camera may go on between the two


CAMERA_TIMES = """
    const {Camera} = await import("./sources.js");
    const video = document.createElement("video");
    const camera = new Camera(video, () => {});
    await camera.open();
    const times = [];
    for await (const [frame, time_s] of camera.frames()) {
      times.push([frame.timestamp / 1e6, time_s]);
      frame.close();
      if (times.length === 20) break;
      await new Promise((done) => setTimeout(done, 30 + 10 * (times.length % 8))); // a tracker that takes its time
    }
    camera.close();
    return times;
"""


def test_a_camera_s_frames_come_once_and_with_the_times_at_which_they_were_taken_however_long_each_one_takes(
    run_script,
):
    in_the_film, told = np.array(run_script(CAMERA_TIMES)).T
    assert (np.diff(in_the_film) > 0).all()
    assert np.abs((told - told[0]) - (in_the_film - in_the_film[0])).max() < 0.005


def different_words(words, model, film, taken):
    """Return how many words the page and Python do not share, of the same frames of a film at the same times.

    One may be on its way with the last frame, or at the threshold, where the last digit of a sum decides.
    """
    with open_recogniser(model) as recogniser:
        python, same, others = compare(words, words_of_taken(recogniser, film, taken))
    return max(python - same, others)


def test_signs_before_the_camera_have_the_words_that_python_finds_in_the_frames_taken_and_stay_after_a_reload(
    site, model, film, open_page
):
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    tab.button("clear").click()
    tab.js(TAKEN)
    tab.button("camera").send_keys(Keys.ENTER)  # no mouse needed
    words = tab.until(lambda: tab.words() if len(tab.words()) >= 3 else [], "words in the transcript")
    assert set(words) <= set(GLOSSES)
    assert words[1:].count("HELLO") >= 1  # the first sign may have begun before the camera was on
    assert "frames a second" in tab.text("speed")
    tab.screenshot("camera")
    words, taken = tab.js(f"return [{WORDS}, taken]")
    assert different_words(words, model, film.with_suffix(".y4m"), taken) <= 1
    tab.button("camera").click()
    words = tab.words()
    tab.driver.refresh()
    tab.until(lambda: tab.js("return document.documentElement.dataset.aslReady"), "the page to be ready")
    assert tab.words() == words


def test_the_camera_is_recorded_with_its_words(site, open_page, tmp_path):
    tab = open_page(site[1])
    tab.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    tab.button("clear").click()
    tab.button("camera").click()
    tab.until(lambda: "frames a second" in tab.text("speed"), "the camera")
    assert tab.js("return document.getElementById('asl-badge').hidden")
    tab.button("record").click()
    tab.until(tab.words, "a word")
    assert not tab.js("return document.getElementById('asl-badge').hidden")
    tab.js("document.getElementById('asl-video').srcObject.getVideoTracks()[0].onended()")  # ends the recording, too
    path = tab.until(lambda: next(tmp_path.glob("live-*.zip"), None), "the zip")
    with zipfile.ZipFile(path) as archive:
        video, text = archive.namelist()
        assert archive.read(text).decode().split()[-1] in GLOSSES
        archive.extract(video, tmp_path)
    assert len(list(read_frames(tmp_path / video))) > 5
    assert "The camera was taken away" in tab.text("status"), "what is saved is said after the reason"
    assert f"{path.name} is saved" in tab.text("status")


TAB_STOP = """
const element = document.activeElement;
if (element === document.body) return null;
const {width, height} = element.getBoundingClientRect();
const seen = width > 5 && height > 5 && element.checkVisibility({opacityProperty: true});
return {name: element.outerHTML.slice(0, 120), seen};
"""


def test_every_tab_stop_can_be_seen(site, open_page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    tab.js("document.getElementById('asl-recorder').open = true")
    stops = []
    while len(stops) < 40 and (len(stops) == 0 or stops[-1]):
        ActionChains(tab.driver).send_keys(Keys.TAB).perform()
        stops.append(tab.js(TAB_STOP))
    reached = [stop for stop in stops if stop]
    assert 10 < len(reached) < 40
    assert [stop["name"] for stop in reached if not stop["seen"]] == []


def test_one_sign_is_recognised_after_a_countdown_and_then_signs_continuously_again(site, open_page):
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    assert not tab.button("continuous").is_displayed()
    tab.button("camera").click()
    tab.until(lambda: not tab.js("return document.querySelector('[data-asl=one]').disabled"), "the camera")
    tab.button("one").click()
    tab.until(lambda: tab.js("return !document.getElementById('asl-count').hidden"), "the countdown")
    tab.until(lambda: "Sign now" in tab.text("status"), "the capture")
    tab.until(lambda: "has been recognised" in tab.text("status"), "the result")
    assert len(tab.js("return [...document.querySelectorAll('#asl-top li')].map((row) => row.innerText)")) == 3
    tab.button("clear").click()
    tab.button("continuous").send_keys(Keys.ENTER)
    tab.until(lambda: not tab.button("continuous").is_displayed(), "the button to go")
    assert tab.js("return document.activeElement.dataset.asl") == "one"
    tab.until(lambda: tab.words()[1:].count("HELLO") >= 1, "the camera's sign to be a word again")


def test_model_and_threshold_are_chosen_in_the_page(site, open_page):
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    tab.driver.find_element("id", "asl-threshold").send_keys(Keys.HOME)
    assert tab.text("threshold-value") == "0.00"
    tab.driver.find_element("id", "asl-model").send_keys("other", Keys.ENTER)
    tab.until(lambda: tab.text("threshold-value") == "0.40", "the other model")


AXE = """
    const done = arguments[arguments.length - 1];
    const told = ({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 120)).join(" ")}`;
    const answer = ({violations, passes}) => [violations.map(told), passes.length];
    axe.run().then((found) => done(answer(found)), (error) => done([[String(error)], 0]));
"""


def axe_script():
    """Return axe-core as a program, or skip."""
    try:
        folder = fetch_packages(Path(__file__).parent / "package-lock.json")
    except LiveError as error:
        pytest.skip(str(error))
    return (folder / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def barriers(tab, moment, *widths):
    """Return what axe-core finds in the page, light and dark, and take a picture of each."""
    found = {}
    tab.js(axe_script())
    for theme in ("light", "dark"):
        for width in widths:
            tab.emulate(theme=theme, width=width)
            told, passed = tab.driver.execute_async_script(AXE)
            assert passed > 20
            if told:
                found[theme, width] = told
        tab.screenshot(f"page-{moment}-{theme}")
    tab.emulate()
    return found


def test_axe_finds_no_barrier_before_and_while_signs_are_recognised(site, open_page):
    tab = open_page(site[1])
    tab.js("document.getElementById('asl-recorder').open = true")
    assert barriers(tab, "before", 1280) == {}
    tab.button("camera").click()
    tab.until(tab.words, "a word")
    assert barriers(tab, "while", 1280, 390) == {}


CAMERA_LATE = """
    navigator.mediaDevices.aslOpen = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      window.aslStream = await navigator.mediaDevices.aslOpen(wanted);
      await new Promise((done) => (window.aslAllow = done));
      return window.aslStream;
    };
"""
CAMERA_REFUSED = """
    navigator.mediaDevices.getUserMedia = async () => {
      throw new DOMException("", arguments[0]);
    };
"""


def test_a_camera_that_is_stopped_or_refused_stays_off_and_what_went_wrong_is_said(site, open_page, clip_of, tmp_path):
    tab = open_page(site[1])
    tab.js(CAMERA_LATE)
    tab.button("camera").click()
    tab.until(lambda: tab.js("return Boolean(window.aslAllow)"), "the camera")
    tab.button("camera").click()  # the second click of two, while the browser asks for permission
    tab.js("window.aslAllow()")
    ended = "return window.aslStream.getTracks().every(({readyState}) => readyState === 'ended')"
    tab.until(lambda: tab.js(ended), "the camera to be off")
    assert tab.text("status") == "The camera is off."
    assert tab.button("camera").text == "Start the camera"

    tab.js(CAMERA_REFUSED, "NotFoundError")
    tab.button("camera").click()
    tab.until(lambda: "There is no camera. Connect one" in tab.text("status"), "a sentence about the camera")
    tab.js(CAMERA_REFUSED, "NotAllowedError")
    tab.button("camera").click()
    tab.until(lambda: "Allow it beside the address of this page" in tab.text("status"), "a sentence about permission")
    assert barriers(tab, "refused", 390) == {}
    tab.emulate(width=390, height=664)
    tab.js("document.getElementById('asl-about').scrollIntoView()")
    top, bottom = tab.js(PLACE, "status")  # on a phone it is in sight wherever one has scrolled to
    assert top > 0
    assert bottom <= 664
    tab.emulate()

    file = tab.driver.find_element("id", "asl-file")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_bytes(b"no video")
    with av.open(str(tmp_path / "no frame.webm"), "w") as container:
        container.add_stream("libvpx", rate=25, width=64, height=48)
        container.start_encoding()
    for name in ("empty.mp4", "text.mp4", "no frame.webm"):
        file.send_keys(str(tmp_path / name))
        tab.until(
            lambda name=name: (
                f"{name} (0.0 MB) is not a video that this browser can play. Convert it" in tab.text("status")
            ),
            "a sentence about the file",
        )
    # A second clip takes the place of the first, whose end comes to nothing.
    tab.js("document.getElementById('asl-status').textContent = ''")
    for gloss in ("BOOK", "YES"):
        file.send_keys(str(clip_of(gloss)))
    tab.until(lambda: "was recognised to its end" in tab.text("status"), "the second clip's end")
    assert clip_of("YES").name in tab.text("status")
    assert tab.button("camera").text == "Start the camera"


WORKER = """
    const HEADERS = {"X-Page": "isolated"};
    const [kept, told] = [new Map(), {}];
    const importScripts = () => {};
    const self = {addEventListener() {}};
    const match = async (request) => kept.get(request)?.clone();
    const full = async () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    const put = async (request, response) => kept.set(request, response);
    let [caches, fetch] = [{open: async () => ({match, put})}, async (request) => new Response(`${request} 1`)];
    WORKER_PROGRAM
    const ask = async (request) => {
      const response = await answer(request);
      return response.type === "error" ? "error" : [await response.text(), response.headers.get("X-Page")];
    };
    told.first = await ask("a");
    fetch = full;
    told.offline = await ask("a");
    told.unknown = await ask("b");
    fetch = async (request) => new Response(`${request} 2`);
    caches = {open: async () => ({match, put: full})};
    told.full = await ask("a");
    caches = {open: full};
    told.forbidden = await ask("a");
    fetch = full;
    told.both = await ask("a");
    const {fetchFile} = await import("./models.js");
    told.missing = await fetchFile("models/gone.tflite").catch((error) => error.message);
    return told;
"""


def test_the_service_worker_answers_without_a_network_or_without_storage(run_script):
    program = (STATIC / "sw.js").read_text(encoding="utf-8")
    told = run_script(WORKER.replace("WORKER_PROGRAM", program))
    assert told["first"] == told["offline"] == ["a 1", "isolated"]
    assert told["unknown"] == told["both"] == "error"
    assert told["full"] == told["forbidden"] == ["a 2", "isolated"]
    assert told["missing"] == ("models/gone.tflite cannot be loaded (404). Check the network, and load the page again.")


def test_on_a_phone_the_word_is_in_sight_and_nothing_is_wider_than_the_screen(site, open_page):
    tab = open_page(site[1])
    tab.emulate(width=390, height=664)
    assert tab.js("return document.documentElement.scrollWidth") <= 390
    assert tab.js("return document.getElementById('asl-shown').getBoundingClientRect().bottom") < 664
    tab.screenshot("page-phone")


def test_the_page_works_without_a_network_after_the_first_visit(site, open_page):
    with served(site[0]) as address:
        tab = open_page(address)
        tab.until(lambda: tab.js("return Boolean(navigator.serviceWorker.controller)"), "the service worker")
    tab.driver.refresh()
    tab.until(lambda: tab.js("return document.documentElement.dataset.aslReady"), "the page to be ready again")
    assert tab.js("return crossOriginIsolated")


CONNECT = """
    const [port, done] = arguments;
    document.addEventListener("securitypolicyviolation", ({effectiveDirective}) => done(effectiveDirective));
    fetch(`http://localhost:${port}/`).then(() => done("connected"), () => setTimeout(done, 5000, "the host refused"));
"""


def test_in_the_book_on_a_plain_web_server_the_page_is_isolated_and_may_connect_to_itself_only(
    site, model, open_page, tmp_path
):
    assert add_live_page(tmp_path, root=model.parents[3]) == ""
    assert check_site(tmp_path) == []
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = open_page(f"http://127.0.0.1:{server.server_port}/live/")
        assert tab.js("return crossOriginIsolated")
        assert tab.driver.execute_async_script(CONNECT, server.server_port) == "connect-src"
        server.shutdown()


def write_webm(path, frames, **options):
    """Write frames as Firefox can play them without further libraries; options are those of the container."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libvpx", rate=25, options={"deadline": "realtime", "crf": "8", "b": "4M"})
        stream.height, stream.width = frames[0].shape[:2]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def test_firefox_recognises_clips_and_a_camera_from_python_s_web_server_below_a_path_with_spaces(
    site, model, clip_of, film, tmp_path
):
    if not (shutil.which("firefox") or shutil.which("firefox-esr")):
        pytest.skip("There is no Firefox here. Debian: sudo apt-get install firefox-esr")
    folder = tmp_path / "Käse & Kurs" / "page"
    shutil.copytree(site[0], folder)
    for gloss in GLOSSES:
        write_webm(folder / f"{gloss}.webm", [picture for _, picture in read_frames(clip_of(gloss))])
    shutil.copy(film, folder / "film.mp4")
    serve = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = re.search(r"port (\d+)", server.stdout.readline())[1]
            with firefox() as driver:
                load_page(driver, f"http://127.0.0.1:{port}/{quote('Käse & Kurs')}/page/")
                assert driver.execute_script("return crossOriginIsolated")
                # It sometimes never starts a second one, and the page is never ready.
                assert driver.execute_script("return document.documentElement.dataset.aslThreads") == "1"
                assert [words_of_page(driver, f"{gloss}.webm") for gloss in GLOSSES] == [[gloss] for gloss in GLOSSES]
                # Before a camera, for which a film stands in: Firefox's own plays none.
                driver.execute_script(TAKEN + FILM)
                driver.execute_script(
                    "for (const name of ['clear', 'camera']) document.querySelector(`[data-asl=${name}]`).click()"
                )
                wait_for(driver, f"{WORDS}.slice(1).includes('HELLO')")  # the first sign may have begun before
                words, taken = driver.execute_script(f"return [{WORDS}, taken]")
        finally:
            server.terminate()
    assert set(words) <= set(GLOSSES)
    assert different_words(words, model, film, taken) <= 1


PLACE = """
    const [name] = arguments;
    const element = document.getElementById(`asl-${name}`) ?? document.querySelector(`[data-asl="${name}"]`);
    const {top, bottom} = element.getBoundingClientRect();
    return [top, bottom];
"""


def open_recorder(tab):
    """Start the camera, and return the form of "Record your own signs", opened by the keyboard."""
    from selenium.webdriver.common.keys import Keys

    tab.button("camera").click()
    tab.until(lambda: "frames a second" in tab.text("speed"), "the camera")
    tab.driver.find_element("css selector", "#asl-recorder summary").send_keys(Keys.ENTER)
    return tab.driver.find_element("id", "asl-recorder-form")


def test_own_signs_are_saved_as_a_zip_of_the_videos_that_the_camera_saw(site, open_page, film, tmp_path):
    tab = open_page(site[1])
    tab.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    form = open_recorder(tab)
    form.find_element("name", "signer").send_keys("../zoe")
    form.find_element("name", "glosses").send_keys("HELLO, BOOK")
    form.find_element("css selector", "button[type=submit]").click()
    tab.until(lambda: "Names become folders" in tab.text("status"), "a sentence about the name")
    form.find_element("name", "signer").clear()
    form.find_element("name", "signer").send_keys("zoé")
    form.find_element("css selector", "button[type=submit]").click()
    assert tab.text("asked") == "HELLO"
    assert tab.text("asked-number") == "Recording 1 of 6, 0 kept"
    tab.button("take").click()
    tab.until(lambda: "Look at it" in tab.text("asked-what"), "the capture")
    assert barriers(tab, "record", 390) == {}
    assert tab.text("status") == ""
    tab.emulate(width=390, height=664)
    # On a phone the signer sees the picture and what to do without scrolling.
    places = [tab.js(PLACE, name) for name in ("stage", "replay", "asked", "asked-what", "keep")]
    assert all(top >= 0 and bottom <= 664 for top, bottom in places), places
    tab.screenshot("record-phone")
    tab.emulate()
    tab.button("keep").click()
    assert tab.text("asked") == "BOOK"
    tab.button("skip").click()
    tab.button("over").click()
    path = tmp_path / "recordings-zoé.zip"
    tab.until(path.is_file, "the zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        archive.extract(name, tmp_path)
    assert re.fullmatch(r"zoé/HELLO/[\d-]+T[\d-]+\.(mp4|webm)", name)
    seen = np.mean([picture for _, picture in read_frames(tmp_path / name)], axis=0)
    camera = np.mean([picture for _, picture in read_frames(film)], axis=0)
    seen = cv2.resize(seen, camera.shape[1::-1])
    assert np.abs(seen - camera).mean() < 0.8 * np.abs(seen - camera[:, ::-1]).mean()


def test_recordings_go_straight_into_the_folder_of_recordings_where_the_page_is_served_so(
    site, open_page, tmp_path, capsys
):
    from selenium.webdriver.common.keys import Keys

    assert open_page(site[1]).js("return document.getElementById('asl-straight').hidden")
    folder = tmp_path / "recordings"
    with serve_files(site[0], port=0, recordings=folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = open_page(server.address())
        tab.errors()
        form = open_recorder(tab)
        form.find_element("name", "signer").send_keys("zoé")
        form.find_element("name", "glosses").send_keys("THANK YOU")
        form.find_element("name", "straight").send_keys(Keys.SPACE)
        form.find_element("css selector", "button[type=submit]").click()
        for kept in (1, 2):
            tab.button("take").click()
            tab.until(lambda: "Look at it" in tab.text("asked-what"), "the capture")
            if kept == 2:
                server.token = "another"  # as when asl live was started anew
            tab.button("keep").click()
            tab.until(lambda kept=kept: f"{kept} kept" in tab.text("asked-number"), "the recording to be kept")
        assert "has not taken the recording (403). It comes with a zip at the end." in tab.text("status")
        tab.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
        tab.button("over").click()
        tab.until((tmp_path / "recordings-zoé.zip").is_file, "the zip")
        assert "1 recording went into data/recordings." in tab.text("status")
        server.shutdown()
    (path,) = [path for path in folder.rglob("*") if path.is_file()]
    assert path.relative_to(folder).with_suffix("").as_posix() == "zoé/THANK YOU/01"
    assert main(["datasets", "check", "recordings", "--data-dir", str(tmp_path)]) == 0
    assert "present: 1 clip, 1 sign, 1 signer" in capsys.readouterr().out
    get_dataset("recordings").prepare(folder)
    assert read_clips(folder / "clips.csv")["gloss"].tolist() == ["THANK YOU"]
    assert len(list(read_frames(path))) > 5


def test_the_page_works_behind_a_proxy_that_shows_it_under_a_path(site, open_page, clip_of):
    prefix = "/user/ana/proxy/7860"
    with PrefixProxy(prefix, urlparse(site[1]).port) as address:
        tab = open_page(address)
        tab.errors()
        tab.driver.find_element("id", "asl-file").send_keys(str(clip_of("BOOK")))
        tab.until(lambda: "recognised to its end" in tab.text("status"), "the clip to be recognised")
        assert tab.words() == ["BOOK"]
        asked = [urlparse(url) for url in tab.requests()]
    assert {url.netloc for url in asked} == {urlparse(address).netloc}
    assert all(url.path.startswith(prefix) for url in asked if url.path != "/favicon.ico")


class PrefixProxy:
    """As JupyterHub's proxy: forwards what is under a path to a port, without the path."""

    def __init__(self, prefix: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def forward(self) -> None:
                if not self.path.startswith(prefix):
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with closing(HTTPConnection("127.0.0.1", port, timeout=600)) as onward:
                    headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
                    onward.request(self.command, self.path[len(prefix) :] or "/", body, headers)
                    with onward.getresponse() as answer:
                        self.answer(answer)

            def answer(self, answer) -> None:
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in ("transfer-encoding", "connection"):
                        self.send_header(key, value)
                self.end_headers()
                while piece := answer.read1(65536):
                    self.wfile.write(piece)
                    self.wfile.flush()

            do_GET = do_POST = do_HEAD = forward

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Browsers hang up as they like."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}{prefix}/"

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self.address

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
