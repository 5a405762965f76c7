"""Recordings: one's own signs, prompted gloss by gloss."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asl_lib.data.dataset import OWN_FOLDERS
from asl_lib.data.names import clean_name
from asl_lib.data.video import write_video
from asl_lib.features.resampling import nearest_frames
from asl_lib.live.errors import LiveError

RECORDING_FPS = 25.0
MIN_INTERVAL_S = 0.012
"""Frames closer to the last one are left out: memory holds at most 84 a second."""
SAFE_NAME = re.compile(r"[\w][\w .'&()+-]*", re.UNICODE)
LONGEST_FOLDER_BYTES = 90
"""Signer, gloss and number together are the name of a file of landmarks: file systems take 255 bytes."""


@dataclass(frozen=True)
class Prompt:
    """What the signer is asked to do now.

    Attributes:
        phase: "ready" (press to begin), "countdown", "capture", "review" (keep or repeat) or "finished".
        gloss: the sign to record.
        number, total: number of this recording, counted from 1, and of all.
        left_s: seconds to the end of the countdown or the capture.
        frames: the captured (H, W, 3) uint8 frames, in "review".
    """

    phase: str
    gloss: str = ""
    number: int = 0
    total: int = 0
    left_s: float = 0.0
    frames: tuple[np.ndarray, ...] = ()


class RecordingSession:
    """Prompts for one sign after another and writes `<folder>/<signer>/<gloss>/NN.mp4`, which the course reads.

    Nothing is written before the signer keeps a recording. Frames are stored as the camera saw them, not mirrored, at
    25 a second by their times.

    Args:
        folder: where the recordings go, usually `data/recordings`.
        signer: name of the signer's folder.
        glosses: the signs to record, in order.
        repetitions: recordings of each; all signs come once before any comes twice, so that repetitions differ as they
            do in life.
        countdown_s, capture_s: length of both, in seconds.

    Raises:
        LiveError: a name cannot be the name of a folder, or there is no gloss.

    >>> session = RecordingSession("data/recordings", signer="ana", glosses=["HELLO", "THANK-YOU"])
    >>> session.start(time_s=0.0)
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        signer: str,
        glosses: Sequence[str],
        repetitions: int = 3,
        countdown_s: float = 3.0,
        capture_s: float = 2.5,
    ) -> None:
        for what, names in (("A signer's name", [signer]), ("A gloss", glosses)):
            for name in names:
                if not is_folder_name(name):
                    raise LiveError(
                        f"{what} becomes a folder, so it must be made of letters, digits, spaces, '-' and '_', "
                        f"begin with a letter or digit, and have at most {LONGEST_FOLDER_BYTES} bytes; "
                        f"got {name[:99]!r}."
                    )
        if signer in OWN_FOLDERS:
            raise LiveError(f"The course writes a folder '{signer}' itself: give the signer another name.")
        if not glosses or repetitions < 1 or capture_s <= 0:
            raise LiveError(
                "A recording session needs at least one gloss, one repetition and some time to capture; got "
                f"{len(glosses)}, {repetitions} and {capture_s} s."
            )
        self.folder, self.signer = Path(folder), clean_name(signer)
        self.countdown_s, self.capture_s = countdown_s, capture_s
        self.asked = [gloss for _ in range(repetitions) for gloss in map(clean_name, glosses)]
        self.kept: list[Path] = []
        self._at = 0
        self._began_s: float | None = None
        self._captured: list[tuple[float, np.ndarray]] = []
        self._phase = "ready"

    @property
    def prompt(self) -> Prompt:
        """The prompt between two frames."""
        return self._prompt(0.0)

    def start(self, time_s: float) -> None:
        """Begin the countdown; in review, discard the capture and begin again."""
        if self._phase != "finished":
            self._phase, self._began_s, self._captured = "countdown", time_s, []

    def process(self, frame: np.ndarray, time_s: float) -> Prompt:
        """Process the next (H, W, 3) uint8 RGB frame, not mirrored, and return the prompt."""
        elapsed_s = 0.0 if self._began_s is None else time_s - self._began_s
        if self._phase == "countdown" and elapsed_s >= self.countdown_s:
            self._phase = "capture"
        if self._phase == "capture":
            if elapsed_s <= self.countdown_s + self.capture_s and self._fits(frame):
                if not self._captured or time_s - self._captured[-1][0] >= MIN_INTERVAL_S:
                    self._captured.append((time_s, frame.copy()))
            else:
                self._phase = "review" if len(self._captured) >= 2 else "ready"
        return self._prompt(elapsed_s)

    def keep(self) -> Path:
        """Write the capture, continue with the next sign, and return the file.

        Raises:
            LiveError: there is no capture.
            OSError: the file cannot be written; `keep` can be called again.
        """
        if self._phase != "review":
            raise LiveError("There is nothing to keep yet. Press Start and sign; then you can keep the recording.")
        path = next_recording(self.folder / self.signer / self.asked[self._at], ".mp4")
        write_video(path, self._even_frames(), fps=RECORDING_FPS)
        self.kept.append(path)
        self._next()
        return path

    def skip(self) -> None:
        """Continue with the next sign without a recording."""
        if self._phase != "finished":
            self._next()

    def _next(self) -> None:
        self._at += 1
        self._captured, self._began_s = [], None
        self._phase = "ready" if self._at < len(self.asked) else "finished"

    def _fits(self, frame: np.ndarray) -> bool:
        """Return whether a frame has the size of the others: a phone that is turned ends the capture."""
        return not self._captured or self._captured[0][1].shape == frame.shape

    def _even_frames(self) -> list[np.ndarray]:
        """Return the captured frames at an even rate and with even sides."""
        nearest = nearest_frames(np.array([time_s for time_s, _ in self._captured]), fps=RECORDING_FPS)
        height, width = (side // 2 * 2 for side in self._captured[0][1].shape[:2])
        return [self._captured[index][1][:height, :width] for index in nearest]

    def _prompt(self, elapsed_s: float) -> Prompt:
        total = len(self.asked)
        if self._phase == "finished":
            return Prompt("finished", number=total, total=total)
        ends_s = {"countdown": self.countdown_s, "capture": self.countdown_s + self.capture_s}.get(self._phase, 0.0)
        frames = tuple(frame for _, frame in self._captured) if self._phase == "review" else ()
        left_s = max(0.0, ends_s - elapsed_s)
        return Prompt(self._phase, self.asked[self._at], self._at + 1, total, left_s, frames)


def next_recording(folder: Path, suffix: str) -> Path:
    """Return the path of the next recording in a gloss's folder: the first number that has no file."""
    number = 1
    while any(folder.glob(f"{number:02d}.*")):
        number += 1
    return folder / f"{number:02d}{suffix}"


def is_folder_name(name: str) -> bool:
    """Return whether a name can be the name of a folder on every system.

    The few names that Windows has for devices (CON, AUX, NUL) are allowed: some are words, and so glosses.
    """
    # A vowel sign or an accent of its own belongs to the letter before it, but is no letter to `re`.
    letters = name[:1] + "".join(character for character in name[1:] if unicodedata.category(character)[0] != "M")
    short = len(name.encode(errors="replace")) <= LONGEST_FOLDER_BYTES
    return bool(SAFE_NAME.fullmatch(letters)) and name.strip() == name and name[-1] != "." and short
