"""All benchmarks in one run, and the page that shows them: docs/benchmarks.md.

    python -m benchmarks [--quick] [--reference PYTHON]     (`make benchmarks`; half an hour on 2 cores)

Each benchmark is a process of its own, one after the other, so that none slows another down. `--quick` takes small
sizes, to see whether all of them work, and prints the page instead of writing it. A benchmark that fails is named on
the page, and the others go on. PYTHON is an interpreter with mediapipe 0.10.21 (benchmarks/solutions.py): without one,
what is compared with that release is left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from asl_lib._util.jobs import cores
from benchmarks.rows import FILE_VARIABLE, Row, read_rows

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
COMMANDS = {
    "extraction": (
        ["--rounds", "2"],
        ["--clips", "2", "--repeat", "0", "--rounds", "1"],
    ),
    "tracker": (["--clips", "24"], ["--clips", "2", "--photographs", "20", "--rounds", "1"]),
    "sequence": ([], ["--clips", "64", "--rounds", "1"]),
    "growth": ([], ["--clips", "320", "--videos", "16"]),
    "live": (["--soak", "60"], ["--only", "stream,window,file"]),
    "live_page": ([], ["--clips", "2"]),
}
"""Benchmark -> its options, and its options when it is only to be tried."""
REFERENCED = ("extraction", "tracker")
"""Benchmarks that compare with mediapipe 0.10.21; the first also tells its own speed alone."""
NOTES = "## Notes"
"""What stands under this heading of the page is written by hand, and stays."""
PACKAGES = ("ai-edge-litert", "av", "pose-format", "tensorflow", "keras", "numpy", "opencv-contrib-python", "pandas")
TITLES = {
    "extraction": "Extracting landmarks",
    "tracker": "The tracker and mediapipe 0.10.21",
    "reading": "Reading landmarks",
    "augmentation": "Augmentation",
    "features": "Features",
    "epoch": "Training",
    "latency": "One answer",
    "live": "Live",
    "growth": "Growth: 1 x, 4 x, 16 x the data",
}
HEAD = """\
# Benchmarks

Speed is given as a ratio to the plain method, or to a named peer, in the same run on the same machine: above 1, asl_lib
is faster. Seconds and megabytes hold for this machine only. `make benchmarks` writes this page; each benchmark can also
be run on its own.
"""


def run(name: str, options: list[str], file: Path) -> tuple[list[Row], str, float]:
    """Run one benchmark; return its rows, the last line of its error if it failed, and its minutes."""
    before = len(read_rows(file))
    started = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    print(f"== {' '.join(['python', *command[1:]])}", flush=True)
    environment = {**os.environ, FILE_VARIABLE: str(file), "ASL_PROGRESS": "off", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    failure = done.stderr.strip().splitlines()[-1] if done.returncode and done.stderr.strip() else ""
    return (
        read_rows(file)[before:],
        failure or ("it failed" if done.returncode else ""),
        (time.monotonic() - started) / 60,
    )


def machine() -> str:
    """Return a line about processor, memory, system and versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = [line.split(":", 1)[1] for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].strip() if named else model
    memory = ""
    if hasattr(os, "sysconf"):
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB of memory"
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{date.today().isoformat()}; {cores()} cores ({model}){memory}; {platform.system()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def page(rows: list[Row], commands: list[str], failures: dict[str, str]) -> str:
    """Return the page: one table a topic, ratios first."""
    parts = [HEAD, "Measured: " + machine() + "\n"]
    for name, failure in failures.items():
        parts.append(f"**`{name}` failed:** {failure}\n")
    for topic in dict.fromkeys(row.topic for row in rows):
        parts.append(f"## {TITLES.get(topic, topic)}\n")
        own = [row for row in rows if row.topic == topic]
        if ratios := [row for row in own if row.against]:
            parts.append("| asl_lib | against | ratio |\n|---|---|---|")
            parts.append("\n".join(f"| {row.what} | {row.against} | {row.ratio:,.2f} x |" for row in ratios) + "\n")
        if facts := [row for row in own if not row.against]:
            parts.append("\n".join(f"- {row.what}: {row.fact}" for row in facts) + "\n")
    parts.append("## Commands\n\n" + "\n".join(f"- {command}" for command in commands) + "\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, and the page is printed, not written")
    parser.add_argument("--reference", default="", help="an interpreter with mediapipe 0.10.21")
    options = parser.parse_args()
    rows: list[Row] = []
    commands, failures = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (full, quick) in COMMANDS.items():
            chosen = quick if options.quick else full
            if name in REFERENCED and options.reference:
                chosen = [*chosen, "--reference", options.reference]
            elif name == "tracker":
                commands.append(f"`benchmarks.{name}` was left out: it needs `--reference`.")
                continue
            found, failure, minutes = run(name, chosen, Path(folder) / "rows.jsonl")
            rows += found
            shown = " ".join(chosen).replace(options.reference or "PYTHON", "PYTHON")  # no path of this machine
            commands.append(f"`python -m benchmarks.{name} {shown}` ({minutes:.0f} min)")
            if failure:
                failures[name] = failure
    text = page(rows, commands, failures)
    if options.quick:
        print(text)
    else:
        _, marker, notes = PAGE.read_text(encoding="utf-8").partition(NOTES) if PAGE.is_file() else ("", "", "")
        PAGE.write_text(f"{text}\n{marker}{notes}" if marker else text, encoding="utf-8")
        print(f"Written: {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE.name}")
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
