"""From probabilities to a transcript, in three steps.

`Smoother` makes a steady label of probabilities, `Commits` decides when a label becomes a word, and `Transcript`
collects the words. The defaults of the live recogniser are in `recogniser.LiveSettings`.
"""

from __future__ import annotations

import numpy as np

SPACE, DELETE, NOTHING = ("space",), ("del", "delete"), ("nothing",)
"""Classes of the ASL Alphabet that are not letters."""


class Smoother:
    """Averages probabilities over time and shows one class, or none, that changes seldom.

    Probabilities are averaged over the last `memory_s` (an exponential mean: old ones fade). A class is shown once its
    mean reaches `threshold`; another one replaces it only when its mean is larger by `margin` (hysteresis: between two
    signs that are nearly as likely the label does not flip), and it disappears below `threshold - margin`.

    Args:
        classes: number of classes.
        memory_s: time after which an old probability counts a third; 0 for no memory.
        threshold: least mean probability of a class that is shown, from 0 to 1; below it the sign is unknown.
        margin: by how much the mean of another class must be larger, from 0 to 1.
    """

    def __init__(self, classes: int, *, memory_s: float = 0.3, threshold: float = 0.5, margin: float = 0.15) -> None:
        self.tune(memory_s=memory_s, threshold=threshold, margin=margin)
        self.mean = np.full(classes, 1.0 / classes)
        self.shown: int | None = None
        self.since_s = 0.0
        self._time_s: float | None = None

    def tune(self, *, memory_s: float, threshold: float, margin: float) -> None:
        """Change the options from the next probabilities on."""
        self.memory_s, self.threshold, self.margin = memory_s, threshold, margin

    @property
    def sure(self) -> int | None:
        """The class that is shown, where its mean reaches the threshold now; hysteresis shows it a little longer."""
        return None if self.shown is None or self.mean[self.shown] < self.threshold else self.shown

    def update(self, probabilities: np.ndarray, time_s: float) -> int | None:
        """Add (classes,) probabilities and return the class to show, or None for unknown.

        Times must not decrease; `since_s` is the time since which the class has been shown.
        """
        if self._time_s is None or self.memory_s <= 0:
            self.mean = np.asarray(probabilities, float)
        else:
            old = np.exp(-(time_s - self._time_s) / self.memory_s)
            self.mean = old * self.mean + (1 - old) * np.asarray(probabilities, float)
        self._time_s = time_s
        best = int(np.argmax(self.mean))
        shown = self.shown
        if shown is not None and self.mean[shown] < self.threshold - self.margin:
            shown = None
        ahead = shown is None or (best != shown and self.mean[best] >= self.mean[shown] + self.margin)
        if ahead and self.mean[best] >= self.threshold and self.mean[best] > 0:
            shown = best
        if shown != self.shown:
            self.shown, self.since_s = shown, time_s
        return self.shown

    def reset(self) -> None:
        """Forget all probabilities: another sign starts."""
        self.mean = np.full(len(self.mean), 1.0 / len(self.mean))
        self.shown, self._time_s = None, None


class Commits:
    """Decides when a class becomes a word, and repeats none without a pause.

    Args:
        hold_s: how long a class must be shown to become a word before its sign has ended.
    """

    def __init__(self, *, hold_s: float = 1.0) -> None:
        self.hold_s = hold_s
        self._last: int | None = None

    def held(self, label: int | None, since_s: float, time_s: float) -> int | None:
        """Return the class that becomes a word because it has been shown for `hold_s`, or None.

        Args:
            label: the class that is shown, where its probability reaches the threshold: see `Smoother.sure`.
            since_s: since when it has been shown.
            time_s: the time now.
        """
        if label is None or label == self._last or time_s - since_s < self.hold_s:
            return None
        self._last = label
        return label

    def ended(self, label: int | None) -> int | None:
        """Return the class that becomes a word because its sign has ended; None where it already became one."""
        last, self._last = self._last, None
        return None if label == last else label


class Transcript:
    """The words so far.

    Args:
        spelling: letters are added: "space" ends a word, "del" removes a letter, "nothing" is ignored.
    """

    def __init__(self, *, spelling: bool = False) -> None:
        self.spelling = spelling
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Append a word or a letter."""
        name = piece.lower()
        if self.spelling and name in NOTHING:
            return
        if self.spelling and name in DELETE:
            self.undo()
            return
        self._pieces.append(" " if self.spelling and name in SPACE else piece)

    def undo(self) -> None:
        """Remove the last word or letter."""
        if self._pieces:
            self._pieces.pop()

    def clear(self) -> None:
        """Remove all words."""
        self._pieces.clear()

    @property
    def words(self) -> list[str]:
        """The words; in spelling the last one may be unfinished."""
        return "".join(self._pieces).split(" ") if self.spelling else list(self._pieces)

    @property
    def text(self) -> str:
        """The words, separated by spaces."""
        return " ".join(self.words)
