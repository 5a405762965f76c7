import subprocess
import sys
import time

import pytest

from asl_lib.cli import main
from tests.conftest import ROOT


def test_help_comes_without_loading_the_heavy_libraries():
    program = (
        "import sys; from asl_lib.cli import _parser; _parser().format_help(); "
        "print(sorted({'tensorflow', 'mediapipe', 'keras', 'cv2', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_help_names_every_command():
    started = time.monotonic()
    output = subprocess.run(
        [sys.executable, "-m", "asl_lib.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert time.monotonic() - started < 10  # a second on an idle machine; here other tests run beside it
    for command in ("run", "batch", "extract", "datasets"):
        assert command in output


def test_data_sets_are_listed_with_licence_and_notice(capsys):
    assert main(["datasets"]) == 0
    output = capsys.readouterr().out
    for words in ("demo", "fingerspelling", "recordings", "licence: MIT", "teaching device"):
        assert words in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere.yaml"], "no parameter file nowhere.yaml"),
        (["run", str(ROOT / "params" / "demo.yaml"), "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["run", str(ROOT / "params" / "demo.yaml"), "--set", "epochs"], "KEY=VALUE"),
        (["batch", str(ROOT / "params" / "demo.yaml"), "--each", "epochs"], "must be test_signers"),
        (["extract", str(ROOT / "params" / "demo.yaml")], "Run notebook 01 first"),
    ],
)
def test_a_mistake_gets_a_sentence_and_exit_code_1(arguments, words, capsys, home):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("asl: ")
    assert words in error
    assert "Traceback" not in error


def test_extract_lists_what_failed(capsys, home):
    from asl_lib.clips import make_clips, write_clips

    folder = home / "data" / "recordings"
    (folder / "ana" / "HELLO").mkdir(parents=True)
    (folder / "ana" / "HELLO" / "1.mp4").write_text("no video")
    clips = make_clips([{"clip_id": "c", "path": "ana/HELLO/1.mp4", "gloss": "HELLO", "signer": "ana"}])
    write_clips(clips, folder / "clips.csv")
    (home / "p.yaml").write_text("dataset: recordings\nworkers: 1\n")
    assert main(["extract", str(home / "p.yaml")]) == 0
    output = capsys.readouterr().out
    assert "0 clips extracted, 0 were there already, 1 failed" in output
    assert "c: " in output
    assert "not a video" in output
    assert "data/recordings/failures.csv" in output


def test_landmark_data_sets_have_nothing_to_extract(capsys, home):
    (home / "p.yaml").write_text("dataset: fingerspelling\n")
    assert main(["extract", str(home / "p.yaml")]) == 0
    assert "nothing to extract" in capsys.readouterr().out
