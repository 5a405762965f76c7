"""`demo`: clips of procedural signers, rendered on your machine, so that the course runs without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from asl_lib.data.dataset import Dataset, Options
from asl_lib.data.demo import load_lexicon, load_signers, minimal_pairs, write_clip
from asl_lib.data.demo.lexicon import choose
from asl_lib.data.demo.rendered import RenderedDataset, render_clips, renderer_version
from asl_lib.data.names import safe_name
from asl_lib.data.sets.demo_letters import DemoLetters


class Demo(RenderedDataset):
    name = "demo"
    title = "Clips of procedural signers, rendered on this machine: a teaching device"
    size = "72 MB"
    obtain = "Notebook 01 renders it into {folder}."
    notice = (
        "A teaching device, not a dictionary: the signs are approximations written as Stokoe parameters. "
        "To learn a sign language, learn from Deaf teachers."
    )

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Render the clips that do not exist, in parallel, and write the clips table.

        Raises:
            DatasetError: a sign or signer is not in the lexicon, or the folder holds clips of another seed.
        """
        options = options or Options()
        rows: list[tuple[dict[str, object], tuple[Any, ...]]] = []
        signs = choose(options.signs, load_lexicon(), "sign")
        for signer in choose(options.signers, load_signers(), "signer"):
            for sign in signs:
                for repetition in range(options.repetitions):
                    name = f"{safe_name(sign.gloss)}-{repetition + 1:02d}"
                    clip: dict[str, object] = {"clip_id": f"{signer.name}-{name}", "gloss": sign.gloss}
                    clip |= {"path": f"videos/{signer.name}/{name}.mp4", "signer": signer.name}
                    rows.append((clip, (sign, signer, repetition, options.seed)))
        version, seed, workers = renderer_version(), options.seed, options.workers
        return render_clips(dataset_dir, rows, _render, note="demo.json", seed=seed, renderer=version, workers=workers)

    def photographs(self) -> Dataset:
        return DemoLetters()

    def minimal_pairs(self) -> list[tuple[str, str, str]]:
        return minimal_pairs()


def _render(job: Any) -> None:
    path, sign, signer, repetition, seed = job
    write_clip(path, sign, signer, repetition=repetition, seed=seed)
