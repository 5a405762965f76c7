"""Unpacking of zip archives from unknown sources: no file leaves its folder, no decompression bomb fills the disk."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PureWindowsPath

from asl_lib._util.console import progress_bar
from asl_lib._util.files import LARGEST_RATIO, largest_unpacked
from asl_lib.data.errors import DatasetError

SPARE_BYTES = 200 << 20
"""Bytes to leave free on the disk."""
CHUNK_BYTES = 1 << 20
LONGEST_NAME, LONGEST_PATH = 240, 1024
"""Bytes. File systems allow 255 for a name, and an unfinished file has six more; for a path some thousand."""
# The exceptions that the libraries raise for damaged archives, depending on where the damage is.
DAMAGE = (
    zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, struct.error, RuntimeError, ValueError, LookupError,
    OverflowError, MemoryError,
)  # fmt: skip


def unpack(archive: str | Path, folder: str | Path, *, inside: str = "") -> Path:
    """Unpack a zip archive into `folder/<its name>/` and return that folder.

    All names are checked before anything is written. Files go to a hidden folder that is renamed when it is complete;
    an interrupted call is resumed with the files that are missing.

    Args:
        archive: a `.zip` file.
        folder: where the archive's folder goes.
        inside: unpack only this folder of the archive, and leave its own path out; empty for all.

    Raises:
        DatasetError: the archive is of another form, damaged or needs a password; it holds a link, or a name that leads
            out of its folder; it is larger than the disk, or unpacks to over `LARGEST_RATIO` times its size.
    """
    archive, folder = Path(archive), Path(folder)
    target = folder / archive.stem
    if target.is_dir():
        return target
    if not zipfile.is_zipfile(archive):
        raise DatasetError(
            f"{archive} is not a zip archive. If it is a web page, download it again; unpack other archives yourself: "
            f"install 7-Zip (Debian: p7zip-full), then 7z x {archive} -o{target}"
        )
    unfinished = folder / f".{target.name}.unpacking"
    unfinished.mkdir(parents=True, exist_ok=True)
    about = archive.stat()
    try:
        opened = zipfile.ZipFile(archive)
    except DAMAGE as error:
        raise DatasetError(f"{archive} is damaged: {str(error)[:200]}. Delete it and download it again.") from error
    with opened:
        infos = opened.infolist()
        declared = sum(info.file_size for info in infos)
        if declared > largest_unpacked(archive):
            raise DatasetError(
                f"{archive} must not unpack to more than {LARGEST_RATIO} times its size; its {about.st_size:,} bytes "
                f"give {declared:,}. It looks like a decompression bomb: delete it, and check its source."
            )
        files = {_checked_name(info, archive): info for info in infos if not info.filename.endswith("/")}
        start = f"{inside}/" if inside else ""
        members = {name[len(start) :]: info for name, info in files.items() if name.startswith(start)}
        if not members and inside:
            raise DatasetError(f"{archive} has no folder {inside}: it is another archive. Delete it.")
        needed = sum(info.file_size for info in members.values())
        check_room(folder, needed, what=str(archive))
        with progress_bar(
            total=needed, description=f"Unpacking {archive.name}", unit="B", unit_scale=True, unit_divisor=1024
        ) as bar:
            for name, info in members.items():
                _write(opened, info, unfinished / name, since_ns=max(about.st_mtime_ns, about.st_ctime_ns))
                bar.update(info.file_size)
    os.rename(unfinished, target)
    return target


def check_room(folder: Path, needed: int, *, what: str) -> None:
    """Raise DatasetError where the disk of `folder` has too little room for `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise DatasetError(
            f"{what} needs {needed / 1e9:.1f} GB and the disk of {folder} has {free / 1e9:.1f} GB free. "
            "Make room, or choose another data_dir"
        )


def _checked_name(info: zipfile.ZipInfo, archive: Path) -> str:
    """Return the path of a file if it stays in its folder on every system; raise DatasetError otherwise."""
    name = info.filename
    path = PureWindowsPath(name)  # splits at both slashes, and knows drives
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DatasetError(f"{archive} holds a link, '{name}', which no data set needs: delete it.")
    if not name or "\0" in name or path.drive or path.root or ".." in path.parts:
        raise DatasetError(f"{archive} names a file outside its folder: '{name}'. Nothing was unpacked: delete it.")
    if not path.parts:
        raise DatasetError(f"{archive} holds a file without a name. Nothing was unpacked: delete it.")
    if len(os.fsencode(name)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise DatasetError(f"{archive} has a name that is too long: '{name[:60]}…'. Nothing was unpacked: delete it.")
    return path.as_posix()


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, *, since_ns: int) -> None:
    """Write one file, whole or not at all, unless an interrupted call has written it since the archive exists."""
    if path.is_file() and path.stat().st_size == info.file_size and path.stat().st_mtime_ns >= since_ns:
        return
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(info) as source, unfinished.open("wb") as file:
            shutil.copyfileobj(source, file, CHUNK_BYTES)  # zipfile reads no more than the declared size
        os.replace(unfinished, path)
    except (*DAMAGE, OSError) as error:
        if "password" in str(error):
            raise DatasetError(f"{opened.filename} needs a password: unpack it with 7-Zip.") from error
        raise DatasetError(f"{info.filename} in {opened.filename} cannot be unpacked: {str(error)[:200]}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
