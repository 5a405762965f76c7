import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from asl_lib.data.video import read_frames, write_video
from asl_lib.features.body import POSE_MIRROR, RECIPE_PARTS, mirror_order
from asl_lib.features.photographs import read_photograph
from asl_lib.features.recipe import (
    LARGEST_PX,
    FeatureRecipe,
    PhotographRecipe,
    RecipeError,
    VideoRecipe,
    load_recipe,
    recipe_from_dict,
)
from asl_lib.features.resampling import MOST_FRAMES
from tests.conftest import make_frames, make_landmarks

BODY = FeatureRecipe(hand_frame="body", mask=False)

recipes = st.builds(
    FeatureRecipe,
    parts=st.sampled_from(
        [
            ("pose", "left_hand", "right_hand"),
            ("upper_body", "right_hand"),
            ("right_hand",),
            ("pose", "face"),
            ("lips", "brows", "eyes", "left_hand"),
        ]
    ),
    coordinates=st.sampled_from(["xy", "xyz"]),
    body_frame=st.sampled_from(["shoulders", "image", "minmax"]),
    hand_frame=st.sampled_from(["wrist", "body", "both"]),
    handshape=st.booleans(),
    velocities=st.booleans(),
    mirror_left_handed=st.booleans(),
    timing=st.sampled_from(["resample", "pad", "window"]),
    frames=st.integers(2, 40),
    max_gap=st.integers(0, 8),
    mask=st.booleans(),
)


