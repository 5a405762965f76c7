"""The live page in a real browser: a camera that plays a clip of a signer whom the model has never seen."""

from __future__ import annotations

import re
import threading
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

import numpy as np
import pytest

from asl_lib.data.video import read_frames
from asl_lib.live.recogniser import LiveSettings
from tests.browser.conftest import PATIENCE_S, PageDriver
from tests.conftest import wait_until

CONTRASTS = """
const parsed = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const under = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const rgba = parsed(getComputedStyle(e).backgroundColor);
    if (rgba.length < 4 || rgba[3] > 0.5) return rgba;
  }
  return [255, 255, 255];
};
const low = [];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const silent = ":disabled, footer, style, script, [aria-hidden=true]";
  if (!own || !element.offsetParent || element.closest(silent)) continue;
  const [a, b] = [light(parsed(getComputedStyle(element).color)), light(under(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return low;
"""
NAMELESS = """
const shown = [...document.querySelectorAll("button, input, select, textarea, [role=meter], [role=img], [role=log]")]
  .filter((element) => element.offsetParent);
const name = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.innerText?.trim() ||
  [...(e.labels || [])].map((label) => label.innerText).join("") || e.title;
return shown.filter((element) => !name(element)).map((element) => element.outerHTML.slice(0, 120));
"""


@pytest.fixture(scope="module")
def page(serve_page):
    return serve_page()


@pytest.fixture(scope="module")
def looked_at(page, browser):
    """A function from "light" or "dark" to the page in that theme."""
    tabs = {}

    def tab(theme):
        if theme not in tabs:
            tabs[theme] = PageDriver(browser, page.url)
            tabs[theme].emulate(theme=theme)
        return tabs[theme].here()

    yield tab
    for opened in tabs.values():
        opened.close()


def test_a_sign_before_the_camera_becomes_a_word_and_no_other_host_is_asked(page, open_page):
    from selenium.webdriver.common.keys import Keys

    tab = open_page(page.url)
    tab.button("camera").send_keys(Keys.ENTER)  # no mouse needed
    words = tab.until(lambda: tab.words() if len(tab.words()) >= 4 else [], "words in the transcript")
    # The first sign may have begun before the camera was on.
    assert Counter(words[1:]).most_common(1)[0][0] == "HELLO"
    assert "frames a second" in tab.text("speed")
    assert "The camera is on" in tab.text("status")
    assert tab.js("return document.querySelector('#asl-top [role=meter]').getAttribute('aria-valuenow')") is not None
    tab.until(lambda: re.search("(left|right|both) hands?. A sign is", tab.text("hands")), "a hand in the picture")
    tab.screenshot("camera")
    assert {urlparse(address).netloc for address in tab.requests()} == {urlparse(page.url).netloc}
    assert tab.js("return document.documentElement.lang") == "en"
    tab.button("clear").click()
    tab.until(lambda: len(tab.words()) < len(words), "the transcript to be cleared")
    tab.button("camera").click()
    tab.until(lambda: page.sessions.active == 0, "the tracker to be closed")
    assert tab.errors() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("title", ["Recognise", "Record your own signs", "About"])
def test_every_text_can_be_read_and_every_control_has_a_name(looked_at, theme, title):
    tab = looked_at(theme)
    tab.tab(title)
    tab.until(
        lambda: tab.js("return document.querySelector('[role=tab][aria-selected=true]').innerText") == title, title
    )
    ground = tab.js("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 28)"}[theme]
    assert tab.js(NAMELESS) == []
    assert tab.js(CONTRASTS) == []
    tab.screenshot(f"{title.split()[0].lower()}-{theme}")


def test_the_tabs_are_reached_with_the_arrow_keys(looked_at):
    from selenium.webdriver.common.keys import Keys

    tab = looked_at("light")
    tab.tab("Recognise")
    for key, title in (
        (Keys.ARROW_RIGHT, "Record your own signs"),
        (Keys.END, "About"),
        (Keys.ARROW_RIGHT, "Recognise"),
    ):
        tab.driver.switch_to.active_element.send_keys(key)
        assert tab.driver.switch_to.active_element.text == title
        assert tab.js("return [...document.querySelectorAll('[role=tabpanel]')].filter((p) => !p.hidden).length") == 1
    assert tab.js("return document.querySelectorAll('[role=tab][tabindex=\"-1\"]').length") == 2


@pytest.mark.parametrize("title", ["Recognise", "Record your own signs", "About"])
def test_on_a_phone_nothing_is_wider_than_the_screen(page, open_page, title):
    tab = open_page(page.url)
    tab.emulate(width=360, height=740)
    tab.tab(title)
    assert tab.js("return document.documentElement.scrollWidth") <= 360
    small = "return [...document.querySelectorAll('button, select, input:not([hidden])')].filter((e) => e.offsetParent)"
    assert tab.js(f"{small}.filter((e) => e.type != 'checkbox' && e.getBoundingClientRect().height < 24).length") == 0
    tab.screenshot(f"{title.split()[0].lower()}-phone")


