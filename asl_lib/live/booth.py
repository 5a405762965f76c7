"""Press-and-sign for the networks that look at the video itself: a countdown, a capture, an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib.features.optical_flow import flow_colours, optical_flow
from asl_lib.features.picture_recipes import VideoRecipe
from asl_lib.live.recogniser import LiveSettings, Seen, best_of, surest
from asl_lib.live.timing import even_moments

INSET_PX = 112
FULL_COLOUR_PX = 6.0
"""Movement, in px of the inset, that gets the full colour."""


class VideoClassifier:
    """A network of notebook 10 with its recipe, compiled for one clip at a time; all sessions can share it."""

    def __init__(self, model: Any, recipe: VideoRecipe) -> None:
        from asl_lib.training.fit import compile_predictor

        self.recipe, self.glosses = recipe, recipe.glosses
        self._probabilities = compile_predictor(model)

    @classmethod
    def load(cls, folder: str | Path) -> VideoClassifier:
        """Load what notebook 10 left in a folder.

        Raises:
            TrainingError: there is no network for videos.
        """
        from asl_lib.training.images import load_video_model

        return cls(*load_video_model(folder))

    def __call__(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Return (classes,) probabilities of a clip, of which `recipe.square` has made every frame ready.

        Raises:
            MediaError: there are fewer than two frames.
        """
        return self._probabilities(self.recipe.transform_squares(squares).astype(np.float32))


class Booth:
    """Captures one sign after `start` and names it; has the methods of `Recogniser`, so any face can show it.

    A video network has seen whole clips of people who sign once. So it is given just that: all frames from the end of a
    countdown to the end of the capture. Where it looks at optical flow, the flow is shown while it is captured.

    Args:
        classifier: what names a clip.
        settings: `threshold` and `fps` count here.
    """

    def __init__(self, classifier: VideoClassifier, *, settings: LiveSettings | None = None) -> None:
        self.classifier, self.settings = classifier, settings or LiveSettings()
        self.reset()

    def __enter__(self) -> Booth:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the captured frames' memory back."""
        self._frames: list[tuple[float, np.ndarray]] = []

    def reset(self) -> None:
        """Forget what was captured, and wait for `start`."""
        self.close()
        self._times: tuple[float, float] | None = None
        self._before: np.ndarray | None = None
        self._last = Seen(0.0, phase="waiting")

    def start(self, time_s: float, *, countdown_s: float = 3.0, capture_s: float = 2.5) -> None:
        """Begin a countdown, then a capture."""
        self.reset()
        self._times = (time_s + countdown_s, time_s + countdown_s + capture_s)

    def see(self, frame: np.ndarray, time_s: float) -> Seen:
        """Take the next (H, W, 3) uint8 RGB frame, not mirrored, and return what is known now."""
        inset = self._flow(frame) if self.classifier.recipe.flow else None
        if self._times is None:
            self._last = Seen(time_s, phase="waiting", inset=inset)
            return self._last
        begin_s, end_s = self._times
        if time_s < begin_s:
            self._last = Seen(time_s, phase="countdown", left_s=begin_s - time_s, inset=inset)
        elif time_s <= end_s:
            self._frames.append((time_s, self.classifier.recipe.square(frame)))
            self._last = Seen(time_s, phase="capture", signing=True, left_s=end_s - time_s, inset=inset)
        elif self._frames:
            self._last = self._recognise(time_s, inset)
        else:
            last = self._last
            self._last = Seen(time_s, phase="done", top=last.top, shown=last.shown, inset=inset)
        return self._last

    def finish(self) -> Seen:
        """Return what is known after the last frame: a capture that was going on is recognised."""
        if self._frames:
            self._last = self._recognise(self._last.time_s, self._last.inset)
        return self._last

    def _recognise(self, time_s: float, inset: np.ndarray | None) -> Seen:
        from asl_lib.data.video import MediaError

        frames, self._frames = self._frames, []
        nearest = even_moments(np.array([time_s for time_s, _ in frames]), fps=self.settings.fps)
        try:
            probabilities = self.classifier([frames[index][1] for index in nearest])
        except MediaError:  # the capture was over before it began
            return Seen(time_s, phase="done", inset=inset)
        glosses, label = self.classifier.glosses, surest(probabilities, self.settings.threshold)
        gloss = "" if label is None else glosses[label]
        top = best_of(probabilities, glosses)
        return Seen(time_s, phase="done", top=top, shown=gloss, committed=gloss, inset=inset)

    def _flow(self, frame: np.ndarray) -> np.ndarray | None:
        """Return a small picture of how everything moves since the frame before, or None for the first."""
        small, before = _small(frame, INSET_PX), self._before
        self._before = small
        if before is None or before.shape != small.shape:
            return None
        (flow,) = optical_flow([before, small], method="dis")
        return flow_colours(flow, bound_px=FULL_COLOUR_PX)


def _small(frame: np.ndarray, side: int) -> np.ndarray:
    """Return a frame whose shorter side has `side` px."""
    import cv2

    scale = side / min(frame.shape[:2])
    size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
