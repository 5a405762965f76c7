"""`asl_citizen`: 2,731 ASL signs recorded by 52 people at home (Desai et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import SPLIT_NAMES, Dataset, Published, Remote, Row, inner_folder, read_list
from asl_lib.data.names import safe_name


class AslCitizen(Dataset):
    name = "asl_citizen"
    title = "ASL Citizen: signs recorded by 52 members of the Deaf community at home (Desai et al. 2023)"
    licence = "Microsoft Research licence: research use"
    size = "about 20 GB"
    homepage = "https://www.microsoft.com/en-us/research/project/asl-citizen/"
    notice = (
        "The parts of the official split share no participant. Glosses are those of the lists, not of the file names."
    )
    obtain = "Get it with `asl datasets download asl_citizen`, or unpack ASL_Citizen.zip into {folder}."
    holds = "splits/train.csv"
    published = Published(clips=83399, signs=2731, signers=52)
    remotes = (
        Remote(
            ("https://download.microsoft.com/download/b/8/8/b88c0bae-e6c1-43e1-8726-98cf5af36ca4/ASL_Citizen.zip",),
            "ASL_Citizen.zip",
        ),
    )

    def source_dir(self, dataset_dir: Path) -> Path:
        return inner_folder(dataset_dir, "splits")

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        for name in ("train", "val", "test"):
            path = source_dir / "splits" / f"{name}.csv"
            if not path.is_file():
                continue
            table = read_list(path, ["Participant ID", "Video file", "Gloss"])
            for signer, video, gloss in zip(table["Participant ID"], table["Video file"], table["Gloss"], strict=True):
                yield {
                    "clip_id": safe_name(Path(video).stem),
                    "path": f"videos/{video}",
                    "gloss": gloss,
                    "signer": signer,
                    "split": SPLIT_NAMES[name],
                }
