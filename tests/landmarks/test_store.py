from dataclasses import replace

import numpy as np
import pytest

from asl_lib.data.registry import get_dataset
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.pose_file import read_pose, write_pose
from asl_lib.landmarks.store import load_landmarks, read_landmarks
from tests.conftest import make_clips, make_landmarks

PARTS = ("pose", "left_hand", "right_hand")


@pytest.fixture
def poses(tmp_path):
    """Five clips of different lengths, the last one damaged, the fourth with a face too."""
    clips = make_clips(["ana", "ben", "ana", "ben", "eli"])
    for index, name in enumerate(clips.clip_id[:4]):
        parts = ("pose", "face", "left_hand", "right_hand") if index == 3 else PARTS
        landmarks = make_landmarks(frames=5 + index, seed=index, parts=parts, missing=[("left_hand", 1, 3)])
        write_pose(tmp_path / "poses" / f"{name}.pose", landmarks)
    (tmp_path / "poses" / f"{clips.clip_id[4]}.pose").write_bytes(b"damaged")
    return clips, tmp_path


def place(folder, clip):
    return folder / "poses" / f"{clip['clip_id']}.pose"


def load(clips, folder, *, parts=PARTS, reads=None):
    def read(path):
        if reads is not None:
            reads.append(path.stem)
        return read_landmarks(path)

    return load_landmarks(get_dataset("recordings"), folder, clips, parts, read=read)


def test_the_store_gives_the_same_landmarks_as_the_files(poses):
    clips, folder = poses
    store = load(clips, folder)
    assert list(store) == clips.clip_id[:4].tolist()
    for _, clip in clips[:4].iterrows():
        single = read_pose(place(folder, clip))
        for part in PARTS:
            np.testing.assert_array_equal(store[clip.clip_id].part(part), single.part(part))
        assert (store[clip.clip_id].fps, store[clip.clip_id].width) == (single.fps, single.width)
    assert store.failures.clip_id.tolist() == [clips.clip_id[4]]
    assert "not a whole .pose file" in store.failures.reason[0]
    values, first = store.arrays()
    assert first.tolist() == [0, 5, 11, 18, 26]
    np.testing.assert_array_equal(values[first[1] : first[2], :, :3], store[clips.clip_id[1]].points)


def test_nothing_is_read_twice_and_only_what_changed_is_read_again(poses):
    clips, folder = poses
    load(clips, folder)
    reads = []
    load(clips, folder, reads=reads)
    assert reads == [], "a file that cannot be read must not be tried again before it has changed"
    write_pose(place(folder, clips.iloc[1]), make_landmarks(frames=9, seed=77))
    write_pose(place(folder, clips.iloc[4]), make_landmarks(frames=3, seed=78))
    store = load(clips, folder, reads=reads)
    assert reads == [clips.clip_id[1], clips.clip_id[4]]
    assert len(store[clips.clip_id[1]].points) == 9
    assert len(store) == 5
    np.testing.assert_array_equal(store[clips.clip_id[0]].points, read_pose(place(folder, clips.iloc[0])).points)
    assert len(list((folder / "landmarks").glob("*.npy"))) == 1


def test_a_part_of_the_clips_in_another_order_comes_from_the_same_store(poses):
    clips, folder = poses
    load(clips, folder)
    reads = []
    some = clips.iloc[[2, 0]]
    store = load(some, folder, reads=reads)
    assert reads == []
    assert list(store) == some.clip_id.tolist()
    values, first = store.arrays()
    assert first.tolist() == [0, 7, 12]
    np.testing.assert_array_equal(values[:7, :, :3], store[clips.clip_id[2]].points)
    load(clips, folder, reads=reads)
    assert reads == [], "asking for a part must not forget the rest"


def test_stores_of_other_parts_lie_side_by_side_and_a_clip_without_a_part_is_listed(poses):
    clips, folder = poses
    load(clips, folder)
    faces = load(clips, folder, parts=("face", "pose"))
    assert list(faces) == [clips.clip_id[3]]
    assert faces[clips.clip_id[3]].parts == ("pose", "face")
    assert "no part 'face'" in faces.failures.reason[0]
    reads = []
    load(clips, folder, reads=reads)
    assert reads == []


@pytest.mark.parametrize("damage", ["index", "version", "values", "gone"])
def test_a_damaged_store_is_made_again(poses, damage):
    clips, folder = poses
    before = load(clips, folder)[clips.clip_id[0]].points.copy()
    (index,) = (folder / "landmarks").glob("landmarks-*.jsonl")
    (values,) = (folder / "landmarks").glob("landmarks-*.npy")
    if damage == "index":
        index.write_bytes(index.read_bytes()[:40])
    elif damage == "version":
        index.write_text(index.read_text().replace('"version": ', '"version": 9'))
    elif damage == "values":
        values.write_bytes(values.read_bytes()[:300])
    else:
        values.unlink()
    np.testing.assert_array_equal(load(clips, folder)[clips.clip_id[0]].points, before)


def test_without_one_readable_clip_the_first_reason_is_given(poses):
    clips, folder = poses
    with pytest.raises(LandmarkError, match="None of the 1 clips.*not a whole"):
        load(clips.iloc[[4]], folder)


def test_uneven_times_are_kept(poses):
    clips, folder = poses
    times = [0.0, 0.04, 0.2, 0.24, 0.9]

    def read(path):
        return replace(read_landmarks(path), times=times)

    store = load_landmarks(get_dataset("recordings"), folder, clips.iloc[:1], PARTS, read=read)
    assert store[clips.clip_id[0]].times.tolist() == times
    even = load(clips.iloc[1:], folder)[clips.clip_id[1]]
    np.testing.assert_array_equal(even.times, np.arange(6) / even.fps)
