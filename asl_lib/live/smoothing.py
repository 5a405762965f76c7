"""From probabilities several times a second to words: no flicker, nothing said that is not sure, no word twice."""

from __future__ import annotations

import numpy as np


class Smoother:
    """Shows one class, or none, and changes its mind seldom.

    Probabilities are averaged over the last `memory_s` (an exponential mean: old ones fade). A class is shown once its
    mean reaches `threshold`; another one takes its place only when it is ahead by `margin` (hysteresis: between two
    signs that are nearly as likely nothing flips back and forth), and it goes when it falls below `threshold - margin`.

    Args:
        classes: how many there are.
        memory_s: time after which an old probability counts a third; 0 for no memory.
        threshold: least mean probability of a class that is shown, from 0 to 1; below it the sign is unknown.
        margin: how far another class must be ahead, from 0 to 1.
    """

    def __init__(self, classes: int, *, memory_s: float = 0.3, threshold: float = 0.5, margin: float = 0.15) -> None:
        self.tune(memory_s=memory_s, threshold=threshold, margin=margin)
        self.mean = np.full(classes, 1.0 / classes)
        self.shown: int | None = None
        self.since_s = 0.0
        self._time_s: float | None = None

    def tune(self, *, memory_s: float, threshold: float, margin: float) -> None:
        """Change how it decides, from the next probabilities on."""
        self.memory_s, self.threshold, self.margin = memory_s, threshold, margin

    def update(self, probabilities: np.ndarray, time_s: float) -> int | None:
        """Take in (classes,) probabilities and return the class to show, or None for unknown.

        Times must not run backwards; `since_s` says since when the class has been shown.
        """
        if self._time_s is None or self.memory_s <= 0:
            self.mean = np.asarray(probabilities, float)
        else:
            old = np.exp(-(time_s - self._time_s) / self.memory_s)
            self.mean = old * self.mean + (1 - old) * np.asarray(probabilities, float)
        self._time_s = time_s
        best = int(self.mean.argmax())
        shown = self.shown
        if shown is not None and self.mean[shown] < self.threshold - self.margin:
            shown = None
        ahead = shown is None or (best != shown and self.mean[best] >= self.mean[shown] + self.margin)
        if ahead and self.mean[best] >= self.threshold:
            shown = best
        if shown != self.shown:
            self.shown, self.since_s = shown, time_s
        return self.shown

    def reset(self) -> None:
        """Forget everything: what comes next is another sign."""
        self.mean = np.full(len(self.mean), 1.0 / len(self.mean))
        self.shown, self._time_s = None, None


class Commits:
    """Decides when a class that is shown becomes a word, and lets none be repeated without a pause between.

    Args:
        hold_s: how long a class must be shown to become a word.
    """

    def __init__(self, *, hold_s: float = 1.0) -> None:
        self.hold_s = hold_s
        self._last: int | None = None

    def held(self, shown: int | None, since_s: float, time_s: float) -> int | None:
        """Return the class that becomes a word now, because it has been shown for long enough, or None."""
        if shown is None or shown == self._last or time_s - since_s < self.hold_s:
            return None
        self._last = shown
        return shown

    def ended(self, shown: int | None) -> int | None:
        """Return the class that becomes a word because its sign has ended; a word that was held already is said."""
        said, self._last = self._last, None
        return None if shown == said else shown
