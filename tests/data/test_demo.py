from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.data.dataset import Options
from asl_lib.data.demo import (
    DIGITS,
    HANDSHAPES,
    LETTERS,
    handshape_image,
    handshape_joints,
    load_lexicon,
    load_signers,
    minimal_pairs,
    perform,
    random_signers,
    render_frames,
    write_clip,
)
from asl_lib.data.demo.hand import joints, posture
from asl_lib.data.demo.lexicon import Sign, _entry, allowed_values
from asl_lib.data.demo.rendered import RENDERER_VERSION
from asl_lib.data.errors import DatasetError
from asl_lib.data.registry import get_dataset
from asl_lib.data.sets.demo_letters import drawn_joints
from asl_lib.landmarks.tracker import HolisticTracker

LEXICON, SIGNERS = load_lexicon(), load_signers()
signs, signers = st.sampled_from(sorted(LEXICON)), st.sampled_from(sorted(SIGNERS))
BONES = [(0, 1), (1, 2), (2, 3), (3, 4), *((b + k, b + k + 1) for b in (5, 9, 13, 17) for k in range(3))]


def test_the_lexicon_has_one_and_two_handed_signs_symmetrical_and_not():
    assert len(LEXICON) == 20
    assert {sign.symmetry for sign in LEXICON.values()} == {"none", "mirrored", "support"}


def test_a_minimal_pair_differs_in_the_named_parameter_and_in_no_other():
    assert {parameter for *_, parameter in minimal_pairs()} == {"handshape", "location", "movement", "palm", "hands"}
    for one, other, parameter in minimal_pairs():
        first, second = vars(LEXICON[one]), vars(LEXICON[other])
        follows = ["symmetry"] if parameter == "hands" else []
        assert [key for key in first if first[key] != second[key]] == ["gloss", parameter, *follows]


def test_the_ten_signers_have_individual_habits_and_two_are_left_handed():
    assert len(SIGNERS) == 10
    assert [name for name, signer in SIGNERS.items() if signer.hand == "left"] == ["eli", "ivo"]
    for habit in ("tempo", "extent", "offset", "turn", "height", "light", "clothes"):
        assert len({getattr(signer, habit) for signer in SIGNERS.values()}) >= 8, habit
    for signer in SIGNERS.values():
        for gloss, changes in signer.variants.items():
            assert all(getattr(LEXICON[gloss], name) != value for name, value in changes.items())


def test_signers_have_one_handed_and_two_handed_variants_of_some_signs():
    for name, gloss, both in [("ana", "BOOK", 1), ("ben", "BOOK", 0), ("ana", "HELLO", 0), ("gus", "HELLO", 1)]:
        performance = perform(LEXICON[gloss], SIGNERS[name], repetition=0, seed=42)
        assert performance.signing.any(axis=0).all() == both, f"{gloss} by {name}"


