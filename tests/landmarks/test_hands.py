"""The hand in a photograph, described the same on either hand."""

import numpy as np
import pytest

from asl_lib.data.demo import handshape_image, load_signers, random_signers
from asl_lib.data.errors import DatasetError
from asl_lib.data.sets.demo_letters import render_handshapes
from asl_lib.features.handshape import describe_photographs
from asl_lib.features.recipe import PhotographRecipe
from asl_lib.features.sets import load_features
from asl_lib.landmarks.hands import HandFinder, add_border, find_hands
from asl_lib.models.hand_mlp import build_hand_mlp


def test_a_rendered_hand_is_found_and_an_empty_wall_has_none():
    images = np.stack([handshape_image("B", load_signers()["ana"], seed=1), np.full((200, 200, 3), 180, np.uint8)])
    hands = find_hands(images)
    assert hands.shape == (2, 21, 3)
    assert np.isnan(hands[1]).all()
    wrist, tip = hands[0, 0], hands[0, 12]
    assert tip[1] < wrist[1] - 0.2  # fingers up
    assert (hands[0, :, :2] > 0).all()
    assert (hands[0, :, :2] < 1).all()
    assert find_hands([]).shape == (0, 21, 3)


def test_a_border_does_not_move_the_landmarks():
    image = [handshape_image("5", load_signers()["ana"], seed=1)]
    near, far = find_hands(image, border=0.1), find_hands(image, border=0.3)
    np.testing.assert_allclose(near[..., :2], far[..., :2], atol=0.04)


def test_photographs_are_tracked_independently_and_frames_as_a_sequence():
    ana = load_signers()["ana"]
    images = [handshape_image(name, ana, seed=1) for name in ("B", "5")]
    np.testing.assert_array_equal(find_hands(images)[1], find_hands(images[1:])[0])
    finder = HandFinder(confidence=0.4)
    first, second = (finder.track(add_border(image)) for image in images)
    assert first is not None
    assert not np.array_equal(second, find_hands(images[1:])[0]), "found from where the hand was before"
    finder.reset()
    np.testing.assert_array_equal(finder.track(add_border(images[0])), first)
    assert finder.track(np.full((200, 200, 3), 180, np.uint8)) is None


def test_a_left_hand_is_described_like_the_right_one_and_no_hand_as_zeros():
    hand = find_hands([handshape_image("5", load_signers()["ana"], seed=1)])
    mirrored = hand * [-1, 1, 1] + [1, 0, 0]
    np.testing.assert_allclose(describe_photographs(hand), describe_photographs(mirrored), atol=1e-4)
    assert (describe_photographs(np.full((1, 21, 3), np.nan)) == 0).all()


def test_a_perceptron_learns_digits_rendered_with_random_hands(tmp_path):
    clips = render_handshapes(tmp_path, ["1", "5"], random_signers(8, seed=1), each=1, seed=1, variety=1.5)
    photos = load_features(clips, PhotographRecipe(size=96), source_dir=tmp_path, folder=tmp_path)
    assert len(set(photos.signer)) == 8
    numbers = describe_photographs(find_hands(photos.values))
    learned = build_hand_mlp().fit(numbers[:12], photos.y[:12])
    assert (learned.predict(numbers[12:]) == photos.y[12:]).all()


def test_a_perceptron_stops_after_its_epochs_without_a_warning(recwarn):
    rng = np.random.default_rng(1)
    learned = build_hand_mlp(units=16).fit(rng.normal(size=(300, 20)), rng.integers(0, 10, 300))
    assert learned[-1].n_iter_ == 150
    assert not recwarn.list


def test_rendering_keeps_existing_pictures_and_refuses_unknown_letters(tmp_path):
    people = [load_signers()["ana"]]
    first = render_handshapes(tmp_path, ["A"], people, each=1, seed=1)
    stamp = (tmp_path / first.path[0]).stat().st_mtime_ns
    again = render_handshapes(tmp_path, ["A"], people, each=2, seed=1)
    assert again.path.tolist() == ["ana/A-01.png", "ana/A-02.png"]
    assert (tmp_path / first.path[0]).stat().st_mtime_ns == stamp
    with pytest.raises(DatasetError, match="no letter or digit 'HELLO'"):
        render_handshapes(tmp_path, ["HELLO"], people, each=1, seed=1)


def test_random_people_differ_and_are_reproducible():
    one, other = random_signers(10, seed=1), random_signers(10, seed=1)
    assert one == other
    assert len({person.skin for person in one}) == 10
    assert random_signers(1, seed=2)[0].skin != one[0].skin
