import os
import struct

import numpy as np
import pytest

from asl_lib.data.video import MediaError, VideoSink, read_frames, video_info, write_video
from tests.conftest import make_frames


def test_frames_come_back_from_the_file_nearly_as_they_were(tmp_path):
    frames = make_frames(12)
    assert write_video(tmp_path / "a.mp4", frames, fps=25) == 12
    info = video_info(tmp_path / "a.mp4")
    assert (info.width, info.height, info.fps, info.frames) == (160, 120, 25.0, 12)
    back = list(read_frames(tmp_path / "a.mp4"))
    assert len(back) == 12
    assert np.abs(np.stack(back).astype(int) - np.stack(frames)).mean() < 4


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, make_frames(5), fps=25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_phone_s_note_that_the_picture_is_turned_is_followed(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, make_frames(3), fps=25)
    upright = next(read_frames(path))
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # the picture's matrix in the header of its track
    quarter_turn = (0, 1 << 16, 0, -1 << 16, 0, 0, 120 << 16, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter_turn)
    path.write_bytes(content)
    turned = next(read_frames(path))
    assert turned.shape == (160, 120, 3)
    assert np.array_equal(turned, np.rot90(upright, -1))
    assert (video_info(path).width, video_info(path).height) == (120, 160)


def test_start_and_end_cut_a_clip_out(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(12), fps=25)
    whole = list(read_frames(tmp_path / "a.mp4"))
    part = list(read_frames(tmp_path / "a.mp4", start=3, end=7))
    assert np.array_equal(part, whole[3:7])


def test_a_start_behind_the_end_is_named(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(4), fps=25)
    with pytest.raises(MediaError, match="must hold a frame 9; it ended after 4"):
        list(read_frames(tmp_path / "a.mp4", start=9))


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"this is no video " * 99, "not a video"), (None, "no video at")]
)
def test_a_missing_an_empty_and_a_foreign_file_are_told_apart(tmp_path, content, words):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    for function in (video_info, lambda path: list(read_frames(path))):
        with pytest.raises(MediaError, match=words):
            function(path)


def test_a_truncated_file_gives_the_frames_that_are_left_or_says_why_not(tmp_path):
    frames = [np.random.default_rng(i).integers(0, 255, (120, 160, 3), dtype=np.uint8) for i in range(40)]
    write_video(tmp_path / "whole.mp4", frames, fps=25)
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(content[: len(content) // 2])
    assert 0 < len(list(read_frames(tmp_path / "half.mp4"))) < 40
    (tmp_path / "stump.mp4").write_bytes(content[:200])
    with pytest.raises(MediaError, match="stump"):
        list(read_frames(tmp_path / "stump.mp4"))


def test_a_video_whose_header_promises_frames_that_are_not_there_is_named(tmp_path):
    write_video(tmp_path / "whole.mp4", make_frames(10), fps=25)
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "header.mp4").write_bytes(content[: content.index(b"mdat") - 4])
    assert video_info(tmp_path / "header.mp4").frames == 10
    with pytest.raises(MediaError, match=r"header\.mp4 must hold a frame 0; it ended after 0 frames"):
        list(read_frames(tmp_path / "header.mp4"))


def test_a_wrong_frame_count_in_the_header_changes_nothing(tmp_path):
    """The count of the stsz and stts boxes is what OpenCV reports; the frames are what is there."""
    write_video(tmp_path / "a.mp4", make_frames(10), fps=25)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    at = content.index(b"stts") + 4 + 4 + 4  # version and flags, then one entry: count, duration
    content[at : at + 4] = (5000).to_bytes(4, "big")
    (tmp_path / "lies.mp4").write_bytes(content)
    assert video_info(tmp_path / "lies.mp4").frames != 10
    assert len(list(read_frames(tmp_path / "lies.mp4"))) == 10


def test_nothing_unfinished_is_left_under_the_final_name(tmp_path):
    def frames_that_fail():
        yield from make_frames(3)
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_video(tmp_path / "a.mp4", frames_that_fail(), fps=25)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "at least one frame"),
        ([np.zeros((11, 16, 3), np.uint8)], "even sides"),
        ([np.zeros((16, 16), np.uint8)], r"\(H, W, 3\) uint8"),
        ([np.zeros((16, 16, 3), np.float32)], "float32"),
        ([np.zeros((16, 16, 3), np.uint8), np.zeros((18, 16, 3), np.uint8)], "size of the first"),
    ],
)
def test_frames_that_make_no_video_are_refused(tmp_path, frames, words):
    with pytest.raises(MediaError, match=words):
        write_video(tmp_path / "a.mp4", frames, fps=25)
    assert os.listdir(tmp_path) == []


def test_a_sink_leaves_what_was_written_before_an_error_as_a_whole_file(tmp_path):
    def record():
        with VideoSink(tmp_path / "a.mp4", fps=25) as sink:
            for frame in make_frames(7):
                sink.write(frame)
            raise OSError("the camera is gone")

    with pytest.raises(OSError, match="camera"):
        record()
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert len(list(read_frames(tmp_path / "a.mp4"))) == 7


def test_a_sink_without_frames_leaves_nothing(tmp_path):
    with VideoSink(tmp_path / "a.mp4", fps=25):
        pass
    assert os.listdir(tmp_path) == []
