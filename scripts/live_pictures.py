"""Take pictures and a film of the live page: `python -m scripts.live_pictures`.

It needs what `make demo` leaves behind, npm, Chromium and its driver. Pictures, wide, half as wide and on a phone,
light and dark, go to build/screenshots; those that the pages show are written into docs/images, too, and the film.
`--only pictures` or `--only film` makes one of them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from selenium.webdriver.common.keys import Keys

from asl_lib.course.params import Params
from asl_lib.data.demo import load_signers, perform, render_frames
from asl_lib.data.video import read_frames, write_video
from asl_lib.live.replay import join_videos
from asl_lib.live.web.build import build_page
from asl_lib.live.web.server import serve_files
from benchmarks.browsers import camera_flags, chromium, load_page, wait_for, with_rests
from benchmarks.gestures import HELD_OUT
from benchmarks.live import clips_of
from scripts.build_site import demo_network

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SIZES = {1440: 900, 720: 1000, 390: 664}
IN_SIGN = (
    "document.getElementById('asl-hands').textContent.includes('A sign is in') "
    "&& document.querySelector('#asl-top li.named')"
)
REFUSED = "document.getElementById('asl-shown').textContent === 'not a sign I know'"
STORED = {
    (1440, "light"): ("live_page.png", IN_SIGN),
    (720, "dark"): ("live_page_dark.png", REFUSED),
    (390, "light"): ("live_page_phone.png", IN_SIGN),
}
"""Pictures that the pages show, and what must be seen in each."""
SHOWN = ("HELLO", "WANT", "YES")
COLOURS = 256
"""Of a stored picture: with them it has less than 150 kB."""
SIGNED = ("APPLE", "CHILDREN", "GRANDFATHER", "HELP", "PLEASE", "THING", "YELLOW")
"""In the film: every third sign of the demo, whether it is recognised or not."""
GESTURE, NAME = next(gesture for gesture in HELD_OUT if gesture.gloss == "count"), "COUNT"
PAGE, FILM = (1000, 700), (760, 532)
"""Size of the window, and of its picture in the film."""
EVERY, STILL_MS, CAPTION_PX = 3, 1800, 34
"""One frame in three, how long the page stands still while somebody types, and the height of a caption."""
STEPS = """
    // The page goes on to the next frame of a clip when it is told to, however long the picture before it takes.
    const {get, set} = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime");
    const later = window.setTimeout;
    window.aslSteps = [];
    window.setTimeout = (call, ms, ...given) => later(call, ms === 2000 ? 1e6 : ms, ...given);
    Object.defineProperty(HTMLMediaElement.prototype, "currentTime", {
      get, set(value) { window.aslSteps.push(() => set.call(this, value)); },
    });
