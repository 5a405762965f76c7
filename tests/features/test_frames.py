"""N frames of every clip, or the flow at them, whatever the video is like, read once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asl_lib.features.frames as frame_store
from asl_lib.data.clips import make_clips
from asl_lib.data.video import MediaError, write_video
from asl_lib.features.frames import load_frames, read_clip, sample_indices
from asl_lib.features.optical_flow import restore_flow
from asl_lib.features.recipe import RecipeError, VideoRecipe
from asl_lib.features.sets import load_features
from tests.conftest import make_frames
from tests.data.test_video import encode


def write_clips(folder, lengths, *, height=64, width=96, **columns):
    """Write one video a length, of frames whose gray tells their number, and return their table."""
    rows = []
    for number, length in enumerate(lengths):
        frames = [np.full((height, width, 3), 5 * index, np.uint8) for index in range(length)]
        if length:
            write_video(folder / f"{number}.mp4", frames, fps=25)
        else:
            (folder / f"{number}.mp4").write_bytes(b"no video")
        rows.append({"clip_id": f"c{number}", "path": f"{number}.mp4", "gloss": "AB"[number % 2], "signer": "ana"})
    return make_clips([{**row, **columns} for row in rows])


@given(count=st.integers(1, 400), frames=st.integers(1, 64))
def test_frames_are_sampled_evenly_and_short_clips_repeat_frames_evenly(count, frames):
    indices = sample_indices(count, frames)
    assert len(indices) == frames
    assert indices.min() >= 0
    assert indices.max() < count
    assert (np.diff(indices) >= 0).all()
    assert np.ptp(np.diff(indices)) <= 1 if frames > 1 else True
    if count <= frames:
        each = np.bincount(indices, minlength=count)
        assert each.min() >= frames // count
        assert each.max() <= -(-frames // count)
    if count == frames:
        assert indices.tolist() == list(range(count))
    if count > 1:
        assert (
            sample_indices(count, frames, times=np.round(3.7 + np.arange(count) / 29.97, 3)).tolist()
            == indices.tolist()
        )


def test_a_clip_is_cut_boxed_and_made_square(tmp_path):
    clips = write_clips(tmp_path, [20])
    whole = read_clip(tmp_path / "0.mp4", frames=5, size=32)
    assert whole.shape == (5, 32, 32, 3)
    assert np.abs(whole[:, 16, 16, 0] - 5.0 * np.array([2, 6, 10, 14, 18])).max() < 4
    cut, _ = load_frames(
        clips.assign(start=10, end=15, box="3 3 40 50"), source_dir=tmp_path, folder=tmp_path / "s", frames=5, size=33
    )
    assert cut.shape == (1, 5, 33, 33, 3)
    assert np.abs(cut[0][:, 16, 16, 0] - 5.0 * np.arange(10, 15)).max() < 4


def test_frames_are_chosen_by_their_times_and_not_by_their_numbers(tmp_path):
    """A camera that needs four times as long for a frame in the second half shows as much of either half."""
    stamps = [*range(0, 1000, 40), *range(1000, 2000, 160)]
    grays = [np.full((64, 64, 3), stamp // 10, np.uint8) for stamp in stamps]
    encode(tmp_path / "uneven.mp4", grays, stamps=stamps)
    taken = read_clip(tmp_path / "uneven.mp4", frames=8, size=16)[:, 8, 8, 0]
    moments = (np.arange(8) + 0.5) / 8 * (stamps[-1] + stamps[-1] / (len(stamps) - 1))  # the last as long as the mean
    shown = [max(stamp for stamp in stamps if stamp <= moment) / 10 for moment in moments]
    assert np.abs(taken - np.array(shown)).max() < 8
    assert np.abs(taken - np.array(stamps)[sample_indices(len(stamps), 8)] / 10).max() > 20


def test_odd_and_portrait_pictures_lose_only_their_margins(tmp_path):
    frame = np.zeros((90, 50, 3), np.uint8)
    frame[20:70] = 200
    write_video(tmp_path / "high.mp4", [frame] * 3, fps=25)
    assert read_clip(tmp_path / "high.mp4", frames=2, size=37).min() > 180


def test_unreadable_clips_are_listed_with_reasons_and_no_clip_is_read_twice(tmp_path, monkeypatch):
    clips = write_clips(tmp_path, [12, 0, 1, 3])
    where = {"source_dir": tmp_path, "folder": tmp_path / "store", "workers": 2}
    frames = load_features(clips, VideoRecipe(size=32, frames=6), **where)
    assert frames.clip_id.tolist() == ["c0", "c3"]
    assert frames.recipe == VideoRecipe(size=32, frames=6, glosses=("A", "B"))
    assert (len(frames), frames.values.shape) == (2, (2, 6, 32, 32, 3))
    assert frames.left_out.clip_id.tolist() == ["c1", "c2"]
    assert "not a video" in frames.left_out.reason[0]
    assert "at least 2 frames; got 1" in frames.left_out.reason[1]
    grays = frames.values[1][:, 16, 16, 0]
    assert np.abs(grays - np.array([0, 0, 5, 5, 10, 10.0])).max() < 4, "three frames are shown twice each"
    monkeypatch.setattr(frame_store, "run_jobs", lambda *_, **__: pytest.fail("a clip was read again"))
    again = load_features(clips, VideoRecipe(size=32, frames=6), **where)
    assert np.array_equal(again.values[:], frames.values[:])
    assert frames.table()["content"].nunique() == 2


def test_a_clip_whose_file_or_cut_has_changed_is_read_again(tmp_path, monkeypatch):
    clips = write_clips(tmp_path, [12, 12])
    where = {"source_dir": tmp_path, "folder": tmp_path / "store", "frames": 4, "size": 32, "workers": 1}
    load_frames(clips, **where)
    read = []
    run_jobs = frame_store.run_jobs
    monkeypatch.setattr(
        frame_store, "run_jobs", lambda f, jobs, **o: (read.append(len(jobs)), run_jobs(f, jobs, **o))[1]
    )
    write_video(tmp_path / "1.mp4", [np.full((64, 96, 3), 222, np.uint8)] * 5, fps=25)
    assert load_frames(clips, **where)[0][1].mean() > 200
    load_frames(clips.assign(start=[3, 0]), **where)
    assert read == [1, 1]


def test_a_lost_job_does_not_shift_the_labels_of_other_clips(tmp_path, monkeypatch):
    run_jobs = frame_store.run_jobs

    def lossy(*args, **options):
        return (outcome for outcome in run_jobs(*args, **options) if outcome.index != 1)

    clips = write_clips(tmp_path, [4, 8, 40])
    recipe, where = VideoRecipe(size=16, frames=2), {"source_dir": tmp_path, "folder": tmp_path / "store", "workers": 1}
    monkeypatch.setattr(frame_store, "run_jobs", lossy)
    frames = load_features(clips, recipe, **where)
    assert frames.clip_id.tolist() == ["c0", "c2"]
    assert frames.left_out.clip_id.tolist() == ["c1"]
    assert frames.values[1].mean() > 80 > frames.values[0].mean()
    monkeypatch.setattr(frame_store, "run_jobs", run_jobs)
    assert load_features(clips, recipe, **where).clip_id.tolist() == ["c0", "c1", "c2"]


def test_flow_is_computed_to_the_next_frame_in_pixels_of_a_224_pixel_frame(tmp_path):
    frames = make_frames(20, height=112, width=112)  # a blob that moves 5 px to the right in each frame
    write_video(tmp_path / "0.mp4", frames, fps=25)
    clips = make_clips([{"clip_id": "c0", "path": "0.mp4", "gloss": "A", "signer": "ana"}])
    flows, _ = load_frames(clips, source_dir=tmp_path, folder=tmp_path / "s", frames=4, size=56, flow="dis", workers=1)
    assert flows.shape == (1, 4, 56, 56, 2)
    centre = (20 + 5 * sample_indices(20, 4)[1]) // 2
    right, down = restore_flow(flows[0][1])[26:31, centre - 3 : centre + 4].mean(axis=(0, 1))
    assert right == pytest.approx(10, abs=3)
    assert abs(down) < 1


def test_a_clip_of_two_frames_has_a_flow_at_every_time(tmp_path):
    write_clips(tmp_path, [2])
    assert read_clip(tmp_path / "0.mp4", frames=5, size=32, flow="dis").shape == (5, 32, 32, 2)


def test_no_clips_and_an_unknown_method_are_refused_with_a_reason(tmp_path):
    clips = write_clips(tmp_path, [0])
    where = {"source_dir": tmp_path, "folder": tmp_path / "store", "frames": 4, "size": 32, "workers": 1}
    with pytest.raises(MediaError, match="None of the 1 clips could be read; the first: .*not a video"):
        load_frames(clips, **where)
    with pytest.raises(RecipeError, match="empty or one of tvl1, farneback, dis; got 'lucas'"):
        VideoRecipe(size=32, frames=4, flow="lucas")
    write_clips(tmp_path, [4])
    with pytest.raises(MediaError, match="is outside of them"):
        read_clip(tmp_path / "0.mp4", frames=2, size=32, box="500 500 600 600")
