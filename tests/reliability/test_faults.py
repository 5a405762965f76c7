"""Faults in the middle of the work: what was done is kept, what goes on ends the same, and the reader is told."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from asl_lib.course import batch, cli, notebooks
from asl_lib.data import download
from asl_lib.data.errors import DatasetError
from asl_lib.data.registry import get_dataset
from asl_lib.data.unpack import unpack
from asl_lib.features.photographs import load_photographs
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import load_features
from asl_lib.landmarks.extract import Extraction
from asl_lib.landmarks.pose_file import write_pose
from asl_lib.landmarks.store import load_landmarks
from asl_lib.live.window import run_recogniser
from tests.conftest import ROOT, make_clips, make_frames, make_landmarks
from tests.course.kernelless import run_without_kernel
from tests.course.test_batch import OPTIONS, VALUES, write_short_course
from tests.data.test_download import CONTENT, SHA, Remote, server  # noqa: F401  (a fixture)
from tests.landmarks.test_extract import run as extract
from tests.landmarks.test_extract import table
from tests.training.test_fit import stopped_after, train

UNIX = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="Windows has no such signals; see docs/reliability.md."
)

resource = pytest.importorskip("resource", reason="Limits of a process are POSIX's; Windows has no such module.")


STARTED = []
"""Programs that a test started; whatever happens to it, they end with it."""


@pytest.fixture(autouse=True)
def no_program_outlives_its_test():
    yield
    while STARTED:
        with STARTED.pop() as program:
            program.kill()


def start(program, *arguments, **environment):
    """Start a Python program in a process group of its own, as from a shell."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    STARTED.append(process)
    return process


def wait_for(happened, process):
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


