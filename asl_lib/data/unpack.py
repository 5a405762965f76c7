"""Unpack archives that nobody has checked: no name leaves the folder, no bomb fills the disk."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from asl_lib._util.progress import progress_bar
from asl_lib.data.errors import DatasetError

LARGEST_RATIO = 100
"""Unpacked bytes for one byte of archive. Videos reach 1.1, tables of text 10."""
UNSUSPICIOUS_BYTES = 10 << 20
"""Below this the ratio does not matter: no disk is filled by it."""
SPARE_BYTES = 200 << 20
CHUNK_BYTES = 1 << 20
OTHER_TOOLS = {
    ".7z": "7z x {archive} -o{folder}",
    ".rar": "7z x {archive} -o{folder}",
    ".001": "7z x {archive} -o{folder}",
}


LONGEST_NAME, LONGEST_PATH = 240, 1024
"""Bytes: file systems take 255 of a name, and an unfinished file has six more; systems take some thousand of a path."""
LONGEST_HEADER = 1 << 20
"""Bytes of a tar archive's note on one file: the library reads all of it before anybody can look at it."""
# What the libraries raise where an archive is damaged, by the place.
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, struct.error,
    ValueError, LookupError, OverflowError, NotImplementedError, RecursionError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its checked place, its declared size, and how to read it."""

    name: str
    size: int
    open: object

    def read(self) -> IO[bytes]:
        stream: IO[bytes] = self.open()  # type: ignore[operator]
        return stream


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a zip or tar archive into `folder/<its name>/` and return that folder.

    Nothing of it is there before all of it is: files go to a hidden folder that is renamed at the end. An
    interrupted call goes on with the files that are not there yet.

    Args:
        archive: .zip, .tar, .tar.gz, .tgz, .tar.bz2 or .tar.xz.
        folder: where its own folder goes.

    Raises:
        DatasetError: it is damaged or needs a password; it names a file outside its folder, or a link that
            leads there; it declares more than the disk has, or than such an archive ever holds.
    """
    archive, folder = Path(archive), Path(folder)
    target = folder / _stem(archive)
    if target.is_dir():
        return target
    if archive.suffix.lower() in OTHER_TOOLS:
        command = OTHER_TOOLS[archive.suffix.lower()].format(archive=archive, folder=target)
        raise DatasetError(
            f"{archive} is not unpacked by this program. Install 7-Zip (Debian: p7zip-full) and call: {command}"
        )
    unfinished = folder / f".{target.name}.unpacking"
    unfinished.mkdir(parents=True, exist_ok=True)
    with _entries(archive) as (entries, declared):
        _check_size(archive, folder, declared)
        budget = _Budget(archive)
        with progress_bar(
            total=declared, description=f"Unpacking {archive.name}", unit="B", unit_scale=True, unit_divisor=1024
        ) as bar:
            for entry in entries:
                _write(entry, unfinished, budget)
                bar.update(entry.size)
    os.rename(unfinished, target)
    return target


def largest_unpacked(archive: Path) -> int:
    """Return how many bytes an archive may unpack to before it is taken for a bomb."""
    return max(UNSUSPICIOUS_BYTES, LARGEST_RATIO * archive.stat().st_size)


class _Budget:
    """Counts what really comes out: a header can lie."""

    def __init__(self, archive: Path) -> None:
        self.archive, self.used = archive, 0
        about = archive.stat()
        self.limit = largest_unpacked(archive)
        self.since_ns = max(about.st_mtime_ns, about.st_ctime_ns)

    def spend(self, count: int) -> None:
        self.used += count
        if self.used > self.limit:
            raise DatasetError(_bomb(self.archive, self.used))


def _write(entry: Entry, folder: Path, budget: _Budget) -> None:
    path = folder / entry.name
    if path.is_file() and path.stat().st_size == entry.size and path.stat().st_mtime_ns >= budget.since_ns:
        budget.spend(entry.size)
        return  # of an earlier, interrupted call; one that is older than the archive is of another archive
    partial = path.with_name(f".{path.name}.part")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with entry.read() as source, partial.open("wb") as file:
            while chunk := source.read(CHUNK_BYTES):
                written += len(chunk)
                if written > entry.size:
                    raise DatasetError(
                        f"{entry.name} in {budget.archive} is larger than declared ({entry.size:,} bytes)."
                    )
                budget.spend(len(chunk))
                file.write(chunk)
        if written != entry.size:
            raise DatasetError(f"{entry.name} in {budget.archive} is cut short: {written:,} of {entry.size:,} bytes.")
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if not isinstance(error, (*DAMAGE, OSError, RuntimeError)):
            raise  # Ctrl-C
        if isinstance(error, DatasetError):
            raise
        if isinstance(error, RuntimeError) and "password" in str(error):
            raise DatasetError(f"{budget.archive} needs a password: unpack it with 7-Zip.") from error
        reason = str(error)[:200]
        raise DatasetError(f"{entry.name} in {budget.archive} cannot be unpacked: {reason}.") from error