"""
WORDS = "[...document.querySelectorAll('#asl-words span')].map((word) => word.textContent).join(' ')"
STATUS = "document.getElementById('asl-status').textContent"


def write_gesture(path: Path, *, signer: str, seed: int) -> Path:
    """Write a video of a movement that is no sign, with a moment of rest at its end."""
    frames = list(render_frames(perform(GESTURE, load_signers()[signer], repetition=0, seed=seed)))
    write_video(path, [*frames, *[frames[-1]] * 12], fps=25)
    return path


def take_picture(driver: Any) -> Image.Image:
    return Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")


def show_as(driver: Any, *, theme: str, size: tuple[int, int]) -> None:
    """Give the page a colour scheme and the size of a window or a phone."""
    features = [{"name": "prefers-color-scheme", "value": theme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 700}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def take_pictures(driver: Any) -> None:
    """Take pictures of the page while its camera plays."""
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    driver.execute_script("document.querySelector('[data-asl=camera]').click()")
    wait_for(driver, "document.querySelectorAll('#asl-words span').length >= 4")
    # The page's speed while its pictures are taken says nothing.
    driver.execute_script("document.getElementById('asl-speed').hidden = true")
    for theme in ("light", "dark"):
        for width, height in SIZES.items():
            show_as(driver, theme=theme, size=(width, height))
            stored, seen = STORED.get((width, theme), ("", IN_SIGN))
            time.sleep(0.5)  # until it is laid out anew
            wait_for(driver, seen)
            picture = take_picture(driver)
            picture.save(folder / f"live-{width}-{theme}.png")
            if stored:
                few = picture.quantize(COLOURS, Image.Quantize.FASTOCTREE)
                few.save(IMAGES / stored, optimize=True)
                print(f"docs/images/{stored}")


def film_of_clip(driver: Any, clip: Path) -> Iterator[Image.Image]:
    """Open a clip in the page, and yield a picture after every few frames that were recognised."""
    driver.execute_script("arguments[0].textContent = ''", driver.find_element("id", "asl-status"))
    driver.find_element("id", "asl-file").send_keys(str(clip))
    ended = f"{STATUS}.includes('to its end')"
    for number in count():
        wait_for(driver, f"aslSteps.length || {ended}", every_s=0.005)
        if number % EVERY == 1:
            yield take_picture(driver)
        if driver.execute_script(f"if ({ended}) return true; aslSteps.shift()();"):
            return


def take_film(driver: Any, folder: Path) -> None:
    """Film a new signer: signs, a gesture that is refused, named, and recognised."""
    signer = Params().test_signers[0]
    clips = [Params().dataset_dir / "videos" / signer / f"{gloss}-01.mp4" for gloss in SIGNED]
    join_videos(folder / "signs.mp4", [(path.stem, read_frames(path)) for path in clips])
    first, *later = [write_gesture(folder / f"gesture-{seed}.mp4", signer=signer, seed=seed) for seed in (1, 2, 3, 4)]
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 17)
    film: list[tuple[Image.Image, int]] = []

    def add(picture: Image.Image, caption: str, ms: int) -> None:
        captioned = Image.new("RGB", (FILM[0], FILM[1] + CAPTION_PX), "black")
        captioned.paste(picture.resize(FILM, Image.Resampling.LANCZOS), (0, 0))
        middle = (FILM[0] / 2, FILM[1] + CAPTION_PX / 2)
        ImageDraw.Draw(captioned).text(middle, caption, fill="white", font=font, anchor="mm")
        film.append((captioned, ms))

    def add_clip(clip: Path, caption: str) -> None:
        for picture in film_of_clip(driver, clip):
            add(picture, caption, 40 * EVERY)

    def teach(examples: int) -> None:
        driver.execute_script("arguments[0].open = true; arguments[0].scrollIntoView()", teacher)
        field.send_keys(NAME)
        add(take_picture(driver), "One can teach it: the last movement gets a name ...", STILL_MS)
        driver.execute_script("arguments[0].textContent = ''", driver.find_element("id", "asl-status"))
        field.send_keys(Keys.ENTER)
        wait_for(driver, f"{STATUS}.startsWith('Learned')")
        number = "one example" if examples == 1 else f"{examples} examples"
        add(take_picture(driver), f"... from {number}, without a training.", STILL_MS)
        driver.execute_script("scrollTo(0, 0)")

    show_as(driver, theme="light", size=PAGE)
    # Each frame waits for its picture: the page's speed meanwhile says nothing.
    driver.execute_script("document.getElementById('asl-speed').hidden = true")
    field, teacher = driver.find_element("name", "gloss"), driver.find_element("id", "asl-teacher")
    caption = "A drawn signer, new to the network, makes seven signs. It errs."
    add_clip(folder / "signs.mp4", caption)
    add(take_picture(driver), caption, STILL_MS)
    caption = "Counting with the fingers is none of its signs. It refuses most gestures, not all."
    add_clip(first, caption)
    add(take_picture(driver), caption, STILL_MS)
    for examples, clip in enumerate(later, 1):
        teach(examples)
        add_clip(clip, "The same movement, made again:")
        known = driver.execute_script(f"return {WORDS}").endswith(NAME)
        answer = "now it has its word." if known else "probable, and not enough. One more example:"
        add(take_picture(driver), f"The same movement, made again: {answer}", STILL_MS)
        if known:
            break
    else:
        raise RuntimeError(f"{NAME} has no word after {len(later)} examples: no film is written.")
    add(take_picture(driver), "All of this happened in the browser: no picture left it.", 2 * STILL_MS)
    pictures, times = zip(*film, strict=True)
    path = IMAGES / "live.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=times, loop=1, quality=40, method=6)
    print(f"docs/images/live.webp: {sum(times) / 1000:.0f} s, {path.stat().st_size // 1024} kB")
    print("words:", driver.execute_script(f"return {WORDS}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("film", "pictures"), default="", help="make only one of them")
    only = parser.parse_args().only
    models = demo_network()
    [model] = models.values()
    clips = [next(clip for known, clip, _ in clips_of(model) if known == gloss) for gloss in SHOWN]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = build_page(folder / "page", models=models)
        clips.append(str(write_gesture(folder / "camera.mp4", signer=Params().test_signers[0], seed=1)))
        flags = camera_flags(folder / "camera.y4m", with_rests(clips))
        with chromium(*flags) as driver, serve_files(page, port=0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STEPS})
            for kind in (only,) if only else ("film", "pictures"):
                load_page(driver, f"http://127.0.0.1:{server.server_port}/")
                if kind == "film":
                    take_film(driver, folder)
                else:
                    take_pictures(driver)
            server.shutdown()


if __name__ == "__main__":
    main()
