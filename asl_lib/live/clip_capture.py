"""Press-and-sign for the networks that classify the video itself: a countdown, a capture, a result."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from asl_lib.data.video import MediaError
from asl_lib.features.optical_flow import flow_colours, optical_flow
from asl_lib.features.resampling import nearest_frames
from asl_lib.live.recogniser import FrameRecogniser, Recognition

INSET_PX = 112
FULL_COLOUR_PX = 6.0
"""Movement, in px of the inset, that gets the full colour."""


class ClipCapture(FrameRecogniser):
    """Captures one sign after `start`, and recognises it with a network of notebook 10.

    A video network was trained on whole clips of one sign each. It is therefore given all frames from the end of the
    countdown to the end of the capture. Where its input is optical flow, the flow is shown during the capture.

    Args:
        classifier: a `networks.Classifier` with a `VideoRecipe`.
        settings: only `threshold` and `fps` are used.
    """

    capture_s = 2.5

    def close(self) -> None:
        self._frames: list[tuple[float, np.ndarray]] = []

    def reset(self) -> None:
        self.close()
        self._capture = None
        self._previous: np.ndarray | None = None
        self._last = Recognition(0.0, phase="waiting")

    def process(self, frame: np.ndarray, time_s: float) -> Recognition:
        about: dict[str, Any] = {"time_s": time_s, "inset": self._flow(frame) if self.classifier.recipe.flow else None}
        last, (begin_s, end_s) = self._last, self._capture or (np.inf, np.inf)
        if self._capture is None:
            self._last = Recognition(**about, phase="waiting")
        elif time_s < begin_s:
            self._last = Recognition(**about, phase="countdown", left_s=begin_s - time_s)
        elif time_s <= end_s:
            self._frames.append((time_s, self.classifier.recipe.square(frame)))
            self._last = Recognition(**about, phase="capture", signing=True, left_s=end_s - time_s)
        elif self._frames:
            self._last = self._captured(self._classify(), **about)
        else:
            self._last = Recognition(**about, phase="done", top=last.top, shown=last.shown)
        return self._last

    def finish(self) -> Recognition:
        if self._frames:
            self._last = self._captured(self._classify(), time_s=self._last.time_s, inset=self._last.inset)
        return self._last

    def _classify(self) -> np.ndarray | None:
        """Return (classes,) probabilities of the captured frames, or None where there are too few."""
        frames, self._frames = self._frames, []
        nearest = nearest_frames(np.array([time_s for time_s, _ in frames]), fps=self.settings.fps)
        try:
            return self.classifier([frames[index][1] for index in nearest])
        except MediaError:
            return None

    def _flow(self, frame: np.ndarray) -> np.ndarray | None:
        """Return a small picture of the movement since the previous frame, or None for the first."""
        scale = INSET_PX / min(frame.shape[:2])
        size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
        small, previous = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)), self._previous
        self._previous = small
        if previous is None or previous.shape != small.shape:
            return None
        (flow,) = optical_flow([previous, small], method="dis")
        return flow_colours(flow, bound_px=FULL_COLOUR_PX)
