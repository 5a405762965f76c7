"""Check which files of a data set on this disk are present, missing or broken."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from asl_lib._util.cache import ArrayCache
from asl_lib._util.console import counted, progress_bar
from asl_lib._util.files import file_stamp
from asl_lib._util.jobs import quiet_worker, run_jobs
from asl_lib._util.paths import relative
from asl_lib.data.clips import missing_files, read_clips
from asl_lib.data.dataset import Dataset, Published
from asl_lib.data.errors import DatasetError
from asl_lib.data.video import MIN_FRAMES, MediaError, examine_video, time_limit_s, video_info
from asl_lib.features.photographs import read_photograph
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.store import read_landmarks

SIZE_PX = 64
"""Side of the photographs that are read; any serves."""
CHECK_VERSION = 3
"""Raised when the same file gives another finding than before."""
INCOMPLETE = "incomplete: "
"""Before the problem of a video that ends early, where it is kept."""
SHOWN = 10
"""Entries of a list that are printed; `Inventory.problems` has all of them."""


def describe(dataset: Dataset, dataset_dir: Path) -> str:
    """Return two lines: what the data set is, its size and licence, and what of it is on this disk."""
    table, here = dataset_dir / "clips.csv", "not here"
    if table.is_file():
        try:
            here = f"{counted(len(read_clips(table)), 'clip')} here"
        except DatasetError as error:  # the other data sets are listed nevertheless
            here = f"its clips table cannot be read: {error}"
    elif dataset_dir.is_dir():
        here = f"a folder is here, no clips table yet: asl datasets check {dataset.name}"
    about = f"{dataset.kind}, {dataset.size}; licence: {dataset.licence}; {here}"
    return f"{dataset.name}: {dataset.title}\n    {about}"


@dataclass(frozen=True)
class Inventory:
    """The files of a data set.

    Attributes:
        dataset: the data set.
        folder: where its files were looked for.
        subset: the published subset that was checked; empty for all.
        present: rows of the clips table whose files are whole.
        missing: rows whose files do not exist.
        incomplete: clip_id, path and reason of the videos that end before they should, or lack frames.
        broken: clip_id, path and reason of the files that cannot be read.
        thin: gloss, signer and clips, where there are fewer clips of a sign by a signer than published.
        absent: published signs without any clip.
        left_out: kind -> paths of the files that are no clips, though they look like clips or lie where clips do.
        notes: sentences about what may mislead.
    """

    dataset: Dataset
    folder: Path
    subset: str
    present: pd.DataFrame
    missing: pd.DataFrame
    incomplete: pd.DataFrame
    broken: pd.DataFrame
    thin: pd.DataFrame
    absent: tuple[str, ...]
    left_out: dict[str, list[str]]
    notes: list[str]

    def problems(self) -> pd.DataFrame:
        """Return one row per problem: clip_id, path (both empty where it is not about one file), problem."""
        per_cell = self.dataset.published.per_cell
        counts = [
            f"sign {gloss}, signer {signer}: {n} of {per_cell} clips" for gloss, signer, n in self.thin.to_numpy()
        ]
        counts += [f"sign {gloss}: no clip" for gloss in self.absent]
        too_few = pd.DataFrame({"clip_id": "", "path": "", "problem": counts})
        missing = self.missing[["clip_id", "path"]].assign(problem="missing")
        bad = pd.concat([self.incomplete, self.broken]).rename(columns={"reason": "problem"})
        return pd.concat([missing, bad, too_few], ignore_index=True)

    def published(self) -> Published:
        """Return the published counts: of the subset where they can be computed, otherwise of the whole data set."""
        counts, signs = self.dataset.published, len(self.dataset.published_signs(self.subset))
        return replace(counts, signs=signs, clips=signs * counts.signers * counts.per_cell) if signs else counts

    def __str__(self) -> str:
        counts, present = self.published(), self.present
        signers = sorted(present["signer"].unique())
        lines = [
            f"{self.dataset.name} in {relative(self.folder)}",
            f"  present: {_sizes(len(present), present['gloss'].nunique(), len(signers))}",
        ]
        if counts.clips:
            lines.append(f"  published: {_sizes(counts.clips, counts.signs, counts.signers)}")
        lines.append(f"  missing: {len(self.missing):,}{_examples(self.missing['path'])}")
        lines.append(f"  incomplete: {len(self.incomplete):,}{_lines(self.incomplete)}")
        if len(self.incomplete):
            lines.append(
                "    Download or record these again. They are left out; `incomplete: keep` uses what there is."
            )
        lines.append(f"  broken:  {len(self.broken):,}{_lines(self.broken)}")
        if self.left_out:
            lines.append(
                f"  files left out: {', '.join(_left_out(kind, paths) for kind, paths in self.left_out.items())}"
            )
        lines += [f"  {sentence}" for sentence in self.notes]
        if self.absent:
            lines.append(f"  signs without any clip: {len(self.absent):,}{_examples(self.absent)}")
        if counts.per_cell and len(signers) < counts.signers:
            names = ", ".join(signers) or "none"
            lines.append(f"  signers without any clip: {counts.signers - len(signers)}; there are {names}")
        if len(self.thin):
            lines.append(f"  fewer than {counts.per_cell} clips of a sign by a signer: {len(self.thin):,} times")
            lines += [
                f"    sign {row.gloss}, signer {row.signer}: {row.clips}" for row in self.thin.head(SHOWN).itertuples()
            ]
        return "\n".join(lines)


def take_inventory(
    dataset: Dataset,
    dataset_dir: str | Path,
    *,
    subset: str = "",
    files: Literal["decode", "open", "count"] = "decode",
    workers: int = 0,
) -> Inventory:
    """Check every file of a data set.

    Args:
        dataset: the data set.
        dataset_dir: its folder, `data/<name>/`.
        subset: check only the clips of a published subset.
        files: what to do with each: "decode" it to its end, in parallel processes, which finds incomplete videos (the
            findings are kept in its subfolder `checked`: a file that has not changed is not decoded again, and a call
            that was interrupted goes on); "open" it and read its header only; or "count" it as present.
        workers: processes; 0 for one per core.

    Raises:
        DatasetError: the folder holds nothing of the data set's form.
    """
    folder = dataset.source_dir(Path(dataset_dir))
    listed = dataset.find_clips(folder, subset)
    missing = missing_files(listed, folder)
    here = listed[~listed["clip_id"].isin(missing["clip_id"])]
    paths = list(dict.fromkeys(here["path"]))
    if files == "decode":
        problems = _decode(dataset.kind, folder, paths, cache_dir=Path(dataset_dir) / "checked", workers=workers)
    else:
        bar = progress_bar(paths, total=len(paths), description="Checking", unit="file")
        problems = {path: _open(dataset.kind, folder / path) if files == "open" else "" for path in bar}
    reasons = here["path"].map(problems)
    found = here[["clip_id", "path"]].assign(reason=reasons.str.removeprefix(INCOMPLETE))
    early = reasons.str.startswith(INCOMPLETE)
    present = here[reasons == ""].reset_index(drop=True)
    incomplete = found[early].reset_index(drop=True)
    broken = found[(reasons != "") & ~early].reset_index(drop=True)
    absent = tuple(gloss for gloss in dataset.published_signs(subset) if gloss not in set(present["gloss"]))
    thin = _thin(present, per_cell=dataset.published.per_cell)
    left_out, notes = dataset.left_out(folder), dataset.notes(present, folder)
    return Inventory(dataset, folder, subset, present, missing, incomplete, broken, thin, absent, left_out, notes)


def _decode(kind: str, folder: Path, paths: list[str], *, cache_dir: Path, workers: int) -> dict[str, str]:
    """Return path -> problem of each file, decoded to its end now or since it changed; empty where it is whole."""
    stamps = {path: [CHECK_VERSION, kind, *file_stamp(folder / path)] for path in paths}

    def examine(stale: list[str]) -> Iterator[tuple[str, None, dict[str, Any]]]:
        outcomes = run_jobs(
            partial(_examine, kind),
            [folder / path for path in stale],
            workers=workers,
            setup=quiet_worker,
            limit_s=time_limit_s,
        )
        for outcome in progress_bar(outcomes, total=len(stale), description="Checking", unit="file"):
            # A process that died, or took too long, may have been the machine's fault.
            about = {"reason": outcome.error, "retry": True} if outcome.error else {"reason": outcome.result}
            yield stale[outcome.index], None, about

    try:
        return ArrayCache(cache_dir / "files.jsonl", shape=()).fill(stamps, examine).reasons
    except OSError:  # such as a shared folder that is not ours to write to
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder_of_ours:
            return ArrayCache(Path(folder_of_ours) / "files.jsonl", shape=()).fill(stamps, examine).reasons


def _examine(kind: str, path: Path) -> str:
    if kind != "videos" or not path.stat().st_size:
        return _open(kind, path)
    report = examine_video(path)
    if report.state == "readable" and report.frames < MIN_FRAMES:
        return "has one frame only. A photograph is not a sign: remove the clip, or record it again."
    return (INCOMPLETE if report.state == "incomplete" else "") + report.problem


def _open(kind: str, path: Path) -> str:
    """Return what is wrong with a file: of a video with its header, of others with all of it."""
    if path.is_file() and not path.stat().st_size:
        return "the file is empty (0 bytes)"
    try:
        if kind == "videos":
            video_info(path)
        elif kind == "landmarks":
            read_landmarks(path)
        else:
            read_photograph(path, size=SIZE_PX)
    except (MediaError, LandmarkError) as error:
        # The line names the path already.
        return str(error).replace(f"{path} ", "", 1)
    return ""


def _thin(present: pd.DataFrame, *, per_cell: int) -> pd.DataFrame:
    """Return gloss, signer and clips where a present signer has fewer than `per_cell` clips of a present sign."""
    if present.empty:
        return pd.DataFrame(columns=["gloss", "signer", "clips"])
    counts = pd.crosstab(present["gloss"], present["signer"]).stack()
    return counts[counts < per_cell].rename("clips").reset_index()


def _lines(problems: pd.DataFrame) -> str:
    """Return a line for each of the first problems, and one that counts the others."""
    lines = [f"\n    {row.path}: {row.reason}" for row in problems.head(SHOWN).itertuples()]
    more = len(problems) - len(lines)
    return "".join(lines) + (f"\n    … and {more:,} more" if more else "")


def _left_out(kind: str, paths: list[str]) -> str:
    """Return "2 in nested folders (ana/HELLO/takes/02.mp4, …)"; what is not UTF-8 in a name is replaced."""
    first = paths[0].encode(errors="surrogateescape").decode(errors="replace")
    return f"{len(paths):,} {kind} ({first})" if len(paths) == 1 else f"{len(paths):,} {kind} ({first}, …)"


def _sizes(clips: int, signs: int, signers: int) -> str:
    return f"{counted(clips, 'clip')}, {counted(signs, 'sign')}, {counted(signers, 'signer')}"


def _examples(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f" ({', '.join(names[:SHOWN])}{more})" if names else ""