@contextmanager
def smallest_disk(limit):
    """Let no file of this process grow beyond `limit` bytes: the system then refuses to write, as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# Download and unpacking

GET = """
import sys
from asl_lib.data.dataset import Remote
from asl_lib.data.download import download
download(Remote((sys.argv[1],), "data.bin", sys.argv[2]), sys.argv[3])
"""


@UNIX
def test_a_killed_download_resumes(server, tmp_path, monkeypatch):  # noqa: F811
    from tests.data.test_download import Handler

    def slowly(self, count):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("ETag", '"v1"')
        self.end_headers()
        self.wfile.write(CONTENT[:400_000])
        self.wfile.flush()
        while not (tmp_path / "killed").exists():
            threading_pause(0.02)

    from threading import Event

    threading_pause = Event().wait  # time.sleep is stubbed by the fixture
    monkeypatch.setattr(Handler, "slow", lambda self, count: slowly(self, count) if count == 1 else self.ranged(),
                        raising=False)  # fmt: skip
    part = tmp_path / ".data.bin.part"
    process = start(GET, f"{server}/slow", SHA, tmp_path)
    while not (part.is_file() and part.stat().st_size >= 300_000):
        assert process.poll() is None
        Event().wait(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (tmp_path / "killed").touch()
    assert not (tmp_path / "data.bin").exists()
    have = part.stat().st_size
    path = download.download(Remote((f"{server}/slow",), "data.bin", SHA), tmp_path)
    assert path.read_bytes() == CONTENT
    assert Handler.seen[-1] == ("/slow", f"bytes={have}-"), "only what was missing may be asked for"


def test_a_disk_that_fills_while_downloading_or_unpacking_keeps_what_is_there(server, tmp_path):  # noqa: F811
    with smallest_disk(500_000), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        download.download(Remote((f"{server}/good",), "data.bin", SHA), tmp_path)
    assert not (tmp_path / "data.bin").exists()
    path = download.download(Remote((f"{server}/good",), "data.bin", SHA), tmp_path)
    assert path.read_bytes() == CONTENT

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("small", b"s" * 1000)
        archive.writestr("large", CONTENT)
    with (
        smallest_disk(500_000),
        pytest.raises(DatasetError, match=r"large in .*set\.zip cannot be unpacked: .*File too large"),
    ):
        unpack(tmp_path / "set.zip", tmp_path)
    assert names(tmp_path / ".set.unpacking") == ["small"]
    assert names(unpack(tmp_path / "set.zip", tmp_path)) == ["large", "small"]


# Extraction and features


@UNIX
def test_a_full_disk_costs_an_extraction_its_large_clips_only_and_they_are_made_next_time(tmp_path):
    """Through the worker processes, where the limit is inherited: every pose file is larger, its note is not."""
    from asl_lib.data.video import write_video

    for index, name in enumerate(("one", "two")):
        write_video(tmp_path / f"{name}.mp4", make_frames(4, seed=index), fps=25)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with smallest_disk(1000):
        full: Extraction = extract(tmp_path, table("one", "two"), workers=1, failures_path=tmp_path / "failures.csv")
    signal.signal(signal.SIGXFSZ, before)
    assert full.done == 0
    assert all("File too large" in reason for reason in full.failures.reason)
    assert names(tmp_path / "poses") == []
    assert len(pd.read_csv(tmp_path / "failures.csv")) == 2
    assert extract(tmp_path, table("one", "two"), workers=1).done == 2


def landmarks_of(folder, count=4):
    clips = make_clips(["ana"] * count)
    for number, clip_id in enumerate(clips.clip_id):
        write_pose(folder / "poses" / f"{clip_id}.pose", make_landmarks(frames=6, seed=number))
    return clips


def store(folder, clips):
    return load_landmarks(get_dataset("recordings"), folder, clips, ["pose", "left_hand", "right_hand"])


@UNIX
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # NumPy's tmp zip
def test_a_full_disk_leaves_the_older_landmarks_and_features_whole(tmp_path):
    recipe = FeatureRecipe(frames=8)
    clips = landmarks_of(tmp_path)
    features = load_features(clips, recipe, landmarks=store(tmp_path, clips))
    features.save(tmp_path)
    before, whole = (tmp_path / "features.npz").read_bytes(), store(tmp_path, clips).arrays()[0].copy()
    more = landmarks_of(tmp_path, count=6)
    with smallest_disk(5000):
        with pytest.raises(OSError, match="File too large"):
            store(tmp_path, more)
        with pytest.raises(OSError, match="File too large"):
            features.save(tmp_path)
    assert (tmp_path / "features.npz").read_bytes() == before
    np.testing.assert_array_equal(store(tmp_path, clips).arrays()[0], whole)
    assert len(store(tmp_path, more)) == 6


@pytest.mark.parametrize("at", [0, 8, 60])
def test_a_damaged_store_of_landmarks_or_photographs_is_made_again(tmp_path, at):
    clips = landmarks_of(tmp_path)
    whole = store(tmp_path, clips).arrays()[0].copy()
    pictures = make_clips(["ana", "ben"])
    for name in pictures.path:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(make_frames(1)[0]).save(tmp_path / name, "PNG")
    images = load_photographs(pictures, source_dir=tmp_path, folder=tmp_path / "pictures", size=32)[0].copy()
    for path in [*(tmp_path / "landmarks").glob("*.npy"), *(tmp_path / "pictures").glob("*.npy")]:
        content = bytearray(path.read_bytes())
        content[at : at + 4] = b"\xff\0\xff\0"
        path.write_bytes(bytes(content))
    np.testing.assert_array_equal(store(tmp_path, clips).arrays()[0], whole)
    again, _ = load_photographs(pictures, source_dir=tmp_path, folder=tmp_path / "pictures", size=32)
    np.testing.assert_array_equal(again, images)


@UNIX
def test_a_full_disk_while_reading_photographs_is_reported_without_ending_the_process(tmp_path):
    """A file that is mapped and has no room ends the whole program with a signal; one that is written does not."""
    pictures = make_clips(["ana", "ben"])
    for name in pictures.path:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(make_frames(1)[0]).save(tmp_path / name, "PNG")
    with smallest_disk(4000), pytest.raises(OSError, match="File too large"):
        load_photographs(pictures, source_dir=tmp_path, folder=tmp_path / "pictures", size=64)
    images, left_out = load_photographs(pictures, source_dir=tmp_path, folder=tmp_path / "pictures", size=64)
    assert (len(images), len(left_out)) == (2, 0)


# Training


@UNIX
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # NumPy's tmp zip
def test_a_full_disk_in_a_training_keeps_the_last_model_and_the_last_checkpoint(tmp_path):
    train(tmp_path, epochs=2, checkpoint_s=0)
    before = {name: (tmp_path / name).read_bytes() for name in ("model.keras", "recipe.json", "history.csv")}
    with smallest_disk(10_000), pytest.raises(OSError, match="File too large|unable to|[Cc]an't|write"):
        train(tmp_path, epochs=3, checkpoint_s=0)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not list(tmp_path.glob(".*.part*")), "nothing tmp may stay"
    _, history = train(tmp_path, epochs=3, checkpoint_s=0)
    assert len(history) == 3


def test_a_stopped_training_restarts_if_its_data_changed(tmp_path):
    """The checkpoint knows the data it is of: going on from another's would mix two trainings."""
    with stopped_after(2):
        train(tmp_path / "one", epochs=4, checkpoint_s=0)
    _, other = train(tmp_path / "one", epochs=4, checkpoint_s=0, seed=7)
    _, expected = train(tmp_path / "two", epochs=4, checkpoint_s=0, seed=7)
    pd.testing.assert_frame_equal(other.drop(columns="seconds"), expected.drop(columns="seconds"))