def test_a_second_page_has_its_own_state_and_waits_for_its_place(page, open_page):
    first = open_page(page.url)
    first.button("camera").click()
    first.until(first.words, "a word in the transcript")
    second = open_page(page.url)
    assert second.words() == []
    second.button("camera").click()
    second.until(lambda: "1 person uses the recogniser now" in second.text("status"), "a sentence about the limit")
    assert second.words() == []
    first.here().button("camera").click()
    second.here().until(lambda: "The camera is on" in second.text("status"), "the free place to be taken")
    second.driver.get("about:blank")  # somebody closes the page, camera and all
    wait_until(lambda: page.sessions.active == 0)


def test_model_and_threshold_are_those_of_this_page_alone(page, open_page):
    from selenium.webdriver.common.keys import Keys

    other, tab = open_page(page.url), open_page(page.url)
    unchanged, session = page.sessions.open_pages[-2:]
    tab.driver.find_element("id", "asl-model").send_keys("other", Keys.ENTER)
    tab.until(lambda: session.model == "other", "the other model")
    tab.driver.find_element("id", "asl-threshold").send_keys(Keys.HOME)
    tab.until(lambda: session.settings.threshold == 0, "the threshold")
    assert tab.text("threshold-value") == "0.00"
    assert other.here().words() == []
    assert (unchanged.model, unchanged.settings.threshold) == ("small", LiveSettings().threshold)


def test_a_clip_is_recognised_in_the_browser_and_what_is_none_gets_a_sentence(page, open_page, clip_of, tmp_path):
    tab = open_page(page.url)
    file = tab.driver.find_element("id", "asl-file")
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all")
    file.send_keys(str(text))
    tab.until(lambda: "notes.mp4" in tab.text("status"), "a sentence about the text")
    assert "is not a video that this browser can play" in tab.text("status")
    file.send_keys(str(clip_of("BOOK")))
    tab.until(lambda: "recognised to its end" in tab.text("status"), "the clip to be recognised")
    assert tab.words() == ["BOOK"]
    assert not tab.js("return document.getElementById('asl-stage').classList.contains('mirrored')")


def test_the_browser_comes_in_with_the_password_and_stays_in(serve_page, browser, open_page):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    page = serve_page(password="open sesame")
    browser.switch_to.new_window("tab")
    browser.get(page.url)
    for password in ("guess", "open sesame"):
        browser.find_element("name", "password").send_keys(password, Keys.ENTER)
        if password == "guess":
            WebDriverWait(browser, PATIENCE_S).until(lambda tab: tab.find_element("id", "asl-wrong").is_displayed())
    ready = "return document.documentElement.dataset.aslReady"
    WebDriverWait(browser, PATIENCE_S).until(lambda tab: tab.execute_script(ready))
    browser.close()
    browser.switch_to.window(browser.window_handles[0])
    assert open_page(page.url).words() == []


def test_own_signs_are_recorded_as_the_camera_saw_them_though_the_picture_is_mirrored(
    serve_page, open_page, clip_of, tmp_path
):
    page = serve_page(folder=tmp_path)
    tab = open_page(page.url)
    tab.tab("Record your own signs")
    form = tab.driver.find_element("id", "asl-recorder-form")
    form.find_element("name", "signer").send_keys("zoe")
    form.find_element("name", "glosses").send_keys("HELLO")
    repetitions = form.find_element("name", "repetitions")
    repetitions.clear()
    repetitions.send_keys("1")
    form.find_element("name", "agreed").click()
    form.find_element("css selector", "button[type=submit]").click()
    tab.until(lambda: "Press Start" in tab.text("asked-what"), "the first prompt")
    assert tab.text("asked") == "HELLO"
    assert tab.js("return document.getElementById('asl-stage').classList.contains('mirrored')")
    tab.button("take").click()
    tab.until(lambda: "Look at it" in tab.text("asked-what"), "the capture")
    assert not (tmp_path / "data").exists()
    tab.screenshot("record")
    tab.button("keep").click()
    tab.until(lambda: "All signs are recorded" in tab.text("asked-what"), "the end")
    stored = [picture for _, picture in read_frames(tmp_path / "data" / "recordings" / "zoe" / "HELLO" / "01.mp4")]
    camera = np.mean([picture for _, picture in read_frames(clip_of("HELLO"))], axis=0)
    seen = np.mean(stored, axis=0)
    assert np.abs(seen - camera).mean() < np.abs(seen - camera[:, ::-1]).mean() / 2


def test_the_page_works_behind_a_proxy_that_shows_it_under_a_path(serve_page, open_page, clip_of):
    prefix = "/user/ana/proxy/7860"
    page = serve_page(root_path=prefix)
    with PrefixProxy(prefix, urlparse(page.url).port) as address:
        tab = open_page(address)
        tab.driver.find_element("id", "asl-file").send_keys(str(clip_of("YES")))
        tab.until(lambda: "recognised to its end" in tab.text("status"), "the clip to be recognised")
        assert tab.words() == ["YES"]
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
