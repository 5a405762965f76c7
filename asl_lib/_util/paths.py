"""The course's folder, and paths relative to it."""

from __future__ import annotations

import os
from pathlib import Path


def project_folder() -> Path:
    """Return the folder that `data/` and `outputs/` are relative to.

    It is `$ASL_HOME` where that is set, else the nearest folder above the current one that holds
    `notebooks/` and `params/`, else the one that this library is installed from, else the current folder: the
    same for a kernel that starts in `notebooks/`, for papermill started at the top, and for an assignment in a
    student's own folder.
    """
    if home := os.environ.get("ASL_HOME"):
        return Path(home).resolve()
    here = Path.cwd().resolve()
    installed_from = Path(__file__).resolve().parent.parent.parent
    for folder in (here, *here.parents, installed_from):
        if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
            return folder
    return here


def course_folder() -> Path:
    """Return the folder that holds `notebooks/`: the working copy this library is installed from."""
    beside = Path(__file__).resolve().parent.parent.parent
    return beside if (beside / "notebooks").is_dir() else project_folder()


def split_names(text: str) -> list[str]:
    """Return the names in a list such as "a, b", without spaces around them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def relative(path: str | Path) -> str:
    """Return `path` relative to the course's folder, with forward slashes, for messages."""
    path = Path(path).resolve()
    folder = project_folder()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