# Batches

BATCH = """
import json, sys
from pathlib import Path
from asl_lib.course import batch, notebooks
notebooks.course_folder = lambda: Path(sys.argv[1])
run = notebooks.subprocess.run

def run_kernelless(command, **options):
    program = ["-m", "tests.course.kernelless"] if notebooks.EXECUTE in command else command[1:3]
    return run([command[0], *program, *command[3:]], **options)

notebooks.subprocess.run = run_kernelless
batch.run_batch(json.loads(sys.argv[2]), jobs=1, **json.loads(sys.argv[3]))
"""


@UNIX
def test_a_batch_that_is_killed_keeps_its_finished_runs_and_does_the_others(tmp_path, monkeypatch):
    write_short_course(tmp_path / "notebooks")
    done = lambda: sorted((tmp_path / "outputs/short/notebooks").glob("05_model.*.done.json"))  # noqa: E731
    process = start(BATCH, tmp_path, json.dumps(VALUES), json.dumps(OPTIONS), ASL_HOME=str(tmp_path))
    wait_for(done, process)
    begun = len(done())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=600)
    finished = {path: path.stat().st_mtime_ns for path in done()}
    assert begun <= len(finished) < 3
    assert not (tmp_path / "outputs/short/report/results.csv").exists()

    monkeypatch.setenv("ASL_HOME", str(tmp_path))
    monkeypatch.setattr(notebooks, "course_folder", lambda: tmp_path)
    monkeypatch.setattr(notebooks.subprocess, "run", run_without_kernel)
    said = []
    batch.run_batch(VALUES, jobs=1, log=said.append, **OPTIONS)
    assert sum("05_model" in line and "is done already" in line for line in said) == len(finished)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    results = pd.read_csv(tmp_path / "outputs/short/report/results.csv")
    assert sorted(results.held_out) == ["ana", "ben", "eli"]


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_or_sigterm_in_a_command_prints_one_sentence(monkeypatch, capsys, signal_name):
    def interrupted(_):
        os.kill(os.getpid(), getattr(signal, signal_name))
        time.sleep(60)

    monkeypatch.setattr(cli, "_list_datasets", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.getsignal(signal.SIGTERM)
    assert cli.main(["datasets"]) == 130
    assert signal.getsignal(signal.SIGTERM) == before[1]
    signal.signal(signal.SIGINT, before[0])
    assert "What was finished is kept: the same command goes on from there." in capsys.readouterr().err


def test_a_full_disk_in_a_command_prints_one_sentence(monkeypatch, capsys):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "outputs/demo/features.npz")

    monkeypatch.setattr(cli, "_list_datasets", full)
    assert cli.main(["datasets"]) == 1
    assert "No space left on device: 'outputs/demo/features.npz'" in capsys.readouterr().err


# Live


class Stream:
    """A camera of twelve pictures."""

    name, fps, live = "stream", 0.0, False

    def frames(self):
        for index, frame in enumerate(make_frames(12, height=64, width=64)):
            yield index / 25, frame


class Blind:
    """A recogniser that sees nothing."""

    def process(self, frame, time_s):
        from asl_lib.live.recogniser import Recognition

        return Recognition(time_s)

    def finish(self):
        return self.process(None, 0.5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@UNIX
def test_a_full_disk_while_the_window_records_is_reported_and_leaves_no_partial_video(tmp_path):
    with smallest_disk(500), pytest.raises(OSError, match=r"File too large|film\.mp4"):
        run_recogniser(Stream(), Blind(), window=False, record=tmp_path / "film.mp4", log=lambda _: None)
    assert names(tmp_path) == []


def test_a_full_file_system_leaves_no_partial_file(tmp_path):
    """A disk of one megabyte, where this may be mounted: the real error, at the real moment."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("Only root on Linux can mount a small disk; the tests above limit the size of files instead.")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("This system (a container, most often) lets nobody mount a disk.")
    try:
        from asl_lib._util.files import atomic_write

        (disk / "table.csv").write_text("old")
        with pytest.raises(OSError, match="No space left"), atomic_write(disk / "table.csv") as tmp:
            tmp.write_bytes(bytes(2 << 20))
        assert names(disk) == ["table.csv"]
        assert (disk / "table.csv").read_text() == "old"
        landmarks = make_landmarks(frames=2000)
        with pytest.raises(OSError, match="No space left"):
            write_pose(disk / "clip.pose", landmarks)
        assert names(disk) == ["table.csv"]
    finally:
        subprocess.run(["umount", disk], check=True)
