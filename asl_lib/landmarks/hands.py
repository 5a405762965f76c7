"""The hand in a photograph: 21 landmarks, or none."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.features.handshape import describe_hand
from asl_lib.landmarks.tracker import require_mediapipe

BORDER = 0.25
"""How much border is put around a photograph, in widths: MediaPipe's palm detector expects a hand with some room
around it, and misses one in six of those that fill the picture."""
SHORTEST_SIDE_PX = 200
CONFIDENCE = 0.1
"""We know that there is a hand, so nearly any certainty will do."""


def find_hands(images: Iterable[np.ndarray], *, border: float = BORDER, confidence: float = CONFIDENCE) -> np.ndarray:
    """Return the landmarks of the one hand in each square photograph.

    Args:
        images: (size, size, 3) uint8 RGB.
        border: border to put around each, in widths of it; the picture's edge is continued.
        confidence: least certainty of the palm detector, from 0 to 1.

    Returns:
        (n, 21, 3) float32: x and y in widths of the photograph, z in the same unit with the wrist as 0; NaN where no
        hand was found.
    """
    import cv2

    found = []
    with quiet_native_stderr():
        tracker = require_mediapipe().hands.Hands(
            static_image_mode=True, max_num_hands=1, min_detection_confidence=confidence
        )
    with tracker:
        for image in images:
            scale = max(1, -(-SHORTEST_SIDE_PX // len(image)))
            large = cv2.resize(np.asarray(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            margin = round(border * len(large))
            large = cv2.copyMakeBorder(large, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            with quiet_native_stderr():
                hands = tracker.process(large).multi_hand_landmarks
            if hands is None:
                found.append(np.full((21, 3), np.nan, np.float32))
                continue
            points = np.array([(p.x, p.y, p.z) for p in hands[0].landmark], np.float32)
            found.append(points * (1 + 2 * border) - np.array([border, border, 0], np.float32))
    return np.stack(found) if found else np.empty((0, 21, 3), np.float32)


def describe_photographs(hands: np.ndarray) -> np.ndarray:
    """Return (n, 182): what `describe_hand` says of (n, 21, 3) hands, flat and in depth; 0 where none was found.

    Left hands are turned into right ones first: a letter is the same letter on either hand. Which one it is says the
    thumb's side of the palm, seen from the front.
    """
    upright = hands.copy()
    # Of a right hand whose palm faces the camera, index and little finger lie clockwise around the wrist.
    index, pinky = (hands[:, joint, :2] - hands[:, 0, :2] for joint in (5, 17))
    left = index[:, 0] * pinky[:, 1] - index[:, 1] * pinky[:, 0] > 0
    upright[left, :, 0] *= -1
    own = upright - upright[:, :1]
    return np.nan_to_num(np.concatenate([describe_hand(own[..., :2]), describe_hand(own)], axis=-1)).astype(np.float32)


def build_hand_mlp(*, units: int = 128, seed: int = 42) -> Any:
    """Return a multilayer perceptron of scikit-learn on what `describe_photographs` says: `fit(X, y)`, `predict_proba`.

    Args:
        units: width of its one hidden layer.
        seed: where its randomness starts.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    class Perceptron(MLPClassifier):
        """It ends after a set number of passes, as the networks of notebook 08 do: nothing to be warned of."""

        def fit(self, X: Any, y: Any) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                return super().fit(X, y)

    perceptron = Perceptron((units,), alpha=1.0e-2, max_iter=150, random_state=seed)
    return make_pipeline(StandardScaler(), perceptron)
