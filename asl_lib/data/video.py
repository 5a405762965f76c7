"""Frames of videos and clips: read by PyAV, true in time and shape; written as H.264 that every browser plays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import cv2  # before PyAV: on Linux OpenCV's windows hang in PyAV's copy of libxcb if that is loaded first

# isort: split
import av
import numpy as np

from asl_lib._util.files import atomic_write, file_stamp
from asl_lib.data.clips import Clip, parse_box


class MediaError(ValueError):
    """A video or photograph that cannot be read, or frames that cannot be written as a video."""


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        time_s: seconds from the video's first frame, as the file's own time stamp says.
        picture: (H, W, 3) uint8 RGB, upright, with square pixels.
    """

    time_s: float
    picture: np.ndarray


@dataclass(frozen=True)
class VideoInfo:
    """What a video's header says; where it has no rate, what the time stamps say.

    Attributes:
        width, height: of the first frame as it is delivered: upright, with square pixels.
        fps: mean number of frames a second.
        frames: their number, which may be wrong: read the frames to count them.
    """

    width: int
    height: int
    fps: float
    frames: int


@dataclass(frozen=True)
class VideoReport:
    """How much of a video can be decoded.

    Attributes:
        state: "readable", "incomplete" or "unreadable".
        problem: what is wrong, in one line without the file's name; empty if it is readable.
        frames: how many frames can be decoded.
        seconds: from the beginning of the first to the end of the last of them.
    """

    state: str
    problem: str = ""
    frames: int = 0
    seconds: float = 0.0


MIN_FRAMES = 2
"""A clip with fewer frames is a photograph, not a sign."""
LIMIT_S, LIMIT_S_PER_BYTE = 600.0, 1 / 500
"""See `time_limit_s`."""
STILL_S = 0.5
"""If the same picture is repeated for longer, the scene does not move: no camera needs this long for a picture."""
FALLBACK_FPS = 25.0
"""Frame rate of a video of one frame, whose header has none."""
LARGEST_SIDE_PX = 8192
"""8K has 7,680. A header of a few bytes can claim pictures that fill the memory."""
FORMATS = (
    "mov,matroska,avi,mpeg,mpegts,mpegvideo,flv,asf,ogg,gif,apng,mjpeg,yuv4mpegpipe,dv,h264,hevc,obu,ivf,mxf,nut,rm,wtv"
)
"""FFmpeg's names of the file formats that are read. Playlists, which would open other files and addresses, and pictures
are not among them."""
BEGINNINGS = (b"ftyp", b"moov", b"mdat", b"\x1aE\xdf\xa3", b"RIFF", b"OggS", b"FLV")
"""The first bytes of video files; in MP4 and QuickTime they follow after four bytes."""
DAMAGE = (av.FFmpegError, ValueError, MemoryError, OverflowError)
"""The exceptions that PyAV raises for damaged files; the text of a header may not be UTF-8."""
TOLERANCE_S = 0.1
"""A video may end this much before its announced end: encoders drop a frame, and clocks are rounded."""
TRANSPARENT = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The decoders that know transparency; FFmpeg's own show the colours that it hides."""
ANNOUNCING = ("mov", "matroska", "avi", "flv", "asf")
"""The forms whose header has a duration. FFmpeg guesses that of others from what is there."""


def video_info(path: str | Path) -> VideoInfo:
    """Return size, frame rate and announced number of frames of a video.

    Raises:
        MediaError: the file is missing, empty or not a video.
    """
    with VideoReader(path) as video:
        return video.info()


def read_frames(path: str | Path, *, start: int = 0, end: int | None = None) -> Iterator[Frame]:
    """Yield the frames of a video one by one, so that memory does not grow with its length.

    The header's frame count is ignored: frames are read until there are no more. A frame whose size differs from the
    first one's keeps its own shape. Transparent pixels are laid on white.

    Args:
        path: the video file.
        start: first frame to yield, counted from 0.
        end: frame to stop before; None reads to the end.

    Raises:
        MediaError: the file is missing, empty or not a video, or it ends before its first frame.
    """
    with VideoReader(path) as video:
        yield from video.frames(start=start, end=end)


