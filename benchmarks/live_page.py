"""The live page, in a browser without a window: whether it finds Python's words, and how fast it is.

    python -m benchmarks.live_page [--model outputs/demo/attention_lstm/held_out_ben+eli+hana] [--clips 24]
    python -m benchmarks.live_page --browser firefox

It needs what `make demo` leaves behind, the sign embedding included, npm, and Chromium with its driver, or Firefox.
Four parts, of which `--only` chooses some; Firefox has the first two:

words    clips of the held-out signers, opened in the page: their words beside those of Python's recogniser
camera   the same clips one after the other, each with a rest, as a film before the page's camera: the page's words
         beside those of Python's recogniser, for the frames that the page took, at their times, and for all frames;
         in Firefox, whose own camera plays no film, a video stands in for it
speed    frames of 640 x 480 through tracker and recogniser, one after the other, on one thread and on two, and through
         `asl live`, for a ratio
memory   a camera that plays clips for some time, on four threads as on a phone: most resident memory of the page's
         process, and the private memory of all processes of the browser
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import SequenceMatcher
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import pandas as pd
import psutil
import websocket
from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service

from asl_lib._util.paths import project_folder
from asl_lib.data.video import fit_into, read_frames, write_video
from asl_lib.evaluation.metrics import rate
from asl_lib.live.networks import open_recogniser
from asl_lib.live.recogniser import FrameRecogniser
from asl_lib.live.replay import SIZE
from asl_lib.live.vocabulary import Vocabulary
from asl_lib.live.web.build import build_page
from asl_lib.live.web.server import serve_files
from asl_lib.training.pretrain import load_embedding
from benchmarks.live import clips_of
from benchmarks.rows import Row, tell

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000")
PATIENCE_S = 300
FPS, CAMERA_S, PHONE_CORES = 25, 60, 4
LEAD_FRAMES, REST_FRAMES = 125, 15
"""Frames of a still picture before a film, in which the page gets going, and after each of its clips."""
LATE_S = 3
"""Time for a camera that plays a film more slowly than it should; the film begins anew with more of a still picture."""
BITS, SQUARE_PX = 12, 16
"""Each picture of a film has its number in a row of black and white squares, the last binary digit first."""
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


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """Give Chromium, driven by Selenium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in (*FLAGS, *flags):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(PATIENCE_S)
    try:
        yield driver
    finally:
        driver.quit()


