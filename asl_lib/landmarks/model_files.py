"""The models of the tracker: downloaded once, at set-up, from the last MediaPipe wheel that contains them.

    python -m asl_lib.landmarks.model_files [options of `pip download`]

Nothing is downloaded at any other time. The wheel is used as data: always the same one, for any platform and Python,
and nothing in it is executed. NOTICE has the models' authors and licence.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import platformdirs
from flatbuffers.table import Table

from asl_lib._util.files import atomic_write
from asl_lib.landmarks.landmarks import LandmarkError

MEDIAPIPE = "0.10.21"
"""The last release whose wheel has the models."""
WHEEL = ("--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "--platform", "manylinux_2_28_x86_64",
         f"mediapipe=={MEDIAPIPE}")  # fmt: skip
"""The arguments of `pip download`."""
FETCH = "python -m asl_lib.landmarks.model_files"
IN_WHEEL = {  # file in the wheel's mediapipe/modules -> its SHA-256
    "face_detection/face_detection_short_range": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_landmark/face_landmark": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    "hand_landmark/hand_landmark_full": "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    "holistic_landmark/hand_recrop": "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
    "palm_detection/palm_detection_full": "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    "pose_detection/pose_detection": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark/pose_landmark_full": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
}
CHANGED = {  # model that is changed before it is stored -> its SHA-256 then
    "pose_landmark_full": "242db61b62042f72e0df593256bb96ad4c1b116f7fc3b550670415d1aa7bce9d",
}
SUBGRAPHS, INPUTS, OUTPUTS, OPERATORS = 8, 6, 8, 10
"""Slots of LiteRT's schema: of a model, of a graph or an operator, the same, of a graph."""
POSE_OUTPUTS = (0, 1, 3, 4)
"""Landmarks, score, heatmaps and world landmarks of the pose model; output 2 is the mask, a third of its time."""


def models_folder() -> Path:
    """Return the folder of the models, which every copy of the course on this machine shares.

    It is in `$ASL_CACHE` if that is set, otherwise in the user's cache folder.
    """
    return Path(os.environ.get("ASL_CACHE") or platformdirs.user_cache_dir("asl_lib")) / f"mediapipe-{MEDIAPIPE}"


def model_path(name: str) -> Path:
    """Return the path of a model such as "hand_landmark_full" (.tflite).

    "pose_landmark_full" is without its mask: its outputs are landmarks, score, heatmaps and world landmarks.

    Raises:
        LandmarkError: the models have not been fetched.
    """
    path = models_folder() / f"{name}.tflite"
    if not path.is_file():
        raise LandmarkError(
            f"The tracker's model {path.name} is not in {path.parent}. Fetch the models, once (36 MB): {FETCH}"
        )
    return path


def fetch_models(pip_options: Sequence[str] = (), *, log: Callable[[str], None] = print) -> None:
    """Download the models that are missing or damaged; without any, nothing connects to the network.

    Each file appears under its name only when it is complete.

    Args:
        pip_options: options of `pip download`, such as ("--no-index", "--find-links", "wheelhouse").
        log: called with each status message.

    Raises:
        LandmarkError: the wheel cannot be downloaded, or a file in it is not the published one.
        OSError: the folder of the models cannot be written.
    """
    folder = models_folder()
    missing = [path for path, sha256 in _stored(folder).items() if _sha256(path) != sha256]
    if not missing:
        return
    log(f"Fetching the tracker's models into {folder} (once, 36 MB) ...")
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *pip_options]
        if subprocess.run([*command, "--dest", name, *WHEEL], check=False).returncode:
            raise LandmarkError(
                f"pip could not download mediapipe {MEDIAPIPE}, which has the tracker's models: its message is above. "
                f"Without a network, from a folder that `make wheelhouse` made: {FETCH} --no-index --find-links FOLDER"
            )
        (wheel,) = Path(name).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            models = {member: archive.read(f"mediapipe/modules/{member}.tflite") for member in IN_WHEEL}
    for member, data in models.items():
        if hashlib.sha256(data).hexdigest() != IN_WHEEL[member]:
            raise LandmarkError(f"{member}.tflite in {wheel.name} is not the published model: its SHA-256 differs.")
    for path in missing:
        data = next(data for member, data in models.items() if member.endswith(f"/{path.stem}"))
        with atomic_write(path) as tmp:
            tmp.write_bytes(without_outputs(data, keep=POSE_OUTPUTS) if path.stem in CHANGED else data)


def _stored(folder: Path) -> dict[Path, str]:
    """Return the path of each model and the SHA-256 that its file must have."""
    published = {member.partition("/")[2]: sha256 for member, sha256 in IN_WHEEL.items()}
    return {folder / f"{name}.tflite": sha256 for name, sha256 in {**published, **CHANGED}.items()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def without_outputs(model: bytes, *, keep: Sequence[int]) -> bytes:
    """Return a `.tflite` model with some of its outputs only, without the operators that the others needed.

    The lists of operators and outputs are shortened in place; everything else, including the numbers of the tensors,
    stays the same, so the remaining outputs are bit-identical.

    Args:
        model: the file's content, with one graph.
        keep: numbers of the outputs that stay, in the new order.
    """
    data = bytearray(model)
    root = Table(data, struct.unpack_from("<I", data)[0])
    graph = _tables(root, SUBGRAPHS)[0]
    every = _integers(graph, OUTPUTS)
    outputs = [every[number] for number in keep]
    needed, kept = set(outputs), []
    for operator in reversed(_tables(graph, OPERATORS)):
        if needed & set(_integers(operator, OUTPUTS)):
            needed |= set(_integers(operator, INPUTS))
            kept.append(operator.Pos)
    # A vector of a flatbuffer: its length, then its values; a table is given by its distance from where that stands.
    for slot, values, is_table in ((OUTPUTS, outputs, False), (OPERATORS, kept[::-1], True)):
        start = graph.Vector(graph.Offset(slot))
        struct.pack_into("<I", data, start - 4, len(values))
        for at, value in enumerate(values):
            place = start + 4 * at
            struct.pack_into("<I", data, place, value - place if is_table else value)
    return bytes(data)


def _integers(table: Table, slot: int) -> list[int]:
    """Return a vector of 32-bit integers of a flatbuffer's table."""
    offset = table.Offset(slot)
    return list(struct.unpack_from(f"<{table.VectorLen(offset)}i", table.Bytes, table.Vector(offset)))


def _tables(table: Table, slot: int) -> list[Table]:
    """Return a vector of tables of a flatbuffer's table."""
    offset = table.Offset(slot)
    places = range(table.Vector(offset), table.Vector(offset) + 4 * table.VectorLen(offset), 4)
    return [Table(table.Bytes, table.Indirect(place)) for place in places]


def main() -> int:
    try:
        fetch_models(sys.argv[1:])
    except (LandmarkError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