def test_repetitions_vary_less_than_signers_do():
    def middle(name, repetition):
        """Return the joints of the right hand in the middle of the sign, in shoulder widths."""
        performance = perform(LEXICON["MOTHER"], SIGNERS[name], repetition=repetition, seed=42)
        joints = performance.joints[len(performance.joints) // 2, 1]
        return (joints - performance.arms[0, :, 0].mean(axis=0)) / SIGNERS[name].shoulders_px

    right = [name for name, signer in SIGNERS.items() if signer.hand == "right"]
    shown = np.array([[middle(name, repetition) for repetition in range(6)] for name in right])
    within = np.linalg.norm(shown - shown.mean(axis=1, keepdims=True), axis=-1).mean()
    between = np.linalg.norm(shown.mean(axis=1) - shown.mean(axis=(0, 1)), axis=-1).mean()
    assert 0.03 < within < between


def test_a_camera_above_or_beside_a_signer_turns_the_whole_body():
    for name in ("ana", "hana"):
        performance = perform(LEXICON["YES"], SIGNERS[name], repetition=0, seed=42)
        np.testing.assert_allclose(performance.body @ performance.body.T, np.eye(3), atol=1e-9)
        shoulders = performance.arms[0, 0, 0] - performance.arms[0, 1, 0]
        np.testing.assert_allclose(shoulders / SIGNERS[name].shoulders_px, performance.body[0], atol=1e-5)
    assert np.degrees(np.arcsin(performance.body[0, 2])) == pytest.approx(SIGNERS["hana"].turn, abs=8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"location": "knee"}, "X, 'location': Input should be 'forehead', .*got 'knee'"),
        ({"size": 3}, "X, 'size': Unexpected"),
        ({"hands": None}, "X, 'hands'"),
    ],
)
def test_an_impossible_sign_is_refused_with_a_reason(change, words):
    values = {"gloss": "X", "hands": "one", "handshape": "A", "location": "chin", "palm": "in", "fingers": "up"}
    with pytest.raises(DatasetError, match=words):
        _entry(Sign, {**values, "movement": "tap", **change})
    with pytest.raises(DatasetError, match="'movement': (Missing|Field required)"):
        _entry(Sign, values)


def test_every_sign_of_the_lexicon_has_allowed_values():
    allowed = allowed_values()
    assert allowed["hands"] == ("one", "both")
    assert {"location", "palm", "fingers", "movement", "symmetry"} < set(allowed)
    for sign in load_lexicon().values():
        assert all(getattr(sign, name) in values for name, values in allowed.items())


def test_an_unknown_handshape_error_lists_the_known_ones():
    with pytest.raises(DatasetError, match=r"no handshape 'Ä'.*A, B, C"):
        posture("Ä")


@given(st.sampled_from(sorted(HANDSHAPES)), st.sampled_from(sorted(HANDSHAPES)), st.floats(0, 1), st.floats(0, 15))
@settings(max_examples=60, deadline=None)
def test_bones_keep_their_length_between_two_handshapes(one, other, share, lax):
    mixed = joints((1 - share) * posture(one) + share * posture(other), lax=lax)
    usual = joints(posture("5"))
    assert mixed.shape == (21, 3)
    for a, b in BONES[1:]:
        length = np.linalg.norm(usual[b] - usual[a])
        assert np.linalg.norm(mixed[b] - mixed[a]) == pytest.approx(length, rel=1e-3)


def test_fingers_that_should_touch_do_touch():
    for name, tip in [("F", 8), ("9", 8), ("8", 12), ("7", 16), ("6", 20), ("O", 12)]:
        points = joints(posture(name))
        assert np.linalg.norm(points[4] - points[tip]) < 0.2, name
    assert np.linalg.norm(np.subtract(*joints(posture("5"))[[4, 8]])) > 0.6


