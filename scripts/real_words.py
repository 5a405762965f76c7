"""Lay the small copies of two sets of real words out for `own_landmarks`: `python scripts/real_words.py`.

It reads `isl_words/landmarks.npz` and `asl_webcams/landmarks.npz` in $ASL_SHARED_DATA (or ../shared/data) and writes
data/isl_words/own_landmarks and data/asl_webcams/own_landmarks, one file a clip, with the table of signers. From the
public folders the same is made by hand: see docs/datasets/real_words.md. Then it prints what that page says of the
sources: how long faces are, read as pictures of 4:3, and which fingers are straight in NO.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write
from asl_lib._util.paths import project_folder
from asl_lib.features.handshape import describe_hand

WIDE = ("akash", "fyd", "trad_C", "trad_D")
"""Sources of `asl_webcams` whose faces have the proportions of faces in pictures of 16:9."""
FACE_FIRST = "s4m"
"""This source's files begin with the face, which the small copy took for the body: the body is not in it."""

STRAIGHT, SAME_PLACE = 0.9, 0.05
"""Least cosine of a straight finger's two outer joints; most distance of two hands that are one, in picture widths."""


def lay_out_isl_words(copy: Path, folder: Path) -> None:
    """Write the clips of the words that at least two signers signed."""
    with np.load(copy, allow_pickle=False) as data:
        parts = np.concatenate([data["pose"], data["left_hand"], data["right_hand"]], axis=2)
        table = pd.DataFrame({name: data[name] for name in ("signer", "gloss", "sequence")})
    signers = table.groupby("gloss")["signer"].transform("nunique")
    for row in np.flatnonzero(signers > 1):
        signer, gloss, sequence = table.iloc[row]
        _save(folder / signer / gloss / f"{sequence}.npy", parts[row])
    _describe(folder)


def lay_out_asl_webcams(copy: Path, folder: Path) -> None:
    """Write the clips of HELLO, THANKS and NO, without those of `FACE_FIRST`."""
    with np.load(copy, allow_pickle=False) as data:
        clips = np.split(data["points"], np.cumsum(data["length"])[:-1])
        named = zip(clips, data["signer"], data["gloss"], strict=True)
        for number, (clip, signer, gloss) in enumerate(named):
            if gloss in ("HELLO", "THANKS", "NO") and signer != FACE_FIRST:
                _save(folder / signer / gloss / f"{number}.npy", clip)
    _describe(folder, *(f"{source}/*,,30,1280,720" for source in WIDE))


def _save(path: Path, clip: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as tmp, tmp.open("wb") as file:
        np.save(file, clip)


def _describe(folder: Path, *lines: str) -> None:
    with atomic_write(folder / "signers.csv") as tmp:
        tmp.write_text("\n".join(["path,signer,fps,width,height", "*,,30,640,480", *lines, ""]), encoding="utf-8")


def describe_sources(copy: Path) -> Iterator[str]:
    """Give a line for each source of `asl_webcams`."""
    with np.load(copy, allow_pickle=False) as data:
        frames = pd.DataFrame({name: np.repeat(data[name], data["length"]) for name in ("signer", "gloss")})
        points = data["points"].astype(np.float32)
    for signer, rows in frames[frames["signer"] != FACE_FIRST].groupby("signer"):
        pose = points[rows.index, :132].reshape(-1, 33, 4)[..., :2]
        eyes, mouth = pose[:, [2, 5]], pose[:, [9, 10]].mean(axis=1)
        length = np.median(mouth[:, 1] - eyes[:, :, 1].mean(axis=1)) / np.median(eyes[:, 0, 0] - eyes[:, 1, 0])
        line = f"{signer:7s} eyes to mouth {0.75 * length:.2f} times the distance of the eyes, in pictures of 4:3"
        hands = points[rows.index[rows["gloss"] == "NO"], 132:].reshape(-1, 2, 21, 3)[..., :2]
        found = hands.any(axis=(2, 3))
        if len(hands):
            hand = np.where(found[:, 1, None, None], hands[:, 1], hands[:, 0])[found.any(axis=1)]
            shape = (1280, 720) if signer in WIDE else (640, 480)
            bends = describe_hand(hand * np.array(shape, np.float32))[:, :15].reshape(-1, 5, 3)[:, :, 1:].mean(axis=2)
            straight = zip(("thumb", "index", "middle", "ring", "little"), (bends > STRAIGHT).mean(axis=0), strict=True)
            same = np.abs(hands[:, 0] - hands[:, 1]).mean(axis=(1, 2)) < SAME_PLACE
            line += "; NO: straight in " + ", ".join(f"{finger} {share:.0%}" for finger, share in straight)
            line += f" of {len(hand)} frames with a hand; one hand twice in {(same & found.all(axis=1)).sum()}"
        yield line


def main() -> None:
    shared = Path(os.environ.get("ASL_SHARED_DATA", project_folder().parent / "shared" / "data"))
    for name, lay_out in (("isl_words", lay_out_isl_words), ("asl_webcams", lay_out_asl_webcams)):
        folder = project_folder() / "data" / name / "own_landmarks"
        lay_out(shared / name / "landmarks.npz", folder)
        print(f"{folder}: {sum(1 for _ in folder.rglob('*.npy'))} clips")
    print(*describe_sources(shared / "asl_webcams" / "landmarks.npz"), sep="\n")


if __name__ == "__main__":
    main()
