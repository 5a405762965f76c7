"""Put the wheels of `requirements.lock` and the packages of the live page into one folder for offline rooms.

`make wheelhouse` runs it. The wheels are those of this machine's system and Python version: make one folder for each
kind of machine in the room. What exists only as source is built here, so that nobody needs a compiler there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from asl_lib.landmarks.model_files import FETCH, WHEEL
from asl_lib.live.errors import LiveError
from asl_lib.live.web.packages import UNPACK, download_packages

ROOT = Path(__file__).resolve().parent.parent
README = """\
Wheels of requirements.lock, of asl_lib itself, and of a MediaPipe for its models only: {system}, Python {python};
and the archives (.tgz) of what the live page runs in the browser.

Copy this folder and the course's folder (without .venv) to the machine, by stick or over the room's network. There:

    make WHEELHOUSE=path/to/{name} setup     # or name it wheelhouse, beside the Makefile: then `make setup` finds it

or, by hand and without make, in the course's folder:

    python{python} -m venv .venv
    .venv/bin/python -m pip install --no-index --find-links path/to/{name} -r requirements.lock
    .venv/bin/python -m pip install --no-index --no-deps --no-build-isolation -e .
    .venv/bin/{fetch} --no-index --find-links path/to/{name}
    .venv/bin/{unpack} path/to/{name}

(On Windows it is .venv\\Scripts\\python.) No address is asked for anything.
"""


def pip(*arguments: str) -> None:
    """Run pip of this very Python; an error ends the script with pip's own words above it."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def build_system(project: Path = ROOT) -> list[str]:
    """Return the packages that build the project itself."""
    return list(tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"])


def fill(folder: Path, *, requirements: Path = ROOT / "requirements.lock", project: Path = ROOT) -> int:
    """Fill `folder` with the wheels of `requirements` and of `project`, try them, and return how many there are.

    Wheels that are there already are not fetched again. README.txt is written last: a folder that has one is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    readme = folder / "README.txt"
    readme.unlink(missing_ok=True)
    here = ["--find-links", str(folder)]
    pip("wheel", "--quiet", "--wheel-dir", str(folder), *here, "-r", str(requirements))
    pip("wheel", "--quiet", "--wheel-dir", str(folder), *here, "--no-deps", *build_system(project), "wheel")
    # From a copy: setuptools would include the files of an earlier build in build/.
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
            shutil.copy(project / name, copy)
        shutil.copytree(project / "asl_lib", Path(copy, "asl_lib"), ignore=shutil.ignore_patterns("__pycache__"))
        pip("wheel", "--quiet", "--wheel-dir", str(folder), *here, "--no-deps", copy)
    pip("download", "--quiet", "--dest", str(folder), *here, *WHEEL)
    download_packages(folder)
    print("Trying whether all can be installed without a network ...", flush=True)
    pip("install", "--quiet", "--dry-run", "--ignore-installed", "--no-index", *here, "-r", str(requirements))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = README.format(system=sys.platform, python=python, name=folder.name, fetch=FETCH, unpack=UNPACK)
    readme.write_text(text, encoding="utf-8")
    return len(list(folder.glob("*.whl")))


def main() -> int:
    parser = argparse.ArgumentParser(description="Collect the wheels of requirements.lock for rooms without a network.")
    parser.add_argument("folder", nargs="?", default="wheelhouse", help="where to (default: wheelhouse)")
    folder = Path(parser.parse_args().folder).resolve()
    print(f"Collecting the wheels of requirements.lock in {folder} (more than a gigabyte) ...", flush=True)
    try:
        count = fill(folder)
    except subprocess.CalledProcessError as error:
        print(f"pip failed (exit code {error.returncode}); its message is above.", file=sys.stderr)
        return 1
    except LiveError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.glob("*.whl")) / 1e6
    print(f"{count} wheels, {size:,.0f} MB. How to install from them without a network: {folder / 'README.txt'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
