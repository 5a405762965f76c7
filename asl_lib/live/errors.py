"""The exception of the live recogniser."""

from __future__ import annotations


class LiveError(ValueError):
    """A model, source, display or request that the live recogniser cannot use; the message is meant for the user.

    Attributes:
        status: the HTTP status with which the live page answers.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
