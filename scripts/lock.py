"""Write `requirements.lock` and `environment.yml` from the dependencies in `pyproject.toml`.

Run it with `make lock` after a dependency changes; `python scripts/lock.py --keep` adds what is new and
leaves the other versions as they are, unless what is new cannot live with them. uv resolves one set of
pins for Python 3.10 to 3.12 on Linux, macOS and Windows; the markers that merely repeat "one of our
platforms" are then removed, so that the lock file can be read by a person.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
CONDA_PYTHON = "3.11"
PLATFORMS = (
    "platform_machine == 'arm64' and sys_platform == 'darwin'",
    "platform_machine == 'x86_64' and sys_platform == 'linux'",
    "platform_machine == 'AMD64' and sys_platform == 'win32'",
)
HEADER = """\
# Every version this course runs with, on Python 3.10 to 3.12 (Linux x86-64, macOS arm64, Windows x86-64).
# Written by `make lock` from pyproject.toml; do not edit by hand.
"""


def simplify(line: str) -> str:
    """Return a requirement line without the marker parts that hold on every supported platform."""
    line = line.replace(" and platform_python_implementation == 'CPython'", "")
    every_platform = " or ".join(rf"\((?P<p{i}>.*?) and {re.escape(p)}\)" for i, p in enumerate(PLATFORMS))
    match = re.search(every_platform, line)
    if match and len(set(match.groups())) == 1:
        line = line[: match.start()] + match["p0"] + line[match.end() :]
    line = re.sub(
        r"python_full_version >= '3\.11' and python_full_version < '3\.13'", "python_full_version >= '3.11'", line
    )
    return re.sub(r" ; python_full_version < '3\.13'$", "", line)


def resolve(*, keep: bool) -> list[str]:
    """Return the simplified lines of the lock file; `keep` holds on to the versions it has where it can."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal"]
    command += [
        "--python-version",
        "3.10",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--quiet",
    ]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "requirements.lock"
        if keep:  # uv prefers the versions of the file it writes, and leaves them where a new package demands it
            shutil.copy(ROOT / "requirements.lock", written)
        subprocess.run([*command, "--output-file", str(written)], cwd=ROOT, check=True)
        output = written.read_text(encoding="utf-8")
    return [simplify(line) for line in output.splitlines() if line.strip()]


def direct_dependencies() -> list[str]:
    """Return the names of the packages that pyproject.toml asks for itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    return sorted(Requirement(text).name.lower() for text in asked)


def environment(lines: list[str]) -> str:
    """Return `environment.yml`: the direct dependencies at the lock's versions, the rest held by the lock."""
    target = {"python_full_version": f"{CONDA_PYTHON}.0", "python_version": CONDA_PYTHON}
    target |= {"sys_platform": "linux", "platform_machine": "x86_64"}
    pins = {}
    for line in lines:
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(target):
            pins[pin.name.lower()] = str(pin.specifier)
    packages = "\n".join(f"      - {name}{pins[name]}" for name in direct_dependencies())
    return (
        "# For conda and mamba users: the versions of requirements.lock. Written by `make lock`.\n"
        "#   conda env create -f environment.yml && conda activate asl && pip install --no-deps -e .\n"
        f"name: asl\nchannels:\n  - conda-forge\ndependencies:\n  - python={CONDA_PYTHON}\n  - pip\n"
        f"  - pip:\n      - -c requirements.lock\n{packages}\n"
    )


def main() -> None:
    lines = resolve(keep="--keep" in sys.argv[1:])
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    (ROOT / "environment.yml").write_text(environment(lines), encoding="utf-8")
    print(f"requirements.lock: {len(lines)} pins; environment.yml: {len(direct_dependencies())} direct ones.")


if __name__ == "__main__":
    main()
