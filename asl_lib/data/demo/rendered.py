"""The base of the rendered data sets: rendering in parallel, with one seed and one renderer per folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from asl_lib._util.console import progress_bar
from asl_lib._util.files import read_json, write_json
from asl_lib._util.jobs import run_jobs
from asl_lib.data.clips import make_clips, read_clips, write_clips
from asl_lib.data.dataset import Dataset, Row
from asl_lib.data.demo.lexicon import load_lexicon, load_signers
from asl_lib.data.errors import DatasetError

RENDERER_VERSION = 2
"""Increase it with every change of code that changes a picture; tests/data/test_demo.py fails otherwise."""


class RenderedDataset(Dataset):
    """Base class of the data sets that are rendered on this machine."""

    licence = "MIT, as the course"
    homepage = ""
    holds = "clips.csv"
    rendered = True

    def list_clips(self, source_dir: Path, subset: str) -> Iterable[Row]:
        table = source_dir / "clips.csv"
        return [dict(clip) for clip in read_clips(table).to_dict("records")] if table.is_file() else []


@cache
def renderer_version() -> str:
    """Return what the pictures depend on besides the seed: the renderer's version and a hash of lexicon and signers."""
    entries = [asdict(sign) for sign in load_lexicon().values()] + [asdict(one) for one in load_signers().values()]
    values = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
    return f"{RENDERER_VERSION}-{values[:8]}"


def render_clips(
    folder: Path,
    rows: Sequence[tuple[dict[str, object], tuple[Any, ...]]],
    render: Callable[[Any], None],
    *,
    note: str,
    seed: int,
    renderer: str,
    workers: int,
) -> pd.DataFrame:
    """Render the files that do not exist, in parallel, write `clips.csv` into `folder` and return it.

    If some files fail, the others are kept.

    Args:
        folder: folder of the data set.
        rows: for each clip its row of the clips table, and what `render` needs besides the path.
        render: writes one file; called with (path, *arguments) in a worker process.
        note: name of the file in `folder` that says where the pictures come from.
        seed: seed of all pictures.
        renderer: what else the pictures depend on.
        workers: number of processes; 0 for one per core.

    Raises:
        DatasetError: the folder holds pictures of another seed or renderer, or some could not be rendered.
    """
    _check_origin(folder / note, {"seed": seed, "renderer": renderer})
    jobs = [(folder / str(clip["path"]), *arguments) for clip, arguments in rows]
    jobs = [job for job in jobs if not job[0].is_file()]
    outcomes = run_jobs(render, jobs, workers=workers)
    failed = [o for o in progress_bar(outcomes, total=len(jobs), description="Rendering", unit="file") if o.error]
    if failed:
        raise DatasetError(
            f"{len(failed)} of {len(jobs)} files could not be rendered; first {jobs[failed[0].index][0]}: "
            f"{failed[0].error} The others are kept: fix the cause and run it again."
        )
    clips = make_clips([clip for clip, _ in rows])
    write_clips(clips, folder / "clips.csv")
    return clips


def _check_origin(note: Path, origin: dict[str, object]) -> None:
    """Write the note, or raise DatasetError where the pictures beside it are of another seed or renderer."""
    if note.is_file():
        try:
            before = dict(read_json(note))
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{note} is damaged ({error}). Delete {note.parent} to render it again.") from error
        for what, value in origin.items():
            if before.get(what) != value:
                raise DatasetError(
                    f"{note.parent} holds clips of {what} {before.get(what, 'unknown')}; got {what} {value}. "
                    "Delete the folder to render them again, or choose another data_dir."
                )
    write_json(note, origin)
