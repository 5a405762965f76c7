"""`demo_letters`: pictures of letters by the demo's procedural signers, rendered on your machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from asl_lib._util.files import atomic_write
from asl_lib.data.dataset import Options
from asl_lib.data.demo import LETTERS, Signer, handshape_image, handshape_joints, load_signers
from asl_lib.data.demo.lexicon import choose
from asl_lib.data.demo.rendered import RenderedDataset, render_clips, renderer_version
from asl_lib.data.demo.stills import check_names

SIZE_PX = 128


class DemoLetters(RenderedDataset):
    name = "demo_letters"
    title = "Letters by procedural signers, rendered on this machine: a teaching device"
    size = "22 MB"
    obtain = "Notebook 08 renders it into {folder}."
    notice = "A teaching device: J and Z are movements, and a picture shows no more than their handshape."
    kind = "photographs"

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Render the pictures that do not exist, in parallel, and write the clips table."""
        options = options or Options()
        signers = choose(options.signers, load_signers(), "signer")
        each, seed, workers = 2 * options.repetitions, options.seed, options.workers
        return render_handshapes(dataset_dir, options.signs or LETTERS, signers, each=each, seed=seed, workers=workers)


def render_handshapes(
    folder: str | Path,
    names: Sequence[str],
    signers: Sequence[Signer],
    *,
    each: int,
    seed: int,
    variety: float = 1.0,
    workers: int = 0,
) -> pd.DataFrame:
    """Render each letter or digit `each` times by each signer as `folder/<signer>/<name>-01.png`, and list them.

    Args:
        folder: where the pictures and their `clips.csv` go; existing pictures are kept.
        names: letters and digits.
        signers: the signers who show them.
        each: pictures of one letter by one signer.
        seed: seed of all pictures.
        variety: how much angle, light and fingers vary, as a multiple of the default.
        workers: number of processes; 0 for one per core.

    Raises:
        DatasetError: a name is not a letter or digit, the folder holds pictures of another origin, or one could not be
            rendered.
    """
    check_names(names)
    rows: list[tuple[dict[str, object], tuple[Any, ...]]] = []
    for signer in signers:
        for name in names:
            for number in range(1, each + 1):
                clip: dict[str, object] = {"clip_id": f"{signer.name}-{name}-{number:02d}", "gloss": name}
                clip |= {"path": f"{signer.name}/{name}-{number:02d}.png", "signer": signer.name}
                rows.append((clip, (name, signer, seed * 1000 + number, variety)))
    version, note = f"{renderer_version()}, variety {variety}", "handshapes.json"
    return render_clips(Path(folder), rows, _render, note=note, seed=seed, renderer=version, workers=workers)


def drawn_joints(
    names: Sequence[str], signers: Sequence[Signer], *, each: int, seed: int, variety: float = 1.8, jitter: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joints of the hands that `render_handshapes` would draw, with the noise of a tracker.

    A network for landmarks needs no pictures: the joints of a drawn hand are known.

    Args:
        names: letters and digits.
        signers: the signers who show them.
        each: hands of one letter by one signer.
        seed: seed of all hands.
        variety: how much angle and fingers vary, as a multiple of the default.
        jitter: error of a tracker, in widths of the picture (standard deviation).

    Returns:
        (n, 21, 3) float32 in the form of `hands.find_hands`, and (n,) int: the index in `names` of each hand.

    Raises:
        DatasetError: a name is not a letter or digit.
    """
    check_names(names)
    drawn = [
        (handshape_joints(name, signer, seed=seed * 1000 + number, variety=variety), label)
        for signer in signers
        for label, name in enumerate(names)
        for number in range(1, each + 1)
    ]
    hands = np.stack([joints for joints, _ in drawn])
    noise = np.random.default_rng(seed).normal(0, jitter, hands.shape)
    return (hands + noise).astype(np.float32), np.array([label for _, label in drawn])


def _render(job: Any) -> None:
    path, name, signer, seed, variety = job
    picture = Image.fromarray(handshape_image(name, signer, seed=seed, size=SIZE_PX, variety=variety))
    with atomic_write(path) as tmp:
        picture.save(tmp, "PNG")
