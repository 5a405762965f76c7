"""Landmarks that others saved as arrays, or as tables in the parquet form of Google's competition."""

import numpy as np
import pandas as pd
import pytest

from asl_lib.landmarks.landmarks import PARTS, LandmarkError
from asl_lib.landmarks.store import read_landmarks
from tests.conftest import make_landmarks


def keypoints(landmarks, *, visibility=True, face=468):
    """Return (T, values): what the tutorial's `extract_keypoints` makes of each frame."""
    blocks = []
    for part in PARTS:
        if part == "face" and "face" not in landmarks.parts:
            blocks.append(np.zeros((len(landmarks.points), face, 3)))
            continue
        points = np.nan_to_num(landmarks.part(part))
        if part == "pose" and visibility:
            points = np.concatenate([points, landmarks.confidence[:, :33, None]], axis=2)
        blocks.append(points)
    return np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)


def save_frames(folder, values, *, name="{}.npy", first=0):
    folder.mkdir(parents=True)
    for number, frame in enumerate(values, start=first):
        np.save(folder / name.format(number), frame)


@pytest.fixture
def clip():
    return make_landmarks(frames=12, missing=[("left_hand", 3, 6)])


@pytest.mark.parametrize(
    ("values", "options"),
    [(1662, {}), (1629, {"visibility": False}), (258, {"face": 0}), (225, {"face": 0, "visibility": False}),
     (1692, {"face": 478})],
)  # fmt: skip
def test_frames_in_the_tutorial_s_layout_are_read_in_numeric_order_with_zeros_as_missing(
    tmp_path, clip, values, options
):
    saved = keypoints(clip, **options)
    assert saved.shape == (12, values)
    save_frames(tmp_path / "HELLO" / "0", saved)
    found = read_landmarks(tmp_path / "HELLO" / "0")
    assert (found.fps, found.width, found.height) == (30.0, 640, 480)
    assert found.parts == (tuple(PARTS) if options.get("face", 468) else clip.parts)
    for part in clip.parts:
        np.testing.assert_allclose(found.part(part), clip.part(part), atol=1e-6)
    assert found.seen("left_hand").tolist() == [not 3 <= index < 6 for index in range(12)]
    assert not found.confidence[3, -42:-21].any()
    if "face" in found.parts:
        assert np.isnan(found.part("face")).all()


def test_face_landmarks_stored_before_the_body_are_read_as_the_face(tmp_path):
    clip = make_landmarks(frames=12, parts=tuple(PARTS), missing=[("left_hand", 3, 6)])
    pose, face, hands = np.split(keypoints(clip), [132, 132 + 3 * 468], axis=1)
    face[:, 2::3] -= 0.6  # depths are negative in front of the head's middle
    save_frames(tmp_path / "HELLO" / "0", np.concatenate([face, pose, hands], axis=1))
    found = read_landmarks(tmp_path / "HELLO" / "0")
    for part in ("pose", "left_hand", "right_hand"):
        np.testing.assert_allclose(found.part(part), clip.part(part), atol=1e-6)
    np.testing.assert_allclose(found.part("face")[..., :2], clip.part("face")[..., :2], atol=1e-6)
    np.testing.assert_allclose(found.confidence[:, :33], clip.confidence[:, :33], atol=1e-6)


def pose_face_hands(*, frames=12):
    """Return (T, 132), (T, 1404) and (T, 126): a frame's blocks, with depths in front of the head as of a real face."""
    pose, face, hands = np.split(keypoints(make_landmarks(frames=frames, parts=tuple(PARTS))), [132, 1536], axis=1)
    face[:, 2::3] -= 0.6
    return pose, face, hands


def without_one_pose(pose, face):
    pose[3] = np.nan


def without_face(pose, face):
    face[:] = 0


def with_nan_for_the_face(pose, face):
    face[:] = np.nan


def without_pose(pose, face):
    pose[:] = 0


def with_one_pose_missing_and_depths_from_0_to_1(pose, face):
    face[:, 2::3] += 0.6
    pose[3] = 0


@pytest.mark.parametrize(
    "change",
    [without_one_pose, without_face, with_nan_for_the_face, without_pose, with_one_pose_missing_and_depths_from_0_to_1],
)
def test_a_clip_that_lacks_some_faces_or_poses_is_read_alike_with_the_face_first_and_last(tmp_path, change):
    pose, face, hands = pose_face_hands()
    change(pose, face)
    np.save(tmp_path / "last.npy", np.concatenate([pose, face, hands], axis=1))
    np.save(tmp_path / "first.npy", np.concatenate([face, pose, hands], axis=1))
    last, first = (read_landmarks(tmp_path / name) for name in ("last.npy", "first.npy"))
    expected = pose.reshape(12, 33, 4)[..., :3].astype(np.float32)
    expected[expected == 0] = np.nan
    for found in (last, first):
        np.testing.assert_array_equal(found.part("pose"), expected)
    np.testing.assert_array_equal(first.points, last.points)
    np.testing.assert_array_equal(first.confidence, last.confidence)