class Firefox:
    """Firefox without a window, driven over WebDriver BiDi, which it speaks without a driver of its own.

    Args:
        program: path of Firefox.
        folder: for its profile.
    """

    def __init__(self, program: str, folder: Path) -> None:
        command = [program, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"]
        environment = {**os.environ, "HOME": str(folder)}
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._socket = websocket.create_connection(self._address(folder), timeout=PATIENCE_S, suppress_origin=True)
            self._call("session.new", capabilities={})
            self._tab = self._call("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self._process.kill()
            raise

    def _address(self, folder: Path) -> str:
        """Wait until Firefox has written where it listens, and return that."""
        path, end = folder / "WebDriverBiDiServer.json", time.monotonic() + PATIENCE_S
        while not (path.is_file() and path.stat().st_size):
            if time.monotonic() > end or self._process.poll() is not None:
                raise TimeoutError("Firefox has not started.")
            time.sleep(0.1)
        about = json.loads(path.read_text(encoding="utf-8"))
        return f"ws://{about['ws_host']}:{about['ws_port']}/session"

    def _call(self, method: str, **values: Any) -> Any:
        self._socket.send(json.dumps({"id": 1, "method": method, "params": values}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer["type"] == "error":
                raise RuntimeError(f"{method}: {answer['message']}")
            if answer["type"] == "success":
                return answer["result"]

    def get(self, address: str) -> None:
        """Open an address."""
        self._call("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def execute_script(self, program: str) -> Any:
        """Run the body of a function in the page, and return what it returns or resolves to."""
        call = f"(async () => JSON.stringify(await (async () => {{ {program} }})() ?? null))()"
        target = {"context": self._tab}
        answer = self._call("script.evaluate", expression=call, target=target, awaitPromise=True)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def quit(self) -> None:
        """End it."""
        self._socket.close()
        self._process.terminate()
        self._process.wait()


@contextmanager
def firefox() -> Iterator[Firefox]:
    """Give Firefox; raise FileNotFoundError where there is none."""
    program = shutil.which("firefox") or shutil.which("firefox-esr")
    if program is None:
        raise FileNotFoundError("There is no Firefox here. Debian: sudo apt-get install firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        driver = Firefox(program, Path(name))
        try:
            yield driver
        finally:
            driver.quit()


def wait_for(driver: Any, condition: str, *, every_s: float = 0.1) -> None:
    """Wait until an expression of JavaScript is true in the page."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        # While an address is loaded there is, for a moment, no document.
        with suppress(RuntimeError, JavascriptException):
            if driver.execute_script(f"return {condition}"):
                return
        time.sleep(every_s)
    raise TimeoutError(f"Waited {PATIENCE_S} s for {condition}.")


def load_page(driver: Any, address: str) -> None:
    """Open the live page, and wait until it is ready: on a first visit its service worker has it loaded once more."""
    driver.get(address)
    wait_for(driver, "navigator.serviceWorker.controller && document.documentElement.dataset.aslReady")


OPEN = """
    const name = NAME;
    const byId = (id) => document.getElementById(`asl-${id}`);
    document.querySelector("[data-asl=clear]").click();
    byId("status").textContent = "";
    const given = new DataTransfer();
    given.items.add(new File([await (await fetch(name)).blob()], name));
    byId("file").files = given.files;
    byId("file").dispatchEvent(new Event("change"));
    while (/^(|Looking at .*)$/.test(byId("status").textContent)) await new Promise((done) => setTimeout(done, 100));
    return [byId("status").textContent, ...[...byId("words").children].map(({textContent}) => textContent)];
"""


def words_of_page(driver: Any, name: str) -> list[str]:
    """Return the words of a clip, a file beside the page, that is opened in it."""
    said, *words = driver.execute_script(f"return (async () => {{ {OPEN.replace('NAME', json.dumps(name))} }})()")
    if "was recognised to its end" not in said:
        raise RuntimeError(said)
    return words


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


def camera_flags(path: Path, pictures: Iterable[np.ndarray]) -> list[str]:
    """Write pictures of `SIZE` for Chromium's camera, and return the flags with which it plays them for ever.

    The file has planes: Chromium takes those of JPEG pictures, which have the full range, for ones of limited range.
    """
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes())
    fakes = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    return [*fakes, f"--use-file-for-fake-video-capture={path}"]


WORDS = "[...document.querySelectorAll('#asl-words span')].map((word) => word.textContent)"
"""The words in the page's transcript, as an expression of JavaScript."""


def with_rests(clips: Iterable[str]) -> Iterator[np.ndarray]:
    """Yield the pictures of clips, made to fit into `SIZE`, the last one of each as often as a rest takes."""
    for clip in clips:
        pictures = [fit_into(picture, SIZE) for _, picture in read_frames(clip)]
        yield from [*pictures, *pictures[-1:] * REST_FRAMES]


def with_numbers(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield pictures with their numbers in the upper left corner."""
    for number, picture in enumerate(pictures):
        squares = [255 * (number >> bit & 1) for bit in range(BITS)]
        numbered = picture.copy()
        numbered[:SQUARE_PX, : BITS * SQUARE_PX] = np.repeat(squares, SQUARE_PX)[:, None]
        yield numbered


FILM = """
    const film = document.createElement("video");
    film.src = URL.createObjectURL(await (await fetch("film.mp4")).blob());
    film.muted = film.loop = true;
    await new Promise((done) => film.addEventListener("canplaythrough", done, {once: true}));
    navigator.mediaDevices.getUserMedia = async () => {
      await film.play();
      return film.mozCaptureStream();
    };
"""
TAKEN = f"""
    window.taken = []; // [number, seconds] of each frame that the page has recognised
    const squares = new OffscreenCanvas({BITS}, 1).getContext("2d", {{willReadFrequently: true}});
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...others) {{
      if (message.name === "process") {{
        const [frame, time_s] = message.values;
        squares.drawImage(frame, 0, 0, {BITS * SQUARE_PX}, {SQUARE_PX}, 0, 0, {BITS}, 1);
        const {{data}} = squares.getImageData(0, 0, {BITS}, 1);
        let number = 0;
        for (let bit = 0; bit < {BITS}; bit++) number += (data[4 * bit] > 127) * 2 ** bit;
        taken.push([number, time_s]);
      }}
      post.call(this, message, ...others);
    }};
"""


def words_of_taken(recogniser: FrameRecogniser, film: Path, taken: Sequence[tuple[int, float]]) -> Iterator[str | None]:
    """Yield the word, or None, at each frame of a film that the page took, given as (number, seconds).

    The film may have been played again and again, and a frame be taken twice, where the camera stood still.
    """
    recogniser.reset()
    reading = enumerate(read_frames(film))
    at, frame = next(reading)
    for number, time_s in taken:
        if number < at:
            reading = enumerate(read_frames(film))
        while at != number:
            at, frame = next(reading)
        yield recogniser.process(frame.picture, time_s).committed


def report_camera(browser: Any, address: str, folder: Path, model: Path, *, count: int) -> None:
    clips = [clip for _, clip in spread_clips(model, count)]
    film = folder / "film.mp4"
    lead = repeat(next(with_rests(clips)), LEAD_FRAMES)
    length = write_video(film, with_numbers(chain(lead, with_rests(clips))), fps=FPS)
    flags = []
    if browser is chromium:
        flags = camera_flags(folder.parent / "film.y4m", (picture for _, picture in read_frames(film)))
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
        of_taken = [word for word in words_of_taken(recogniser, film, taken) if word]
        for of, python in (
            ("the frames that the page took", of_taken),
            ("all frames", words_of_python(recogniser, str(film))),
        ):
            blocks = SequenceMatcher(None, python, page, autojunk=False).get_matching_blocks()
            same = sum(block.size for block in blocks)
            print(f"page {page}, Python, of {of}, {python}", flush=True)
            fact = (
                f"a film of {count} clips, of which the page took {rate_of_page:.1f} of {FPS} frames/s: of the "
                f"{len(python)} words that Python finds in {of} it has {same}, and {len(page) - same} others"
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
    parser.add_argument("--only", default="words,camera,speed,memory", help="parts, separated by commas (%(default)s)")
    options = parser.parse_args()
    model = options.model or project_folder() / "outputs" / "demo" / "attention_lstm" / "held_out_ben+eli+hana"
    browser: Any = chromium
    parts = set(options.only.split(","))
    if options.browser == "firefox":
        browser, parts = firefox, parts & {"words", "camera"}
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
