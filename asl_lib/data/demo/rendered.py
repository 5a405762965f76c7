"""What the rendered data sets share: many pictures at once, and never two origins in one folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asl_lib._util.files import read_json, write_json
from asl_lib._util.jobs import run_jobs
from asl_lib._util.progress import progress
from asl_lib.data.errors import DatasetError


def render_all(render: Callable[[Any], None], jobs: Sequence[tuple[Any, ...]], *, workers: int, unit: str) -> None:
    """Render in parallel; what could be rendered is kept whatever happens to the rest.

    Args:
        render: writes the file of one job.
        jobs: what to render; the first entry of each is its path.
        workers: processes; 0 for one per core.
        unit: what one job is, for the progress bar and the error: "clip", "picture".

    Raises:
        DatasetError: some could not be rendered; the sentence names the first.
    """
    outcomes = run_jobs(render, jobs, workers=workers)
    failed = [o for o in progress(outcomes, total=len(jobs), description="Rendering", unit=unit) if o.error]
    if failed:
        raise DatasetError(
            f"{len(failed)} of {len(jobs)} {unit}s could not be rendered; first {jobs[failed[0].index][0]}: "
            f"{failed[0].error} The others are kept: run it again when that is mended."
        )


def check_origin(note: Path, *, seed: int, look: str) -> None:
    """Refuse to mix pictures of two seeds or two versions of the signer: a file's name does not tell them apart.

    Args:
        note: file beside the pictures that says where they come from; written where there is none.
        seed: where the randomness of the new ones starts.
        look: all else that decides how they look.

    Raises:
        DatasetError: those that are there come from elsewhere.
    """
    origin = {"seed": seed, "signer": look}
    if note.is_file() and (before := read_json(note)) != origin:
        what = "seed" if before.get("seed") != seed else "signer"
        raise DatasetError(
            f"{note.parent} holds clips of {what} {before.get(what)}; got {what} {origin[what]}. "
            "Delete the folder to render them anew, or choose another data_dir."
        )
    write_json(note, origin)


def signer_version(*, stills: bool = False) -> str:
    """Return a short hash of all that decides how a clip, or a still picture, looks."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.iterdir()):
        counts = path.name not in ("__init__.py", "rendered.py") and (stills or path.name != "stills.py")
        if path.suffix in (".py", ".yaml") and counts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
