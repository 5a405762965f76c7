"""The live page, in a browser without a window: whether it finds Python's words, and how fast it is.

    python -m benchmarks.live_page [--model outputs/demo/attention_lstm/held_out_ben+eli+hana] [--clips 24]
    python -m benchmarks.live_page --browser firefox

It needs what `make demo` leaves behind, the sign embedding included, npm, and Chromium with its driver, or Firefox.
Five parts, of which `--only` chooses some; Firefox has the first two:

words    clips of the held-out signers, opened in the page: their words beside those of Python's recogniser
camera   the same clips one after the other, each with a rest, as a film before the page's camera: the page's words
         beside those of Python's recogniser, for the frames that the page took, at their times, and for all frames;
         in Firefox, whose own camera plays no film, a video stands in for it
noise    no browser: Python's words in such films, with and without one of each frame's 921,600 values
         changed by one level: so many words differ that are at the threshold
speed    frames of 640 x 480 through tracker and recogniser, one after the other, on one thread and on two, and through
         `asl live`, for a ratio
memory   a camera that plays clips for some time, on four threads as on a phone: most resident memory of the page's
         process, and the private memory of all processes of the browser
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import pandas as pd
import psutil

from asl_lib._util.paths import project_folder
from asl_lib.data.video import read_frames, write_video
from asl_lib.evaluation.metrics import rate
from asl_lib.live.networks import open_recogniser
from asl_lib.live.recogniser import FrameRecogniser
from asl_lib.live.replay import SIZE
from asl_lib.live.vocabulary import Vocabulary
from asl_lib.live.web.build import build_page
from asl_lib.live.web.server import serve_files
from asl_lib.training.pretrain import load_embedding
from benchmarks.browsers import (
    FILM,
    FPS,
    REST_FRAMES,
    TAKEN,
    WORDS,
    camera_flags,
    chromium,
    compare,
    firefox,
    load_page,
    wait_for,
    with_numbers,
    with_rests,
    words_of_page,
    words_of_taken,
)
from benchmarks.live import clips_of
from benchmarks.rows import Row, tell

CAMERA_S, PHONE_CORES = 60, 4
LEAD_FRAMES = 125
"""Frames of a still picture before a film, in which the page gets going."""
LATE_S = 3
"""Seconds for the last word, after the last rest has begun; meanwhile the film begins anew with a still picture."""
NOISE_RUNS = 8
"""Films with one value of each frame changed; in each of them other frames are taken, at about the page's rate."""
ROUNDS = 6
"""How often the clip of the speed is played."""
SPEED = """
    const [count, rounds, width, height, threads, done] = arguments;
    (async () => {
      const {startEngine} = await import("./client.js");
      const engine = startEngine();
      const used = await engine.open({threads});
      const {models} = await (await fetch("config.json")).json();
      await engine.useModel(Object.values(models)[0]);
      const planes = new Uint8Array(await (await fetch("frames.yuv")).arrayBuffer());
      const colorSpace = {matrix: "smpte170m", primaries: "smpte170m", transfer: "smpte170m", fullRange: false};
      const form = {format: "I420", codedWidth: width, codedHeight: height, timestamp: 0, colorSpace}; // as a camera's
      const bytes = 1.5 * width * height;
      const times = [];
      for (let step = 0; step < rounds * count; step++) {
        const index = step % count;
        if (!index) await engine.reset();
        const frame = new VideoFrame(planes.slice(index * bytes, (index + 1) * bytes), form);
        const began = performance.now();
        await engine.process(frame, index / 25);
        times.push(performance.now() - began);
      }
      return {used, times};
    })().then(done, (error) => done({error: String(error)}));
"""


def words_of_python(recogniser: FrameRecogniser, clip: str) -> list[str]:
    """Return the words of a clip in `asl live --source`."""
    recogniser.reset()
    seen = [recogniser.process(picture, time_s) for time_s, picture in read_frames(clip)]
    return [one.committed for one in (*seen, recogniser.finish()) if one.committed]


def spread_clips(model: Path, count: int) -> list[tuple[str, str]]:
    """Return the glosses and the files of as many clips of the held-out signers, evenly over all of them."""
    clips = clips_of(model)
    return [clips[index][:2] for index in np.linspace(0, len(clips) - 1, count).round().astype(int)]


