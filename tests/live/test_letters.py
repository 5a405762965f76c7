"""The box that letters are held into, and the letter that is recognised in it."""

from __future__ import annotations

import numpy as np
import pytest

from asl_lib.features.recipe import PhotographRecipe
from asl_lib.live.letters import LetterRecogniser
from asl_lib.live.networks import Classifier
from asl_lib.live.recogniser import LiveSettings


class Reader:
    """Says A of bright pictures and B of dark ones."""

    recipe, glosses = PhotographRecipe(size=32, glosses=("A", "B")), ("A", "B")

    def __call__(self, picture):
        bright = picture.mean() > 100
        return np.array([0.95, 0.05] if bright else [0.05, 0.95])


@pytest.fixture(scope="module")
def hand():
    """A picture of a hand in a large frame, right where the box is."""
    from asl_lib.data.demo import handshape_image, load_signers

    still = handshape_image("B", load_signers()["ana"], seed=1, size=240)
    frame = np.full((480, 640, 3), 170, np.uint8)
    box = LetterRecogniser(Reader()).box((640, 480))
    frame[box[1] : box[3], box[0] : box[2]] = still
    return frame


def test_the_box_lies_inside_the_picture_on_the_signer_s_side():
    box = LetterRecogniser(Reader())
    left, top, right, bottom = box.box((640, 480))
    assert right - left == bottom - top == 240
    assert (left + right) / 2 < 320
    assert sum(LetterRecogniser(Reader(), left_handed=True).box((640, 480))[::2]) / 2 > 320
    assert box.box((100, 400)) == (0, 150, 100, 250)


def test_a_held_letter_is_committed_once_until_the_hand_leaves(hand):
    with LetterRecogniser(Reader()) as box:
        times = iter(np.arange(1000) / 25)
        seen = [box.process(hand, next(times)) for _ in range(40)]
        gone = [box.process(np.full_like(hand, 170), next(times)) for _ in range(5)]
        again = [box.process(hand, next(times)) for _ in range(40)]
    assert [one.committed for one in seen if one.committed] == [seen[-1].shown]
    assert not gone[-1].top
    assert [one.committed for one in again if one.committed] == [seen[-1].shown]
    assert "right_hand" in seen[-1].parts
    x, y = seen[-1].parts["right_hand"][9, :2] * (640, 480)
    left, top, right, bottom = seen[-1].box
    assert left < x < right
    assert top < y < bottom


@pytest.mark.parametrize("left_handed", [False, True])
def test_the_landmarks_in_the_box_are_those_of_the_hand_on_its_side(hand, left_handed):
    frame = hand[:, ::-1] if left_handed else hand
    with LetterRecogniser(Reader(), left_handed=left_handed) as box:
        result = box.process(np.ascontiguousarray(frame), 0.0)
    expected = "left_hand" if left_handed else "right_hand"
    assert (result.hands, set(result.parts)) == ((expected,), {expected})


def test_a_letter_becomes_a_word_only_while_it_reaches_the_threshold(hand):
    """A letter that was sure stays on the screen for a while when it no longer is, but is not written down."""
    answers = iter([[0.9, 0.1]] * 3 + [[0.4, 0.6]] * 200)

    class Fading(Reader):
        def __call__(self, picture):
            return np.array(next(answers))

    settings = LiveSettings(threshold=0.6, memory_s=0.0, margin=0.3, hold_s=0.8)
    with LetterRecogniser(Fading(), settings=settings) as box:
        results = [box.process(hand, index / 25) for index in range(40)]
    assert results[-1].shown == "A"
    assert not any(result.committed for result in results)


def test_a_box_without_a_hand_has_no_letter():
    with LetterRecogniser(Reader()) as box:
        seen = [box.process(np.full((480, 640, 3), 170, np.uint8), index / 25) for index in range(10)]
    assert not any(one.top or one.committed for one in seen)


def test_a_network_for_letters_reads_the_box_as_it_reads_a_photograph(tmp_path):
    from asl_lib.features.photographs import fit_square
    from asl_lib.models.cnn import build_letter_cnn

    model = build_letter_cnn(size=32, classes=3)
    model.save(tmp_path / "model.keras")
    PhotographRecipe(size=32, glosses=("A", "B", "C")).save(tmp_path / "recipe.json")
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    live = Classifier.load(tmp_path)(picture)
    square = fit_square(picture, size=32)[None].astype(np.float32)
    np.testing.assert_allclose(live, model.predict(square, verbose=0)[0], atol=1e-5)


def test_the_window_spells_with_a_network_for_letters(tmp_path, clip, monkeypatch):
    from asl_lib.live import window
    from asl_lib.models.cnn import build_letter_cnn

    build_letter_cnn(size=32, classes=2).save(tmp_path / "model.keras")
    PhotographRecipe(size=32, glosses=("A", "space")).save(tmp_path / "recipe.json")
    transcripts = []
    run = window.run_recogniser
    monkeypatch.setattr(
        window, "run_recogniser", lambda *a, **options: transcripts.append(options["transcript"]) or run(*a, **options)
    )
    window.run_live(str(clip), model=tmp_path, window=False, fast=True, log=lambda _: None)
    assert transcripts[0].spelling