def examine_video(path: str | Path) -> VideoReport:
    """Decode a whole video, and report whether it is readable, incomplete or unreadable."""
    try:
        with VideoReader(path) as video:
            return video.report()
    except MediaError as error:
        return VideoReport("unreadable", str(error).removeprefix(f"{path} "))


def too_short(name: object, *, frames: int) -> str:
    """Return why a clip of so few frames is refused; "" if it is long enough."""
    if frames >= MIN_FRAMES:
        return ""
    return (
        f"{name} must have at least {MIN_FRAMES} frames; got {frames}. A photograph is not a sign: remove the clip, or "
        "record it again."
    )


def time_limit_s(path: str | Path) -> float:
    """Return the seconds after which reading and tracking a video counts as hanging.

    One core tracks about 40 frames per second, and no video has less than 50 bytes per frame, so a working process is
    always faster.
    """
    return LIMIT_S + LIMIT_S_PER_BYTE * file_stamp(path)[0]


def clip_frames(clip: Clip, source_dir: str | Path) -> Iterator[Frame]:
    """Yield the frames of one row of the clips table, as `VideoReader.clip` does.

    Raises:
        MediaError: the video cannot be read.
    """
    with VideoReader(Path(source_dir) / clip["path"]) as video:
        yield from video.clip(clip)


