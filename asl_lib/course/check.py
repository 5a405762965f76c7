"""Check which files of a data set on this disk are present, missing or broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from asl_lib._util.console import progress_bar
from asl_lib._util.paths import relative
from asl_lib.data.clips import missing_files, read_clips
from asl_lib.data.dataset import Dataset, Published
from asl_lib.data.video import MediaError, video_info
from asl_lib.features.photographs import read_photograph
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.store import read_landmarks

SIZE_PX = 64
"""Side of the photographs that are read; any serves."""
SHOWN = 10
"""Entries of a list that are printed; `Inventory.problems` has all of them."""


def describe(dataset: Dataset, dataset_dir: Path) -> str:
    """Return two lines: what the data set is, its size and licence, and what of it is on this disk."""
    table, here = dataset_dir / "clips.csv", "not here"
    if table.is_file():
        here = f"{len(read_clips(table)):,} clips here"
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
        present: rows of the clips table whose files can be opened.
        missing: rows whose files do not exist.
        broken: clip_id, path and reason of the files that cannot be opened.
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
        return pd.concat([missing, self.broken.rename(columns={"reason": "problem"}), too_few], ignore_index=True)

    def published(self) -> Published:
        """Return the published counts: of the subset where they can be computed, otherwise of the whole data set."""
        counts, signs = self.dataset.published, len(self.dataset.published_signs(self.subset))
        return replace(counts, signs=signs, clips=signs * counts.signers * counts.per_cell) if signs else counts

    def __str__(self) -> str:
        counts, present = self.published(), self.present
        signers = sorted(present["signer"].unique())
        lines = [
            f"{self.dataset.name} in {relative(self.folder)}",
            f"  present: {len(present):,} clips, {present['gloss'].nunique():,} signs, {len(signers):,} signers",
        ]
        if counts.clips:
            lines.append(f"  published: {counts.clips:,} clips, {counts.signs:,} signs, {counts.signers} signers")
        lines.append(f"  missing: {len(self.missing):,}{_examples(self.missing['path'])}")
        lines.append(f"  broken:  {len(self.broken):,}")
        lines += [f"    {row.path}: {row.reason}" for row in self.broken.head(SHOWN).itertuples()]
        if len(self.broken) > SHOWN:
            lines.append(f"    … and {len(self.broken) - SHOWN:,} more")
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
    dataset: Dataset, dataset_dir: str | Path, *, subset: str = "", look_inside: bool = True
) -> Inventory:
    """Check every file of a data set.

    Args:
        dataset: the data set.
        dataset_dir: its folder, `data/<name>/`.
        subset: check only the clips of a published subset.
        look_inside: open every file. Without it an empty file counts as broken and any other as present.

    Raises:
        DatasetError: the folder holds nothing of the data set's form.
    """
    folder = dataset.source_dir(Path(dataset_dir))
    listed = dataset.find_clips(folder, subset)
    missing = missing_files(listed, folder)
    here = listed[~listed["clip_id"].isin(missing["clip_id"])]
    clips = progress_bar(here.to_dict("records"), total=len(here), description="Checking", unit="file")
    reasons = pd.Series(
        [_problem(folder / clip["path"], dataset.kind, look_inside) for clip in clips], here.index, object
    )
    present = here[reasons.isna()].reset_index(drop=True)
    broken = here[["clip_id", "path"]].assign(reason=reasons)[reasons.notna()].reset_index(drop=True)
    absent = tuple(gloss for gloss in dataset.published_signs(subset) if gloss not in set(present["gloss"]))
    thin = _thin(present, per_cell=dataset.published.per_cell)
    left_out, notes = dataset.left_out(folder), dataset.notes(present, folder)
    return Inventory(dataset, folder, subset, present, missing, broken, thin, absent, left_out, notes)


def _problem(path: Path, kind: str, look_inside: bool) -> str | None:
    """Return what is wrong with one file, or None."""
    if path.is_file() and not path.stat().st_size:
        return "the file is empty (0 bytes)"
    if not look_inside:
        return None
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
    return None


def _thin(present: pd.DataFrame, *, per_cell: int) -> pd.DataFrame:
    """Return gloss, signer and clips where a present signer has fewer than `per_cell` clips of a present sign."""
    if present.empty:
        return pd.DataFrame(columns=["gloss", "signer", "clips"])
    counts = pd.crosstab(present["gloss"], present["signer"]).stack()
    return counts[counts < per_cell].rename("clips").reset_index()


def _left_out(kind: str, paths: list[str]) -> str:
    """Return "2 in nested folders (ana/HELLO/takes/02.mp4, …)"; what is not UTF-8 in a name is replaced."""
    first = paths[0].encode(errors="surrogateescape").decode(errors="replace")
    return f"{len(paths):,} {kind} ({first})" if len(paths) == 1 else f"{len(paths):,} {kind} ({first}, …)"


def _examples(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f" ({', '.join(names[:SHOWN])}{more})" if names else ""
