"""Record your own signs, prompted gloss by gloss: `recordings/<signer>/<gloss>/NN.mp4`, ready for the course."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asl_lib.data.video import write_video
from asl_lib.live.errors import LiveError
from asl_lib.live.timing import even_moments

RECORDING_FPS = 25.0
SHORTEST_S = 0.012
"""Frames that are nearer to the last one are left out: memory holds at most 84 a second, whatever is sent."""
SAFE_NAME = re.compile(r"[\w][\w .'&()+-]*", re.UNICODE)


@dataclass(frozen=True)
class Prompt:
    """What to tell the signer now.

    Attributes:
        phase: "ready" (press to begin), "countdown", "capture", "review" (keep or repeat) or "finished".
        gloss: the sign asked for.
        number, total: which recording of how many this is, counted from 1.
        left_s: seconds to the end of the countdown or the capture.
        frames: (n, H, W, 3) uint8 frames of what was captured, in "review".
    """

    phase: str
    gloss: str = ""
    number: int = 0
    total: int = 0
    left_s: float = 0.0
    frames: tuple[np.ndarray, ...] = ()


class RecordingSession:
    """Asks for one sign after another; nothing is written before the signer has said that it is good.

    The frames are kept as the camera saw them, not mirrored, at 25 a second by their times.

    Args:
        folder: where the recordings go, usually `data/recordings`.
        signer: whose folder.
        glosses: the signs to ask for, in order.
        repetitions: how often each; all signs come once before any comes twice, so that repetitions differ as they do
            in life.
        countdown_s, capture_s: how long.

    Raises:
        LiveError: a name that cannot be a folder's, or no gloss.

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
                if not SAFE_NAME.fullmatch(name) or name.strip() != name or name.endswith("."):
                    raise LiveError(
                        f"{what} becomes a folder, so it must be made of letters, digits, spaces, '-' and '_', and "
                        f"begin with a letter or digit; got {name!r}."
                    )
        if not glosses or repetitions < 1 or capture_s <= 0:
            raise LiveError(
                "A recording session needs at least one gloss, one repetition and some time to capture; got "
                f"{len(glosses)}, {repetitions} and {capture_s} s."
            )
        self.folder, self.signer = Path(folder), signer
        self.countdown_s, self.capture_s = countdown_s, capture_s
        self.asked = [gloss for _ in range(repetitions) for gloss in glosses]
        self.kept: list[Path] = []
        self._at = 0
        self._began_s: float | None = None
        self._captured: list[tuple[float, np.ndarray]] = []
        self._phase = "ready"

    @property
    def prompt(self) -> Prompt:
        """What to tell the signer, between two frames."""
        return self._prompt(0.0)

    def start(self, time_s: float) -> None:
        """Begin the countdown; in review, throw away what was captured and begin again."""
        if self._phase != "finished":
            self._phase, self._began_s, self._captured = "countdown", time_s, []

    def see(self, frame: np.ndarray, time_s: float) -> Prompt:
        """Take the next (H, W, 3) uint8 RGB frame, not mirrored, and return what to tell the signer."""
        elapsed_s = 0.0 if self._began_s is None else time_s - self._began_s
        if self._phase == "countdown" and elapsed_s >= self.countdown_s:
            self._phase = "capture"
        if self._phase == "capture":
            if elapsed_s <= self.countdown_s + self.capture_s and self._fits(frame):
                if not self._captured or time_s - self._captured[-1][0] >= SHORTEST_S:
                    self._captured.append((time_s, frame.copy()))
            else:
                self._phase = "review" if len(self._captured) >= 2 else "ready"
        return self._prompt(elapsed_s)

    def keep(self) -> Path:
        """Write what was captured, go on to the next sign, and return the file.

        Raises:
            LiveError: nothing was captured.
            OSError: it cannot be written; it can be kept again.
        """
        if self._phase != "review":
            raise LiveError("There is nothing to keep yet. Start, sign, and keep what you like.")
        folder = self.folder / self.signer / self.asked[self._at]
        number = 1
        while (path := folder / f"{number:02d}.mp4").exists():
            number += 1
        write_video(path, self._even_frames(), fps=RECORDING_FPS)
        self.kept.append(path)
        self._go_on()
        return path

    def skip(self) -> None:
        """Go on to the next sign without a recording."""
        if self._phase != "finished":
            self._go_on()

    def _go_on(self) -> None:
        self._at += 1
        self._captured, self._began_s = [], None
        self._phase = "ready" if self._at < len(self.asked) else "finished"

    def _fits(self, frame: np.ndarray) -> bool:
        """Say whether a frame has the size of those before: a phone that is turned ends the capture."""
        return not self._captured or self._captured[0][1].shape == frame.shape

    def _even_frames(self) -> list[np.ndarray]:
        """Return the captured frames at an even rate: of each moment the frame nearest in time, with even sides."""
        times = np.array([time_s for time_s, _ in self._captured])
        nearest = even_moments(times, fps=RECORDING_FPS)
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
