"""One recogniser for all faces of the live demo: frames with their times in, what is recognised out.

The features are `recipe.transform`'s, as in training: replaying a clip gives the probabilities of the notebooks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.landmarks.tracker import HolisticDetector
from asl_lib.live.activity import hands_up
from asl_lib.live.errors import LiveError
from asl_lib.live.smoothing import Commits, Smoother
from asl_lib.live.timing import in_even_time

TOP = 3


@dataclass(frozen=True)
class LiveSettings:
    """How the recogniser decides; all of them may be changed while it runs.

    Attributes:
        threshold: least probability of a sign that is named; below it the sign is "unknown".
        every: frames from one prediction to the next while somebody signs.
        window_s: longest stretch that is looked at, in seconds.
        lead_s: what belongs to a sign before the hand is up and after it is down, in seconds: recorded clips begin and
            end so.
        rest_s: how long the hands must be down for a sign to have ended.
        shortest_s: what is shorter is a twitch and no sign.
        memory_s, margin: see `smoothing.Smoother`.
        settle_s: how long a guess must last to be shown before its sign has ended: the beginning of a sign is the
            beginning of many.
        hold_s: how long one sign must be shown to become a word while the hands stay up, see `smoothing.Commits`.
        fps: frames per second of the recordings that the model was trained on. Frames of any camera are brought to this
            rate by their times, so 15, 25 and 30 frames a second give the same features.
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
class Seen:
    """What the recogniser knows after a frame.

    Attributes:
        time_s: time of the frame.
        hands: "left_hand" and "right_hand", where they are in view.
        signing: whether a sign is in progress: a hand is up, or has been down only for a moment.
        phase: "continuous"; or of press-and-sign: "waiting", "countdown", "capture" or "done".
        left_s: seconds to the end of the countdown or the capture.
        top: the three most probable glosses with their (smoothed) probabilities, best first; those of the last sign
            until a new one has been looked at.
        shown: the gloss to show, or "" for unknown; it stays until the next sign is known.
        committed: the gloss that became a word with this frame, or "".
        parts: part -> (l, 4) x, y, z and confidence, for `overlay.draw_frame`.
        inset: (h, w, 3) uint8 RGB picture of what the network looks at, where that is another than the camera's.
        box: left, top, right, bottom in px of the part of the picture that is looked at; empty for all of it.
    """

    time_s: float
    hands: tuple[str, ...] = ()
    signing: bool = False
    phase: str = "continuous"
    left_s: float = 0.0
    top: tuple[tuple[str, float], ...] = ()
    shown: str = ""
    committed: str = ""
    parts: dict[str, np.ndarray] = field(default_factory=dict)
    box: tuple[int, ...] = ()
    inset: np.ndarray | None = None


class NamesClips(Protocol):
    """What names a clip: a network with its recipe, see `networks.Classifier`."""

    recipe: FeatureRecipe
    glosses: tuple[str, ...]

    def __call__(self, landmarks: Landmarks) -> np.ndarray: ...


