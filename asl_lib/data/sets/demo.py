"""`demo`: clips of procedural signers, rendered on your machine, so that the course runs without a download."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asl_lib.data.clips import make_clips, read_clips, write_clips
from asl_lib.data.dataset import Dataset, Options, safe_name
from asl_lib.data.demo.rendered import check_origin, render_all, signer_version
from asl_lib.data.errors import DatasetError
from asl_lib.data.sets.demo_letters import DemoLetters

RenderJob = tuple[Path, str, str, int, int]


class Demo(Dataset):
    name = "demo"
    title = "Clips of procedural signers, rendered on this machine: a teaching device"
    licence = "MIT, as the course"
    size = "33 MB"
    homepage = ""
    rendered = True
    obtain = "Notebook 01 renders it into {folder}."
    notice = (
        "A teaching device, not a dictionary: the signs are approximations written as Stokoe parameters. "
        "To learn a sign language, learn from Deaf teachers."
    )

    def find_clips(self, source_dir: Path, subset: str = "") -> pd.DataFrame:
        if not (source_dir / "clips.csv").is_file():
            raise self.absent(source_dir, "clips.csv")
        return read_clips(source_dir / "clips.csv")

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Render the clips that are not there yet, in parallel, and write the clips table.

        Raises:
            DatasetError: a sign or signer is not in the lexicon, or the folder holds clips of another seed.
        """
        from asl_lib.data.demo import load_lexicon, load_signers

        options = options or Options()
        signs = _chosen(options.signs, list(load_lexicon()), "sign")
        signers = _chosen(options.signers, list(load_signers()), "signer")
        rows: list[dict[str, object]] = []
        jobs: list[RenderJob] = []
        for signer in signers:
            for gloss in signs:
                for repetition in range(options.repetitions):
                    name = f"{safe_name(gloss)}-{repetition + 1:02d}"
                    path = f"videos/{signer}/{name}.mp4"
                    rows.append({"clip_id": f"{signer}-{name}", "path": path, "gloss": gloss, "signer": signer})
                    if not (dataset_dir / path).is_file():
                        jobs.append((dataset_dir / path, gloss, signer, repetition, options.seed))
        check_origin(dataset_dir / "demo.json", seed=options.seed, look=signer_version())
        render_all(_render, jobs, workers=options.workers, unit="clip")
        clips = make_clips(rows)
        write_clips(clips, dataset_dir / "clips.csv")
        return clips

    def photographs(self) -> Dataset:
        return DemoLetters()

    def minimal_pairs(self) -> list[tuple[str, str, str]]:
        from asl_lib.data.demo import minimal_pairs

        return minimal_pairs()


def _render(job: RenderJob) -> None:
    from asl_lib.data.demo import load_lexicon, load_signers, write_clip

    path, gloss, signer, repetition, seed = job
    write_clip(path, load_lexicon()[gloss], load_signers()[signer], repetition=repetition, seed=seed)


def _chosen(wanted: tuple[str, ...], known: list[str], what: str) -> list[str]:
    for name in wanted:
        if name not in known:
            raise DatasetError(f"There is no demo {what} '{name}'. There are: {', '.join(known)}.")
    return list(wanted) or known
