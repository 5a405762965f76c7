"""A trained model, and Chromium with a camera that plays a clip."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

from asl_lib.data.dataset import Options
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import read_frames, write_video
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.extract import extract_clips
from asl_lib.landmarks.pose_file import read_pose
from benchmarks.browsers import FPS, REST_FRAMES, WORDS, camera_flags, with_numbers, with_rests
from tests.conftest import ROOT

GLOSSES = ["BOOK", "HELLO", "YES"]
NEW_SIGNER = "ana"
ARTIFACTS = ROOT / "build" / "browser"
PATIENCE_S = 600.0
"""For a machine with other things to do: on an idle one everything here happens within seconds."""
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,1000",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",  # a graphics card that a program imitates
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """Paths of Chromium and its driver, or a skip."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("There is no Chromium here. Debian, Ubuntu: sudo apt-get install chromium chromium-driver")
    return browser, driver


@pytest.fixture(scope="session")
def demo(chromium, tmp_path_factory):  # nothing is rendered for nothing
    """A folder with rendered clips of three signs by three signers, and their landmarks."""
    folder = tmp_path_factory.mktemp("demo")
    dataset = get_dataset("demo")
    signers = ("chen", "fay", NEW_SIGNER)
    clips = dataset.prepare(folder, Options(signs=tuple(GLOSSES), signers=signers, repetitions=1))
    known = clips[clips["signer"] != NEW_SIGNER]
    extract_clips(dataset, folder, known, FeatureRecipe().tracked_parts)
    return folder, clips


@pytest.fixture(scope="session")
def model(demo, tmp_path_factory):
    """Folder of a small network that has learned three signs from two signers."""
    from asl_lib.features.augment import Augmentation
    from asl_lib.features.sets import ClipSet
    from asl_lib.training.fit import fit, set_seeds

    set_seeds(1)  # and imports TensorFlow quietly
    import keras

    folder, clips = demo
    dataset, recipe = get_dataset("demo"), FeatureRecipe(frames=12)
    known = clips[clips["signer"] != NEW_SIGNER]
    points = np.stack([recipe.points(read_pose(dataset.pose_path(folder, clip))) for _, clip in known.iterrows()])
    y = np.array([GLOSSES.index(gloss) for gloss in known["gloss"]])
    network = keras.Sequential(
        [
            keras.layers.Input((recipe.frames, recipe.num_features)),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(len(GLOSSES), activation="softmax"),
        ]
    )
    trained = tmp_path_factory.mktemp("home") / "outputs" / "demo" / "small" / "held_out_ben"
    names = np.arange(10 * len(y)).astype(str)
    named = replace(recipe, glosses=tuple(GLOSSES))
    learned = ClipSet(named, np.repeat(points, 10, axis=0), np.repeat(y, 10), names, names, names)
    options = {"epochs": 15, "monitor": "none", "learning_rate": 3e-3, "augmentation": Augmentation(recipe)}
    fit(network, learned, folder=trained, **options)
    np.savez(trained / "probabilities.npz", glosses=np.array(GLOSSES))
    return trained


@pytest.fixture(scope="session")
def clip_of(demo):
    """A function from a gloss to the new signer's clip of it."""
    folder, clips = demo

    def clip(gloss):
        row = clips[(clips["gloss"] == gloss) & (clips["signer"] == NEW_SIGNER)].iloc[0]
        return folder / row["path"]

    return clip


@pytest.fixture(scope="session")
def film(clip_of, tmp_path_factory):
    """What the browser's camera plays, again and again: a rest, a sign, and a rest; each frame has its number.

    Chromium's plays the .y4m beside it, whose colours are up to three levels off.
    """
    path = tmp_path_factory.mktemp("camera") / "film.mp4"
    pictures = list(with_rests([str(clip_of("HELLO"))]))
    write_video(path, with_numbers([pictures[0]] * REST_FRAMES + pictures), fps=FPS)
    return path


@pytest.fixture(scope="session")
def browser(chromium, film, tmp_path_factory):
    """Chromium, driven by Selenium, with a camera that plays HELLO."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium[0]
    camera = camera_flags(film.with_suffix(".y4m"), (picture for _, picture in read_frames(film)))
    for flag in [*FLAGS, *camera, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromium[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def run_script(site, browser):
    """A function that runs the body of an asynchronous function in the page and returns its result."""
    browser.switch_to.new_window("tab")
    browser.set_script_timeout(600)

    def run(body, *values):
        browser.get(f"{site[1]}LICENCES.txt")  # a page without scripts of its own
        script = f"""
            const done = arguments[arguments.length - 1];
            (async (...given) => {{ {body} }})(...arguments).then(
              (value) => done({{value}}), (error) => done({{error: String(error?.stack ?? error)}}));
        """
        answer = browser.execute_async_script(script, *values)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    return run


class PageDriver:
    """One tab of the browser, on the live page."""

    def __init__(self, driver, url: str) -> None:
        self.driver = driver
        driver.switch_to.new_window("tab")
        self.handle = driver.current_window_handle
        driver.get_log("performance")
        driver.get(url)
        self.until(lambda: self.js("return document.documentElement.dataset.aslReady"), "the page to be ready")

    def js(self, program: str, *values):
        return self.driver.execute_script(program, *values)

    def here(self):
        self.driver.switch_to.window(self.handle)
        return self

    def text(self, name: str) -> str:
        return self.js("return document.getElementById(arguments[0]).innerText", f"asl-{name}").strip()

    def words(self) -> list[str]:
        return self.js(f"return {WORDS}")

    def emulate(self, *, theme: str = "light", width: int = 1280, height: int = 1000) -> None:
        """Give the tab a colour scheme, and the size of a window or a phone."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def button(self, name: str):
        return self.driver.find_element("css selector", f'[data-asl="{name}"]')

    def until(self, condition, what: str):
        """Wait until a condition holds, and return its value."""
        for _ in range(int(PATIENCE_S / 0.1)):
            if value := condition():
                return value
            time.sleep(0.1)
        self.screenshot("failed")
        raise AssertionError(f"Waited {PATIENCE_S:.0f} s for {what}. The page says: {self.text('status')!r}.")

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for since the last call, but for those of the browser's own."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        own = ("chrome://", "data:", "blob:")
        return [about["request"]["url"] for about in asked if not about["request"]["url"].startswith(own)]

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def screenshot(self, name: str) -> None:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(ARTIFACTS / f"{name}.png"))

    def close(self) -> None:
        self.here()
        self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])


@pytest.fixture
def open_page(browser):
    """A function that opens an address in a tab of its own."""
    opened = []

    def page(url):
        opened.append(PageDriver(browser, url))
        return opened[-1]

    yield page
    for tab in opened:
        tab.close()
