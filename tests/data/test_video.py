import io
import os
import re
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.data.video import (
    Frame,
    MediaError,
    VideoSink,
    clip_frames,
    examine_video,
    read_frames,
    video_info,
    without_repeats,
    write_video,
)
from tests.conftest import make_frames

QUARTERS = {0: (1, 0, 0, 1), 1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}
"""Turns to the right -> a, b, c, d of the display matrix."""


def encode(
    path, frames, *, codec="libx264", form="yuv420p", stamps=None, clock=1000, rate=25, options=None, muxing=None
):
    """Write RGB or RGBA frames with any codec, each at its stamp in ticks of `clock` a second."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], form
        if stamps is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, clock)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgba" if frame.shape[-1] == 4 else "rgb24")
            picture = picture.reformat(format=form)
            if stamps is not None:
                picture.pts, picture.time_base = stamps[number], Fraction(1, clock)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def set_matrix(path, matrix):
    """Write a, b, c, d of the display matrix into an mp4."""
    a, b, c, d = (value << 16 for value in matrix)
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44  # the picture's matrix in the header of its track
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def test_written_frames_are_read_back_almost_unchanged(tmp_path):
    frames = make_frames(12)
    assert write_video(tmp_path / "a.mp4", frames, fps=25) == 12
    info = video_info(tmp_path / "a.mp4")
    assert (info.width, info.height, info.fps, info.frames) == (160, 120, 25.0, 12)
    back = [picture for _, picture in read_frames(tmp_path / "a.mp4")]
    assert len(back) == 12
    assert np.abs(np.stack(back).astype(int) - np.stack(frames)).mean() < 4


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, make_frames(5), fps=25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@given(turns=st.integers(0, 3), mirrored=st.booleans())
def test_rotation_and_mirroring_in_a_video_s_metadata_are_applied(tmp_path_factory, turns, mirrored):
    path = tmp_path_factory.mktemp("turned") / "a.mp4"
    write_video(path, make_frames(2), fps=25)
    stored = next(read_frames(path)).picture
    a, b, c, d = QUARTERS[turns]
    set_matrix(path, (-a, b, -c, d) if mirrored else (a, b, c, d))
    shown = next(read_frames(path)).picture
    expected = np.rot90(stored, -turns)
    assert np.array_equal(shown, expected[:, ::-1] if mirrored else expected)
    assert shown.flags.c_contiguous
    assert (video_info(path).height, video_info(path).width) == shown.shape[:2]


def test_start_and_end_select_a_part_of_a_video(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(12), fps=25)
    whole = [picture for _, picture in read_frames(tmp_path / "a.mp4")]
    part = [picture for _, picture in read_frames(tmp_path / "a.mp4", start=3, end=7)]
    assert np.array_equal(part, whole[3:7])


@pytest.mark.parametrize(("start", "end"), [(3, 2), (2, 2), (0, 0)])
def test_a_part_that_ends_before_it_begins_is_no_fault_of_the_video(tmp_path, start, end):
    write_video(tmp_path / "a.mp4", make_frames(4), fps=25)
    with pytest.raises(MediaError, match=rf"must end after frame {start}, where it begins; its end is {end}"):
        list(read_frames(tmp_path / "a.mp4", start=start, end=end))


def test_a_part_that_begins_after_the_video_is_refused(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(4), fps=25)
    with pytest.raises(MediaError, match="must hold a frame 9; it ended after 4"):
        [picture for _, picture in read_frames(tmp_path / "a.mp4", start=9)]


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"this is no video " * 99, "not a video"), (None, "no video at")]
)
def test_missing_empty_and_foreign_files_have_different_errors(tmp_path, content, words):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    for function in (video_info, lambda path: [picture for _, picture in read_frames(path)]):
        with pytest.raises(MediaError, match=words):
            function(path)


def test_a_truncated_file_gives_its_remaining_frames_or_a_reason(tmp_path):
    frames = [np.random.default_rng(i).integers(0, 255, (120, 160, 3), dtype=np.uint8) for i in range(40)]
    write_video(tmp_path / "whole.mp4", frames, fps=25)
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(content[: len(content) // 2])
    assert 0 < len([picture for _, picture in read_frames(tmp_path / "half.mp4")]) < 40
    (tmp_path / "stump.mp4").write_bytes(content[:200])
    with pytest.raises(MediaError, match="stump"):
        [picture for _, picture in read_frames(tmp_path / "stump.mp4")]


def test_a_video_with_fewer_frames_than_its_header_states_is_named(tmp_path):
    write_video(tmp_path / "whole.mp4", make_frames(10), fps=25)
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "header.mp4").write_bytes(content[: content.index(b"mdat") - 4])
    assert video_info(tmp_path / "header.mp4").frames == 10
    with pytest.raises(MediaError, match=r"header\.mp4 must hold a frame 0; it ended after 0 frames"):
        [picture for _, picture in read_frames(tmp_path / "header.mp4")]


def test_a_wrong_frame_count_in_the_header_changes_nothing(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(10), fps=25)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    at = content.index(b"stts") + 4 + 4 + 4  # version and flags, then one entry: count, duration
    content[at : at + 4] = (5000).to_bytes(4, "big")
    (tmp_path / "lies.mp4").write_bytes(content)
    assert video_info(tmp_path / "lies.mp4").frames != 10
    assert len([picture for _, picture in read_frames(tmp_path / "lies.mp4")]) == 10


def test_an_unfinished_video_never_has_the_final_name(tmp_path):
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
def test_frames_that_cannot_be_a_video_are_refused(tmp_path, frames, words):
    with pytest.raises(MediaError, match=words):
        write_video(tmp_path / "a.mp4", frames, fps=25)
    assert os.listdir(tmp_path) == []


def test_a_sink_keeps_the_frames_written_before_an_error_as_a_readable_file(tmp_path):
    def record():
        with VideoSink(tmp_path / "a.mp4", fps=25) as sink:
            for frame in make_frames(7):
                sink.write(frame)
            raise OSError("the camera is gone")

    with pytest.raises(OSError, match="camera"):
        record()
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert len([picture for _, picture in read_frames(tmp_path / "a.mp4")]) == 7


def test_a_sink_without_frames_leaves_no_file(tmp_path):
    with VideoSink(tmp_path / "a.mp4", fps=25):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "size", "fps", "count", "end_s"),
    [
        ("base.mp4", (480, 416), 25, 32, 1.28),
        ("mirror_portrait.mp4", (480, 416), 25, 32, 1.28),
        ("sar2.mp4", (480, 416), 25, 32, 1.28),
        ("vfr.mp4", (480, 416), 16.4, 21, 1.28),
        ("browser_vfr.webm", (480, 416), 16.1, 21, 1.28),
        ("browser_15fps.webm", (480, 416), 15.0, 19, 1.28),
        ("slow240.mp4", (480, 416), 240.1, 307, 1.28),
        ("av1.mp4", (480, 416), 25, 32, 1.28),
        ("size_change.webm", (480, 416), 25, 32, 1.28),
    ],
)
def test_videos_of_phones_and_browsers_have_correct_times_and_shapes(shared_cases, name, size, fps, count, end_s):
    path = shared_cases / name
    info, report = video_info(path), examine_video(path)
    times = [time_s for time_s, _ in read_frames(path)]
    assert (info.width, info.height) == size
    assert next(read_frames(path)).picture.shape == (size[1], size[0], 3)
    assert info.fps == pytest.approx(fps, abs=0.3)
    assert (report.state, report.frames) == ("readable", count)
    assert report.seconds == pytest.approx(end_s, abs=0.04)
    assert times[0] == 0
    assert (np.diff(times) > 0).all()


def test_mirrored_portraits_and_non_square_pixels_give_the_plain_video_s_frames(shared_cases):
    plain = [picture.astype(int) for _, picture in read_frames(shared_cases / "base.mp4")]
    for name in ("mirror_portrait.mp4", "sar2.mp4"):
        for one, (_, other) in zip(plain, read_frames(shared_cases / name), strict=True):
            assert np.abs(one - other).mean() < 3


def test_widening_timestamps_belong_to_their_frames(shared_cases):
    expected = [*(index / 25 for index in range(17)), 0.8, 0.96, 1.12, 1.24]
    for name in ("vfr.mp4", "browser_vfr.webm"):
        assert [time_s for time_s, _ in read_frames(shared_cases / name)] == pytest.approx(expected)


def test_a_change_of_size_within_a_file_is_neither_lost_nor_stretched(shared_cases):
    shapes = [picture.shape[:2] for _, picture in read_frames(shared_cases / "size_change.webm")]
    assert shapes == [(416, 480)] * 16 + [(416, 280)] * 16
    clip = {"path": "size_change.webm", "start": 0, "end": -1, "box": ""}
    fitted = [picture for _, picture in clip_frames(clip, shared_cases)]
    assert {picture.shape for picture in fitted} == {(416, 480, 3)}
    own = list(read_frames(shared_cases / "size_change.webm"))[20].picture
    assert np.array_equal(fitted[20][:, 100:380], own)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("trunc60.mp4", "6 of 32 frames, cut off at 0.24 s"),
        ("trunc90.mp4", "24 of 32 frames, cut off at 0.96 s"),
    ],
)
def test_a_video_that_was_cut_off_is_incomplete(shared_cases, name, problem):
    report = examine_video(shared_cases / name)
    assert (report.state, report.problem) == ("incomplete", problem)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.mp4"])
def test_a_cut_off_video_whose_times_do_not_start_at_0_is_incomplete_too(tmp_path, name):
    codec, options = ("libvpx", {}) if name == "a.webm" else ("libx264", {"bf": "0"})
    muxing = {"movflags": "+faststart"} if name == "a.mp4" else {}
    stamps = (5000 + 40 * np.arange(32)).tolist()
    encode(tmp_path / name, make_frames(32), codec=codec, stamps=stamps, options=options, muxing=muxing)
    whole = examine_video(tmp_path / name)
    assert (whole.state, whole.seconds) == ("readable", pytest.approx(1.28, abs=0.01))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    report = examine_video(tmp_path / name)
    assert report.problem == f"{report.frames} of 32 frames, cut off at {report.frames / 25:.2f} s"


def test_damage_in_the_middle_is_reported_and_the_frames_around_it_are_read(tmp_path):
    frames = [np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8) for i in range(40)]
    encode(tmp_path / "a.avi", frames, codec="mjpeg", form="yuvj420p")
    assert examine_video(tmp_path / "a.avi").state == "readable"
    content = bytearray((tmp_path / "a.avi").read_bytes())
    middle = content.index(b"00dc", len(content) // 2) + 8
    content[middle : middle + 700] = bytes(700)
    (tmp_path / "a.avi").write_bytes(content)
    report = examine_video(tmp_path / "a.avi")
    assert report.state == "incomplete"
    assert report.problem == "1 damaged or lost among 39 frames"
    assert report.frames == 39


def test_each_kind_of_unreadable_file_has_its_own_error(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(5), fps=25)
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "codec.mp4").write_bytes(content.replace(b"avc1", b"zz99"))
    (tmp_path / "stump.mp4").write_bytes(content[:200])
    (tmp_path / "text.mp4").write_text("no video at all, only a text")
    (tmp_path / "empty.mp4").touch()
    for name, words in (
        ("codec", "codec .* cannot be decoded"),
        ("stump", "was cut short, is damaged"),
        ("text", "is not a video"),
        ("empty", "is empty"),
        ("gone", "There is no video"),
    ):
        report = examine_video(tmp_path / f"{name}.mp4")
        assert report.state == "unreadable"
        assert re.search(words, report.problem), report.problem


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.mp4", "libx265", "yuv420p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.webm", "libvpx", "yuv420p"),
        ("a.mp4", "libsvtav1", "yuv420p10le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "gray10le"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj444p"),
        ("a.ts", "mpeg2video", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.mp4", "libx264", "yuv444p"),
        ("a.flv", "flv", "yuv420p"),
    ],
)
def test_codecs_and_pixel_formats_of_today_and_yesterday_are_read(tmp_path, name, codec, form):
    frames = make_frames(6, height=128, width=160)
    try:
        encode(tmp_path / name, frames, codec=codec, form=form)
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"This PyAV cannot write {codec}.")
    back = list(read_frames(tmp_path / name))
    assert len(back) == 6
    assert [time_s for time_s, _ in back] == pytest.approx([index / 25 for index in range(6)], abs=0.002)
    for frame, (_, picture) in zip(frames, back, strict=True):
        assert np.abs(frame.astype(int) - picture).mean() < (40 if codec == "gif" else 8)
    assert examine_video(tmp_path / name).state == "readable"


@pytest.mark.parametrize(("height", "width"), [(63, 97), (90, 51), (1, 2)])
def test_odd_sizes_are_read_as_they_are(tmp_path, height, width):
    frames = [np.full((height, width, 3), 40 * index, np.uint8) for index in range(4)]
    encode(tmp_path / "odd.mkv", frames, codec="ffv1", form="bgr0")
    assert [picture.tolist() for _, picture in read_frames(tmp_path / "odd.mkv")] == [
        frame.tolist() for frame in frames
    ]


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("clear.mov", "png", "rgba"),
        ("clear.webm", "libvpx-vp9", "yuva420p"),
        ("clear.webm", "libvpx", "yuva420p"),
        ("clear.mov", "prores_ks", "yuva444p10le"),
    ],
)
def test_transparent_pixels_are_laid_on_white_whatever_colour_they_hide(tmp_path, name, codec, form):
    frame = np.zeros((32, 32, 4), np.uint8)
    frame[:16] = 200, 100, 50, 255
    frame[16:24] = 0, 0, 0, 128
    frame[24:, 16:] = 10, 200, 10, 0
    options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
    encode(tmp_path / name, [frame] * 3, codec=codec, form=form, options=options)
    pictures = [picture.astype(int) for _, picture in read_frames(tmp_path / name)]
    assert len(pictures) == 3
    for picture in pictures:
        assert np.abs(picture[4, 4] - [200, 100, 50]).max() <= 4
        assert np.abs(picture[20, 4] - 127).max() <= 4
        assert picture[28, [4, 28]].min() >= 250


@given(
    steps=st.lists(st.integers(1, 900), min_size=1, max_size=12),
    start=st.sampled_from([0, 700, 90_000]),
    name=st.sampled_from(["a.mkv", "a.mp4", "a.webm"]),
)
def test_any_timestamps_are_returned_relative_to_the_first_frame(tmp_path_factory, steps, start, name):
    path = tmp_path_factory.mktemp("stamps") / name
    stamps = np.cumsum([start, *steps]).tolist()
    codec = "libvpx" if name == "a.webm" else "libx264"
    encode(path, make_frames(len(stamps), height=32, width=32), codec=codec, stamps=stamps)
    times = [time_s for time_s, _ in read_frames(path)]
    assert times == pytest.approx([(stamp - start) / 1000 for stamp in stamps], abs=0.0011)
    assert examine_video(path).state == "readable"


def test_a_raw_stream_without_timestamps_has_its_nominal_rate(tmp_path):
    encode(tmp_path / "a.h264", make_frames(10), options={"x264-params": "bframes=0"})
    times = [time_s for time_s, _ in read_frames(tmp_path / "a.h264")]
    assert np.diff(times) == pytest.approx([1 / 25] * 9)


def test_sound_longer_than_the_pictures_does_not_make_a_video_incomplete(tmp_path):
    for name in ("a.mkv", "a.mp4"):
        with av.open(str(tmp_path / name), "w") as container:
            video, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=44100)
            video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
            for frame in make_frames(25):
                container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            for number in range(100):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                silence.sample_rate, silence.pts = 44100, 1024 * number
                container.mux(sound.encode(silence))
            container.mux(video.encode())
            container.mux(sound.encode())
        assert examine_video(tmp_path / name).state == "readable"


def test_a_title_that_is_not_utf_8_does_not_prevent_reading(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(3), fps=25)
    with av.open(str(tmp_path / "b.mkv"), "w") as container:
        container.metadata["title"] = "Xtitle of the videoX"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for frame in make_frames(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    content = (tmp_path / "b.mkv").read_bytes()
    assert content.count(b"Xtitle of the videoX")
    (tmp_path / "b.mkv").write_bytes(content.replace(b"Xtitle of the videoX", b"\xfftitle of the video\xff"))
    assert len([picture for _, picture in read_frames(tmp_path / "b.mkv")]) == 3


def test_a_cover_picture_is_not_mistaken_for_the_video(tmp_path):
    jpeg = io.BytesIO()
    from PIL import Image

    Image.fromarray(np.full((600, 600, 3), 90, np.uint8)).save(jpeg, "JPEG")
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 600, 600, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        packet = av.Packet(jpeg.getvalue())
        packet.stream, packet.pts, packet.dts = cover, 0, 0
        container.mux(packet)
        for frame in make_frames(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    assert [picture.shape for _, picture in read_frames(tmp_path / "a.mp4")] == [(120, 160, 3)] * 5


def test_frames_removed_by_an_edit_list_are_neither_read_nor_reported_missing(tmp_path):
    """A phone that trims a video writes which part of it is to be shown."""
    write_video(tmp_path / "a.mp4", make_frames(20), fps=25)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    entry = content.index(b"elst") + 12  # after the version and the number of entries: duration in ms, first time
    duration_ms, first = struct.unpack(">2i", content[entry : entry + 8])
    assert duration_ms == 800
    content[entry : entry + 8] = struct.pack(">2i", 400, first + 512 * 5)
    (tmp_path / "a.mp4").write_bytes(content)
    times = [time_s for time_s, _ in read_frames(tmp_path / "a.mp4")]
    assert times == pytest.approx([index / 25 for index in range(10)])
    assert examine_video(tmp_path / "a.mp4").state == "readable"


def shown(frames):
    """Return the time and gray of frames of one gray."""
    return [(round(time_s, 2), int(picture[0, 0, 0])) for time_s, picture in frames]


def timed_grays(*grays):
    return [Frame(index / 10, np.full((4, 6, 3), gray, np.uint8)) for index, gray in enumerate(grays)]


def test_repeated_frames_of_a_camera_in_a_dark_room_are_read_once():
    frames = list(without_repeats(timed_grays(1, 1, 2, 2, 3, 3)))
    assert shown(frames) == [(0, 1), (0.2, 2), (0.4, 3), (0.5, 3)]
    assert frames[-1].picture is frames[-2].picture


def test_a_still_picture_keeps_its_duration():
    assert shown(without_repeats(timed_grays(1, *[2] * 9, 3))) == [(0, 1), (0.1, 2), (0.9, 2), (1.0, 3)]


@given(st.lists(st.integers(0, 3), max_size=40))
def test_frames_without_repeats_keep_the_clip_s_first_and_last_time_and_every_change(grays):
    before, after = timed_grays(*grays), list(without_repeats(timed_grays(*grays)))
    assert shown(after[:1] + after[-1:]) == shown(before[:1] + before[-1:])
    changes = [frame for last, frame in zip([None, *grays], before, strict=False) if last != frame.picture[0, 0, 0]]
    kept = shown(after)
    assert all(entry in kept for entry in shown(changes))
    assert [time_s for time_s, _ in kept] == sorted({time_s for time_s, _ in kept})


def test_a_clip_s_frames_are_its_video_s_frames_without_exact_repeats(tmp_path):
    frames = [frame for frame in make_frames(6) for _ in range(2)]
    encode(tmp_path / "dark.mkv", frames, codec="ffv1", form="bgr0", rate=10)
    clip = {"path": "dark.mkv", "start": 2, "end": 10, "box": ""}
    times = [time_s for time_s, _ in clip_frames(clip, tmp_path)]
    assert times == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.9])


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="Threads are counted by Linux' /proc.")
def test_reading_and_writing_do_not_start_a_thread_per_core(tmp_path):
    def threads():
        return len(os.listdir("/proc/self/task"))

    frames = make_frames(3)
    write_video(tmp_path / "a.mp4", frames, fps=25)
    before = threads()
    with VideoSink(tmp_path / "b.mp4", fps=25) as sink:
        for _, picture in read_frames(tmp_path / "a.mp4"):
            sink.write(picture)
            assert threads() == before
