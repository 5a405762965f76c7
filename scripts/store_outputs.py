"""Execute the course's notebooks in order, in place, and store their outputs: `make notebooks`.

Outputs are part of the course, so they hold what a reader needs and nothing else: no progress bars, no
messages on stderr, no times of execution.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
LARGEST_KB = 600


def execute(path: Path) -> None:
    """Execute one notebook and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=1800,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
    if (kilobytes := path.stat().st_size // 1024) > LARGEST_KB:
        raise SystemExit(f"{path.name} must stay under {LARGEST_KB} kB with its outputs; it has {kilobytes} kB.")


def main() -> None:
    os.environ |= {"ASL_PROGRESS": "off", "TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    chosen = sys.argv[1:]
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        if not chosen or any(path.name.startswith(number) for number in chosen):
            started = time.monotonic()
            execute(path)
            print(f"{path.name}: {time.monotonic() - started:.0f} s, {path.stat().st_size // 1024} kB", flush=True)


if __name__ == "__main__":
    main()
