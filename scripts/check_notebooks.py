"""Execute the stored notebooks again with nbval, and compare their outputs: `make test-notebooks`.

    python -m scripts.check_notebooks [--beside "pytest tests"] [05 ...]

Each starts as soon as those that it needs are done; its networks have one thread. With numbers, only these are
executed; those that they need must have been. Beside another command, one is executed at a time until that has ended,
then one per core. What notebooks write goes into build/nbval/, and what pytest prints into build/nbval/<name>.txt.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

from asl_lib._util.jobs import cores
from asl_lib.course.batch import in_order, log_line, longest_first, planned_runs
from asl_lib.course.notebooks import BatchError, Run, execution_environment

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "nbval"
NBVAL = (
    "-c", "tests/notebooks/pytest.ini", "--rootdir", ".", "--nbval-lax", "--nbval-cell-timeout", "1800",
    "--nbval-sanitize-with", "tests/notebooks/sanitize.cfg",
)  # fmt: skip
"""Errors count in all cells; the outputs of those that are marked NBVAL_CHECK_OUTPUT are compared."""


def check(run: Run) -> None:
    """Execute one notebook with nbval, and print its result in a line.

    Raises:
        BatchError: a cell failed, or has another output.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", *NBVAL, str(run.notebook.path)]
    environment = {**execution_environment(1), "ASL_HOME": str(FOLDER)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    (FOLDER / f"{run.notebook.name}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        log_line(f"{run.notebook.name}: FAILED after {time.monotonic() - started:.0f} s")
        raise BatchError(f"{run.notebook.path}\n{done.stdout}{done.stderr}")
    log_line(f"{run.notebook.name}: {done.stdout.strip().splitlines()[-1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="by number; all where none is named")
    parser.add_argument("--beside", metavar="COMMAND", help="run this at the same time, and fail where it fails")
    options = parser.parse_args()
    runs = longest_first(planned_runs({}, notebooks=options.notebooks))
    FOLDER.mkdir(parents=True, exist_ok=True)
    beside = subprocess.Popen(shlex.split(options.beside), cwd=ROOT) if options.beside else None

    def busy() -> int:
        return cores() - 1 if beside and beside.poll() is None else 0

    try:
        failures = in_order(runs, check, busy=busy)
    except Exception:
        if beside:
            beside.terminate()
        raise
    finally:  # after Ctrl-C, which both have got, too
        status = beside.wait() if beside else 0
    if status:
        failures.append(f"{options.beside} FAILED: its exit status is {status}")
    if failures:
        raise SystemExit("\n\n".join(failures))


if __name__ == "__main__":
    main()
