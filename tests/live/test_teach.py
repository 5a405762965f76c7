"""Teaching a sign by showing it: from one clip to its word, in files, in the terminal, and in a window."""

from __future__ import annotations

import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from asl_lib.course.cli import main
from asl_lib.data.demo import load_lexicon, load_signers, perform, render_frames
from asl_lib.data.video import read_frames, write_video
from asl_lib.live import teach
from asl_lib.live.errors import LiveError
from asl_lib.live.vocabulary import OpenClassifier, Vocabulary, find_movements, open_vocabulary
from asl_lib.live.window import ENTER, ESCAPE, NameInput
from asl_lib.training.pretrain import load_embedding, pretrain
from benchmarks.gestures import HELD_OUT
from benchmarks.open_set import performed, words_of
from tests.conftest import timed
from tests.live.test_window import linux_only, press, started, wait_for, xdotool
from tests.live.test_window import screen as screen


@pytest.fixture(scope="module")
def embedding_folder(tmp_path_factory):
    """The folder of a small sign embedding: the whitened description of 50 pseudo-signs, without a network."""
    folder = tmp_path_factory.mktemp("embedding")
    pretrain(signs=50, signers=4, networks=0, folder=folder, workers=1)
    return folder


@pytest.fixture
def taught_home(home, embedding_folder):
    """A folder of its own for outputs/, with the embedding."""
    shutil.copytree(embedding_folder, home / "outputs" / "embedding")
    return home


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Rendered signs, `{sign}-{signer}.mp4`, with a moment of rest at the end."""
    folder = tmp_path_factory.mktemp("clips")
    gestures = {gesture.gloss.split()[0].upper(): gesture for gesture in HELD_OUT}
    signs = load_lexicon() | gestures
    for gloss, name in (
        ("HELLO", "ana"), ("HELLO", "dara"), ("BOOK", "ana"), ("BOOK", "dara"), ("SORRY", "dara"), ("SCRATCH", "dara"),
        ("DRINK", "dara"),
    ):  # fmt: skip
        performance = perform(signs[gloss], load_signers()[name], repetition=0, seed=42)
        frames = list(render_frames(performance))
        write_video(folder / f"{gloss}-{name}.mp4", [*frames, *[frames[-1]] * 12], fps=25)
    return folder


def test_a_sign_is_taught_from_one_clip_and_recognised_in_another_signers(taught_home, clips, capsys):
    file = taught_home / "outputs" / "vocabulary.npz"
    for gloss in ("HELLO", "BOOK"):
        assert main(["teach", gloss, "--source", str(clips / f"{gloss}-ana.mp4")]) == 0
    assert "BOOK: 1 clip; 2 signs in outputs/vocabulary.npz" in capsys.readouterr().out
    assert file.stat().st_size < 20_000

    arguments = ["live", "--no-window", "--fast"]  # there is no trained model: the vocabulary is all
    for gloss in ("HELLO", "BOOK"):
        assert main([*arguments, "--source", str(clips / f"{gloss}-dara.mp4")]) == 0
        assert f"transcript: {gloss}\n" in capsys.readouterr().out
    for gloss in ("SORRY", "SCRATCH", "DRINK"):  # another sign, and two gestures
        assert main([*arguments, "--source", str(clips / f"{gloss}-dara.mp4")]) == 0
        printed = capsys.readouterr().out
        assert "(not a sign I know)" in printed
        assert "transcript: (nothing)" in printed

    assert main(["lookup", str(clips / "HELLO-dara.mp4"), "--top", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("  1 HELLO 0.")
    assert second.startswith("  2 BOOK ")

    assert main(["teach", "HELLO", "--forget"]) == 0
    assert "HELLO: forgotten; 1 sign" in capsys.readouterr().out
    assert Vocabulary.load(file, load_embedding()).glosses == ("BOOK",)
    assert main(["teach", "HELLO", "--forget"]) == 1
    assert "There is no sign 'HELLO' to forget" in capsys.readouterr().err


def test_a_vocabulary_that_cannot_be_written_is_refused_before_a_clip_is_read(taught_home, tmp_path, capsys):
    assert main(["teach", "HELLO", "--source", __file__, "--vocabulary", str(tmp_path)]) == 1
    assert "cannot be written: it is a folder. Choose another file with --vocabulary." in capsys.readouterr().err


def test_gestures_that_nothing_was_chosen_with_get_no_word_in_a_stream(taught_home, clips):
    for gloss in ("HELLO", "BOOK"):
        main(["teach", gloss, "--source", str(clips / f"{gloss}-ana.mp4")])
    classifier = OpenClassifier(Vocabulary.load(taught_home / "outputs" / "vocabulary.npz", load_embedding()))
    gestures = performed(HELD_OUT, [load_signers()[name] for name in ("ben", "fay", "ivo")], repetitions=1)
    named = [bool(words_of(classifier, landmarks)[0]) for landmarks in gestures.landmarks]
    assert len(named) >= 30
    assert np.mean(named) <= 0.15


def test_further_clips_of_a_sign_are_added(taught_home, clips, capsys):
    sources = [str(clips / f"HELLO-{signer}.mp4") for signer in ("ana", "dara")]
    assert main(["teach", "HELLO", "--source", *sources, "--vocabulary", str(taught_home / "mine.npz")]) == 0
    assert Vocabulary.load(taught_home / "mine.npz", load_embedding()).count("HELLO") == 2


def test_a_vocabulary_finds_the_embedding_that_it_was_made_with_though_another_one_is_newer(taught_home, clips, capsys):
    assert main(["teach", "HELLO", "--source", str(clips / "HELLO-ana.mp4")]) == 0
    newer = pretrain(signs=30, signers=3, networks=0, workers=1)
    assert load_embedding().fingerprint == newer.fingerprint
    assert main(["teach", "BOOK", "--source", str(clips / "BOOK-ana.mp4")]) == 0
    assert open_vocabulary(taught_home / "outputs" / "vocabulary.npz").glosses == ("BOOK", "HELLO")
    assert open_vocabulary(taught_home / "none.npz").embedding.fingerprint == newer.fingerprint


def test_a_clip_without_a_raised_hand_teaches_nothing(taught_home, clips, capsys):
    performance = perform(load_lexicon()["HELLO"], load_signers()["ana"], repetition=0, seed=42)
    write_video(taught_home / "still.mp4", [next(iter(render_frames(performance)))] * 20, fps=25)
    assert main(["teach", "REST", "--source", str(taught_home / "still.mp4")]) == 1
    assert "No hand is raised in" in capsys.readouterr().err
    assert not (taught_home / "outputs" / "vocabulary.npz").exists()


def test_a_sign_is_taught_and_looked_up_whole_where_the_size_of_the_picture_changes_within_it(
    taught_home, shared_cases, monkeypatch
):
    lengths = []

    def watched(*args, **options):
        movements = find_movements(*args, **options)
        lengths.append([len(movement.points) for movement in movements])
        return movements

    monkeypatch.setattr(teach, "find_movements", watched)
    assert main(["teach", "BASE", "--source", str(shared_cases / "base.mp4")]) == 0
    assert main(["teach", "CHANGED", "--source", str(shared_cases / "size_change.webm")]) == 0
    assert main(["lookup", str(shared_cases / "size_change.webm")]) == 0
    assert lengths == [[29], [29], [29]]


def test_an_incomplete_clip_is_named_and_nothing_is_learned(taught_home, clips, shared_cases, capsys):
    sources = [str(clips / "HELLO-ana.mp4"), str(shared_cases / "trunc90.mp4")]
    assert main(["teach", "HELLO", "--source", *sources]) == 1
    message = "trunc90.mp4 is incomplete: 24 of 32 frames, cut off at 0.96 s. Half a sign is not learned: record"
    assert message in capsys.readouterr().err
    assert not (taught_home / "outputs" / "vocabulary.npz").exists()


def test_an_incomplete_clip_is_looked_up_and_recognised_as_far_as_it_goes_and_said_to_be_incomplete(
    taught_home, shared_cases, capsys
):
    assert main(["teach", "BASE", "--source", str(shared_cases / "base.mp4")]) == 0
    message = "trunc90.mp4 is incomplete: 24 of 32 frames, cut off at 0.96 s. Only these frames are used.\n"
    capsys.readouterr()
    for arguments, result in ((["lookup"], "  1 BASE 0."), (["live", "--no-window", "--source"], "transcript: BASE\n")):
        assert main([*arguments, str(shared_cases / "trunc90.mp4")]) == 0
        printed = capsys.readouterr().out
        assert printed.count(message) == 1
        assert result in printed


def test_a_look_up_without_a_movement_or_a_sign_says_so(taught_home, clips, capsys):
    assert main(["lookup", str(clips / "HELLO-ana.mp4")]) == 1
    assert "There is no sign to compare with yet. Teach some: asl teach HELLO" in capsys.readouterr().err
    assert main(["teach", "BOOK  IT", "--source", str(clips / "BOOK-ana.mp4")]) == 0
    assert "BOOK IT: 1 clip; 1 sign" in capsys.readouterr().out
    performance = perform(load_lexicon()["HELLO"], load_signers()["ana"], repetition=0, seed=42)
    write_video(taught_home / "still.mp4", [next(iter(render_frames(performance)))] * 20, fps=25)
    assert main(["lookup", str(taught_home / "still.mp4")]) == 1
    assert "there is nothing to look up" in capsys.readouterr().err
    assert main(["lookup", str(clips / "HELLO-ana.mp4"), "--model", "nowhere"]) == 1
    assert "The signs of nowhere are not known" in capsys.readouterr().err


def test_every_movement_of_a_clip_is_an_example(clips, embedding_folder):
    recipe = load_embedding(next(embedding_folder.glob("*/"))).recipe
    pictures = [picture for _, picture in read_frames(clips / "HELLO-ana.mp4")]
    assert len(find_movements(timed(pictures), recipe, fps=25)) == 1
    assert len(find_movements(timed(pictures * 2), recipe, fps=25)) == 2


@pytest.mark.parametrize("arguments", [["teach", "HELLO"], ["lookup", "clip.mp4"], ["live", "--vocabulary", "v.npz"]])
def test_without_an_embedding_the_command_that_makes_one_is_named(home, arguments, capsys):
    assert main([*arguments, *(["--no-window"] if arguments[0] == "live" else [])]) == 1
    assert "asl pretrain" in capsys.readouterr().err


def test_a_vocabulary_without_a_sign_asks_for_one(taught_home, clips, capsys):
    arguments = ["live", "--vocabulary", "none.npz", "--no-window", "--source", str(clips / "HELLO-ana.mp4")]
    assert main(arguments) == 1
    assert "There is no sign in none.npz yet. Teach some: asl teach HELLO" in capsys.readouterr().err


def typed(keys):
    """Return the name that keys typed, and whether each of them belonged to it."""
    field = NameInput()
    taken = [field.handle(key) for key in keys]
    return field.entered, taken


def test_a_name_is_typed_after_t_and_ended_with_enter():
    assert typed([ord("q")]) == ("", [False])
    assert typed([ord("t"), -1, *map(ord, "quit"), ENTER]) == ("QUIT", [True] * 7)
    assert typed([*map(ord, "tHX"), 8, ord("I"), ENTER, -1])[1][-1] is False
    assert typed([*map(ord, "tHX"), 8, ord("I"), ENTER])[0] == "HI"
    assert typed([*map(ord, "tHI"), ESCAPE]) == ("", [True] * 4)


def watch(film, screen, home, *, until):
    """Return the lines that `asl live` prints while it shows a film again and again in a real window, until some are in
    them; q closes the window."""
    with started(["live", "--source", str(film), "--loop", "--fast"], screen, home) as program:
        window = wait_for(lambda: xdotool(screen, "search", "--name", "asl live").split("\n")[0], program)
        lines = []
        wait_for(lambda: lines.append(program.stdout.readline().strip()) or until(lines), program)
        press(screen, window, "q")
        output, _ = program.communicate(timeout=600)
    assert program.returncode == 0, output
    return [*lines, *output.splitlines()]


REFUSED = "(not a sign I know)"


@linux_only
def test_a_sign_of_one_clip_has_its_word_in_a_window_nothing_else_has_it_and_neither_has_it_once_forgotten(
    screen, taught_home, clips, tmp_path
):
    assert main(["teach", "BOOK", "--source", str(clips / "BOOK-ana.mp4")]) == 0
    with started(["teach", "HELLO", "--source", str(clips / "HELLO-ana.mp4")], screen, taught_home) as program:
        output, _ = program.communicate(timeout=600)
    assert "HELLO: 1 clip; 2 signs in outputs/vocabulary.npz" in output
    film = tmp_path / "film.mp4"  # of another signer: the sign, a gesture and another sign
    parts = [read_frames(clips / f"{name}-dara.mp4") for name in ("HELLO", "DRINK", "SORRY")]
    write_video(film, [picture for part in parts for _, picture in part], fps=25)

    lines = watch(film, screen, taught_home, until=lambda lines: lines.count(REFUSED) >= 2)
    assert lines[:2] == ["signs: BOOK, HELLO", "HELLO"]
    assert set(lines[-1].removeprefix("transcript: ").split()) == {"HELLO"}

    assert main(["teach", "HELLO", "--forget"]) == 0
    lines = watch(film, screen, taught_home, until=lambda lines: lines.count(REFUSED) >= 3)
    assert lines[:2] == ["signs: BOOK", REFUSED]
    assert lines[-1] == "transcript: (nothing)"


class Signing(BaseHTTPRequestHandler):
    """A camera at an address: a person at rest, who signs when `server.asked` is set."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        at = 0
        while not self.server.closed.is_set():
            at = (at + 1) % len(self.server.pictures) if at or self.server.asked.is_set() else 0
            self.server.asked.clear()
            self.wfile.write(cv2.imencode(".jpg", self.server.pictures[at][..., ::-1])[1].tobytes())
            time.sleep(0.04)

    def log_message(self, *_):
        pass