def open_refusing(model: Path) -> FrameRecogniser:
    """Return the recogniser of a network that refuses what is none of its signs, as the page does."""
    return open_recogniser(model, taught=Vocabulary(load_embedding()))


def report_words(browser: Any, address: str, folder: Path, model: Path, *, count: int) -> None:
    found, there = [], []  # (signer, gloss) of each of Python's words, and whether the page has it
    extra = right = 0
    with browser() as driver, open_refusing(model) as recogniser:
        load_page(driver, address)
        for number, (gloss, clip) in enumerate(spread_clips(model, count)):
            signer, name = Path(clip).parent.name, f"{number}{Path(clip).suffix}"
            shutil.copy(clip, folder / name)
            page, python = words_of_page(driver, name), words_of_python(recogniser, clip)
            print(f"{signer} {gloss}: page {page}, Python {python}", flush=True)
            found += [(signer, gloss)] * len(python)
            there += [word in page for word in python]
            extra += sum(word not in python for word in page)
            right += page == [gloss]
    share = rate(np.array(there), pd.DataFrame(found, columns=["signer", "gloss"]))
    fact = (
        f"of Python's words on {count} clips the page has {share}, and {extra} that Python has not; "
        f"{right} clips got their word and no other"
    )
    tell(Row("live", "words of the page", fact=fact))


def python_ms(model: Path, frames: Sequence[np.ndarray]) -> float:
    """Return the median time in milliseconds of `asl live` for one of these frames."""
    times = []
    with open_refusing(model) as recogniser:
        for _ in range(ROUNDS):
            recogniser.reset()
            for index, frame in enumerate(frames):
                began = time.perf_counter()
                recogniser.process(frame, index / FPS)
                times.append(1000 * (time.perf_counter() - began))
    return median(times[len(frames) :])


def report_noise(model: Path, *, count: int) -> None:
    clips = [clip for _, clip in spread_clips(model, count)]
    total = kept = others = 0
    with open_refusing(model) as recogniser, open_refusing(model) as other:
        for seed in range(NOISE_RUNS):
            rng, words, changed_words, after = np.random.default_rng(seed), [], [], 0
            recogniser.reset()
            other.reset()
            for number, picture in enumerate(with_rests(clips)):
                if number < after:
                    continue
                after = number + int(rng.integers(1, 4))
                changed = picture.copy()
                value = int(rng.integers(changed.size))
                changed.flat[value] += 1 if changed.flat[value] < 255 else -1
                words.append(recogniser.process(picture, number / FPS).committed)
                changed_words.append(other.process(changed, number / FPS).committed)
            has, same, more = compare(changed_words, words)
            print(
                f"seed {seed}: of {has} words the same film with the change has {same}, and {more} others", flush=True
            )
            total, kept, others = total + has, kept + same, others + more
    fact = (
        f"of the {total} words that Python finds in {NOISE_RUNS} films of {count} clips it has {kept} where one value "
        f"of each frame differs by one level, and {others} others"
    )
    tell(Row("live", "words where one value a frame differs", fact=fact))


def report_speed(address: str, folder: Path, model: Path) -> None:
    frames = [cv2.resize(picture, SIZE) for _, picture in read_frames(clips_of(model)[0][1])]
    python = python_ms(model, frames)
    (folder / "frames.yuv").write_bytes(
        b"".join(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes() for frame in frames)
    )
    for threads in (1, 2):
        with chromium() as driver:
            driver.get(f"{address}LICENCES.txt")
            found = driver.execute_async_script(SPEED, len(frames), ROUNDS, *SIZE, threads)
        if "error" in found:
            raise RuntimeError(found["error"])
        times = found["times"][len(frames) :]  # the browser compiles the runtime once more while the first ones run
        fact = (
            f"{1000 / float(np.mean(times)):.1f} frames/s on {found['used']} of {threads} threads, from a frame to its "
            f"answer {median(times):.0f} ms (median of {len(times)} frames of {SIZE[0]} x {SIZE[1]}), "
            f"{median(times) / python:.1f} times as long as asl live"
        )
        tell(Row("live", "the page", fact=fact))


