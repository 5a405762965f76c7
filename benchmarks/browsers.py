"""Chromium and Firefox without a window, on the live page, and films that their cameras play."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import websocket
from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service

from asl_lib.data.video import fit_into, read_frames
from asl_lib.live.recogniser import FrameRecogniser
from asl_lib.live.replay import SIZE

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000")
PATIENCE_S = 300
FPS, REST_FRAMES = 25, 15
"""Frames a second of a film, and how many of a still picture follow each of its clips."""
BITS, SQUARE_PX = 16, 16
"""Each picture of a film has its number in a row of black and white squares, the last binary digit first."""


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


def words_of_taken(recogniser: FrameRecogniser, film: Path, taken: Sequence[tuple[int, float]]) -> list[str]:
    """Return the words in the frames of a film that the page took, given as (number, seconds).

    The film may have been played again and again, and a frame be taken twice, where the camera stood still.
    """
    recogniser.reset()
    reading, words = enumerate(read_frames(film)), []
    at, frame = next(reading)
    for number, time_s in taken:
        if number < at:
            reading = enumerate(read_frames(film))
        while at != number:
            at, frame = next(reading)
        words.append(recogniser.process(frame.picture, time_s).committed)
    return [word for word in words if word]


def compare(found: Sequence[str | None], python: Sequence[str | None]) -> tuple[int, int, int]:
    """Return how many words Python has, how many of them were found in the same order, and how many others."""
    mine, theirs = ([word for word in words if word] for words in (found, python))
    same = sum(block.size for block in SequenceMatcher(None, theirs, mine, autojunk=False).get_matching_blocks())
    return len(theirs), same, len(mine) - same
