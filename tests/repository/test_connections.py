"""Nothing opens a connection while landmarks are extracted, a network is trained or signs are recognised."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COURSE = """
import sys
from pathlib import Path

import numpy as np

from asl_lib import FeatureRecipe, get_dataset, load_features, load_model
from asl_lib.data.dataset import Options
from asl_lib.data.video import read_frames
from asl_lib.landmarks.extract import extract_clips
from asl_lib.landmarks.hands import find_hands
from asl_lib.landmarks.store import load_landmarks
from asl_lib.live.networks import Classifier
from asl_lib.live.recogniser import SignRecogniser
from asl_lib.models.registry import build

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    data, recipe = get_dataset("demo"), FeatureRecipe(frames=8)
    clips = data.prepare(folder, Options(signs=("BOOK", "YES"), signers=("ana",), repetitions=1))
    extraction = extract_clips(data, folder, clips, ("pose", "face", "left_hand", "right_hand"), workers=2)
    assert extraction.done == 2, extraction.failures.to_string()
    landmarks = load_landmarks(data, folder, clips, recipe.tracked_parts)
    features = load_features(clips, recipe, landmarks=landmarks)
    model = build("attention_lstm", features.recipe)
    model.compile(loss="categorical_crossentropy")
    model.fit(features.encode(slice(None)), np.eye(2)[features.y], epochs=1, verbose=0)
    model.save(folder / "model.keras")
    features.recipe.save(folder / "recipe.json")
    frames = [picture for _, picture in read_frames(data.source_dir(folder) / clips.path[0])]
    with SignRecogniser(Classifier(*load_model(folder, FeatureRecipe), ("BOOK", "YES"))) as recogniser:
        for number, frame in enumerate(frames[:12]):
            recogniser.process(frame, number / 25)
        recogniser.finish()
    assert find_hands([frames[0][:200, :200]]).shape == (1, 21, 3)
    print("done")
"""
CONNECTIONS = """
import socket
for connect in (
    lambda: socket.create_connection(("192.0.2.1", 443), timeout=0.1),
    lambda: socket.getaddrinfo("example.invalid", 443),
):
    try: connect()
    except OSError: pass
"""
INTERNET = re.compile(r"sa_family=AF_INET6?\b")
LOOPBACK = re.compile(r'"(127\.[0-9.]+|::1|::ffff:127\.[0-9.]+)"')


def watch(tmp_path, program):
    """Run a program and return its output and the system calls, of native code as well, that leave this machine.

    The address of a name server counts even where it is a local one: who asks for a name means to connect.
    """
    strace = shutil.which("strace")
    if sys.platform != "linux" or not strace:
        pytest.skip("Connections are watched by strace. Debian, Ubuntu: sudo apt-get install strace")
    (tmp_path / "program.py").write_text(program)
    log = tmp_path / "calls.txt"
    watched = [strace, "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log)]
    command = [*watched, sys.executable, str(tmp_path / "program.py"), str(tmp_path / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    calls = [line for line in log.read_text(errors="replace").splitlines() if INTERNET.search(line)]
    return done.stdout, [line for line in calls if "htons(53)" in line or not LOOPBACK.search(line)]


def test_nothing_connects_while_clips_are_extracted_and_signs_are_recognised(tmp_path):
    output, connections = watch(tmp_path, COURSE)
    assert output.endswith("done\n")
    assert connections == []


def test_connections_and_dns_lookups_are_detected(tmp_path):
    _, connections = watch(tmp_path, CONNECTIONS)
    assert any("192.0.2.1" in line for line in connections)
    assert any("htons(53)" in line for line in connections)
