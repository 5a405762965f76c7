"""Recognition in a stream of frames: frames with their times in, signs and words out.

Features are made by `recipe.transform`, as in training: replaying a clip gives the probabilities of the notebooks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np

from asl_lib.features.body import LEFT_SHOULDER, LEFT_WRIST, RIGHT_SHOULDER, RIGHT_WRIST
from asl_lib.features.handshape import WRIST
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.features.resampling import resample_in_time
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.landmarks.tracker import Tracker, filter_step
from asl_lib.landmarks.trackers import open_tracker
from asl_lib.live.errors import LiveError
from asl_lib.live.words import Commits, Smoother

TOP = 3
RAISED_WIDTHS = 1.05
"""A wrist is raised down to this many shoulder widths below the shoulders: about where the ribs end."""


@dataclass(frozen=True)
class LiveSettings:
    """Settings of a recogniser; all of them may be changed while it runs.

    Attributes:
        threshold: least probability of a sign that is named; below it the sign is unknown.
        every: frames between two predictions during a sign.
        window_s: longest stretch that is classified, in seconds.
        lead_s: time before the hand is raised and after it is lowered that belongs to a sign, in seconds: recorded
            clips begin and end like this.
        rest_s: how long the hands must be lowered for a sign to end.
        shortest_s: a shorter movement is not a sign.
        memory_s, margin: see `words.Smoother`.
        settle_s: how long a guess must last to be shown before its sign has ended: many signs begin alike.
        hold_s: how long one sign must be shown to become a word while the hands stay raised, see `words.Commits`.
        fps: rate to which the frames of a sign are resampled by their times, so that cameras with 15, 25 and 30 frames
            a second give the same features: the rate of the recordings that the model was trained on. For a file the
            commands set the file's own rate, which leaves frames at a constant rate as they are.
    """

    threshold: float = 0.4
    every: int = 2
    window_s: float = 3.0
    lead_s: float = 0.1
    rest_s: float = 0.25
    shortest_s: float = 0.3
    memory_s: float = 0.3
    margin: float = 0.15
    settle_s: float = 0.5
    hold_s: float = 1.0
    fps: float = 25.0

    def __post_init__(self) -> None:
        if not (0 <= self.threshold <= 1 and self.every >= 1 and self.window_s > 0 and self.fps > 0):
            raise LiveError(
                "threshold must be between 0 and 1, every at least 1, window_s and fps above 0; got "
                f"{self.threshold}, {self.every}, {self.window_s} and {self.fps}."
            )


@dataclass(frozen=True)
class Recognition:
    """The state of recognition after a frame.

    Attributes:
        time_s: time of the frame.
        hands: "left_hand" and "right_hand", where they are in view.
        signing: whether a sign is in progress: a hand is raised, or has been lowered only for a moment.
        phase: "continuous"; in press-and-sign "waiting", "countdown", "capture" or "done".
        left_s: seconds to the end of the countdown or the capture.
        top: the three most probable glosses with their (smoothed) probabilities, best first; those of the last sign
            until a new one has been classified.
        shown: the gloss to show, or "" for unknown; it stays until the next sign is known.
        committed: the gloss that became a word with this frame, or "".
        refused: whether the last movement was none of the signs that are known, until the next one begins.
        parts: part -> (l, 4) x, y, z and confidence, for `overlay.draw_frame`.
        inset: (h, w, 3) uint8 RGB picture of the classifier's input, where it is not the camera's picture.
        box: left, top, right, bottom in px of the part of the picture that is classified; empty for all of it.
    """

    time_s: float
    hands: tuple[str, ...] = ()
    signing: bool = False
    phase: str = "continuous"
    left_s: float = 0.0
    top: tuple[tuple[str, float], ...] = ()
    shown: str = ""
    committed: str = ""
    refused: bool = False
    parts: dict[str, np.ndarray] = field(default_factory=dict)
    box: tuple[int, ...] = ()
    inset: np.ndarray | None = None


class FrameRecogniser:
    """Base class of the recognisers of one signer's signs or letters in frames; use it in a `with` block.

    Args:
        classifier: a `networks.Classifier`: the model with its recipe and its glosses.
        settings: None for the defaults.
    """

    capture_s = 3.0
    """Default length of a capture in press-and-sign."""

    def __init__(self, classifier: Any, *, settings: LiveSettings | None = None) -> None:
        self.classifier, self.settings = classifier, settings or LiveSettings()
        self._capture: tuple[float, float] | None = None
        self._last = Recognition(0.0)
        self.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory of the tracker and of captured frames."""

    def reset(self) -> None:
        """Forget all frames: another signer, clip or camera starts."""
        raise NotImplementedError

    def start(self, time_s: float, *, countdown_s: float = 3.0, capture_s: float | None = None) -> None:
        """Begin press-and-sign: a countdown, then a capture, in which one sign is recognised."""
        self.reset()
        begin_s = time_s + countdown_s
        self._capture = (begin_s, begin_s + (self.capture_s if capture_s is None else capture_s))

    def teach(self, gloss: str) -> None:
        """Learn the last movement that ended as a clip of a sign.

        Raises:
            LiveError: this recogniser cannot learn, or has nothing to learn from.
            RecipeError: the movement does not show what the recipe needs.
        """
        raise LiveError("This recogniser cannot learn signs: only one for landmarks with a sign embedding can.")

    def process(self, frame: np.ndarray, time_s: float) -> Recognition:
        """Process the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB, as the camera sees it: not mirrored.
            time_s: when it was taken, on a clock that does not run backwards.
        """
        raise NotImplementedError

    def finish(self) -> Recognition:
        """Return what is recognised after the last frame: a sign in progress, or a capture, has ended."""
        return self._last

    def _top(self, probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
        """Return the three most probable glosses with their probabilities, best first; none where all are 0."""
        best = np.argsort(-probabilities, kind="stable")[:TOP]
        return tuple((self.classifier.glosses[i], float(probabilities[i])) for i in best if probabilities.any())

    def _label(self, probabilities: np.ndarray) -> int | None:
        """Return the most probable class, or None where its probability is below the threshold, or 0."""
        best = int(np.argmax(probabilities))
        return best if probabilities[best] > 0 and probabilities[best] >= self.settings.threshold else None

    def _gloss(self, label: int | None) -> str:
        return "" if label is None else self.classifier.glosses[label]

    def _captured(self, probabilities: np.ndarray | None, **about: Any) -> Recognition:
        """Return the result of a capture; `probabilities` are None where nothing could be classified."""
        if probabilities is None:
            return Recognition(**about, phase="done")
        gloss = self._gloss(self._label(probabilities))
        return Recognition(
            **about, phase="done", top=self._top(probabilities), shown=gloss, committed=gloss,
            refused=is_refused(probabilities),
        )  # fmt: skip


class LandmarkClassifier(Protocol):
    """What `SignRecogniser` needs of a `networks.Classifier`, a module that imports this one."""

    recipe: FeatureRecipe
    glosses: tuple[str, ...]

    def __call__(self, clip: Landmarks, /) -> np.ndarray:
        """Return (classes,) probabilities. Where they sum to less than 1, the rest is that of "none of the signs"."""


class SignRecogniser(FrameRecogniser):
    """Recognises isolated signs from the landmarks of one signer.

    There are two modes. **Continuous**: a sign begins when a hand is raised and ends when it is lowered; what lies
    between is classified every few frames, and becomes a word when the sign ends. **Press-and-sign**: after `start`, a
    countdown and a capture of some seconds, which is classified as a whole.

    >>> with SignRecogniser(Classifier.load("outputs/demo/attention_lstm/held_out_ben+eli+hana")) as recogniser:
    ...     for time_s, picture in read_frames("clip.mp4"):
    ...         recognition = recogniser.process(picture, time_s)
    """

    def __init__(self, classifier: LandmarkClassifier, *, settings: LiveSettings | None = None) -> None:
        self.parts = classifier.recipe.tracked_parts
        self._tracker: Tracker | None = None
        self._size = (0, 0)
        self._movement: Landmarks | None = None  # the last one that ended
        super().__init__(classifier, settings=settings)

    def __enter__(self) -> Self:
        # The first frames of a video, or of a camera, must not wait for the tracker's models.
        self._opened()
        return self

    def close(self) -> None:
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None

    def _opened(self) -> Tracker:
        self._tracker = self._tracker or open_tracker(self.classifier.recipe.tracker, self.parts, threads=2)
        return self._tracker

    def reset(self) -> None:
        if self._tracker is not None:
            self._tracker.reset()
        self._frames: deque[tuple[float, np.ndarray]] = deque()
        self._smoother = Smoother(len(self.classifier.glosses))
        self._commits = Commits()
        self._began_s: float | None = None
        self._raised_s = 0.0
        self._since_prediction = 0
        self._last = Recognition(0.0)
        self._capture = None

    def process(self, frame: np.ndarray, time_s: float) -> Recognition:
        size = (frame.shape[1], frame.shape[0])
        if self._size not in ((0, 0), size):
            capture = self._capture
            self.reset()  # another camera, or a phone that was turned
            self._capture = capture
        seconds = filter_step(time_s - self._last.time_s, self.settings.fps)
        return self.process_landmarks(self._opened().track(frame, seconds=seconds), time_s, size=size)

    def process_landmarks(self, values: np.ndarray, time_s: float, *, size: tuple[int, int]) -> Recognition:
        """Process the landmarks of the next frame, tracked elsewhere.

        Args:
            values: (L, 4) float32 of `parts`, as `Tracker.track` returns them.
            time_s: when the frame was taken.
            size: its width and height in px.
        """
        self._size = size
        ends = np.cumsum([PARTS[part] for part in self.parts])
        parts = dict(zip(self.parts, np.split(values, ends[:-1]), strict=True))
        about: dict[str, Any] = {"time_s": time_s, "parts": parts}
        about["hands"] = tuple(hand for hand in ("left_hand", "right_hand") if _in_view(parts.get(hand)))
        if self._capture is not None:
            self._last = self._process_capture(values, time_s, about)
        else:
            self._last = self._process_continuous(values, time_s, about)
        return self._last

    def finish(self) -> Recognition:
        about = {"time_s": self._last.time_s, "parts": self._last.parts}
        if self._capture is not None and self._last.phase == "capture":
            self._last = self._captured(self._predict(-np.inf, np.inf, ended=True), **about)
        elif self._capture is None and self._began_s is not None:
            self._last = self._end_sign(about)
        else:
            self._last = replace(self._last, committed="")
        return self._last

    def teach(self, gloss: str) -> None:
        if not hasattr(self.classifier, "teach"):
            super().teach(gloss)
        if self._movement is None:
            raise LiveError("There is nothing to learn from yet: show the sign first.")
        movement = self._movement
        if self._capture is not None:  # it also shows the rest before the sign and after it
            raised, lead = raised_frames(movement), round(self.settings.lead_s * movement.fps)
            if not raised:
                raise LiveError("No hand was raised, so there is nothing to learn from: show the sign again.")
            frames = slice(max(0, raised[0] - lead), raised[-1] + lead + 1)
            points, confidence, times = movement.points[frames], movement.confidence[frames], movement.times[frames]
            movement = replace(movement, points=points, confidence=confidence, times=times)
        self.classifier.teach(gloss, movement)
        self._movement = None
        self.reset()  # the classes have changed

    def take_movement(self) -> Landmarks | None:
        """Return the last movement that ended, once; None where none has ended since the last call."""
        movement, self._movement = self._movement, None
        return movement

    def _process_capture(self, values: np.ndarray, time_s: float, about: dict[str, Any]) -> Recognition:
        begin_s, end_s = self._capture or (0.0, 0.0)
        if self._last.phase == "done":
            last = self._last
            return Recognition(**about, phase="done", top=last.top, shown=last.shown, refused=last.refused)
        if time_s < begin_s:
            return Recognition(**about, phase="countdown", left_s=begin_s - time_s)
        if time_s <= end_s:
            self._frames.append((time_s, values))
            return Recognition(**about, phase="capture", signing=True, left_s=end_s - time_s)
        return self._captured(self._predict(-np.inf, np.inf, ended=True), **about)

    def _process_continuous(self, values: np.ndarray, time_s: float, about: dict[str, Any]) -> Recognition:
        settings = self.settings
        self._frames.append((time_s, values))
        if hand_raised(about["parts"], self._size):
            self._raised_s = time_s
            if self._began_s is None:
                self._began_s, self._since_prediction = time_s, 0
        if self._began_s is None:
            self._forget_before(time_s - settings.lead_s)
            last = self._last
            return Recognition(**about, top=last.top, shown=last.shown, refused=last.refused)
        if time_s - self._raised_s >= settings.rest_s:
            return self._end_sign(about)
        first_s = max(self._began_s - settings.lead_s, time_s - settings.window_s)
        self._forget_before(first_s)
        self._since_prediction += 1
        if self._since_prediction >= settings.every:
            self._since_prediction = 0
            probabilities = self._predict(first_s, time_s)
            if probabilities is not None:
                smoother = self._smoother
                smoother.tune(memory_s=settings.memory_s, threshold=settings.threshold, margin=settings.margin)
                shown = smoother.update(probabilities, time_s)
                self._commits.hold_s = settings.hold_s
                # Part of a sign resembles many others, so only a long one gives words before it ends.
                long = time_s - self._began_s >= settings.hold_s + settings.window_s / 2
                word = self._commits.held(smoother.sure, smoother.since_s, time_s) if long else None
                settled = shown is not None and time_s - smoother.since_s >= settings.settle_s
                name = self._gloss(shown) if settled else self._last.shown
                return Recognition(
                    **about, signing=True, top=self._top(smoother.mean), shown=name, committed=self._gloss(word)
                )
        return Recognition(**about, signing=True, top=self._last.top, shown=self._last.shown)

    def _end_sign(self, about: dict[str, Any]) -> Recognition:
        """Classify the sign as a whole, from the raising of the hand to its lowering."""
        settings, began_s = self.settings, self._began_s or 0.0
        first_s, last_s = began_s - settings.lead_s, self._raised_s + settings.lead_s
        probabilities = None
        if self._raised_s - began_s >= settings.shortest_s:
            probabilities = self._predict(max(first_s, last_s - settings.window_s), last_s, ended=True)
        self._began_s = None
        self._smoother.reset()
        self._forget_before(about["time_s"] - settings.lead_s)
        if probabilities is None:
            return Recognition(**about, shown=self._last.shown)
        label = self._label(probabilities)
        return Recognition(
            **about, top=self._top(probabilities), shown=self._gloss(label),
            committed=self._gloss(self._commits.ended(label)), refused=is_refused(probabilities),
        )  # fmt: skip

    def _predict(self, first_s: float, last_s: float, *, ended: bool = False) -> np.ndarray | None:
        """Return (classes,) probabilities of the frames between two times, or None where they cannot be classified."""
        chosen = [(time_s, values) for time_s, values in self._frames if first_s <= time_s <= last_s]
        if len(chosen) < 2:
            return None
        times, values = np.array([time_s for time_s, _ in chosen]), np.stack([values for _, values in chosen])
        values = resample_in_time(values, times, fps=self.settings.fps)
        landmarks = Landmarks(values[..., :3], values[..., 3], self.parts, self.settings.fps, *self._size)
        if ended:
            self._movement = landmarks
        try:
            return self.classifier(landmarks)
        except RecipeError:  # no person in the picture
            return None

    def _forget_before(self, time_s: float) -> None:
        while self._frames and self._frames[0][0] < time_s - 1e-9:
            self._frames.popleft()


def hand_raised(parts: dict[str, np.ndarray], size: tuple[int, int]) -> bool:
    """Return whether a hand is raised in front of the body, which is when a sign is in progress.

    Where no shoulders are visible (a hand close to the camera, or a tracker of hands only) any hand in view counts.

    Args:
        parts: part -> (l, 3 or more) image-normalised points; NaN where not detected.
        size: width and height of the picture in px.
    """
    hands = {LEFT_WRIST: parts.get("left_hand"), RIGHT_WRIST: parts.get("right_hand")}
    seen = {wrist: hand is not None and not np.isnan(hand[WRIST, 0]) for wrist, hand in hands.items()}
    pose = parts.get("pose")
    if pose is None or np.isnan(pose[[LEFT_SHOULDER, RIGHT_SHOULDER], :2]).any():
        return any(seen.values())
    scale = np.array([1.0, size[1] / size[0]])
    left, right = pose[LEFT_SHOULDER, :2] * scale, pose[RIGHT_SHOULDER, :2] * scale
    lowest = (left[1] + right[1]) / 2 + RAISED_WIDTHS * float(np.linalg.norm(left - right))
    for wrist, hand in hands.items():
        # The hand's own wrist is more reliable; the pose's is a guess where the arm is out of the picture.
        point = hand[WRIST] if seen[wrist] and hand is not None else pose[wrist]
        if not np.isnan(point[1]) and point[1] <= 1 and point[1] * scale[1] <= lowest:
            return True
    return False


def raised_frames(landmarks: Landmarks) -> list[int]:
    """Return the indices of the frames of a clip in which a hand is raised, see `hand_raised`."""
    parts, size = {part: landmarks.part(part) for part in landmarks.parts}, (landmarks.width, landmarks.height)
    frames = range(len(landmarks.points))
    return [index for index in frames if hand_raised({part: points[index] for part, points in parts.items()}, size)]


def is_refused(probabilities: np.ndarray) -> bool:
    """Return whether "none of the signs" is the most probable: its probability is what the others lack to 1."""
    return bool(1 - probabilities.sum() > probabilities.max(initial=0.0))


def _in_view(points: np.ndarray | None) -> bool:
    return points is not None and not np.isnan(points[:, 0]).all()
