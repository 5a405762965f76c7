"""Verified, resumable downloads of data sets, and unpacking that trusts no archive."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from asl_lib._util.files import write_json
from asl_lib._util.progress import progress_bar
from asl_lib.data.clips import read_clips
from asl_lib.data.dataset import Dataset, Remote
from asl_lib.data.errors import DatasetError
from asl_lib.data.unpack import unpack

if TYPE_CHECKING:
    from requests import Response

CHUNK_BYTES = 1 << 16
"""What is lost at most when a connection breaks."""
TIMEOUT_S = (15, 60)
"""Seconds to connect, and seconds without a byte."""
ATTEMPTS = 5
"""How often in a row a download may fail without a new byte."""
LONGEST_WAIT_S = 60.0
SPARE_BYTES = 200 << 20
"""What a download leaves free on the disk."""
DONE = ".downloaded.json"


def obtain(dataset: Dataset, dataset_dir: str | Path, *, log: Callable[[str], None] = print) -> None:
    """Download and unpack a data set into its folder, unless it is there already or rendered on this machine.

    Args:
        dataset: which one.
        dataset_dir: its folder, `data/<name>/`.
        log: called with each status message.

    Raises:
        DatasetError: it has to be asked for by hand (the sentence says how), or could not be downloaded.
        DatasetError: its archive is damaged, or would write outside its folder.
    """
    if dataset.rendered:
        return
    folder = Path(dataset_dir)
    note = folder / DONE
    if note.is_file():
        log(f"{dataset.name} is in {folder} already: nothing to do.")
        return
    if not dataset.kaggle and not dataset.remotes:
        raise DatasetError(f"{dataset.name} cannot be downloaded by a program. {dataset.how_to_get(folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    if dataset.kaggle:
        from_kaggle(dataset.kaggle, folder / "kaggle")
    for remote in dataset.remotes:
        archive = download(remote, folder)
        if remote.unpack:
            unpack(archive, folder)
            archive.unlink()  # unpacked it takes the same room again
    write_json(note, {"kaggle": dataset.kaggle, "files": [remote.name for remote in dataset.remotes]})
    log(f"{dataset.name} is in {folder}.")


def download(remote: Remote, folder: str | Path) -> Path:
    """Download one file and return its path; a file that is there, and is the right one, is not downloaded again.

    An interrupted download goes on where it ended, if the server lets it. Proxies are taken from the
    environment (`HTTPS_PROXY`, `NO_PROXY`).

    Raises:
        DatasetError: no address gave the right file; the sentence tells what each of them gave instead.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")  # the bar and the errors say all that a reader needs
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in remote.urls:
        try:
            return Path(
                pooch.retrieve(
                    url,
                    known_hash=remote.known_hash or None,
                    fname=remote.name,
                    path=folder,
                    downloader=ResumingDownloader(folder / f".{remote.name}.part"),
                )
            )
        except DatasetError as error:
            reasons.append(f"{url}: {error}")
        except ValueError as error:  # pooch's word for another hash
            reasons.append(f"{url}: it is not the published file ({_hash_words(error)})")
    raise DatasetError(
        f"{remote.name} could not be downloaded. " + " ".join(f"{reason}." for reason in reasons) + " Try again later; "
        "what was downloaded is kept. If it stays so, the address has changed: see the page of the data set."
    )