def test_visibilities_above_1_without_a_face_do_not_make_the_face_come_first(tmp_path):
    pose, face, hands = pose_face_hands()
    pose[:, 3::4] = 7  # before the sigmoid, as some programs save it
    np.save(tmp_path / "1.npy", np.concatenate([pose, 0 * face, hands], axis=1))
    found = read_landmarks(tmp_path / "1.npy")
    np.testing.assert_allclose(found.part("pose"), pose.reshape(12, 33, 4)[..., :3], atol=1e-6)


def test_frames_with_an_axis_of_length_1_are_read_like_plain_ones(tmp_path, clip):
    save_frames(tmp_path / "plain", keypoints(clip))
    save_frames(tmp_path / "nested", keypoints(clip)[:, None])
    plain, nested = read_landmarks(tmp_path / "plain"), read_landmarks(tmp_path / "nested")
    np.testing.assert_array_equal(nested.points, plain.points)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("shape", [(12, 1662), (12, 543, 3)])
def test_a_file_per_clip_is_read_like_a_folder_of_frames(tmp_path, clip, suffix, shape):
    values = keypoints(clip, visibility=shape[1] == 1662).reshape(shape)
    path = tmp_path / f"1{suffix}"
    np.save(path, values) if suffix == ".npy" else np.savez_compressed(path, anything=values)
    np.testing.assert_allclose(read_landmarks(path).part("right_hand"), clip.part("right_hand"), atol=1e-6)


def test_an_archive_with_an_array_for_each_part_is_read(tmp_path, clip):
    values = keypoints(clip)
    parts = dict(zip(PARTS, np.split(values, np.cumsum([132, 1404, 63]), axis=1), strict=True))
    np.savez(tmp_path / "1.npz", **{name: parts[name] for name in ("right_hand", "pose", "left_hand")}, fps=25)
    found = read_landmarks(tmp_path / "1.npz")
    assert found.parts == clip.parts
    np.testing.assert_allclose(found.points, clip.points, atol=1e-6)


def test_a_missing_frame_number_is_a_gap_in_time(tmp_path, clip):
    save_frames(tmp_path / "1", keypoints(clip), name="frame_{:03d}.npy", first=5)
    (tmp_path / "1" / "frame_008.npy").unlink()
    found = read_landmarks(tmp_path / "1")
    assert (found.times * 30).round(6).tolist() == [0, 1, 2, *range(4, 12)]
    np.testing.assert_allclose(found.part("pose")[3], clip.part("pose")[4], atol=1e-6)


def test_pickled_objects_are_refused_and_not_executed(tmp_path):
    class Program:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    np.save(tmp_path / "1.npy", np.array([Program()], object), allow_pickle=True)
    with pytest.raises(LandmarkError, match=r"1\.npy cannot be read as landmarks.*[Oo]bject"):
        read_landmarks(tmp_path / "1.npy")
    assert not (tmp_path / "ran").exists()


