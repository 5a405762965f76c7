"""The live page refuses and learns as Python does, and keeps what it has learned."""

from __future__ import annotations

import json
import shutil
import threading
import zipfile
from dataclasses import asdict, replace
from urllib.parse import urlparse

import numpy as np
import pytest

from asl_lib.data.demo import load_lexicon, load_signers, perform, render_frames
from asl_lib.data.video import write_video
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import open_recogniser
from asl_lib.live.recogniser import LiveSettings
from asl_lib.live.vocabulary import Vocabulary
from asl_lib.live.web.build import TAUGHT, build_page
from asl_lib.live.web.packages import fetch_packages
from asl_lib.live.web.server import serve_files
from asl_lib.training.pretrain import load_embedding
from benchmarks.gestures import HELD_OUT
from benchmarks.open_set import performed
from tests.browser.conftest import GLOSSES
from tests.browser.test_page import barriers
from tests.live.streams import SIZE, frames_of, learn_signs, recorded_streams

GESTURES = {gesture.gloss.split()[0].upper(): gesture for gesture in HELD_OUT}


@pytest.fixture(scope="module")
def learning_home(tmp_path_factory):
    """A folder with a small sign embedding, a small network, and the clips of six signers that it learned from."""
    home = tmp_path_factory.mktemp("learning")
    learn_signs(home, GLOSSES, pseudo_signs=100)
    return home


@pytest.fixture(scope="module")
def learning_model(learning_home):
    """Folder of the network."""
    return learning_home / "outputs" / "demo" / "small" / "held_out"


@pytest.fixture(scope="module")
def embedding(learning_home):
    return load_embedding(next((learning_home / "outputs" / "embedding").glob("*/")))


