"""What of a data set is on this disk: present, missing, broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from asl_lib._util.paths import relative
from asl_lib._util.progress import progress
from asl_lib.data.clips import Clip, missing_files
from asl_lib.data.dataset import Dataset, Published
from asl_lib.data.video import VideoError, video_info
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.store import read_landmarks

SHOWN = 10


@dataclass(frozen=True)
class Inventory:
    """What is there of a data set.

    Attributes:
        dataset: which one.
        folder: where it was looked for.
        present: rows of the clips table whose files are there and can be opened.
        missing: rows whose files are not there.
        broken: clip_id, path and reason of those whose files are there and cannot be opened.
        thin: gloss, signer and clips, where there are fewer clips of a sign by a signer than published.
        absent: published signs of which there is no clip at all.
        subset: the published subset that was asked for; empty for all.
    """

    dataset: Dataset
    folder: Path
    present: pd.DataFrame
    missing: pd.DataFrame
    broken: pd.DataFrame
    thin: pd.DataFrame
    absent: tuple[str, ...] = ()
    subset: str = ""

    def problems(self) -> pd.DataFrame:
        """Return one row a problem: clip_id, path, problem; both are empty where it is not about one file."""
        per_cell = self.dataset.published.per_cell
        counts = [
            f"sign {gloss}, signer {signer}: {n} of {per_cell} clips" for gloss, signer, n in self.thin.to_numpy()
        ]
        counts += [f"sign {gloss}: no clip" for gloss in self.absent]
        too_few = pd.DataFrame({"clip_id": "", "path": "", "problem": counts})
        missing = self.missing[["clip_id", "path"]].assign(problem="missing")
        broken = self.broken[["clip_id", "path"]].assign(problem=self.broken["reason"])
        return pd.concat([missing, broken, too_few], ignore_index=True)

    def published(self) -> Published:
        """Return how much its publishers say there is: of the subset, where that can be reckoned, else of all."""
        what, signs = self.dataset.published, len(self.dataset.published_signs(self.subset))
        return replace(what, signs=signs, clips=signs * what.signers * what.per_cell) if signs else what

    def __str__(self) -> str:
        what = self.published()
        lines = [
            f"{self.dataset.name} in {relative(self.folder)}",
            f"  present: {_count(self.present)}",
            *(
                [f"  published: {what.clips:,} clips, {what.signs:,} signs, {what.signers} signers"]
                if what.clips
                else []
            ),
            f"  missing: {len(self.missing):,}{_few(self.missing['path'])}",
            f"  broken:  {len(self.broken):,}",
            *(
                f"    {path}: {reason}"
                for path, reason in self.broken[["path", "reason"]].head(SHOWN).itertuples(index=False)
            ),
        ]
        if len(self.broken) > SHOWN:
            lines.append(f"    … and {len(self.broken) - SHOWN:,} more")
        if self.absent:
            lines.append(f"  signs without any clip: {len(self.absent):,}{_few(pd.Series(self.absent))}")
        signers = self.present["signer"].nunique()
        if what.per_cell and signers < what.signers:
            lines.append(f"  signers without any clip: {what.signers - signers}; there are {_names(self.present)}")
        if len(self.thin):
            lines.append(f"  fewer than {what.per_cell} clips of a sign by a signer: {len(self.thin):,} times")
            shown = self.thin.head(SHOWN).itertuples(index=False)
            lines += [f"    sign {gloss}, signer {signer}: {count}" for gloss, signer, count in shown]
        return "\n".join(lines)


def take_inventory(
    dataset: Dataset, dataset_dir: str | Path, *, subset: str = "", look_inside: bool = True
) -> Inventory:
    """Look at every file of a data set.

    Args:
        dataset: which one.
        dataset_dir: its folder, `data/<name>/`.
        subset: only the clips of a published subset.
        look_inside: open every file; without it an empty file counts as broken, any other as present.

    Raises:
        DatasetError: nothing of the data set's form is there.
    """
    folder = dataset.source_dir(Path(dataset_dir))
    listed = dataset.find_clips(folder, subset)
    missing = missing_files(listed, folder)
    here = listed[~listed["clip_id"].isin(set(missing["clip_id"]))].reset_index(drop=True)
    reasons = []
    for clip in progress(here.to_dict("records"), total=len(here), description="Checking", unit="file"):
        reasons.append(_problem(dataset, Path(dataset_dir), folder, clip, look_inside=look_inside))
    bad = pd.Series([reason is not None for reason in reasons], dtype=bool)
    broken = here[bad][["clip_id", "path"]].assign(reason=[reason for reason in reasons if reason is not None])
    present = here[~bad].reset_index(drop=True)
    found = set(present["gloss"])
    absent = tuple(gloss for gloss in dataset.published_signs(subset) if gloss not in found)
    thin, broken = _thin(dataset, present), broken.reset_index(drop=True)
    return Inventory(dataset, folder, present, missing, broken, thin, absent, subset)


def _problem(dataset: Dataset, dataset_dir: Path, folder: Path, clip: Clip, *, look_inside: bool) -> str | None:
    """Return what is wrong with one file, or None."""
    path = folder / clip["path"]
    if not path.stat().st_size:
        return "the file is empty (0 bytes)"
    if not look_inside:
        return None
    try:
        if dataset.kind == "videos":
            video_info(path)
        elif dataset.kind == "landmarks":
            read_landmarks(dataset.pose_path(dataset_dir, clip))
        else:
            return _picture_problem(path)
    except (VideoError, LandmarkError) as error:
        # The line names the path already.
        return str(error).replace(f"{path} ", "", 1)
    return None


def _picture_problem(path: Path) -> str | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        return f"is not a whole picture ({error})"
    return None


def _thin(dataset: Dataset, present: pd.DataFrame) -> pd.DataFrame:
    """Return the sign-signer pairs with fewer clips than published, among signs and signers that are there."""
    columns = ["gloss", "signer", "clips"]
    if not dataset.published.per_cell or present.empty:
        return pd.DataFrame(columns=columns)
    counts = pd.crosstab(present["gloss"], present["signer"]).stack()
    few = counts[counts < dataset.published.per_cell]
    return few.rename("clips").reset_index()[columns]


def _count(clips: pd.DataFrame) -> str:
    return f"{len(clips):,} clips, {clips['gloss'].nunique():,} signs, {clips['signer'].nunique():,} signers"


def _names(clips: pd.DataFrame) -> str:
    return ", ".join(sorted(set(clips["signer"]))) or "none"


def _few(paths: pd.Series) -> str:
    if paths.empty:
        return ""
    more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
    return f" ({', '.join(paths.head(SHOWN))}{more})"
