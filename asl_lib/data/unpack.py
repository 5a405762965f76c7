"""Unpacking of archives from unknown sources: no file leaves the folder, and no decompression bomb fills the disk."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, NamedTuple

from asl_lib._util.console import progress_bar
from asl_lib._util.files import LARGEST_RATIO, largest_unpacked
from asl_lib.data.errors import DatasetError

SPARE_BYTES = 200 << 20
"""What stays free on the disk."""
CHUNK_BYTES = 1 << 20
SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip")
FOR_7_ZIP = (".7z", ".rar", ".001")
LONGEST_NAME, LONGEST_PATH = 240, 1024
"""Bytes. File systems allow 255 for a name, and an unfinished file has six more; for a path some thousand."""
LONGEST_HEADER = 1 << 20
"""Bytes of an extended header of a tar archive, which the library reads whole before it returns the member."""
HEADERS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
# The exceptions that the libraries raise for damaged archives, depending on where the damage is.
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, struct.error, RuntimeError,
    ValueError, LookupError, OverflowError, MemoryError,
)  # fmt: skip


class Member(NamedTuple):
    """One file of an archive: its checked name, its declared size in bytes, and how to open it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a zip or tar archive into `folder/<its name>/` and return that folder.

    All names are checked before anything is written. Files go to a hidden folder that is renamed when it is complete;
    an interrupted call is resumed with the files that are missing.

    Args:
        archive: .zip, .tar, .tar.gz, .tgz, .tar.bz2 or .tar.xz.
        folder: where the archive's folder goes.

    Raises:
        DatasetError: the archive is damaged or needs a password; it holds a name or link that leads out of its folder,
            or a device; it is larger than the disk, or unpacks to over `LARGEST_RATIO` times its size.
    """
    archive, folder = Path(archive), Path(folder)
    suffix = next((suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix)), "")
    target = folder / (archive.name[: -len(suffix)] if suffix else f"{archive.name}.unpacked")
    if target.is_dir():
        return target
    if archive.suffix.lower() in FOR_7_ZIP:
        raise DatasetError(
            f"{archive} must be unpacked by hand. Install 7-Zip (Debian: p7zip-full), then: 7z x {archive} -o{target}"
        )
    unfinished = folder / f".{target.name}.unpacking"
    unfinished.mkdir(parents=True, exist_ok=True)
    about = archive.stat()
    try:
        with _open(archive) as opened:
            if isinstance(opened, zipfile.ZipFile):
                members = list(_zip_members(opened, archive))
            else:
                members = list(_tar_members(opened, archive))
            declared = sum(member.size for member in members)
            check_room(folder, declared, what=str(archive))
            with progress_bar(
                total=declared, description=f"Unpacking {archive.name}", unit="B", unit_scale=True, unit_divisor=1024
            ) as bar:
                for member in members:
                    _write(member, unfinished, archive, since_ns=max(about.st_mtime_ns, about.st_ctime_ns))
                    bar.update(member.size)
    except DatasetError:
        raise
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the system; those of gzip and bzip2 about their data have no number
        raise DatasetError(f"{archive} is damaged: {str(error)[:200]}. Delete it and download it again.") from error
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


def _open(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    if zipfile.is_zipfile(archive):
        return zipfile.ZipFile(archive)
    try:
        return tarfile.open(archive, tarinfo=_TarInfo)
    except tarfile.ReadError as error:
        raise DatasetError(
            f"{archive} is no zip or tar archive. It may be a web page: look at it, then download it again."
        ) from error


class _TarInfo(tarfile.TarInfo):
    """A member whose extended headers are refused where they are larger than any name: they can be bombs, too."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in HEADERS and self.size > LONGEST_HEADER:
            raise DatasetError(f"{archive.name!r} has a header of {self.size:,} bytes for one file: delete it.")
        return super()._proc_member(archive)  # type: ignore[misc]


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> Iterator[Member]:
    """Yield the files of a zip archive, with checked names."""
    infos = opened.infolist()
    _check_bomb(archive, sum(info.file_size for info in infos))
    for info in infos:
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DatasetError(f"{archive} holds a link, '{info.filename}', which no data set needs: delete it.")
        if not info.is_dir():
            yield Member(_checked(info.filename, archive), info.file_size, lambda info=info: opened.open(info))  # type: ignore[misc]


def _tar_members(opened: tarfile.TarFile, archive: Path) -> Iterator[Member]:
    """Yield the files of a tar archive, with checked names; leave out links, after a check of where they lead."""
    declared = 0
    for info in opened:
        declared += info.size
        _check_bomb(archive, declared)  # before the rest of a bomb is read for the names in it
        if info.isfile():
            yield Member(_checked(info.name, archive), info.size, lambda info=info: opened.extractfile(info))  # type: ignore[misc,arg-type]
        elif info.issym() or info.islnk():
            base = PurePosixPath(info.name).parent if info.issym() else PurePosixPath()
            _checked(os.path.normpath(base / info.linkname), archive)
        elif not info.isdir():
            raise DatasetError(f"{archive} holds a device, '{info.name}'. Nothing was unpacked: delete it.")
    # The check sum of a compressed stream is at its end.
    while opened.fileobj is not None and (chunk := opened.fileobj.read(CHUNK_BYTES)):
        declared += len(chunk)
        _check_bomb(archive, declared)


def _check_bomb(archive: Path, size: int) -> None:
    if size > largest_unpacked(archive):
        raise DatasetError(
            f"{archive} must not unpack to more than {LARGEST_RATIO} times its size; its {archive.stat().st_size:,} "
            f"bytes give {size:,} or more. It looks like a decompression bomb: delete it, and check its source."
        )


def _checked(name: str, archive: Path) -> str:
    """Return a member's name if it stays in its folder on every system; raise DatasetError otherwise."""
    path = PureWindowsPath(name)  # splits at both slashes, and knows drives
    if not name or "\0" in name or path.drive or path.root or ".." in path.parts:
        raise DatasetError(f"{archive} names a file outside its folder: '{name}'. Nothing was unpacked: delete it.")
    if not path.parts:
        raise DatasetError(f"{archive} holds a file without a name. Nothing was unpacked: delete it.")
    if len(os.fsencode(name)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise DatasetError(f"{archive} has a name that is too long: '{name[:60]}…'. Nothing was unpacked: delete it.")
    return path.as_posix()


def _write(member: Member, folder: Path, archive: Path, *, since_ns: int) -> None:
    """Write one file, whole or not at all, unless an interrupted call has written it since the archive exists."""
    path = folder / member.name
    if path.is_file() and path.stat().st_size == member.size and path.stat().st_mtime_ns >= since_ns:
        return
    unfinished = path.with_name(f".{path.name}.part")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, unfinished.open("wb") as file:
            while written <= member.size and (chunk := source.read(CHUNK_BYTES)):
                written += file.write(chunk)
        if written != member.size:
            raise ValueError(f"it is longer or shorter than the declared {member.size:,} bytes")
        os.replace(unfinished, path)
    except (*DAMAGE, OSError) as error:
        if "password" in str(error):
            raise DatasetError(f"{archive} needs a password: unpack it with 7-Zip.") from error
        raise DatasetError(f"{member.name} in {archive} cannot be unpacked: {str(error)[:200]}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