def _check_size(archive: Path, folder: Path, declared: int) -> None:
    if declared > largest_unpacked(archive):
        raise DatasetError(_bomb(archive, declared))
    free = shutil.disk_usage(folder).free
    if declared + SPARE_BYTES > free:
        raise DatasetError(
            f"{archive} needs {declared / 1e9:.1f} GB unpacked and the disk of {folder} has {free / 1e9:.1f} GB free. "
            "Make room, or choose another data_dir."
        )


def _bomb(archive: Path, size: int) -> str:
    packed = archive.stat().st_size
    return (
        f"{archive} must not unpack to more than {LARGEST_RATIO} times its size; its {packed:,} bytes give "
        f"{size:,} or more. It looks like a decompression bomb: delete it, and check where it came from."
    )


@contextmanager
def _entries(archive: Path) -> Iterator[tuple[list[Entry], int]]:
    """Open an archive and give its files, all names checked before anything is written."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                found = [
                    Entry(_safe(info.filename, archive), info.file_size, lambda info=info: opened.open(info))
                    for info in opened.infolist()
                    if not info.is_dir() and _no_link_in_zip(info, archive)
                ]
                yield found, sum(entry.size for entry in found)
        elif _is_tar(archive):
            with tarfile.open(archive, tarinfo=_CarefulInfo) as tar:
                found, declared, limit = [], 0, max(UNSUSPICIOUS_BYTES, LARGEST_RATIO * archive.stat().st_size)
                for member in tar:
                    declared += member.size
                    if declared > limit:  # before the rest of a bomb is read for the names in it
                        raise DatasetError(_bomb(archive, declared))
                    if _wanted(member, archive):
                        found.append(
                            Entry(
                                _safe(member.name, archive), member.size, lambda member=member: tar.extractfile(member)
                            )
                        )
                # Only the end of a compressed stream has its check sum.
                rest = 0
                while tar.fileobj is not None and (chunk := tar.fileobj.read(CHUNK_BYTES)):
                    rest += len(chunk)
                    if rest > limit:
                        raise DatasetError(_bomb(archive, declared + rest))
                yield found, declared
        else:
            raise DatasetError(
                f"{archive} is no zip or tar archive. It may be a web page: look at it, then download it again."
            )
    except DatasetError:
        raise
    except DAMAGE as error:
        raise DatasetError(f"{archive} is damaged: {str(error)[:200]}. Delete it and download it again.") from error
    except OSError as error:
        if error.errno is not None:
            raise  # of the system; what gzip and bzip2 say of their data has no number
        raise DatasetError(f"{archive} is damaged: {error}. Delete it and download it again.") from error


class _CarefulInfo(tarfile.TarInfo):
    """A member whose notes are not read where they are larger than any name: they can be bombs, too."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in NOTES and self.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"a note of {self.size:,} bytes on one file")
        return super()._proc_member(archive)  # type: ignore[misc]


NOTES = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip


def _is_tar(archive: Path) -> bool:
    try:
        tarfile.open(archive, tarinfo=_CarefulInfo).close()
    except tarfile.ReadError as error:
        if "a note of" in str(error):
            raise
        return False
    except tarfile.TarError:
        return False
    return True


def _safe(name: str, archive: Path) -> str:
    """Return a member's name if it stays in its folder on every system."""
    windows = PureWindowsPath(name)
    if (
        not name
        or "\x00" in name
        or PurePosixPath(name).is_absolute()
        or windows.drive
        or windows.root
        or ".." in windows.parts
    ):
        raise DatasetError(f"{archive} names a file outside its folder: '{name}'. Nothing was unpacked: delete it.")
    safe = PurePosixPath(*windows.parts).as_posix()
    if safe == ".":
        raise DatasetError(f"{archive} holds a file without a name. Nothing was unpacked: delete it.")
    if len(os.fsencode(safe)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in windows.parts):
        raise DatasetError(
            f"{archive} names a file at too great length: '{name[:60]}…'. Nothing was unpacked: delete it."
        )
    return safe


def _no_link_in_zip(info: zipfile.ZipInfo, archive: Path) -> bool:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DatasetError(
            f"{archive} holds a link, '{info.filename}', and no data set needs one. Nothing was unpacked."
        )
    return True


def _wanted(member: tarfile.TarInfo, archive: Path) -> bool:
    """Say whether a member is a file; links are refused where they leave the folder and left out elsewhere."""
    if member.issym() or member.islnk():
        base = PurePosixPath(member.name).parent if member.issym() else PurePosixPath()
        _safe(
            os.path.normpath(base / member.linkname) if not member.linkname.startswith("/") else member.linkname,
            archive,
        )
        return False
    if not member.isfile() and not member.isdir():
        raise DatasetError(f"{archive} holds a device, '{member.name}'. Nothing was unpacked: delete it.")
    return member.isfile()


def _stem(archive: Path) -> str:
    name = archive.name
    for suffix in (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name + ".unpacked"