@given(signs, signers, st.integers(0, 9), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_performance_begins_and_ends_at_rest(gloss, name, repetition, seed):
    sign, signer = LEXICON[gloss], SIGNERS[name]
    performance = perform(sign, signer, repetition=repetition, seed=seed)
    frames = len(performance.hands)
    assert performance.hands.shape == (frames, 2, 21, 2)
    assert 15 <= frames <= 50
    dominant = ["left", "right"].index(signer.hand)
    signing = performance.signing
    assert not signing[0].any()
    assert not signing[-1].any()
    wrist = performance.hands[:, dominant, 0]
    away = np.linalg.norm(wrist - wrist[0], axis=1) > 0.2 * signer.shoulders_px
    assert away.mean() > 0.4
    # With one seed in 1,700 a low sign is, for most of this time, below the line where signing begins.
    assert signing[:, dominant].any()
    hands = signer.variants.get(gloss, {}).get("hands", sign.hands)
    assert signing[:, 1 - dominant].any() == (hands == "both")
    assert np.isfinite(performance.joints).all()
    inside = performance.hands[signing]
    assert (inside > 0).all()
    assert (inside < performance.size).all()


def test_in_the_demo_s_clips_the_dominant_hand_signs_for_most_of_the_time():
    for gloss, name, repetition in product(LEXICON, SIGNERS, range(2)):
        performance = perform(LEXICON[gloss], SIGNERS[name], repetition=repetition, seed=42)
        dominant = ["left", "right"].index(SIGNERS[name].hand)
        assert performance.signing[:, dominant].mean() > 0.5, (gloss, name, repetition)


@given(signs, signers)
@settings(max_examples=20, deadline=None)
def test_arms_keep_their_length_and_the_elbow_rises_at_most_slightly_above_the_shoulder(gloss, name):
    performance = perform(LEXICON[gloss], SIGNERS[name], repetition=0, seed=42)
    shoulder, elbow, wrist = np.moveaxis(performance.arms, 2, 0)
    for one, other in ((shoulder, elbow), (elbow, wrist)):
        lengths = np.linalg.norm(other - one, axis=-1)
        np.testing.assert_allclose(lengths, lengths[0, 0], rtol=2e-3)
    assert (elbow[..., 1] > shoulder[..., 1] - 0.3 * SIGNERS[name].shoulders_px).all()


def test_the_same_seed_gives_the_same_bytes_and_another_repetition_another_clip(tmp_path):
    sign, signer = LEXICON["YES"], SIGNERS["ana"]
    for name, repetition, seed in [("a", 0, 42), ("b", 0, 42), ("c", 1, 42), ("d", 0, 43)]:
        write_clip(tmp_path / f"{name}.mp4", sign, signer, repetition=repetition, seed=seed)
    content = {name: (tmp_path / f"{name}.mp4").read_bytes() for name in "abcd"}
    assert content["a"] == content["b"]
    assert len(set(content.values())) == 3


def test_the_tracker_finds_the_signer_and_distinguishes_the_hands():
    for name in ("ana", "eli"):
        performance = perform(LEXICON["HELLO"], SIGNERS[name], repetition=0, seed=42)
        with HolisticTracker(("pose", "left_hand", "right_hand")) as tracker:
            found = tracker.detect(render_frames(performance), fps=25)
        assert found.seen("pose").all()
        side = ["left", "right"].index(performance.dominant)
        signing = performance.signing[:, side]
        hand = f"{performance.dominant}_hand"
        assert found.seen(hand)[signing].mean() >= 0.9
        both = signing & found.seen(hand)
        error = np.linalg.norm(
            found.part(hand)[both][..., :2] * performance.size - performance.hands[both, side], axis=-1
        )
        box = np.ptp(performance.hands[both, side], axis=1)
        assert (error.mean(axis=1) / np.linalg.norm(box, axis=-1)).mean() < 0.08


@pytest.mark.parametrize("name", [*LETTERS, *DIGITS])
def test_every_letter_and_digit_has_a_picture_of_a_hand_inside_it(name):
    picture = handshape_image(name, SIGNERS["dara"], seed=1)
    assert picture.shape == (200, 200, 3)
    assert picture.dtype == np.uint8
    assert picture[70:130, 70:130].std() > 12
    np.testing.assert_array_equal(picture, handshape_image(name, SIGNERS["dara"], seed=1))
    assert not np.array_equal(picture, handshape_image(name, SIGNERS["dara"], seed=2))


def test_an_unknown_letter_error_lists_the_known_ones():
    with pytest.raises(DatasetError, match="no letter or digit 'claw'.*A, B"):
        handshape_image("claw", SIGNERS["ana"], seed=1)


def test_the_joints_of_a_rendered_letter_lie_on_its_drawn_hand():
    from asl_lib.landmarks.hands import find_hands

    people = load_signers()
    shown = [
        (name, people[signer], seed) for seed, (name, signer) in enumerate([("5", "ana"), ("B", "eli"), ("V", "fay")])
    ]
    images = [handshape_image(name, person, seed=seed, size=200) for name, person, seed in shown]
    known = np.stack([handshape_joints(name, person, seed=seed) for name, person, seed in shown])
    off = np.linalg.norm(find_hands(images)[:, :, :2] - known[:, :, :2], axis=-1)
    assert np.nanmedian(off) < 0.03
    assert (known[:, 0, 2] == 0).all()


def test_joints_of_drawn_hands_are_labelled_and_vary():
    hands, labels = drawn_joints(["A", "5"], random_signers(3, seed=1), each=4, seed=1)
    assert hands.shape == (24, 21, 3)
    assert sorted(labels.tolist()) == [0] * 12 + [1] * 12
    assert len({hand.tobytes() for hand in hands}) == 24
    again, _ = drawn_joints(["A", "5"], random_signers(3, seed=1), each=4, seed=1)
    np.testing.assert_array_equal(hands, again)
    with pytest.raises(DatasetError, match="no letter or digit 'space'"):
        drawn_joints(["space"], random_signers(1, seed=1), each=1, seed=1)


def test_clips_are_rendered_once_and_clips_of_an_earlier_renderer_are_refused(tmp_path):
    options = Options(signs=("YES",), signers=("ana",), repetitions=1, workers=1)
    demo = get_dataset("demo")
    demo.prepare(tmp_path / "demo", options)
    note = tmp_path / "demo" / "demo.json"
    now = note.read_text()
    video = tmp_path / "demo" / "videos" / "ana" / "YES-01.mp4"
    made = video.stat().st_mtime_ns
    demo.prepare(tmp_path / "demo", options)
    assert (note.read_text(), video.stat().st_mtime_ns) == (now, made)
    for earlier, name in [('"renderer": "1-f5ef7b2c"', "1-f5ef7b2c"), ('"signer": "f4fc3de2627f"', "unknown")]:
        note.write_text(f'{{"seed": 42, {earlier}}}')
        with pytest.raises(DatasetError, match=f"holds clips of renderer {name}; got renderer 2-.*Delete the folder"):
            demo.prepare(tmp_path / "demo", options)


@pytest.mark.parametrize("content", ["", "[1, 2]", "7", '{"seed": 42'])
def test_a_damaged_metadata_file_of_rendered_clips_is_named(tmp_path, content):
    (tmp_path / "demo.json").write_text(content)
    with pytest.raises(DatasetError, match=r"demo\.json is damaged .*Delete"):
        get_dataset("demo").prepare(tmp_path, Options(signs=("YES",), signers=("ana",), repetitions=1, workers=1))


def test_the_renderer_draws_the_pictures_of_its_version():
    """If this fails on purpose, raise RENDERER_VERSION and store the new values here."""
    performances = [perform(LEXICON[gloss], SIGNERS[name], repetition=1, seed=42) for gloss, name in PERFORMED]
    pictures = [list(render_frames(performance))[len(performance.hands) // 2] for performance in performances]
    pictures += [handshape_image("F", SIGNERS["dara"], seed=5, variety=1.6)]
    assert RENDERER_VERSION == 2
    for picture, expected in zip(pictures, PICTURED, strict=True):
        small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (6, 4), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(small.astype(int), expected, atol=1)


PERFORMED = [("HELP", "ana"), ("WANT", "eli")]
PICTURED = [
    [
        [183, 185, 156, 173, 185, 183],
        [179, 177, 126, 128, 179, 179],
        [178, 109, 76, 61, 125, 174],
        [175, 141, 83, 81, 151, 170],
    ],
    [
        [192, 194, 171, 168, 202, 201],
        [187, 185, 160, 156, 193, 197],
        [173, 121, 89, 83, 110, 179],
        [165, 164, 101, 96, 147, 165],
    ],
    [
        [161, 162, 160, 158, 166, 167],
        [156, 155, 128, 129, 159, 160],
        [150, 151, 129, 112, 145, 155],
        [143, 144, 134, 121, 147, 149],
    ],
]
"""Mean grey of 6 x 4 fields of one frame of each, and of a still."""