@given(recipe=recipes, frames=st.integers(1, 30), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_any_recipe_gives_features_of_its_own_shape_without_nan(recipe, frames, seed):
    landmarks = make_landmarks(
        frames=frames, seed=seed, parts=("pose", "face", "left_hand", "right_hand"), missing=[("right_hand", 0, 4)]
    )
    features = recipe.transform(landmarks)
    assert features.shape == (recipe.frames, recipe.num_features)
    assert features.dtype == recipe.points(landmarks).dtype == np.float32
    assert np.isfinite(features).all()


@given(
    recipe=recipes,
    frames=st.integers(2, 30),
    fps=st.sampled_from([10.0, 25.0, 30000 / 1001, 240.1]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_times_at_a_constant_rate_leave_the_features_bit_identical(recipe, frames, fps, seed):
    """The stamps of many files are rounded to milliseconds, and begin anywhere."""
    parts = ("pose", "face", "left_hand", "right_hand")
    some = make_landmarks(frames=frames, seed=seed, parts=parts, missing=[("right_hand", 0, 4)])
    landmarks = replace(some, fps=fps, times=None)
    assume(np.diff(np.round(np.arange(frames) / fps, 3)).min() > 0)
    stamped = replace(landmarks, times=7.3 + np.round(np.arange(frames) / fps, 3))
    np.testing.assert_array_equal(recipe.points(stamped), recipe.points(landmarks))


def moving(times, *, fps=25.0):
    """Return landmarks of a body whose hands circle, in frames at any times."""
    still = make_landmarks(frames=1)
    points = np.repeat(still.points, len(times), axis=0)
    phase = 2 * np.pi * np.asarray(times)[:, None] / 0.9
    points[:, 13:, 0] += 0.1 * np.sin(phase)
    points[:, 13:, 1] += 0.1 * np.cos(phase)
    return replace(still, points=points, confidence=np.ones(points.shape[:2], np.float32), times=times, fps=fps)


@pytest.mark.parametrize("timing", ["resample", "pad", "window"])
@pytest.mark.parametrize(
    ("times", "within"),
    [
        (np.delete(np.arange(50) / 25, slice(20, 25)), 0.1),  # a stall of 0.24 s
        (np.concatenate([np.arange(25) / 25, np.arange(1, 1.95, 0.08), [49 / 25]]), 0.05),  # a browser that thins out
        (np.concatenate([np.arange(25) / 25, np.arange(1, 1.95, 1 / 60), [49 / 25]]), 0.03),  # and one that speeds up
    ],
)
def test_a_stalled_camera_does_not_change_the_features(timing, times, within):
    recipe = FeatureRecipe(hand_frame="body", timing=timing, frames=30, max_gap=0)
    expected, found = recipe.points(moving(np.arange(50) / 25)), recipe.points(moving(times))
    by_number = recipe.points(replace(moving(times), times=None))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < within
    assert np.nanmax(np.abs(by_number - expected)) > 1.5 * within


def test_resampling_a_whole_clip_keeps_a_movement_of_one_frame_where_frames_are_dense():
    times = np.concatenate([np.arange(25) / 50, np.arange(5, 21) / 10])  # 50 frames a second, then 10
    landmarks = moving(times)
    points = landmarks.points.copy()
    points[5, 13:, 0] += 1.0  # at 0.1 s, between two frames of the clip's mean rate
    recipe = FeatureRecipe(hand_frame="body", timing="resample", frames=101, max_gap=0)
    change = recipe.points(replace(landmarks, points=points)) - recipe.points(landmarks)
    peak = np.abs(change).max(axis=(1, 2))
    assert peak.argmax() == 5
    assert peak[5] == pytest.approx(1 / 0.3, rel=1e-3)  # the shoulders are 0.3 apart


def test_a_pause_of_years_between_frames_needs_no_extra_memory():
    landmarks = replace(make_landmarks(frames=4), times=[0, 0.04, 0.08, 1e9])
    for timing in ("resample", "pad", "window"):
        assert FeatureRecipe(timing=timing).points(landmarks).shape == (30, 75, 2)


@given(recipe=recipes)
@settings(max_examples=30, deadline=None)
def test_a_recipe_is_unchanged_after_saving_and_loading(recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "recipe.json"
    recipe.save(path)
    assert load_recipe(path) == load_recipe(path, FeatureRecipe) == recipe


def test_the_reference_input_has_150_features():
    assert FeatureRecipe(mask=False).num_features == 150
    assert FeatureRecipe().num_features == 153


@pytest.mark.parametrize("scale", [0.5, 1.7])
def test_features_do_not_depend_on_where_and_how_near_a_signer_stands(scale):
    landmarks = make_landmarks()
    moved = replace(landmarks, points=landmarks.points * scale + np.array([0.1, -0.05, 0.0], np.float32))
    np.testing.assert_allclose(BODY.points(moved), BODY.points(landmarks), atol=2e-4)
    recipe = FeatureRecipe()
    np.testing.assert_allclose(recipe.transform(moved), recipe.transform(landmarks), atol=1e-3)


def test_features_do_not_depend_on_the_picture_s_aspect_ratio():
    """The same body in a wider picture has smaller x, and no other hand."""
    landmarks = make_landmarks(width=480, height=480)
    wide = replace(landmarks, width=960, points=landmarks.points * np.array([0.5, 1, 0.5], np.float32))
    np.testing.assert_allclose(BODY.points(wide), BODY.points(landmarks), atol=1e-4)


def in_the_picture(**options):
    """A recipe that leaves everything where it is in the picture, frame by frame."""
    return FeatureRecipe(coordinates="xyz", body_frame="image", hand_frame="body", timing="pad", frames=20, **options)


def test_in_the_image_frame_all_coordinates_are_in_picture_widths():
    landmarks = make_landmarks(width=640, height=480)
    expected = landmarks.points * np.array([1, 480 / 640, 1])
    np.testing.assert_allclose(in_the_picture().points(landmarks), expected, atol=1e-6)


def test_in_the_body_frame_the_shoulders_are_one_unit_apart_around_the_origin():
    points = BODY.points(make_landmarks())
    np.testing.assert_allclose(points[:, 11], np.tile([0.5, 0], (30, 1)), atol=1e-5)
    np.testing.assert_allclose(points[:, 12], np.tile([-0.5, 0], (30, 1)), atol=1e-5)


def test_one_bad_frame_does_not_move_the_others():
    landmarks = make_landmarks()
    jumped = landmarks.points.copy()
    jumped[10, 11:13] += 0.4
    points, expected = BODY.points(replace(landmarks, points=jumped)), BODY.points(landmarks)
    np.testing.assert_allclose(points[:10], expected[:10], atol=1e-5)


def test_handshape_features_do_not_depend_on_the_hand_s_place():
    landmarks = make_landmarks()
    moved = landmarks.points.copy()
    moved[:, -21:] += np.array([0.2, -0.3, 0], np.float32)
    recipe = FeatureRecipe(parts=("right_hand",))
    np.testing.assert_allclose(
        recipe.transform(replace(landmarks, points=moved)), recipe.transform(landmarks), atol=1e-3
    )


@pytest.mark.parametrize("coordinates", ["xy", "xyz"])
def test_the_median_palm_length_is_one_without_depth(coordinates):
    landmarks = make_landmarks(missing=[("left_hand", 0, 20)])
    recipe = FeatureRecipe(parts=("left_hand", "right_hand"), coordinates=coordinates, mask=False)
    clips = np.stack([recipe.points(make_landmarks(seed=1)), recipe.points(landmarks)])
    shown = recipe.encode(clips).reshape(2, recipe.frames, 42, -1)
    hands = shown[:, :, :21], shown[:, :, 21:]
    for hand in (hands[0][0], hands[1][0], hands[1][1]):
        np.testing.assert_array_equal(hand[:, 0], 0)
        assert np.median(np.linalg.norm(hand[:, 9, :2], axis=-1)) == pytest.approx(1, abs=1e-5)
    assert (hands[0][1] == 0).all(), "A clip without a hand changes no other, and shows none."


def test_the_mask_marks_what_was_detected_and_missing_values_are_zero():
    recipe = FeatureRecipe(frames=20, max_gap=0)
    features = recipe.transform(make_landmarks(missing=[("right_hand", 8, 14)]))
    assert features[:, -1].tolist() == [1.0] * 8 + [0.0] * 6 + [1.0] * 6
    assert features[:, -3:-1].all()
    assert (features[8:14, recipe.columns("right_hand").start * 2 : -3] == 0).all()


def test_a_left_handed_clip_becomes_its_right_handed_mirror_image():
    recipe = FeatureRecipe(mirror_left_handed=True, hand_frame="body", mask=False)
    right = make_landmarks(missing=[("left_hand", 0, 20)])
    mirrored = right.points * np.array([-1, 1, 1], np.float32) + np.array([1, 0, 0], np.float32)
    pose, left_hand, right_hand = mirrored[:, :33], mirrored[:, 33:54], mirrored[:, 54:]
    left = replace(right, points=np.concatenate([pose[:, list(POSE_MIRROR)], right_hand, left_hand], axis=1))
    np.testing.assert_allclose(recipe.points(left), recipe.points(right), atol=1e-5)
    assert np.isnan(BODY.points(left)[:, BODY.columns("right_hand")]).all()
    np.testing.assert_array_equal(recipe.points(right), BODY.points(right), "a right-handed clip stays as it is")


def test_a_mirrored_clip_stays_in_its_picture_and_keeps_its_depth():
    landmarks = make_landmarks(missing=[("right_hand", 0, 20)], parts=("pose", "face", "left_hand", "right_hand"))
    parts = ("pose", "face", "left_hand", "right_hand")
    plain, mirrored = (
        in_the_picture(parts=parts, mirror_left_handed=mirror).points(landmarks) for mirror in (False, True)
    )
    in_a_mirror = plain * np.array([-1, 1, 1]) + np.array([1, 0, 0])
    recipe = in_the_picture(parts=parts)
    for part, other in zip(parts, ("pose", "face", "right_hand", "left_hand"), strict=True):
        expected = in_a_mirror[:, recipe.columns(other)][:, mirror_order(part)]
        np.testing.assert_allclose(mirrored[:, recipe.columns(part)], expected, atol=1e-6)


def wrists_at(left, right, **options):
    """Landmarks whose wrists are held at these heights; y grows downwards."""
    landmarks = make_landmarks(**options)
    points = landmarks.points.copy()
    points[:, 15, 1], points[:, 16, 1] = left, right
    return replace(landmarks, points=points)


@pytest.mark.parametrize(
    ("landmarks", "leads"),
    [
        (wrists_at(0.9, 0.3, missing=[("right_hand", 0, 5)]), True),
        (wrists_at(0.3, 0.9, missing=[("left_hand", 0, 5)]), False),
        (wrists_at(0.3, 0.9, missing=[("left_hand", 0, 3)]), True),
        (wrists_at(0.9, 0.3, missing=[("left_hand", 4, 20), ("right_hand", 0, 20)]), False),
        (wrists_at(0.5, 0.5), False),
        (wrists_at(np.nan, 0.3, missing=[("right_hand", 0, 2)]), True),
        (wrists_at(np.nan, 0.9, missing=[("left_hand", 0, 2)]), False),
        (wrists_at(0.3, np.nan), False),
        (wrists_at([np.nan] + [0.3] * 19, [np.nan] + [0.9] * 19), True),
    ],
    ids=[
        "seen in a quarter more frames, however low",
        "seen in a quarter less, however high",
        "seen a little less and higher",
        "seen in just a fifth more frames and lower",
        "as high as the other",
        "wrist never seen, the hand more often",
        "wrist never seen, the hand less often",
        "the other wrist never seen, the hands as often",
        "higher where wrists are seen",
    ],
)
def test_the_dominant_hand_is_the_one_detected_far_more_often_or_else_held_higher(landmarks, leads):
    mirrored = in_the_picture(mirror_left_handed=True).points(landmarks)
    assert np.array_equal(mirrored, in_the_picture().points(landmarks), equal_nan=True) != leads


def test_when_both_hands_are_detected_the_higher_wrist_is_dominant():
    recipe, plain = FeatureRecipe(mirror_left_handed=True), FeatureRecipe()
    landmarks = make_landmarks()
    for wrist, mirrored in ((15, True), (16, False)):
        points = landmarks.points.copy()
        points[:, [15, 16], 1] = 0.9
        points[:, wrist, 1] = 0.3
        clip = replace(landmarks, points=points)
        assert np.array_equal(recipe.transform(clip), plain.transform(clip)) != mirrored


def test_the_mirror_is_its_own_inverse():
    assert [POSE_MIRROR[i] for i in POSE_MIRROR] == list(range(33))


def test_the_face_s_mirrored_indices_match_the_published_face_model():
    for part in ("face", "lips", "brows", "eyes"):
        order = mirror_order(part)
        assert [order[i] for i in order] == list(range(len(order)))
    face = mirror_order("face")
    assert [face[index] for index in (1, 33, 61, 234, 152, 94)] == [1, 263, 291, 454, 152, 94]
    assert sum(index == other for index, other in enumerate(face)) == 28, "the middle line"
    lips = RECIPE_PARTS["lips"][1]
    assert lips[mirror_order("lips")[lips.index(61)]] == 291, "the corners of the mouth"


def test_the_face_contours_match_mediapipe():
    from mediapipe.tasks.python.vision import FaceLandmarksConnections as Mesh

    contours = {
        "lips": [Mesh.FACE_LANDMARKS_LIPS],
        "brows": [Mesh.FACE_LANDMARKS_LEFT_EYEBROW, Mesh.FACE_LANDMARKS_RIGHT_EYEBROW],
        "eyes": [Mesh.FACE_LANDMARKS_LEFT_EYE, Mesh.FACE_LANDMARKS_RIGHT_EYE],
    }
    for part, connections in contours.items():
        ends = {index for lines in connections for line in lines for index in (line.start, line.end)}
        assert set(RECIPE_PARTS[part][1]) == ends


def test_velocities_are_the_differences_of_the_coordinates():
    recipe = FeatureRecipe(velocities=True, mask=False, max_gap=0)
    features = recipe.transform(make_landmarks())
    assert features.shape[1] == 300
    np.testing.assert_allclose(features[1:, 150:], np.diff(features[:, :150], axis=0), atol=1e-5)
    assert (features[0, 150:] == 0).all()


def test_a_velocity_next_to_a_missing_frame_is_missing_too():
    recipe = FeatureRecipe(parts=("right_hand",), body_frame="image", frames=20, max_gap=0, velocities=True, mask=False)
    features = recipe.transform(make_landmarks(missing=[("right_hand", 8, 9)]))
    assert (features[8:10, 42:] == 0).all(), "0 stands for missing; a jump to the corner would be a lie"


def test_hand_frame_both_gives_the_hands_in_the_body_frame_and_in_their_own():
    landmarks = make_landmarks()
    both, wrist, body = (
        FeatureRecipe(hand_frame=frame, mask=False).transform(landmarks) for frame in ("both", "wrist", "body")
    )
    np.testing.assert_allclose(both[:, :150], body, atol=1e-6)
    np.testing.assert_allclose(both[:, 150:], wrist[:, 66:], atol=1e-6)


def test_minmax_stretches_every_frame_to_the_unit_square():
    points = FeatureRecipe(body_frame="minmax", frames=20).points(make_landmarks())
    np.testing.assert_allclose(np.nanmin(points, axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanmax(points, axis=1), 1, atol=1e-6)


def test_minmax_stretches_detected_points_and_leaves_the_others_missing():
    parts = ("left_hand", "right_hand")
    landmarks = make_landmarks(parts=parts, missing=[("left_hand", 0, 8), ("right_hand", 4, 12)])
    points = FeatureRecipe(parts=parts, body_frame="minmax", timing="pad", frames=20, max_gap=0).points(landmarks)
    seen = ~np.isnan(points).all(axis=(1, 2))
    assert seen.tolist() == [True] * 4 + [False] * 4 + [True] * 12
    np.testing.assert_allclose(np.nanmin(points[seen], axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanmax(points[seen], axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(np.isnan(points), np.isnan(landmarks.points[..., :2]))


@pytest.mark.parametrize(("timing", "kept"), [("pad", range(8)), ("window", range(6, 14))])
def test_a_longer_clip_is_cut_to_its_beginning_or_its_middle(timing, kept):
    landmarks = make_landmarks(frames=20)
    cut = FeatureRecipe(frames=8, timing=timing).points(landmarks)
    np.testing.assert_array_equal(cut, FeatureRecipe(frames=20).points(landmarks)[list(kept)])


@pytest.mark.parametrize(("timing", "at"), [("pad", 0), ("window", 5)])
def test_a_shorter_clip_is_padded_with_missing_frames(timing, at):
    padded = FeatureRecipe(frames=30, timing=timing).points(make_landmarks(frames=20))
    seen = np.flatnonzero(~np.isnan(padded).all(axis=(1, 2)))
    assert seen.tolist() == list(range(at, at + 20))


@pytest.mark.parametrize(
    ("earlier", "recipe"),
    [
        ({"version": 1, "frames": 12, "mask": False}, FeatureRecipe(frames=12, mask=False)),
        ({"version": 2, "frames": 12, "handshape": True}, FeatureRecipe(frames=12, handshape=True)),
        (
            {"version": 1, "input": "photograph", "size": 32, "glosses": ["A", "B"]},
            PhotographRecipe(size=32, glosses=("A", "B")),
        ),
        (
            {"version": 1, "input": "clip", "size": 32, "glosses": ["A"], "frames": 8, "flow": "dis"},
            VideoRecipe(size=32, frames=8, flow="dis", glosses=("A",)),
        ),
    ],
)
def test_a_recipe_of_an_earlier_version_gives_the_same_features(tmp_path, earlier, recipe):
    (tmp_path / "recipe.json").write_text(json.dumps(earlier))
    assert load_recipe(tmp_path / "recipe.json") == recipe
    recipe.save(tmp_path / "recipe.json")
    now = json.loads((tmp_path / "recipe.json").read_text())
    assert (now["version"], now["input"], now["glosses"]) == (3, recipe.input, list(recipe.glosses))
    assert load_recipe(tmp_path / "recipe.json") == recipe


def test_a_recipe_of_another_input_is_refused(tmp_path):
    VideoRecipe(size=32, frames=8).save(tmp_path / "recipe.json")
    with pytest.raises(RecipeError, match=r"recipe\.json must be a recipe for landmarks; it is one for video"):
        load_recipe(tmp_path / "recipe.json", FeatureRecipe)


@given(
    recipe=recipes,
    body_frame=st.sampled_from(["shoulders", "image", "minmax"]),
    missing=st.sets(st.sampled_from(["left_hand", "right_hand"]), max_size=1),
    frames=st.integers(2, 20),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_mirrored_points_of_a_clip_are_the_points_of_the_mirrored_clip(recipe, body_frame, missing, frames, seed):
    recipe = replace(recipe, body_frame=body_frame, mirror_left_handed=False)
    assume(len(set(recipe.parts) & {"left_hand", "right_hand"}) != 1)  # the hand that is not there cannot be mirrored
    parts = ("pose", "face", "left_hand", "right_hand")
    clip = make_landmarks(frames=frames, seed=seed, parts=parts, missing=[(hand, 0, frames // 2) for hand in missing])
    values = {part: clip.part(part) * [-1, 1, 1] + [1, 0, 0] for part in parts}  # in a picture of width 1
    values["left_hand"], values["right_hand"] = values["right_hand"], values["left_hand"]
    values |= {part: values[part][:, mirror_order(part)] for part in ("pose", "face")}
    mirrored = replace(clip, points=np.concatenate([values[part] for part in clip.parts], axis=1).astype(np.float32))
    np.testing.assert_allclose(recipe.mirror(recipe.points(clip)), recipe.points(mirrored), atol=2e-4)


def test_inputs_are_not_changed():
    landmarks = make_landmarks(missing=[("right_hand", 3, 5)])
    before = landmarks.points.copy()
    FeatureRecipe(mirror_left_handed=True).transform(landmarks)
    np.testing.assert_array_equal(landmarks.points, before)


@pytest.mark.parametrize("hand_frame", ["wrist", "body", "both"])
def test_encoding_does_not_change_the_points(hand_frame):
    recipe = FeatureRecipe(hand_frame=hand_frame)
    points = recipe.points(make_landmarks())
    before = points.copy()
    recipe.encode(points)
    np.testing.assert_array_equal(points, before)


def test_encoding_a_batch_is_encoding_each_clip():
    recipe = FeatureRecipe(handshape=True)
    gaps = ([], [("left_hand", 0, 20)], [("left_hand", 0, 20), ("right_hand", 0, 20)])
    clips = np.stack([recipe.points(make_landmarks(seed=seed, missing=gap)) for seed, gap in enumerate(gaps)])
    np.testing.assert_allclose(recipe.encode(clips), np.stack([recipe.encode(clip) for clip in clips]), atol=1e-5)
    plain = FeatureRecipe()
    np.testing.assert_array_equal(plain.encode(clips), np.stack([plain.encode(clip) for clip in clips]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"coordinates": "xyw"}, "coordinates must be one of xy, xyz"),
        ({"body_frame": "hips"}, "shoulders, image"),
        ({"hand_frame": "palm"}, "wrist, body"),
        ({"parts": ("pose", "foot")}, "among pose, upper_body, face.*got 'foot'"),
        ({"parts": ()}, "parts must be"),
        ({"parts": ("pose", "upper_body")}, "none inside another"),
        ({"frames": 1}, "frames must be at least 2"),
        ({"frames": 10_001}, "at most 10,000.*got 10001, 5"),
    ],
)
def test_an_impossible_recipe_is_refused_with_a_reason(options, words):
    with pytest.raises(RecipeError, match=words):
        FeatureRecipe(**options)


@pytest.mark.parametrize("frames", [2, 10_000])
def test_recipes_of_the_minimum_and_maximum_length_are_accepted(frames):
    assert FeatureRecipe(frames=frames).transform(make_landmarks(frames=3)).shape == (frames, 153)


def test_landmarks_without_a_needed_part_or_without_shoulders_are_refused():
    with pytest.raises(RecipeError, match="needs right_hand, but these landmarks have only pose, left_hand"):
        FeatureRecipe().transform(make_landmarks(parts=("pose", "left_hand")))
    with pytest.raises(RecipeError, match="needs left_hand, right_hand, but these landmarks have only pose"):
        FeatureRecipe().transform(make_landmarks(parts=("pose",)))
    with pytest.raises(RecipeError, match="both shoulders"):
        FeatureRecipe().transform(make_landmarks(missing=[("pose", 0, 20)]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read"),
        ("[1]", "version None"),
        (json.dumps({"version": 99}), "version 3 or earlier; got version 99.*newer"),
        (json.dumps({"version": 1, "smell": 3}), "an unknown entry 'smell'. Known: average_mirrored, body_frame, "),
        (json.dumps({"version": 1, "frames": 1}), "frames must be at least 2"),
        (json.dumps({"version": 3, "glosses": [1]}), "glosses must be names"),
        (json.dumps({"version": 3, "input": ["landmarks"]}), r"version 3 for \['landmarks'\]"),
        (json.dumps({"version": [3]}), r"got version \[3\]"),
        (json.dumps({"version": True}), "got version True"),
        (json.dumps({"version": 3, "input": "video"}), "must have an entry 'size'; it has none"),
    ],
)
def test_a_file_that_is_not_a_recipe_is_refused_with_a_reason(tmp_path, content, words):
    (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(RecipeError, match=rf"recipe\.json.*{words}"):
        load_recipe(tmp_path / "recipe.json")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"frames": "30"}, "'frames' must be a int; got '30'."),
        ({"frames": 30.0}, "'frames' must be a int; got 30.0."),
        ({"max_gap": True}, "'max_gap' must be a int; got True."),
        ({"max_gap": False}, "'max_gap' must be a int; got False."),
        ({"mask": 1}, "'mask' must be a bool; got 1."),
        ({"parts": "pose"}, "'parts' must be a list; got 'pose'."),
        ({"glosses": "AB"}, "'glosses' must be a list; got 'AB'."),
        ({"timing": None}, "'timing' must be a str; got None."),
    ],
)
def test_an_entry_of_the_wrong_type_is_refused_with_a_reason(entry, words):
    with pytest.raises(RecipeError, match=f"^The recipe: {words}$"):
        recipe_from_dict({"version": 2, **entry})


def test_errors_of_a_recipe_without_a_file_call_it_the_recipe():
    with pytest.raises(RecipeError, match="^The recipe must be a recipe of version 3"):
        recipe_from_dict({"version": 99})


def test_pixels_are_encoded_as_numbers_and_mirrored_from_left_to_right():
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3), np.uint8)
    recipe = PhotographRecipe(size=3)
    assert recipe.encode(values).dtype == np.float32
    np.testing.assert_array_equal(recipe.encode(values), values)
    np.testing.assert_array_equal(recipe.mirror(values), np.flip(values, axis=2))
    [view] = recipe.views(values)
    np.testing.assert_array_equal(view, values)


@pytest.mark.parametrize("mirror_left_handed", [False, True])
def test_a_clip_and_its_mirror_image_are_predicted_unless_the_recipe_mirrors(mirror_left_handed):
    recipe = FeatureRecipe(frames=4, average_mirrored=True, mirror_left_handed=mirror_left_handed)
    points = recipe.points(make_landmarks(frames=6))[None]
    views = recipe.views(points)
    assert len(views) == recipe.num_views == (1 if mirror_left_handed else 2)
    np.testing.assert_array_equal(views[0], points)
    if not mirror_left_handed:
        np.testing.assert_array_equal(views[1], recipe.mirror(points))
    assert len(FeatureRecipe(frames=4).views(points)) == 1


@pytest.mark.parametrize("flow", ["", "dis"])
def test_cropped_frames_give_the_same_input_as_their_video_and_a_mirrored_flow_changes_sign(tmp_path, flow):
    pictures = make_frames(9, height=48, width=64)
    write_video(tmp_path / "clip.mp4", pictures, fps=25)
    recipe = VideoRecipe(frames=4, size=32, flow=flow)
    values = recipe.transform(tmp_path / "clip.mp4")
    assert (values.shape, values.dtype) == (recipe.shape, np.uint8)
    squares = [recipe.square(picture) for _, picture in read_frames(tmp_path / "clip.mp4")]
    np.testing.assert_array_equal(recipe.transform_squares(squares), values)
    cut = recipe.transform(tmp_path / "clip.mp4", start=2, end=7)
    np.testing.assert_array_equal(recipe.transform_squares(squares[2:7]), cut)
    mirrored = np.flip(values, axis=2)
    np.testing.assert_array_equal(recipe.mirror(values)[..., -1], mirrored[..., -1])
    assert np.array_equal(recipe.mirror(values), mirrored) == (flow == "")  # what moves right in a mirror moves left


def test_a_photograph_is_read_into_the_size_of_its_recipe(tmp_path):
    Image.fromarray(make_frames(1, height=40, width=40)[0]).save(tmp_path / "hand.png")
    recipe = PhotographRecipe(size=20)
    values = recipe.transform(tmp_path / "hand.png")
    assert (values.shape, values.dtype) == (recipe.shape, np.uint8)
    np.testing.assert_array_equal(values, read_photograph(tmp_path / "hand.png", size=20))


@pytest.mark.parametrize(
    ("kind", "values", "largest"),
    [
        (PhotographRecipe, {"size": 0}, {"size": LARGEST_PX}),
        (VideoRecipe, {"size": LARGEST_PX + 1, "frames": 1}, {"size": 1, "frames": MOST_FRAMES}),
        (VideoRecipe, {"size": 1, "frames": 0}, {"size": 1, "frames": 1}),
        (VideoRecipe, {"size": 1, "frames": MOST_FRAMES + 1}, {"size": 1, "frames": 1}),
    ],
)
def test_picture_sizes_out_of_range_are_refused(kind, values, largest):
    assert all(getattr(kind(**largest), name) == value for name, value in largest.items())
    with pytest.raises(RecipeError, match=r"(size|frames) must be from 1 to [\d,]+( px)?; got \d+\."):
        kind(**values)


def test_an_unknown_flow_method_in_a_recipe_lists_the_known_ones():
    with pytest.raises(RecipeError, match="flow must be empty or one of tvl1, farneback, dis; got 'raft'"):
        VideoRecipe(size=8, frames=4, flow="raft")
