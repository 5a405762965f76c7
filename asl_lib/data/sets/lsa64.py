"""`lsa64`: Argentinian Sign Language, 64 signs by ten signers (Ronchetti et al. 2016)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import Dataset, Published, Row
from asl_lib.data.names import walk

NAMES = """
    Opaque, Red, Green, Yellow, Bright, Light-blue, Colors, Red*, Women, Enemy, Son, Man, Away, Drawer, Born,
    Learn, Call, Skimmer, Bitter, Sweet milk, Milk, Water, Food, Argentina, Uruguay, Country, Last name, Where,
    Mock, Birthday, Breakfast, Photo, Hungry, Map, Coin, Music, Ship, None, Name, Patience, Perfume, Deaf, Trap,
    Rice, Barbecue, Candy, Chewing-gum, Spaghetti, Yogurt, Accept, Thanks, Shut down, Appear, To land, Catch,
    Help, Dance, Bathe, Buy, Copy, Run, Realize, Give, Find
"""
"""The published names of signs 1 to 64. The published table names both 2 and 8 'Red'; the star distinguishes them."""


class Lsa64(Dataset):
    name = "lsa64"
    title = "LSA64: Argentinian Sign Language (Ronchetti et al. 2016)"
    licence = "CC BY-NC-SA 4.0"
    size = "1.9 GB, cut version 1.5 GB"
    homepage = "https://facundoq.github.io/datasets/lsa64/"
    notice = (
        "The ten subjects are not fluent signers: they learned each sign from a video before recording it. They wear "
        "fluorescent gloves. Subject 10 is one person in signs 1 to 23 and another person in the others."
    )
    obtain = "Get the cut version from https://facundoq.github.io/datasets/lsa64/ and unpack its videos into {folder}."
    holds = "video named <sign>_<signer>_<repetition>.mp4 (001_001_001.mp4)"
    published = Published(clips=3200, signs=64, signers=10, per_cell=5)

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        for path in walk(source_dir):
            match = re.fullmatch(r"(\d{3})_(\d{3})_(\d{3})\.mp4", path.name)
            if match:
                sign, signer, _ = match.groups()
                relative = path.relative_to(source_dir).as_posix()
                yield {"clip_id": path.stem, "path": relative, "gloss": sign, "signer": signer}

    def published_signs(self, subset: str = "") -> tuple[str, ...]:
        return tuple(f"{sign:03d}" for sign in range(1, 65))

    def labels(self, source_dir: Path) -> dict[str, str]:
        return {f"{number:03d}": " ".join(name.split()) for number, name in enumerate(NAMES.split(","), start=1)}