def damaged(folder):
    np.save(folder / "none.npy", np.float64(1))
    np.save(folder / "two.npy", np.zeros((5, 7)))
    np.save(folder / "text.npy", np.array([["a"] * 1662]))
    np.save(folder / "empty.npy", np.zeros((0, 1662)))
    np.save(folder / "frame.npy", np.zeros(1662))
    (folder / "junk.npy").write_bytes(b"\x93NUMPY\x01\x00junk")
    (folder / "junk.npz").write_bytes(b"PK\x03\x04junk")
    np.savez(folder / "others.npz", a=np.zeros(3), b=np.zeros(3))
    np.savez(folder / "numbers.npz", left_hand=1.0, right_hand=2.0)
    save_frames(folder / "uneven", [np.zeros(1662), np.zeros(258)])
    save_frames(folder / "stamps", np.zeros((2, 1662)), name="17{}00000000.npy")
    save_frames(folder / "unnumbered", np.zeros((1, 1662)), name="last.npy")
    save_frames(folder / "twice", np.zeros((2, 1662)), name="{}.npy")
    np.save(folder / "twice" / "01.npy", np.zeros(1662))
    (folder / "nothing").mkdir()
    save_frames(folder / "half", np.zeros((3, 1662)))
    (folder / "half" / "2.npy").write_bytes((folder / "half" / "2.npy").read_bytes()[:500])
    save_frames(folder / "gone", np.zeros((2, 1662)))
    (folder / "gone" / "3.npy").symlink_to(folder / "nowhere.npy")
    np.save(folder / "pixels.npy", np.full((5, 1662), 240.0))
    np.save(folder / "photograph.npy", np.full((1, 1662), 0.5))
    save_frames(folder / "photograph", np.full((1, 1662), 0.5))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two.npy", r"shape \(frames, 126 or 225 or .*got float64 of shape \(5, 7\)"),
        ("none.npy", r"got float64 of shape \(\)"),
        ("text.npy", "got <U1"),
        ("empty.npy", r"shape \(0, 1662\)"),
        ("frame.npy", r"shape \(1662,\)"),
        ("junk.npy", "cannot be read"),
        ("junk.npz", "damaged"),
        ("others.npz", "one array, or arrays named pose, face, left_hand, right_hand; it holds a, b"),
        ("numbers.npz", "numbers.npz cannot be read"),
        ("uneven", "1.npy must be of the shape of the other frames"),
        ("stamps", "number them one by one"),
        ("unnumbered", "different numbers as names.*last.npy"),
        ("twice", "different numbers"),
        ("nothing", "no frame"),
        ("half", "half cannot be read as landmarks: 2.npy: "),
        ("gone", "gone cannot be read as landmarks: 3.npy: "),
        ("pixels.npy", "from 0 to 1; these seem to be px"),
        ("pixels.npy", r"pixels\.npy must have x and y.*Divide x by the picture's width"),
        ("photograph.npy", r"photograph\.npy must have at least 2 frames; got 1\. A photograph is not a sign"),
        ("photograph", r"photograph must have at least 2 frames; got 1\. A photograph is not a sign"),
        ("absent.npy", "no landmarks at"),
    ],
)
def test_an_array_that_is_not_a_clip_is_refused_with_a_reason(tmp_path, name, words):
    damaged(tmp_path)
    with pytest.raises(LandmarkError, match=words):
        read_landmarks(tmp_path / name)


def test_a_table_gives_frame_rate_and_picture_size(tmp_path, clip):
    save_frames(tmp_path / "MP_Data" / "HELLO" / "12", keypoints(clip))
    (tmp_path / "signers.csv").write_text("path,fps,width,height\n*,25,1280,720\n*/HELLO/1?,10,,\n", encoding="utf-8")
    found = read_landmarks(tmp_path / "MP_Data" / "HELLO" / "12")
    assert (found.fps, found.width, found.height) == (10.0, 1280, 720)


def google_table(*, frames=3):
    """Return a table of the competition's form, with the first landmarks of each part."""
    rows = [(frame, part, index) for frame in range(frames) for part in PARTS for index in range(3)]
    table = pd.DataFrame(rows, columns=["frame", "type", "landmark_index"])
    return table.assign(x=table.index / 1000, y=0.5, z=0.0)


@pytest.mark.parametrize("columns", ["frame", "type", ["frame", "type", "landmark_index"]])
def test_parquet_columns_that_pandas_saved_as_the_index_are_read(tmp_path, columns):
    google_table().to_parquet(tmp_path / "columns.parquet")
    google_table().set_index(columns).to_parquet(tmp_path / "index.parquet")
    found, expected = read_landmarks(tmp_path / "index.parquet"), read_landmarks(tmp_path / "columns.parquet")
    np.testing.assert_array_equal(found.points, expected.points)


def test_parquet_frame_numbers_of_one_byte_do_not_overflow(tmp_path):
    table = google_table()
    table["frame"] = table["frame"].map({0: -128, 1: 0, 2: 127}).astype("int8")
    table.to_parquet(tmp_path / "1.parquet")
    assert (read_landmarks(tmp_path / "1.parquet").times * 30).round(6).tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (google_table().drop(columns="z"), "has no column 'z'.*found: frame, type, landmark_index, x, y"),
        (google_table().drop(columns="frame"), "has no column 'frame'"),
        (google_table().replace({"frame": {1: np.inf}}), "has an infinite or huge frame.*Number the frames one by one"),
        (google_table().assign(landmark_index=np.inf), "has an infinite or huge frame or landmark_index"),
        (
            google_table().assign(x=320.0, y=240.0),
            "must have x and y.*these seem to be px. Divide x by the picture's width",
        ),
        (google_table(frames=1), "must have at least 2 frames; got 1. A photograph is not a sign"),
    ],
    ids=["no z", "no frame", "infinite frame", "infinite landmark", "px", "one frame"],
)
def test_a_parquet_table_that_is_not_a_clip_is_refused_with_its_file_and_a_reason(tmp_path, table, words):
    table.to_parquet(tmp_path / "clip.parquet")
    with pytest.raises(LandmarkError, match=rf"clip\.parquet {words}"):
        read_landmarks(tmp_path / "clip.parquet")
