"""Frames of videos and clips: read from any video that OpenCV can open, written as H.264 that every browser plays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np

from asl_lib._util.files import atomic_write, file_stamp
from asl_lib.data.clips import Clip, parse_box


class MediaError(ValueError):
    """A video or photograph that cannot be read, or frames that cannot be written as a video."""


@dataclass(frozen=True)
class VideoInfo:
    """The size, rate and length in a video's header. `frames` may be wrong: read the frames to count them."""

    width: int
    height: int
    fps: float
    frames: int


MIN_FRAMES = 2
"""A clip with fewer is a photograph, not a sign."""
LIMIT_S, LIMIT_S_PER_BYTE = 600.0, 1 / 500
"""See `time_limit_s`."""
FALLBACK_FPS = 25.0
"""Frame rate of a video whose header has none."""
LARGEST_SIDE_PX = 8192
"""8K has 7,680. A header of a few bytes can claim pictures that fill the memory."""
MAGIC_WORDS = (b"RIFF", b"OggS", b"GIF8", b"YUV4MPEG")
ATOMS = (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip", b"pnot")
"""The beginnings of videos whose first bytes may all be text: magic words, and the first atoms of QuickTime and MP4
files (from byte 4 on). A file that begins otherwise with text is taken for a playlist, see `_is_text`."""


def video_info(path: str | Path) -> VideoInfo:
    """Return size, frame rate and announced number of frames of a video.

    Raises:
        MediaError: the file is missing, empty or not a video.
    """
    capture = _open(Path(path))
    try:
        fps = capture.get(cv2.CAP_PROP_FPS)
        return VideoInfo(
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            # Some containers carry no rate, or one per clock tick (90,000): neither is a camera's.
            fps=float(fps) if 1.0 <= fps <= 240.0 else FALLBACK_FPS,
            frames=max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))),
        )
    finally:
        capture.release()


def read_frames(path: str | Path, *, start: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
    """Yield the frames of a video one by one, so that memory does not grow with its length.

    The header's frame count is ignored: frames are read until there are no more.

    Args:
        path: the video file.
        start: first frame to yield, counted from 0.
        end: frame to stop before; None reads to the end.

    Yields:
        (H, W, 3) uint8 RGB frames.

    Raises:
        MediaError: the file is missing, empty or not a video, or it ends before its first frame.
    """
    path = Path(path)
    capture = _open(path)
    index = 0
    try:
        while end is None or index < end:
            try:
                if not capture.grab():
                    break
                ok, frame = capture.retrieve() if index >= start else (True, None)
                picture = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if ok and frame is not None else None
            except cv2.error as error:
                raise MediaError(f"{path} is damaged at frame {index} ({error.err}). Convert it again.") from error
            if not ok:
                break
            if picture is not None:
                yield picture
            index += 1
    finally:
        capture.release()
    if index <= start:
        raise MediaError(
            f"{path} must hold a frame {start}; it ended after {index} frames. "
            "The file is damaged or was cut short: record or download it again."
        )


def time_limit_s(path: str | Path) -> float:
    """Return the seconds after which reading and tracking a video counts as hanging.

    One core tracks some 40 frames a second, and no video has less than 50 bytes a frame: a process that works never
    takes so long.
    """
    return LIMIT_S + LIMIT_S_PER_BYTE * file_stamp(path)[0]


def clip_frames(clip: Clip, source_dir: str | Path) -> Iterator[np.ndarray]:
    """Yield the (H, W, 3) uint8 RGB frames of one row of the clips table: from its start to its end, inside its box.

    Raises:
        MediaError: the video cannot be read.
    """
    end = clip["end"] if clip["end"] >= 0 else None
    return crop(read_frames(Path(source_dir) / clip["path"], start=clip["start"], end=end), clip["box"])


def crop(frames: Iterator[np.ndarray], box: str) -> Iterator[np.ndarray]:
    """Yield the part of each (H, W, 3) frame inside `box`, "left top right bottom" in px; all of it for ""."""
    corners = parse_box(box)
    if corners is None:
        yield from frames
        return
    left, top, right, bottom = corners
    for frame in frames:
        yield np.ascontiguousarray(frame[top:bottom, left:right])


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


def _is_text(path: Path) -> bool:
    """Return whether a file begins like a playlist: FFmpeg would open the files and addresses that it names."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(MAGIC_WORDS) or head[4:] in ATOMS:
        return False
    return all(32 <= byte < 127 or byte in b"\t\n\r" for byte in head.removeprefix(b"\xef\xbb\xbf"))


def _open(path: Path) -> Any:
    if not path.is_file():
        raise MediaError(f"There is no video at {path}. Check the path in the clips table.")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes). Record or download it again.")
    # FFmpeg alone: other readers of OpenCV take a name with a "%" for a series of pictures.
    capture = None if _is_text(path) else cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if capture is None or not capture.isOpened():
        if capture is not None:
            capture.release()
        raise MediaError(f"{path} is not a video that OpenCV can open. Convert it to mp4, or remove it from the clips.")
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if max(width, height) > LARGEST_SIDE_PX:
        capture.release()
        raise MediaError(
            f"{path} must have pictures of at most {LARGEST_SIDE_PX} px a side; its header says {width}x{height}. "
            "Convert it to a smaller size, or remove it from the clips."
        )
    # Phones store the picture as the sensor lies, with the rotation in the header; OpenCV ignores it by default.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture
