"""What can go wrong live, as sentences."""

from __future__ import annotations


class LiveError(ValueError):
    """A model, a source or a display that the live demo cannot use."""


class SessionError(ValueError):
    """A page that cannot be served now; the sentence is shown on it.

    Attributes:
        status: the HTTP status that goes with it.
    """

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status
