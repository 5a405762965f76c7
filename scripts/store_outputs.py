"""Execute the course's notebooks in order, in place, and store their outputs: `make notebooks`.

Outputs are part of the course. They contain no progress bars and no times of execution, and a notebook in which a
reader would see a warning is not stored.
"""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import seaborn as sns
from nbclient import NotebookClient
from PIL import Image

from asl_lib._util.jobs import cores
from asl_lib.course.batch import in_order, longest_first, planned_runs
from asl_lib.course.notebooks import Run, execution_environment, network_threads

LARGEST_KB = 600
LARGE_PICTURE_KB = 60
APART = "--apart"
WARNING = re.compile(r"^WARNING\b|Warning: ", re.MULTILINE)


def execute(path: Path) -> None:
    """Execute one notebook and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=1800,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # a line that comes in two parts is one line
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            for output in cell.outputs:
                if output.get("name") == "stderr" or WARNING.search(output.get("text", "")):
                    raise SystemExit(f"{path.name}, cell {number}: a reader would see this message:\n{output.text}")
            if "true_colours" in cell.metadata.get("tags", []):
                continue  # a wheel of all colours would come out in patches
            for picture in (output["data"] for output in cell.outputs if "image/png" in output.get("data", {})):
                picture["image/png"] = shrink_picture(picture["image/png"])
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
    if (kilobytes := path.stat().st_size // 1024) > LARGEST_KB:
        raise SystemExit(f"{path.name} must stay under {LARGEST_KB} kB with its outputs; it has {kilobytes} kB.")


def shrink_picture(encoded: str) -> str:
    """Return a PNG, base64-encoded, with a palette of 256 colours where it is a large one.

    The noise of a camera does not compress: frames of videos would make a notebook too heavy to read on line.
    The colours of lines and legends are in the palette as they are, however few points have them.
    """
    if len(encoded) < LARGE_PICTURE_KB * 1024:
        return encoded
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    colours = [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), *sns.color_palette("colorblind")]
    fixed = [round(255 * value) for colour in colours for value in colour]
    free = picture.quantize(256 - len(fixed) // 3, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette(fixed + (free or [])[: 768 - len(fixed)])
    buffer = io.BytesIO()
    small = picture.quantize(palette=palette, dither=Image.Dither.NONE)
    # Pillow takes a neighbour for some of the fixed colours: white would come out a little grey.
    index, points = np.array(small), np.asarray(picture)
    for number, colour in enumerate(np.reshape(fixed, (-1, 3))):
        index[(points == colour).all(axis=-1)] = number
    exact = Image.frombytes("P", small.size, index.tobytes())
    exact.putpalette(small.getpalette() or [])
    exact.save(buffer, "PNG", optimize=True)
    smaller = base64.b64encode(buffer.getvalue()).decode()
    return smaller if len(smaller) < len(encoded) else encoded


def store(path: Path) -> None:
    """Execute one notebook, and print its time and size."""
    started = time.monotonic()
    execute(path)
    print(f"{path.name}: {time.monotonic() - started:.0f} s, {path.stat().st_size // 1024} kB", flush=True)


def store_apart(run: Run) -> None:
    """Execute one notebook in a separate process, with the threads for networks that `asl run` gives it.

    Raises:
        CalledProcessError: a cell failed.
    """
    environment = execution_environment(network_threads(jobs=cores()))
    subprocess.run([sys.executable, __file__, APART, str(run.notebook.path)], env=environment, check=True)


def main() -> None:
    if sys.argv[1:2] == [APART]:
        store(Path(sys.argv[2]))
        return
    # As in `asl run`: both give the same digits.
    in_order(longest_first(planned_runs({}, notebooks=sys.argv[1:])), store_apart)


if __name__ == "__main__":
    main()