@linux_only
def test_a_sign_is_shown_to_a_camera_in_a_window_and_named_in_a_clip_of_another_signer(
    screen, taught_home, clips, tmp_path, monkeypatch, capsys
):
    (tmp_path / "kept").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "kept"))  # where the recording is until it is learned
    with ThreadingHTTPServer(("127.0.0.1", 0), Signing) as camera:
        camera.pictures = [picture for _, picture in read_frames(clips / "HELLO-ana.mp4")]
        camera.asked, camera.closed = threading.Event(), threading.Event()
        threading.Thread(target=camera.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{camera.server_port}/camera.mjpg"
        with started(["teach", "HELLO", "--source", source], screen, taught_home) as program:
            window = wait_for(lambda: xdotool(screen, "search", "--name", "asl record").split("\n")[0], program)

            def reached(phase):
                return wait_for(lambda: program.stdout.readline().strip() == f"HELLO (1 of 1): {phase}", program)

            reached("ready")
            press(screen, window, "space")
            reached("capture")
            camera.asked.set()
            reached("review")
            press(screen, window, "space")
            wait_for(lambda: program.stdout.readline().startswith("kept "), program)
            press(screen, window, "q")
            output, _ = program.communicate(timeout=600)
            camera.closed.set()
        camera.shutdown()
    assert program.returncode == 0, output
    assert "HELLO: 1 clip; 1 sign in outputs/vocabulary.npz" in output
    assert not any((tmp_path / "kept").iterdir())  # what was learned is numbers, no film
    assert main(["live", "--no-window", "--source", str(clips / "HELLO-dara.mp4")]) == 0
    assert "transcript: HELLO\n" in capsys.readouterr().out
    assert main(["live", "--no-window", "--source", str(clips / "DRINK-dara.mp4")]) == 0
    assert "transcript: (nothing)\n" in capsys.readouterr().out


@linux_only
def test_a_movement_is_taught_with_a_key_in_the_window_and_its_next_one_has_a_word(screen, taught_home, clips):
    main(["teach", "BOOK", "--source", str(clips / "BOOK-ana.mp4")])
    file = taught_home / "outputs" / "vocabulary.npz"
    arguments = ["live", "--source", str(clips / "HELLO-dara.mp4"), "--loop", "--vocabulary", str(file)]
    with started(arguments, screen, taught_home) as program:
        window = wait_for(lambda: xdotool(screen, "search", "--name", "asl live").split("\n")[0], program)
        embedding = load_embedding()

        def teach():
            for key in ("t", "shift", "h", "Left", "i", "Return"):
                press(screen, window, key)
            return "HI" in Vocabulary.load(file, embedding)

        wait_for(teach, program)
        lines = []

        def named():
            lines.append(program.stdout.readline())
            if lines[-1].startswith("(not a sign"):  # a busy machine has left frames out of what was taught: once more
                teach()
            return lines[-1].strip().endswith("HI")

        wait_for(named, program)
        press(screen, window, "q")
        output, _ = program.communicate(timeout=600)
    assert program.returncode == 0, output
    assert "(not a sign I know)\n" in lines
    assert lines[-1].strip().endswith("HI")


def test_a_name_that_is_empty_is_refused(taught_home, clips, capsys):
    assert main(["teach", " ", "--source", str(clips / "HELLO-ana.mp4")]) == 1
    assert "A sign needs a name" in capsys.readouterr().err


def test_a_vocabulary_of_nothing_has_no_names():
    with pytest.raises(LiveError, match="There are: none"):
        Vocabulary(type("Space", (), {"size": 3})()).remove("A")
    assert np.size(Vocabulary(type("Space", (), {"size": 3})()).glosses) == 0