@pytest.fixture(scope="module")
def site(chromium, learning_home, learning_model, tmp_path_factory):
    """Folder of the page, and its address."""
    try:
        fetch_packages()
    except LiveError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASL_HOME", str(learning_home))
        folder = build_page(tmp_path_factory.mktemp("site"), models={"small": learning_model})
    with serve_files(folder, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Rendered movements of a new signer, `{name}.mp4`, with a moment of rest at the end."""
    folder = tmp_path_factory.mktemp("clips")
    for name, seed in (("BOOK", 1), ("SCRATCH", 1), ("SCRATCH", 2)):
        performance = perform((load_lexicon() | GESTURES)[name], load_signers()["dara"], repetition=0, seed=seed)
        frames = list(render_frames(performance))
        write_video(folder / f"{name}-{seed}.mp4", [*frames, *[frames[-1]] * 12], fps=25)
    return folder


OPEN = """
    const {loadRuntime} = await import("./models.js");
    const {Classifier} = await import("./classifier.js");
    const {OpenClassifier, Vocabulary} = await import("./vocabulary.js");
    const {readNpz, writeNpz} = await import("./npz.js");
    const {SignRecogniser} = await import("./recogniser.js");
    const runtime = await loadRuntime(new URL("litert/", location.href).href);
    const {models} = await (await fetch("config.json")).json();
    const {folder, network} = models[MODEL];
    const own = network === false ? null : await Classifier.load(runtime, folder);
    const open = await OpenClassifier.load(runtime, folder, own);
    const numbers = (row) => Float32Array.from(row, (value) => value ?? NaN);
"""
GOLDEN = (
    OPEN
    + """
    const {inputs, vector} = await (await fetch(`${folder}golden_vocabulary.json`)).json();
    const frames = inputs.landmarks[0].map((rows, index) => ({
      time_s: inputs.times[0][index],
      values: numbers(rows.flatMap((row) => row ?? [null, null, null, 0])),
    }));
    const size = {width: 1000, height: 1000 * inputs.aspect[0]};
    const settings = {fps: inputs.fps[0]};
    if (open.own) open.own.classify = async () => open.about.glosses.map((_, index) => Number(index === 0));
    const found = await open.embed(frames, size, settings);
    const similarities = Object.fromEntries(open.signs.similarities(found));
    const probabilities = await open.classify(frames, size, settings);
    open.learn(open.taught.with([{gloss: "the golden clip", signer: "", vector: found}]));
    const learned = await open.classify(frames, size, settings);
    return {vector: [...found], similarities, probabilities, learned};
"""
)


@pytest.mark.parametrize(("name", "signs"), [("small", len(GLOSSES)), (TAUGHT, 0)])
def test_the_exported_file_compares_refuses_and_learns_as_its_golden_sample_says(site, run_script, name, signs):
    folder = site[0] / json.loads((site[0] / "config.json").read_text())["models"][name]["folder"]
    golden = json.loads((folder / "golden_vocabulary.json").read_text())
    found = run_script(GOLDEN.replace("MODEL", json.dumps(name)))
    np.testing.assert_allclose(found["vector"], np.ravel(golden["vector"]), atol=1e-4)
    assert found["similarities"] == pytest.approx(golden["similarities"], abs=1e-4)
    np.testing.assert_allclose(found["probabilities"], golden["probabilities"], atol=1e-4)
    np.testing.assert_allclose(found["learned"], golden["learned"], atol=1e-3)
    assert not any(golden["probabilities"])
    assert len(golden["learned"]) == signs + 1
    assert np.argmax(golden["learned"]) == signs


STREAMS = (
    OPEN
    + """
    const [streams, taught, settings, size] = given;
    open.learn(await Vocabulary.read(open.space, Uint8Array.from(taught), "taught"));
    const answers = [];
    for (const frames of streams) {
      const classify = (...asked) => open.classify(...asked, settings);
      const recogniser = new SignRecogniser(open.glosses, classify, settings);
      const events = [];
      for (const [time_s, row] of frames) events.push(await recogniser.processLandmarks(numbers(row), time_s, size));
      events.push(await recogniser.finish());
      answers.push(events.map(({refused, shown, committed, signing}) => ({refused, shown, committed, signing})));
    }
    return {answers, thresholds: Object.fromEntries(open.signs.thresholds)};
"""
)


def test_recorded_streams_of_signs_and_gestures_give_the_events_that_python_gives(
    run_script, embedding, learning_model, tmp_path
):
    recorded = recorded_streams()
    names = [*GLOSSES, "WANT", *(gesture.gloss for gesture in HELD_OUT)]
    one = performed([load_lexicon()["WANT"]], [load_signers()["ben"]], repetitions=1).landmarks[0]
    taught = Vocabulary(embedding)
    taught.add("WANT", embedding.recipe.points(one))
    taught.save(tmp_path / "taught.npz")
    settings, expected, streams = LiveSettings(), [], []
    for name in names:
        recogniser = open_recogniser(learning_model, taught=taught, settings=replace(settings))
        frames = frames_of(recorded[name])
        events = [recogniser.process_landmarks(row, time_s, size=SIZE) for time_s, row in frames]
        expected.append([*events, recogniser.finish()])
        streams.append([(time_s, [None if np.isnan(v) else float(v) for v in row.ravel()]) for time_s, row in frames])
    size = {"width": SIZE[0], "height": SIZE[1]}
    given = (streams, list((tmp_path / "taught.npz").read_bytes()), asdict(settings), size)
    found = run_script(STREAMS.replace("MODEL", '"small"'), *given)
    assert found["thresholds"] == pytest.approx(recogniser.classifier._signs.thresholds, abs=1e-5)
    for events, python in zip(found["answers"], expected, strict=True):
        assert events == [{name: getattr(event, name) for name in events[0]} for event in python]
    words = [[event.committed for event in events if event.committed] for events in expected]
    refused = [any(event.refused for event in events) for events in expected]
    assert words[3] == ["WANT"]
    assert sum(map(bool, words[:3])) >= 2
    assert words[4:].count([]) >= 8  # of 13 gestures that nothing was chosen with
    assert sum(refused[4:]) >= 8


FILES = (
    OPEN
    + """
    const [bytes] = given;
    const arrays = await readNpz(Uint8Array.from(bytes));
    return {file: [...(await writeNpz(arrays))], shapes: Object.values(arrays).map(({shape}) => shape)};
"""
)


def test_a_file_of_taught_signs_is_the_same_in_python_and_in_the_browser(run_script, embedding, tmp_path):
    vocabulary = Vocabulary(embedding)
    points = np.random.default_rng(0).normal(size=(3, *embedding.recipe.values_shape)).astype(np.float32)
    for gloss, one in zip(("HELLO", "Grüß Gott 🤟", "HELLO"), points, strict=True):
        vocabulary.add(gloss, one)
    vocabulary.save(tmp_path / "python.npz")
    found = run_script(FILES.replace("MODEL", '"small"'), list((tmp_path / "python.npz").read_bytes()))
    (tmp_path / "browser.npz").write_bytes(bytes(found["file"]))
    again = Vocabulary.load(tmp_path / "browser.npz", embedding)
    assert again.glosses == vocabulary.glosses == ("Grüß Gott 🤟", "HELLO")
    np.testing.assert_array_equal(again.similarities(points), vocabulary.similarities(points))


def open_clip(tab, path):
    """Open a clip in the page, wait for its end, and return what is shown and the new words."""
    before = tab.words()
    tab.driver.find_element("id", "asl-file").send_keys(str(path))
    tab.until(lambda: f"{path.name} was recognised to its end" in tab.text("status"), "the clip's end")
    return tab.text("shown"), tab.words()[len(before) :]


def unfold(tab):
    from selenium.webdriver.common.keys import Keys

    tab.driver.find_element("css selector", "#asl-teacher summary").send_keys(Keys.ENTER)


def test_a_gesture_is_refused_taught_named_kept_saved_forgotten_and_opened_again(
    site, embedding, open_page, clips, tmp_path
):
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    tab.errors()
    tab.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    tab.button("clear").click()
    assert "none of its signs is refused" in tab.text("refuses")
    assert open_clip(tab, clips / "BOOK-1.mp4") == ("BOOK", ["BOOK"])
    assert open_clip(tab, clips / "SCRATCH-1.mp4") == ("not a sign I know", [])
    tab.screenshot("refused")

    unfold(tab)
    tab.driver.find_element("name", "gloss").send_keys("SCRATCH\u00ad", Keys.ENTER)
    tab.until(lambda: "Learned" in tab.text("status"), "the sign to be learned")
    assert tab.text("taught").split("\n")[0] == "SCRATCH, 1 clip"
    assert open_clip(tab, clips / "SCRATCH-2.mp4") == ("SCRATCH", ["SCRATCH"])
    tab.screenshot("taught")

    first, tab = tab, open_page(site[1])
    tab.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    unfold(tab)
    assert tab.text("taught").startswith("SCRATCH, 1 clip")
    tab.button("save-signs").click()
    path = tmp_path / "vocabulary.npz"
    tab.until(path.is_file, "the file")
    assert Vocabulary.load(path, embedding).glosses == ("SCRATCH",)

    tab.driver.find_element("css selector", "#asl-taught button").send_keys(Keys.ENTER)
    tab.until(lambda: "SCRATCH is forgotten" in tab.text("status"), "the sign to be forgotten")
    first.here().until(lambda: not first.text("taught"), "the other tab to forget it, too")
    tab.here()
    tab.driver.find_element("id", "asl-signs-file").send_keys(str(path))
    tab.until(lambda: "the page knows 1 sign that was taught" in tab.text("status"), "the file to be learned")
    assert tab.text("taught").startswith("SCRATCH, 1 clip")

    arrays = dict(np.load(path))
    np.savez(tmp_path / "other.npz", **{**arrays, "embedding": np.array("0" * 16)})
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:999])
    (tmp_path / "no.npz").write_bytes(b"no archive")
    with zipfile.ZipFile(tmp_path / "names.npz", "w") as archive:  # a thousand million names of no letter
        about = b"{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,), }\n"
        archive.writestr("glosses.npy", b"\x93NUMPY\1\0" + len(about).to_bytes(2, "little") + about)
    no_file = dict.fromkeys(("cut", "no", "names"), "is not a file of taught signs")
    for name, words in {"other": "was made with another sign embedding", **no_file}.items():
        tab.driver.find_element("id", "asl-signs-file").send_keys(str(tmp_path / f"{name}.npz"))
        tab.until(lambda words=words: words in tab.text("status"), "the refusal")
    assert tab.errors() == []
    assert {urlparse(address).netloc for address in tab.requests()} == {urlparse(site[1]).netloc}


def test_a_sign_is_shown_three_times_to_the_camera_with_keys_alone(site, open_page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    tab.button("camera").send_keys(Keys.ENTER)
    tab.until(lambda: "frames a second" in tab.text("speed"), "the camera")
    unfold(tab)
    tab.driver.find_element("name", "gloss").send_keys("WELCOME", Keys.TAB, Keys.TAB)
    ActionChains(tab.driver).send_keys(Keys.TAB, Keys.ENTER).perform()  # "Show it three times"
    tab.until(lambda: "WELCOME, 3 clips" in tab.text("taught"), "three clips")
    assert barriers(tab, "teaching", 390) == {}


def test_an_export_without_an_embedding_names_every_movement_and_says_so(site, open_page, tmp_path):
    folder = shutil.copytree(site[0], tmp_path / "page")
    config = json.loads((folder / "config.json").read_text())
    del config["models"]["small"]["learns"]  # as earlier versions wrote it
    (folder / "config.json").write_text(json.dumps(config))
    with serve_files(folder, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = open_page(f"http://127.0.0.1:{server.server_port}/")
        assert "names every movement" in tab.text("refuses")
        assert tab.js("return document.getElementById('asl-teacher').hidden")
        server.shutdown()


NO_STORAGE = """
    const forbidden = {get() { throw new DOMException("", "SecurityError"); }};
    Object.defineProperty(window, "localStorage", forbidden);
    const register = async () => { throw new Error("private"); };
    Object.defineProperty(navigator, "serviceWorker", {value: {register, addEventListener() {}}});
"""


def test_signs_are_taught_without_a_network_and_in_a_browser_that_stores_nothing(site, open_page, clips):
    from selenium.webdriver.common.keys import Keys

    tab = open_page(site[1])
    script = tab.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": NO_STORAGE})
    tab.driver.refresh()
    tab.until(lambda: tab.js("return document.documentElement.dataset.aslReady"), "the page to be ready again")
    tab.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    tab.driver.find_element("id", "asl-model").send_keys(TAUGHT, Keys.ENTER)
    tab.until(lambda: tab.js("return document.getElementById('asl-model').value") == TAUGHT, "no network")
    assert open_clip(tab, clips / "SCRATCH-1.mp4") == ("not a sign I know", [])
    unfold(tab)
    tab.driver.find_element("name", "gloss").send_keys("SCRATCH", Keys.ENTER)
    tab.until(lambda: "this browser stores nothing. Save the signs as a file." in tab.text("status"), "the sign")
    assert open_clip(tab, clips / "SCRATCH-2.mp4") == ("SCRATCH", ["SCRATCH"])
    assert tab.js("return document.querySelectorAll('#asl-top li').length") == 1