class Recogniser:
    """Follows one signer; use it in a `with` block.

    Two ways to use it. **Continuous**: it notices by itself when a hand goes up and comes down again, looks at the last
    seconds of what lies between every few frames, and makes a word of it when the sign ends. **Press-and-sign**: after
    `start`, a countdown and a capture of some seconds, which is recognised as a whole.

    Args:
        classifier: what names a clip.
        settings: how to decide.

    >>> with Recogniser(Classifier.load("outputs/demo/attention_lstm/held_out_ben+eli")) as recogniser:
    ...     for index, frame in enumerate(read_frames("clip.mp4")):
    ...         seen = recogniser.see(frame, index / 25)
    """

    def __init__(self, classifier: NamesClips, *, settings: LiveSettings | None = None) -> None:
        self.classifier = classifier
        self.settings = settings or LiveSettings()
        self.parts = classifier.recipe.tracked_parts
        self._tracker: HolisticDetector | None = None
        self._size = (0, 0)
        self.reset()

    def __enter__(self) -> Recogniser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the tracker's memory back."""
        if self._tracker is not None:
            self._tracker.__exit__(None, None, None)
            self._tracker = None

    def reset(self) -> None:
        """Forget the signer: what comes next has nothing to do with what came before."""
        if self._tracker is not None:
            self._tracker.forget()
        self._frames: deque[tuple[float, np.ndarray]] = deque()
        self._smoother = Smoother(len(self.classifier.glosses))
        self._commits = Commits()
        self._began_s: float | None = None
        self._up_s = 0.0
        self._since_prediction = 0
        self._last = Seen(0.0)
        self._capture: tuple[float, float] | None = None

    def start(self, time_s: float, *, countdown_s: float = 3.0, capture_s: float = 3.0) -> None:
        """Begin press-and-sign: a countdown, then a capture, from which `see` recognises one sign."""
        self.reset()
        self._capture = (time_s + countdown_s, time_s + countdown_s + capture_s)

    def see(self, frame: np.ndarray, time_s: float) -> Seen:
        """Track the next frame and return what is known now.

        Args:
            frame: (H, W, 3) uint8 RGB, as the camera sees it: not mirrored.
            time_s: when it was taken, on a clock that does not run backwards.
        """
        # The first frame loads the models, which say so at length on stderr.
        loading = quiet_native_stderr() if self._tracker is None else nullcontext()
        size = (frame.shape[1], frame.shape[0])
        if self._size not in ((0, 0), size):
            capture = self._capture
            self.reset()  # another camera, or a phone that was turned
            self._capture = capture
        with loading:
            self._tracker = self._tracker or HolisticDetector(self.parts)
            values = self._tracker.track(frame)
        return self.follow(values, time_s, size=size)

    def follow(self, values: np.ndarray, time_s: float, *, size: tuple[int, int]) -> Seen:
        """Take in the landmarks of the next frame, where somebody else has tracked it, and return what is known now.

        Args:
            values: (L, 4) float32 as `HolisticDetector.track` gives them for `parts`.
            time_s: when the frame was taken.
            size: its width and height in px.
        """
        self._size = size
        parts = self._split(values)
        about: dict[str, Any] = {"time_s": time_s, "parts": parts}
        about["hands"] = tuple(hand for hand in ("left_hand", "right_hand") if _in_view(parts.get(hand)))
        if self._capture is not None:
            self._last = self._follow_capture(values, time_s, about)
        else:
            self._last = self._follow_on(values, time_s, about)
        return self._last

    def finish(self) -> Seen:
        """Return what is known after the last frame: a sign that was in progress has ended."""
        about = {"time_s": self._last.time_s, "parts": self._last.parts}
        if self._capture is not None and self._last.phase == "capture":
            self._last = self._recognise_capture(about)
        elif self._capture is None and self._began_s is not None:
            self._last = self._end_sign(about)
        else:
            self._last = replace(self._last, committed="")
        return self._last

    def _follow_capture(self, values: np.ndarray, time_s: float, about: dict[str, Any]) -> Seen:
        begin_s, end_s = self._capture or (0.0, 0.0)
        if self._last.phase == "done":
            return Seen(**about, phase="done", top=self._last.top, shown=self._last.shown)
        if time_s < begin_s:
            return Seen(**about, phase="countdown", left_s=begin_s - time_s)
        if time_s <= end_s:
            self._frames.append((time_s, values))
            return Seen(**about, phase="capture", signing=True, left_s=end_s - time_s)
        return self._recognise_capture(about)

    def _recognise_capture(self, about: dict[str, Any]) -> Seen:
        probabilities = self._predict(-np.inf, np.inf)
        if probabilities is None:
            return Seen(**about, phase="done")
        gloss = self._name(surest(probabilities, self.settings.threshold))
        return Seen(**about, phase="done", top=self._top(probabilities), shown=gloss, committed=gloss)

    def _follow_on(self, values: np.ndarray, time_s: float, about: dict[str, Any]) -> Seen:
        settings = self.settings
        self._frames.append((time_s, values))
        if hands_up(about["parts"], self._size):
            self._up_s = time_s
            if self._began_s is None:
                self._began_s, self._since_prediction = time_s, 0
        if self._began_s is None:
            self._forget_before(time_s - settings.lead_s)
            return Seen(**about, top=self._last.top, shown=self._last.shown)
        if time_s - self._up_s >= settings.rest_s:
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
                # A part of a sign looks like many others: words are made of it only when it goes on for long.
                long = time_s - self._began_s >= settings.hold_s + settings.window_s / 2
                word = self._commits.held(shown, smoother.since_s, time_s) if long else None
                settled = shown is not None and time_s - smoother.since_s >= settings.settle_s
                name = self._name(shown) if settled else self._last.shown
                return Seen(**about, signing=True, top=self._top(smoother.mean), shown=name, committed=self._name(word))
        return Seen(**about, signing=True, top=self._last.top, shown=self._last.shown)

    def _end_sign(self, about: dict[str, Any]) -> Seen:
        """Recognise the sign as a whole, from the hand's going up to its coming down."""
        settings, began_s = self.settings, self._began_s or 0.0
        first_s, last_s = began_s - settings.lead_s, self._up_s + settings.lead_s
        probabilities = None
        if self._up_s - began_s >= settings.shortest_s:
            probabilities = self._predict(max(first_s, last_s - settings.window_s), last_s)
        self._began_s = None
        self._smoother.reset()
        self._forget_before(about["time_s"] - settings.lead_s)
        if probabilities is None:
            return Seen(**about, shown=self._last.shown)
        label = surest(probabilities, settings.threshold)
        word = self._commits.ended(label)
        return Seen(**about, top=self._top(probabilities), shown=self._name(label), committed=self._name(word))

    def _predict(self, first_s: float, last_s: float) -> np.ndarray | None:
        """Return (classes,) probabilities of what was seen between two times, or None where nothing can be said."""
        from asl_lib.features.recipe import RecipeError

        chosen = [(time_s, values) for time_s, values in self._frames if first_s <= time_s <= last_s]
        if len(chosen) < 2:
            return None
        times, values = np.array([time_s for time_s, _ in chosen]), np.stack([values for _, values in chosen])
        values = in_even_time(values, times, fps=self.settings.fps)
        landmarks = Landmarks(values[..., :3], values[..., 3], self.parts, self.settings.fps, *self._size)
        try:
            return self.classifier(landmarks)
        except RecipeError:  # nobody in the picture
            return None

    def _top(self, probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
        return best_of(probabilities, self.classifier.glosses)

    def _name(self, label: int | None) -> str:
        return "" if label is None else self.classifier.glosses[label]

    def _forget_before(self, time_s: float) -> None:
        while self._frames and self._frames[0][0] < time_s - 1e-9:
            self._frames.popleft()

    def _split(self, values: np.ndarray) -> dict[str, np.ndarray]:
        ends = np.cumsum([PARTS[part] for part in self.parts])
        return dict(zip(self.parts, np.split(values, ends[:-1]), strict=True))


def surest(probabilities: np.ndarray, threshold: float) -> int | None:
    """Return the most probable class, or None where even that is below the threshold: unknown."""
    best = int(probabilities.argmax())
    return best if probabilities[best] >= threshold else None


def best_of(probabilities: np.ndarray, glosses: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the three most probable glosses with their probabilities, best first."""
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return tuple((glosses[i], float(probabilities[i])) for i in best)


def _in_view(points: np.ndarray | None) -> bool:
    return points is not None and not np.isnan(points[:, 0]).all()
