"""The letter box: a square in the picture, and the handshape in it as a letter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.features.photographs import fit_square
from asl_lib.features.picture_recipes import PhotographRecipe
from asl_lib.landmarks.tracker import require_mediapipe
from asl_lib.live.recogniser import LiveSettings, Seen, best_of
from asl_lib.live.smoothing import Commits, Smoother

BOX_HEIGHTS = 0.5
"""Side of the box, in heights of the picture."""
LETTER_SETTINGS = LiveSettings(threshold=0.6, memory_s=0.4, hold_s=0.8, every=1)
Box = tuple[int, int, int, int]


class LetterClassifier:
    """A network of notebook 08 with its recipe, compiled for one picture at a time; all sessions can share it."""

    def __init__(self, model: Any, recipe: PhotographRecipe) -> None:
        from asl_lib.training.fit import compile_predictor

        self.recipe, self.glosses = recipe, recipe.glosses
        self._probabilities: Callable[[np.ndarray], np.ndarray] = compile_predictor(model)

    @classmethod
    def load(cls, folder: str | Path) -> LetterClassifier:
        """Load what notebook 08 left in a folder.

        Raises:
            TrainingError: there is no network for photographs.
        """
        from asl_lib.training.images import load_image_model

        return cls(*load_image_model(folder))

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Return (classes,) probabilities of a (H, W, 3) uint8 picture, fitted into a square as in training."""
        return self._probabilities(fit_square(picture, size=self.recipe.size).astype(np.float32))


class LetterBox:
    """Names the letter in the box once it is held; has the methods of `Recogniser`, so any face can show it.

    A network that has learned letters alone finds one on every wall. So a picture is only asked about while MediaPipe
    sees a hand in the box.

    Args:
        classifier: what names a picture.
        settings: how to decide.
        left_handed: put the box on the other side.
    """

    def __init__(
        self, classifier: LetterClassifier, *, settings: LiveSettings = LETTER_SETTINGS, left_handed: bool = False
    ) -> None:
        self.classifier, self.settings, self.left_handed = classifier, settings, left_handed
        self._tracker: Any = None
        self.reset()

    def __enter__(self) -> LetterBox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the tracker's memory back."""
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None

    def reset(self) -> None:
        """Forget what was seen."""
        self._smoother = Smoother(len(self.classifier.glosses))
        self._commits = Commits()
        self._last = Seen(0.0)

    def start(self, time_s: float, *, countdown_s: float = 0.0, capture_s: float = 0.0) -> None:
        """Begin anew: letters need no countdown."""
        self.reset()

    def finish(self) -> Seen:
        """Return what was known after the last frame."""
        return self._last

    def box(self, size: tuple[int, int]) -> Box:
        """Return left, top, right and bottom of the box in px, in a picture of a width and height.

        In the camera's picture the right hand of somebody who faces it is on the left.
        """
        width, height = size
        side = min(round(BOX_HEIGHTS * height), width)
        left = round((0.75 if self.left_handed else 0.25) * width - side / 2)
        left, top = min(max(0, left), width - side), (height - side) // 2
        return left, top, left + side, top + side

    def see(self, frame: np.ndarray, time_s: float) -> Seen:
        """Look at the box in a (H, W, 3) uint8 RGB frame, not mirrored, and return what is known now."""
        box = left, top, right, bottom = self.box((frame.shape[1], frame.shape[0]))
        inside = np.ascontiguousarray(frame[top:bottom, left:right])
        hand = self._hand(inside)
        about: dict[str, Any] = {"time_s": time_s, "box": box}
        if hand is None:
            self._smoother.reset()
            self._commits.ended(None)
            self._last = Seen(**about)
            return self._last
        points = hand.copy()
        points[:, :2] = (points[:, :2] * (right - left) + (left, top)) / (frame.shape[1], frame.shape[0])
        settings, smoother = self.settings, self._smoother
        smoother.tune(memory_s=settings.memory_s, threshold=settings.threshold, margin=settings.margin)
        shown = smoother.update(self.classifier(inside), time_s)
        self._commits.hold_s = settings.hold_s
        letter = self._commits.held(shown, smoother.since_s, time_s)
        glosses = self.classifier.glosses
        self._last = Seen(
            **about,
            hands=("left_hand" if self.left_handed else "right_hand",),
            signing=True,
            top=best_of(smoother.mean, glosses),
            shown="" if shown is None else glosses[shown],
            committed="" if letter is None else glosses[letter],
            parts={"right_hand": points},
        )
        return self._last

    def _hand(self, picture: np.ndarray) -> np.ndarray | None:
        """Return (21, 3) landmarks of the hand in the box, in its width and height, or None."""
        if self._tracker is None:
            with quiet_native_stderr():
                self._tracker = require_mediapipe().hands.Hands(max_num_hands=1, min_detection_confidence=0.4)
        found = self._tracker.process(picture).multi_hand_landmarks
        if not found:
            return None
        return np.array([(p.x, p.y, p.z) for p in found[0].landmark], np.float32)
