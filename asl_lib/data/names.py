"""Names of glosses, signers, clips and files, in any script."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

LONGEST_NAME_BYTES = 200
"""File systems allow 255 bytes (or, on some, characters), and names get prefixes and suffixes."""
MARK_BYTES = 9
"""Length of the suffix that distinguishes equal ids: "-" and 8 hexadecimal digits."""
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]")
"""Soft hyphens, zero-width spaces, marks of direction, and marks that choose between two pictures of an emoji."""
JOINERS = re.compile("[\u200c\u200d]+")
"""The zero-width non-joiner and joiner: part of the spelling in some scripts and of many emoji, else invisible."""
VIRAMA = 9
"""Canonical combining class of the marks after which Indic scripts join letters."""


def clean_name(text: str) -> str:
    """Return a gloss's or signer's name in a normal form, the same for all spellings that look alike.

    The name is composed (Unicode's NFC), has single spaces between its words and none around them, and no control
    character or invisible mark. Joiners stay where they carry meaning: between Arabic letters, beside a virama, and
    inside emoji.

    >>> clean_name("GOOD\\u00a0 MORNING ")
    'GOOD MORNING'
    """
    text = "".join(c for c in INVISIBLE.sub("", text) if c.isspace() or unicodedata.category(c) != "Cc")
    text = JOINERS.sub(_joiner, unicodedata.normalize("NFC", " ".join(text.split())))
    # Without a mark between them, two characters may compose.
    return unicodedata.normalize("NFC", text.strip())


def _joiner(found: re.Match[str]) -> str:
    """Return the first of some joiners where it carries meaning, else nothing."""
    before, after = f" {found.string}"[found.start()], f"{found.string} "[found.end()]
    indic = VIRAMA in (unicodedata.combining(before), unicodedata.combining(after))
    arabic = unicodedata.bidirectional(before) in ("AL", "NSM") and unicodedata.bidirectional(after) == "AL"
    emoji = unicodedata.category(before) in ("So", "Sk") and unicodedata.category(after) == "So"
    return found[0][0] if indic or arabic or emoji else ""


def safe_name(text: str) -> str:
    """Return `text` with everything replaced that some file system does not accept in a name."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.UNICODE).strip("._") or "_"


def clip_id_of(*names: str) -> str:
    """Return a clip's id made of several names; `make_clips` tells apart those that turn out the same."""
    return "-".join(safe_name(clean_name(name)) for name in names)


def is_plain_name(name: str) -> bool:
    """Return whether a name from an unknown source can be part of a file name without leaving its folder."""
    if not JOINERS.sub("", name).isprintable() or not name or name[0] == "." or any(c in "/\\" for c in name):
        return False
    return len(name.encode()) <= LONGEST_NAME_BYTES


def unique_ids(ids: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Return the ids of clips, changed where two would be the same file (C and C++ are both C in a file's name).

    These get a mark made of the clip's path, and ids that are too long for a file system are shortened to one.
    Upper and lower case are the same name on some file systems.
    """
    same = Counter(id.casefold() for id in ids)
    unique = []
    for id, path in zip(ids, paths, strict=True):
        code = id.encode(errors="replace")
        if id and (same[id.casefold()] > 1 or len(code) > LONGEST_NAME_BYTES):
            short = code[: LONGEST_NAME_BYTES - MARK_BYTES].decode(errors="ignore")
            unique.append(f"{short}-{hashlib.sha256(path.encode(errors='replace')).hexdigest()[:8]}")
        else:
            unique.append(id)
    return unique


def in_two_cases(names: Iterable[str]) -> set[str]:
    """Return those of the names that differ from another one only in upper and lower case, or in wide letters."""
    forms = {name: unicodedata.normalize("NFKC", name).casefold() for name in names}
    same = Counter(forms.values())
    return {name for name, form in forms.items() if same[form] > 1}


def is_text(name: str) -> bool:
    """Return whether a file's name can be written into a table: other systems' names may not be UTF-8."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def unusable(path: Path, names: Sequence[str]) -> str | None:
    """Return why a file's name makes it unusable as a clip, as a kind of files; None if it is usable.

    Args:
        path: its path in the data set's folder.
        names: the parts of that path which name signer and gloss; the first may become part of a file's name.
    """
    if any(part.startswith(".") for part in path.parts):
        return "hidden or in hidden folders"
    clean = list(map(clean_name, names))
    return None if is_text(str(path)) and all(clean) and all(map(is_plain_name, clean[:1])) else "with unusable names"


def walk(folder: str | Path) -> Iterator[Path]:
    """Yield the files below a folder, also in linked folders, except folders that are linked into themselves.

    Files whose names are not valid text are skipped. A folder without read permission, such as a disk's lost+found,
    counts as empty.
    """
    for place, _, files in walk_folders(folder):
        yield from (place / name for name in files if is_text(str(place / name)))


def walk_folders(folder: str | Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield a folder and all below it, as `walk` does, each with the sorted names of its folders and its files."""
    above: dict[str, tuple[str, ...]] = {os.fspath(folder): (os.path.realpath(folder),)}
    for place, folders, files in os.walk(folder, followlinks=True):
        parents = above.pop(place)
        real = {name: os.path.realpath(os.path.join(place, name)) for name in sorted(folders)}
        folders[:] = [name for name, target in real.items() if target not in parents]
        above |= {os.path.join(place, name): (*parents, real[name]) for name in folders}
        yield Path(place), list(folders), sorted(files)
