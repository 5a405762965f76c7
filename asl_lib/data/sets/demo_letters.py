"""`demo_letters`: pictures of letters by the demo's procedural signers, rendered on your machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write
from asl_lib.data.clips import make_clips, read_clips, write_clips
from asl_lib.data.dataset import Dataset, Options
from asl_lib.data.demo import DIGITS, LETTERS, Signer, handshape_image, handshape_joints, load_signers, random_signer
from asl_lib.data.demo.rendered import check_origin, render_all, signer_version
from asl_lib.data.errors import DatasetError

SIZE_PX = 128
StillJob = tuple[Path, str, Signer, int, float]


class DemoLetters(Dataset):
    name = "demo_letters"
    title = "Letters by procedural signers, rendered on this machine: a teaching device"
    licence = "MIT, as the course"
    size = "20 MB"
    homepage = ""
    rendered = True
    obtain = "Notebook 08 renders it into {folder}."
    notice = "A teaching device: J and Z are movements, and a picture shows no more than their handshape."
    kind = "photographs"

    def find_clips(self, source_dir: Path, subset: str = "") -> pd.DataFrame:
        if not (source_dir / "clips.csv").is_file():
            raise self.absent(source_dir, "clips.csv")
        return read_clips(source_dir / "clips.csv")

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Render the pictures that are not there yet, in parallel, and write the clips table."""
        options = options or Options()
        people = load_signers()
        if unknown := [name for name in options.signers if name not in people]:
            raise DatasetError(f"There is no demo signer '{unknown[0]}'. There are: {', '.join(people)}.")
        chosen = [people[name] for name in options.signers or people]
        return render_handshapes(
            dataset_dir, options.signs or LETTERS, chosen, each=2 * options.repetitions, seed=options.seed,
            workers=options.workers,
        )  # fmt: skip


def random_people(count: int, *, seed: int) -> list[Signer]:
    """Return people that nobody wrote down, for domain randomisation."""
    like = list(load_signers().values())
    return [random_signer(like[number % len(like)], seed=seed, number=number) for number in range(count)]


def render_handshapes(
    folder: str | Path,
    names: Sequence[str],
    people: Sequence[Signer],
    *,
    each: int,
    seed: int,
    variety: float = 1.0,
    workers: int = 0,
) -> pd.DataFrame:
    """Render each letter or digit `each` times by each person as `folder/<person>/<name>-01.png`, and list them.

    Args:
        folder: where the pictures and their `clips.csv` go; pictures that are there are kept.
        names: letters and digits.
        people: who shows them.
        each: pictures of one letter by one person.
        seed: where randomness starts.
        variety: how much angle, light and fingers vary, relative to the usual.
        workers: processes; 0 for one per core.

    Raises:
        DatasetError: a name is no letter and no digit, the folder holds pictures of another origin, or one could not be
            rendered.
    """
    folder = Path(folder)
    if unknown := [name for name in names if name not in (*LETTERS, *DIGITS)]:
        raise DatasetError(f"There is no letter or digit '{unknown[0]}'. There are: {', '.join((*LETTERS, *DIGITS))}.")
    look = f"{signer_version(stills=True)}, variety {variety}"
    check_origin(folder / "handshapes.json", seed=seed, look=look)
    rows: list[dict[str, object]] = []
    jobs: list[StillJob] = []
    for person in people:
        for name in names:
            for number in range(1, each + 1):
                path = f"{person.name}/{name}-{number:02d}.png"
                clip_id = f"{person.name}-{name}-{number:02d}"
                rows.append({"clip_id": clip_id, "path": path, "gloss": name, "signer": person.name})
                if not (folder / path).is_file():
                    jobs.append((folder / path, name, person, seed * 1000 + number, variety))
    render_all(_render, jobs, workers=workers, unit="picture")
    clips = make_clips(rows)
    write_clips(clips, folder / "clips.csv")
    return clips


def drawn_joints(
    names: Sequence[str], people: Sequence[Signer], *, each: int, seed: int, variety: float = 1.8, jitter: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joints of the hands that `render_handshapes` would draw, as if a tracker had found them.

    A network for landmarks needs no picture to learn from: whoever draws a hand knows where its joints are.

    Args:
        names: letters and digits.
        people: who shows them.
        each: hands of one letter by one person.
        seed: where randomness starts.
        variety: how much angle and fingers vary, relative to the usual.
        jitter: how far a tracker is off, in widths of the picture (standard deviation).

    Returns:
        (n, 21, 3) float32 as `hands.find_hands` gives them, and (n,) int: which of `names` each is.

    Raises:
        DatasetError: a name is no letter and no digit.
    """
    if unknown := [name for name in names if name not in (*LETTERS, *DIGITS)]:
        raise DatasetError(f"There is no letter or digit '{unknown[0]}'. There are: {', '.join((*LETTERS, *DIGITS))}.")
    drawn = [
        (handshape_joints(name, person, seed=seed * 1000 + number, variety=variety), label)
        for person in people
        for label, name in enumerate(names)
        for number in range(1, each + 1)
    ]
    hands = np.stack([joints for joints, _ in drawn])
    off = np.random.default_rng(seed).normal(0, jitter, hands.shape)
    return (hands + off).astype(np.float32), np.array([label for _, label in drawn])


def _render(job: StillJob) -> None:
    from PIL import Image

    path, name, person, seed, variety = job
    picture = Image.fromarray(handshape_image(name, person, seed=seed, size=SIZE_PX, variety=variety))
    with atomic_write(path) as tmp:
        picture.save(tmp, "PNG")