class ResumingDownloader:
    """A downloader for pooch that goes on where an earlier call ended.

    Args:
        partial: where the unfinished file is kept between calls.
    """

    def __init__(self, partial: Path) -> None:
        self.partial = partial
        self.note = partial.with_name(partial.name + ".json")

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        if self._origin().get("url") != url:
            self._forget()  # another mirror's file may be another file
        failures = 0
        with _CarefulSession() as session:
            while True:
                before = self._have()
                try:
                    self._attempt(session, url)
                    break
                except _TryAgain as trouble:
                    failures = 1 if self._have() > before else failures + 1
                    if failures >= ATTEMPTS:
                        raise DatasetError(f"{trouble}; tried {ATTEMPTS} times without a new byte") from trouble
                    time.sleep(min(trouble.wait_s or 2.0**failures / 2, LONGEST_WAIT_S))
        os.replace(self.partial, output_file)
        self.note.unlink(missing_ok=True)

    def _attempt(self, session: requests.Session, url: str) -> None:
        """Ask for what is missing and append it; raises _TryAgain where another attempt may help."""
        have, origin = self._have(), self._origin()
        headers = {"Accept-Encoding": "identity"}  # or lengths would be those of a compressed stream
        if have:
            headers["Range"] = f"bytes={have}-"
            if origin.get("version"):
                headers["If-Range"] = origin["version"]
        try:
            with session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
                if response.status_code == 416:  # nothing after what we have: complete, or another file
                    total = response.headers.get("Content-Range", "").rpartition("/")[2]
                    if total == str(have):
                        return
                    self._forget()
                    raise _TryAgain("the server has another file than before")
                _check_status(response)
                if response.status_code != 206:
                    have = 0  # the server sends all of it, whatever was asked for
                self._receive(response, url, have)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _TryAgain(_network_words(error, self._have())) from error
        except requests.RequestException as error:
            raise DatasetError(f"the address cannot be used ({error})") from error

    def _receive(self, response: Response, url: str, have: int) -> None:
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        _check_room(self.partial.parent, (total or 0) - have)
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        # A weak tag does not promise the same bytes, and servers ignore it in If-Range.
        write_json(self.note, {"url": url, "version": "" if tag.startswith("W/") else tag})
        name = self.partial.name.removeprefix(".").removesuffix(".part")
        with (
            self.partial.open("ab" if have else "wb") as file,
            progress_bar(
                total=total or 0, description=name, unit="B", unit_scale=True, unit_divisor=1024, initial=have
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
        if total is not None and self._have() < total:
            raise _TryAgain(f"the connection ended after {self._have():,} of {total:,} bytes")

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def _origin(self) -> dict[str, str]:
        try:
            origin = json.loads(self.note.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return origin if isinstance(origin, dict) else {}

    def _forget(self) -> None:
        self.partial.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


class _TryAgain(Exception):
    """Something that may go better next time."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _CarefulSession(requests.Session):
    """A session that follows redirects to web addresses only, and never from https to http."""

    def get_redirect_target(self, resp: Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target:
            old, new = urlsplit(resp.url).scheme, urlsplit(target).scheme or urlsplit(resp.url).scheme
            if new not in ("http", "https") or (old == "https" and new == "http"):
                raise DatasetError(f"it redirects from {old} to {new}, which is not safe")
        return target


def _check_status(response: Response) -> None:
    code = response.status_code
    if code == 429 or code >= 500:
        wait = response.headers.get("Retry-After", "")
        raise _TryAgain(f"the server answers {code} {response.reason}", float(wait) if wait.isdigit() else 0.0)
    if code >= 400:
        raise DatasetError(f"the server answers {code} {response.reason}")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise DatasetError(
            f"it needs {needed / 1e9:.1f} GB and the disk of {folder} has {free / 1e9:.1f} GB free. "
            "Make room, or choose another data_dir"
        )


def _network_words(error: requests.RequestException, have: int) -> str:
    kind = "no connection" if isinstance(error, requests.ConnectionError) and not have else "the connection broke"
    if isinstance(error, requests.exceptions.ProxyError):
        kind = "the proxy does not answer (HTTPS_PROXY, HTTP_PROXY)"
    return f"{kind} after {have:,} bytes" if have else kind


def _hash_words(error: ValueError) -> str:
    """Return pooch's sentence without its advice to ignore the difference."""
    return " ".join(str(error).split()).split(". ")[0]


def from_kaggle(handle: str, folder: str | Path) -> None:
    """Download a data set ("owner/name") or the files of a competition ("competition:name") from Kaggle.

    Raises:
        DatasetError: Kaggle wants to know who asks, or its rules accepted, or cannot be reached.
    """
    import kagglehub
    from kagglehub import exceptions

    kind, colon, name = handle.partition(":")
    fetch = kagglehub.competition_download if colon and kind == "competition" else kagglehub.dataset_download
    page = f"https://www.kaggle.com/{'competitions' if colon else 'datasets'}/{name or kind}"
    try:
        fetch(name or kind, output_dir=str(folder))
    except (exceptions.UnauthenticatedError, exceptions.CredentialError) as error:
        raise DatasetError(f"{CREDENTIALS} ({error})") from error
    except exceptions.KaggleApiHTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code in (401, 403):
            rules = f" Accept the rules at {page}/rules first." if colon else ""
            raise DatasetError(f"{CREDENTIALS}{rules} ({page} answered {code}.)") from error
        raise DatasetError(f"{page} answered {code}. Look at it in a browser: it may have moved.") from error
    except requests.RequestException as error:
        raise DatasetError(f"{page} cannot be reached: {error}. What was downloaded is kept; try again.") from error


CREDENTIALS = (
    "Kaggle wants to know who asks. Log in at https://www.kaggle.com/settings, choose 'Create New Token', and save the "
    "file as ~/.kaggle/kaggle.json (or set KAGGLE_USERNAME and KAGGLE_KEY); then run it again."
)


def describe(datasets: Sequence[Dataset], folder_of: Callable[[Dataset], Path]) -> str:
    """Return one paragraph a data set: what it is, its licence and size, and what of it is on this disk."""
    lines = []
    for dataset in datasets:
        table = folder_of(dataset) / "clips.csv"
        here = f"{len(read_clips(table)):,} clips here" if table.is_file() else "not here"
        if not table.is_file() and folder_of(dataset).is_dir():
            here = f"a folder is here, no clips table yet: asl datasets check {dataset.name}"
        lines.append(f"{dataset.name}: {dataset.title}")
        lines.append(f"    {dataset.kind}, {dataset.size}; licence: {dataset.licence}; {here}")
    return "\n".join(lines)
