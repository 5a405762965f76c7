"""Fingerspelling: the handshape in a box of the picture, recognised as a letter."""

from __future__ import annotations

from typing import Any

import numpy as np

from asl_lib.landmarks.hands import HandFinder
from asl_lib.live.recogniser import FrameRecogniser, LiveSettings, Recognition
from asl_lib.live.words import Commits, Smoother

BOX_HEIGHTS = 0.5
"""Side of the box, in heights of the picture."""
LETTER_SETTINGS = LiveSettings(threshold=0.6, memory_s=0.4, hold_s=0.8, every=1)


class LetterRecogniser(FrameRecogniser):
    """Recognises the letter that is held in the box, with a network of notebook 08.

    A network that was trained on letters only finds one on every wall. The box is therefore classified only while
    there is a hand in it.

    Args:
        classifier: a `networks.Classifier` with a `PhotographRecipe`.
        settings: how to decide; None for `LETTER_SETTINGS`.
        left_handed: put the box on the left hand's side.
    """

    def __init__(self, classifier: Any, *, settings: LiveSettings | None = None, left_handed: bool = False) -> None:
        self.left_handed = left_handed
        self._finder = HandFinder(confidence=0.4)
        super().__init__(classifier, settings=settings or LETTER_SETTINGS)

    def reset(self) -> None:
        self._finder.reset()
        self._smoother = Smoother(len(self.classifier.glosses))
        self._commits = Commits()
        self._last = Recognition(0.0)

    def start(self, time_s: float, *, countdown_s: float = 0.0, capture_s: float | None = None) -> None:
        """Start anew: letters need no countdown."""
        self.reset()

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the box in px, in a picture of a width and height.

        The right hand of a person who faces the camera is in the left half of its picture.
        """
        width, height = size
        side = min(round(BOX_HEIGHTS * height), width)
        left = round((0.75 if self.left_handed else 0.25) * width - side / 2)
        left, top = min(max(0, left), width - side), (height - side) // 2
        return left, top, left + side, top + side

    def process(self, frame: np.ndarray, time_s: float) -> Recognition:
        box = left, top, right, bottom = self.box((frame.shape[1], frame.shape[0]))
        inside = np.ascontiguousarray(frame[top:bottom, left:right])
        points = self._finder.track(inside)
        settings, smoother = self.settings, self._smoother
        if points is None:
            smoother.reset()
            self._commits.ended(None)
            self._last = Recognition(time_s, box=box)
            return self._last
        points[:, :2] = (points[:, :2] * (right - left) + (left, top)) / (frame.shape[1], frame.shape[0])
        smoother.tune(memory_s=settings.memory_s, threshold=settings.threshold, margin=settings.margin)
        shown = smoother.update(self.classifier(inside), time_s)
        self._commits.hold_s = settings.hold_s
        letter = self._commits.held(smoother.sure, smoother.since_s, time_s)
        hand = "left_hand" if self.left_handed else "right_hand"
        self._last = Recognition(
            time_s,
            hands=(hand,),
            signing=True,
            top=self._top(smoother.mean),
            shown=self._gloss(shown),
            committed=self._gloss(letter),
            parts={hand: points},
            box=box,
        )
        return self._last