def report_camera(browser: Any, address: str, folder: Path, model: Path, *, count: int) -> None:
    clips = [clip for _, clip in spread_clips(model, count)]
    film = folder / "film.mp4"
    lead = repeat(next(with_rests(clips)), LEAD_FRAMES)
    length = write_video(film, with_numbers(chain(lead, with_rests(clips))), fps=FPS)
    flags, played = [], film
    if browser is chromium:
        played = folder.parent / "film.y4m"  # whose colours are up to three levels off those of the film
        flags = camera_flags(played, (picture for _, picture in read_frames(film)))
    with browser(*flags) as driver:
        load_page(driver, address)
        driver.execute_script(TAKEN)
        if browser is firefox:
            driver.execute_script(FILM)
        driver.execute_script("document.querySelector('[data-asl=camera]').click()")
        wait_for(driver, f"taken.some(([number]) => number >= {length - REST_FRAMES})", every_s=1)
        time.sleep(LATE_S)
        page, taken = driver.execute_script(f"return [{WORDS}, taken]")
    rate_of_page = (len(taken) - 1) / (taken[-1][1] - taken[0][1])
    with open_refusing(model) as recogniser:
        for of, python in (
            ("the frames that the page took", words_of_taken(recogniser, played, taken)),
            ("all frames", words_of_python(recogniser, str(played))),
        ):
            has, same, more = compare(page, python)
            print(f"page {page}, Python, of {of}, {python}", flush=True)
            fact = (
                f"a film of {count} clips, of which the page took {rate_of_page:.1f} of {FPS} frames/s: of the "
                f"{has} words that Python finds in {of} it has {same}, and {more} others"
            )
            tell(Row("live", "words of the page's camera", fact=fact))


def report_memory(address: str, folder: Path, model: Path) -> None:
    flags = camera_flags(folder.parent / "camera.y4m", with_rests(clip for _, clip, _ in clips_of(model)[:8]))
    with chromium(*flags) as driver:
        driver.execute_cdp_cmd("Emulation.setHardwareConcurrencyOverride", {"hardwareConcurrency": PHONE_CORES})
        load_page(driver, address)
        driver.execute_script("document.querySelector('[data-asl=camera]').click()")
        browser, largest, private = psutil.Process(driver.service.process.pid), 0.0, 0.0
        for _ in range(CAMERA_S):
            time.sleep(1)
            used = [process.memory_full_info() for process in browser.children(recursive=True)]
            largest = max(largest, *(one.rss / 2**20 for one in used))
            private = max(private, sum(one.uss for one in used) / 2**20)
        speed = driver.execute_script("return document.getElementById('asl-speed').textContent")
    used_up = f"at most {largest:.0f} MiB, all processes {private:.0f} MiB of their own"
    fact = f"{used_up}, in {CAMERA_S} s of a camera ({speed})"
    tell(Row("live", "memory of the page", fact=fact))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of a network (attention_lstm of the demo)")
    parser.add_argument("--clips", type=int, default=24, help="clips for the words (%(default)s)")
    parser.add_argument("--browser", choices=("chromium", "firefox"), default="chromium", help="(%(default)s)")
    parser.add_argument(
        "--only", default="words,camera,noise,speed,memory", help="parts, separated by commas (%(default)s)"
    )
    options = parser.parse_args()
    model = options.model or project_folder() / "outputs" / "demo" / "attention_lstm" / "held_out_ben+eli+hana"
    browser: Any = chromium
    parts = set(options.only.split(","))
    if options.browser == "firefox":
        browser, parts = firefox, parts & {"words", "camera"}
    if "noise" in parts:
        report_noise(model, count=options.clips)
    if not parts - {"noise"}:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = build_page(Path(name) / "page", models={"model": model})
        with serve_files(folder, port=0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/"
            if "words" in parts:
                report_words(browser, address, folder, model, count=options.clips)
            if "camera" in parts:
                report_camera(browser, address, folder, model, count=options.clips)
            if "speed" in parts:
                report_speed(address, folder, model)
            if "memory" in parts:
                report_memory(address, folder, model)
            server.shutdown()


if __name__ == "__main__":
    main()