def without_repeats(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield frames without exact repeats of the previous picture, which a camera sends in a dark room.

    The movement during a repeat is unknown; interpolation between different pictures approximates it best. The last
    frame is kept, so that a clip keeps its length, and so is the end of a picture that is repeated for longer than any
    camera needs: in both cases the frame has the same array object as the previous one.
    """
    last = repeat = None
    for frame in frames:
        if last is not None and np.array_equal(frame.picture, last.picture):
            repeat = Frame(frame.time_s, last.picture)
            continue
        if last is not None and repeat is not None and repeat.time_s - last.time_s > STILL_S:
            yield repeat
        yield frame
        last, repeat = frame, None
    if repeat is not None:
        yield repeat


def fit_into(picture: np.ndarray, size: tuple[int, int], *, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Return a (H, W, 3) picture scaled to fit into (width, height), its border pixels repeated."""
    scale = min(size[0] / picture.shape[1], size[1] / picture.shape[0])
    inside = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    wide, high = size[0] - inside[0], size[1] - inside[1]
    sides = high // 2, high - high // 2, wide // 2, wide - wide // 2
    scaled = cv2.resize(picture, inside, interpolation=interpolation)
    return np.asarray(cv2.copyMakeBorder(scaled, *sides, cv2.BORDER_REPLICATE))


class VideoReader:
    """The frames of one video, read once; use it in a `with` block.

    Args:
        path: the video file.

    Attributes:
        fps: mean number of frames a second that the header announces; 0 where it has none.
        count: frames decoded so far.

    Raises:
        MediaError: the file is missing, empty or not a video.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.count, self._end_s, self._damaged, self._at_end = Path(path), 0, 0.0, 0, False
        if not self.path.is_file():
            raise MediaError(f"There is no video at {path}. Check the path.")
        if self.path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes). Record or download it again.")
        with ExitStack() as stack:
            # A Python file and no protocol: whatever the video contains, no other file or address is opened.
            try:
                file = stack.enter_context(self.path.open("rb"))
            except OSError as error:
                raise MediaError(f"{path} cannot be opened: {error.strerror}.") from error
            limits = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
            how = {"container_options": limits, "metadata_errors": "replace"}
            try:
                self._container = stack.enter_context(av.open(file, **how))
                self._stream: Any = self._container.streams.best("video")
            except DAMAGE as error:
                raise MediaError(f"{path} {_refusal(file)}") from error
            if self._stream is None:
                raise MediaError(f"{path} {_refusal(file)}")
            self._open_decoder()
            self.fps = float(self._stream.average_rate or 0)
            self._stack = stack.pop_all()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def info(self) -> VideoInfo:
        """Return what `video_info` returns; no frame is left to read after it."""
        shape, matrix = self._stream.codec_context, None
        for _, shape in self._decode(1):  # PyAV 18 gives the display matrix with the frames alone
            matrix = shape.side_data.get("DISPLAYMATRIX")
        size = self._square_size(shape.width, shape.height)
        fps, count = self.fps, self._stream.frames
        if not fps:
            self._container.seek(0)
            stamps = [packet.pts for packet in self._packets() if packet.pts is not None]
            count, seconds = len(stamps), float(np.ptp(stamps or [0]) * self._stream.time_base)
            fps = (count - 1) / seconds if seconds else FALLBACK_FPS
        count = count or round(self._announced_s() * fps)
        return VideoInfo(*(size[::-1] if matrix and _exchanges_axes(bytes(matrix)) else size), fps, count)

    def frames(self, *, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Yield what `read_frames` yields."""
        if end is not None and end <= start:
            raise MediaError(
                f"The part of {self.path} must end after frame {start}, where it begins; its end is {end}. Correct "
                "start and end."
            )
        for index, (time_s, frame) in enumerate(self._decode(end)):
            if index >= start:
                yield Frame(time_s, self._picture(frame))
        if self.count <= start:
            raise MediaError(
                f"{self.path} must hold a frame {start}; it ended after {self.count} frames. "
                "The file is damaged or was cut short: record or download it again."
            )

    def frames_of_one_size(self, *, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Yield what `frames` yields, but fit each picture into the size of the first, see `fit_into`.

        The size changes within a file where a phone was turned, or a browser saved bandwidth.
        """
        size = None
        for time_s, picture in self.frames(start=start, end=end):
            own_size = (picture.shape[1], picture.shape[0])
            size = size or own_size
            yield Frame(time_s, picture if own_size == size else fit_into(picture, size))

    def clip(self, clip: Clip) -> Iterator[Frame]:
        """Yield the frames of one row of the clips table: from its start to its end, inside its box, without repeats.

        All have one size, see `frames_of_one_size`. Times are counted from the video's first frame, not from the
        clip's.
        """
        return without_repeats(self._inside_box(clip))

    def _inside_box(self, clip: Clip) -> Iterator[Frame]:
        corners = parse_box(clip["box"])
        end = clip["end"] if clip["end"] >= 0 else None
        for time_s, picture in self.frames_of_one_size(start=clip["start"], end=end):
            if corners is None:
                yield Frame(time_s, picture)
                continue
            left, top, right, bottom = corners
            inside = np.ascontiguousarray(picture[top:bottom, left:right])
            if not inside.size:
                raise MediaError(
                    f"{self.path} has pictures of {picture.shape[1]}x{picture.shape[0]} px; the box '{clip['box']}' of "
                    "a clip is outside of them. Correct it in the clips table."
                )
            yield Frame(time_s, inside)

    def report(self) -> VideoReport:
        """Return how complete the video is, from the frames read so far; if none was read, decode all of them."""
        if not self.count:
            for _ in self._decode(None):
                pass
        if not self.count:
            problem = "has no frame that can be decoded. It was cut short: record or download it again."
            return VideoReport("unreadable", problem)
        missing_s = self._announced_s() - self._end_s if self._at_end else 0.0
        if missing_s > max(2 * self._end_s / self.count, TOLERANCE_S):
            announced = max(self._stream.frames, round(self._announced_s() * self.count / self._end_s))
            problem = f"{self.count} of {announced} frames, cut off at {self._end_s:.2f} s"
        elif self._damaged:
            problem = f"{self._damaged} damaged or lost among {self.count} frames"
        else:
            return VideoReport("readable", "", self.count, self._end_s)
        return VideoReport("incomplete", problem, self.count, self._end_s)

    def _open_decoder(self) -> None:
        """Choose the decoder; raise MediaError where there is none, or the pictures are too large."""
        stream = self._stream
        if stream.codec_context is None:
            raise MediaError(f"{self.path} has a codec that cannot be decoded here. Convert it to H.264 (mp4).")
        self._decoder = stream.codec_context
        if stream.metadata.get("alpha_mode") == "1" and self._decoder.name in TRANSPARENT:
            self._decoder = av.CodecContext.create(TRANSPARENT[self._decoder.name], "r")
        self._decoder.thread_count = 1  # one process a core; and damaged frames come out alike every time
        self._square_size(stream.codec_context.width, stream.codec_context.height)

    def _square_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size with square pixels: the side with too few pixels is enlarged."""
        aspect = float(self._stream.sample_aspect_ratio or 1)
        square = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        if max(square) > LARGEST_SIDE_PX:
            raise MediaError(
                f"{self.path} must have pictures of at most {LARGEST_SIDE_PX} px a side; its header says "
                f"{square[0]}x{square[1]}. Convert it to a smaller size, or remove it from the clips."
            )
        return square

    def _announced_s(self) -> float:
        """Return the duration from the first frame on according to the header, or 0 if it has none."""
        stream, container = self._stream, self._container
        if container.format.name.partition(",")[0] not in ANNOUNCING:
            return 0.0
        if stream.duration is not None:
            return float(stream.duration * stream.time_base)
        # What follows counts from 0.
        begin = max(0.0, float((stream.start_time or 0) * stream.time_base))
        if len(container.streams) == 1:
            return float(container.duration or 0) / av.time_base - begin
        # The container's duration may be that of the sound. Matroska has a text for each stream.
        found = re.fullmatch(r"(\d+):(\d+):(\d+(\.\d+)?)", stream.metadata.get("DURATION", ""))
        return 3600 * float(found[1]) + 60 * float(found[2]) + float(found[3]) - begin if found else 0.0

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except DAMAGE:
                self._damaged += 1
                return

    def _decode(self, end: int | None) -> Iterator[tuple[float, Any]]:
        """Yield the time and PyAV's frame of all frames before `end`.

        A frame whose stamp is missing, or not later than the last one's, follows it at the mean rate.
        """
        step = 1 / (self.fps or FALLBACK_FPS)
        begin = float((self._stream.start_time or 0) * self._stream.time_base)
        first = last = 0.0
        cut_off = False
        for packet in self._packets():
            if not packet.size and cut_off:
                break  # the frames that the decoder still has lie behind a hole
            try:
                decoded = self._decoder.decode(packet if packet.size else None)
            except DAMAGE:
                self._damaged, cut_off = self._damaged + 1, True  # the next packets may be whole
                continue
            cut_off = False
            for frame in decoded:
                if end is not None and self.count >= end:
                    return
                stamp = frame.dts if frame.pts is None else frame.pts
                time_s = last + step if stamp is None else float(stamp * self._stream.time_base)
                if not self.count:
                    first = time_s = 0.0 if stamp is None else time_s
                elif time_s <= last:
                    time_s = last + step
                last = time_s
                self.count += 1
                self._damaged += frame.is_corrupt
                self._end_s = last - begin + (float((frame.duration or 0) * self._stream.time_base) or step)
                yield last - first, frame
        self._at_end = True

    def _picture(self, frame: Any) -> np.ndarray:
        width, height = self._square_size(frame.width, frame.height)
        form = "rgba" if any(component.is_alpha for component in frame.format.components) else "rgb24"
        try:
            # Without a number, FFmpeg starts a thread for every core of the machine in every file.
            picture = frame.to_ndarray(format=form, width=width, height=height, threads=1)
        except DAMAGE as error:
            raise MediaError(
                f"{self.path} is damaged at frame {self.count - 1} ({error}). Convert it again."
            ) from error
        if form == "rgba":
            opaque = picture[..., 3:].astype(np.uint16)
            picture = ((picture[..., :3] * opaque + 255 * (255 - opaque)) // 255).astype(np.uint8)
        matrix = frame.side_data.get("DISPLAYMATRIX")
        return picture if matrix is None else _upright(picture, bytes(matrix))


def _upright(picture: np.ndarray, matrix: bytes) -> np.ndarray:
    """Return a picture as a display matrix shows it: turned to the nearest quarter, and mirrored."""
    a, b, _, c, d = np.frombuffer(matrix, "<i4")[:5].tolist()  # a point (x, y) is shown at (a x + c y, b x + d y)
    if _exchanges_axes(matrix):
        picture, a, d = picture.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _exchanges_axes(matrix: bytes) -> bool:
    """Return whether a display matrix, nine 32-bit numbers, shows the picture's width as height."""
    values = np.frombuffer(matrix, "<i4").astype(float)
    return len(values) == 9 and bool(abs(values[1]) > abs(values[0]))


def _refusal(file: Any) -> str:
    """Return why FFmpeg cannot open a file, and what helps."""
    file.seek(0)
    head = file.read(12)
    if head[4:8] in BEGINNINGS or head.startswith(BEGINNINGS):
        return "is not a whole video: it was cut short, is damaged, or has sound only. Record or download it again."
    return "is not a video. Convert it to mp4, or remove it from the clips."


class VideoSink:
    """Write frames one by one as an H.264 mp4 that every browser plays; use it in a `with` block.

    The file appears under its name, whole, when the block ends. A block that writes no frame leaves no file. The same
    frames give the same bytes.

    Args:
        path: the file to write; its folder is made.
        fps: frames per second.
        keep_partial: whether a block that ends with an error leaves a file with the frames until then.

    Attributes:
        count: frames written so far.
    """

    def __init__(self, path: str | Path, *, fps: float, keep_partial: bool = True) -> None:
        self.path, self.fps, self.keep_partial, self.count = Path(path), fps, keep_partial, 0
        self._stack = ExitStack()
        self._size: tuple[int, int] | None = None
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self.keep_partial:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)

    def write(self, frame: np.ndarray) -> None:
        """Append a frame.

        Args:
            frame: (H, W, 3) uint8 RGB, with even sides and of the size of the first.

        Raises:
            MediaError: it has another size or type.
        """
        if self._size is None:
            self._size = _checked_size(frame, self.path)
            self._open()
        if frame.shape != (*self._size, 3):
            raise MediaError(
                f"All frames of {self.path} must have the size of the first, {self._size[1]}x{self._size[0]}; "
                f"frame {self.count} has shape {frame.shape}. Resize the frames before writing them."
            )
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(format=self._stream.pix_fmt, threads=1)
        self._container.mux(self._stream.encode(picture))
        self.count += 1

    def close(self) -> None:
        """Finish the file and put it under its name; further calls do nothing."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container = None
            self._stack.close()

    def _open(self) -> None:
        tmp = self._stack.enter_context(atomic_write(self.path))
        self._container = self._stack.enter_context(
            av.open(str(tmp), "w", format="mp4", options={"movflags": "+faststart"})
        )
        height, width = self._size or (0, 0)
        self._stream = self._container.add_stream("libx264", rate=Fraction(self.fps).limit_denominator(1001))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        # The same frames must give the same bytes: one thread, and a constant quantiser, because with
        # adaptive quality (crf) x264 gave other bytes in about one process of six.
        self._stream.codec_context.thread_count = 1
        self._stream.options = {"qp": "22", "preset": "veryfast"}


def write_video(path: str | Path, frames: Iterable[np.ndarray], *, fps: float) -> int:
    """Write RGB frames as an H.264 mp4 and return how many there were.

    Unlike with `VideoSink`, an error among the frames leaves no file: part of a clip would look like a complete one.

    Args:
        path: the file to write; its folder is made.
        frames: (H, W, 3) uint8 RGB frames, all of one even height and width.
        fps: frames per second.

    Raises:
        MediaError: there is no frame, or a frame has another size or type than the first.
    """
    with VideoSink(path, fps=fps, keep_partial=False) as sink:
        for frame in frames:
            sink.write(frame)
    if not sink.count:
        raise MediaError(f"{path} must get at least one frame; got none. Check the source of the frames.")
    return sink.count


def _checked_size(frame: np.ndarray, path: Path) -> tuple[int, int]:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise MediaError(f"Frames of {path} must be (H, W, 3) uint8; got {frame.shape} {frame.dtype}.")
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        raise MediaError(
            f"Frames of {path} must have even sides (H.264 stores colour at half size); got {width}x{height}."
        )
    return height, width
