"""What has been signed so far."""

from __future__ import annotations

from collections.abc import Callable

SPACE, DELETE, NOTHING = ("space",), ("del", "delete"), ("nothing",)
"""Classes of the ASL Alphabet that are no letters."""


class Transcript:
    """Words, or letters that make words.

    Args:
        spelling: what comes are letters; "space" ends a word, "del" takes a letter back, "nothing" is nothing.
        told: what to call with the text after every change.
    """

    def __init__(self, *, spelling: bool = False, told: Callable[[str], None] | None = None) -> None:
        self.spelling = spelling
        self._pieces: list[str] = []
        self._told = told

    def add(self, piece: str) -> None:
        """Append a word or a letter."""
        name = piece.lower()
        if self.spelling and name in NOTHING:
            return
        if self.spelling and name in DELETE:
            self.undo()
            return
        self._pieces.append(" " if self.spelling and name in SPACE else piece)
        self._tell()

    def undo(self) -> None:
        """Take the last word or letter back."""
        if self._pieces:
            self._pieces.pop()
            self._tell()

    def clear(self) -> None:
        """Begin anew."""
        self._pieces.clear()
        self._tell()

    @property
    def words(self) -> list[str]:
        """The words so far; in spelling the last one may be unfinished."""
        return "".join(self._pieces).split(" ") if self.spelling else list(self._pieces)

    @property
    def text(self) -> str:
        """The words in a row."""
        return " ".join(self.words)

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self.text)
