"""Links that still lead somewhere when a notebook lies in a folder of its own, far from `docs/`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

MARKDOWN = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)(?P<title>\s+\"[^\"]*\")?\)")
HTML = re.compile(r'(?P<before>(?:src|href)=")(?P<target>[^"]+)(?P<after>")')
ELSEWHERE = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|#|//)")
PAGES = (".md",)


@dataclass
class Links:
    """The links of one assignment: what it takes along of `docs/`, and which led nowhere.

    A link to another notebook leads to that assignment, `../<notebook>/<notebook>.ipynb`; one to a page or picture in
    `docs/` to a copy in the assignment's own `docs/`; of any other only the words stay.

    Attributes:
        course: the course's folder.
        pages: pages and pictures of `docs/` that the assignment takes along, relative to the course's folder.
        dead: links whose file does not exist.
    """

    course: Path
    pages: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)

    def adapt(self, text: str, *, origin: str, place: str = "", take: bool = True) -> str:
        """Return `text` with its links rewritten.

        Args:
            text: Markdown.
            origin: folder it came from, relative to the course's folder, such as "notebooks".
            place: folder it goes to, relative to the assignment's folder.
            take: whether to take pages along that it links to; pictures are always taken.
        """

        def markdown(match: re.Match[str]) -> str:
            target = self._target(match["target"], origin, place, take=take)
            if target is None:
                return match["text"]
            return f"{match['image']}[{match['text']}]({target}{match['title'] or ''})"

        def html(match: re.Match[str]) -> str:
            target = self._target(match["target"], origin, place, take=take)
            return match[0] if target is None else f"{match['before']}{target}{match['after']}"

        return HTML.sub(html, MARKDOWN.sub(markdown, text))

    def files(self) -> dict[str, bytes]:
        """Return the pages and pictures to take along, by their path in the assignment's folder."""
        contents: dict[str, bytes] = {}
        for page in sorted(page for page in self.pages if page.endswith(PAGES)):
            folder = posixpath.dirname(page)
            text = (self.course / page).read_text(encoding="utf-8")
            contents[page] = self.adapt(text, origin=folder, place=folder, take=False).encode()
        for picture in sorted(page for page in self.pages if not page.endswith(PAGES)):
            contents[picture] = (self.course / picture).read_bytes()
        return contents

    def _target(self, target: str, origin: str, place: str, *, take: bool) -> str | None:
        """Return where a link leads from its new place, or None for nowhere."""
        if ELSEWHERE.match(target):
            return target
        path, hash_, fragment = target.partition("#")
        found = posixpath.normpath(posixpath.join(origin, path))
        folder, name = posixpath.split(found)
        if folder == "notebooks" and name.endswith(".ipynb"):
            stem = name.removesuffix(".ipynb")
            return posixpath.relpath(f"../{stem}/{name}", place or ".") + hash_ + fragment
        if not found.startswith("docs/") or found.startswith(".."):
            return None
        if not (self.course / found).is_file():
            self.dead.add(found)
            return None
        if take or not found.endswith(PAGES):
            self.pages.add(found)
        elif found not in self.pages:
            return None
        return posixpath.relpath(found, place or ".") + hash_ + fragment
