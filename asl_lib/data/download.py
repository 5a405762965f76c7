"""Downloads of data sets: verified by pooch, from Kaggle by kagglehub, and resumed after an interruption.

pooch (1.9) cannot resume a download: it starts again from the first byte, which does not work for the 20 GB of ASL
Citizen on an unreliable connection. So pooch gets a downloader that resumes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pooch
import requests

from asl_lib._util.console import progress_bar
from asl_lib._util.files import read_json, write_json
from asl_lib.data.dataset import Dataset, Remote
from asl_lib.data.errors import DatasetError
from asl_lib.data.unpack import check_room, unpack

CHUNK_BYTES = 1 << 16
"""Bytes written at a time: at most this many are lost when a download is interrupted."""
TIMEOUT_S = (15, 60)
"""Seconds to connect, and seconds without a byte."""
ATTEMPTS = 5
"""Attempts in a row that may fail without a new byte."""
LONGEST_WAIT_S = 60.0
DONE = ".downloaded.json"
CREDENTIALS = (
    "Kaggle requires an account. Log in at https://www.kaggle.com/settings, choose 'Create New Token', and save the "
    "file as ~/.kaggle/kaggle.json (or set KAGGLE_USERNAME and KAGGLE_KEY); then run it again."
)


def obtain(dataset: Dataset, dataset_dir: str | Path, *, log: Callable[[str], None] = print) -> None:
    """Download and unpack a data set into its folder, unless it is there already or rendered on this machine.

    Args:
        dataset: the data set.
        dataset_dir: its folder, `data/<name>/`.
        log: called with each status message.

    Raises:
        DatasetError: it must be requested by hand (the message says how), could not be downloaded, or its archive is
            damaged or unsafe.
    """
    if dataset.rendered:
        return
    folder = Path(dataset_dir)
    if (folder / DONE).is_file():
        log(f"{dataset.name} is in {folder} already: nothing to do.")
        return
    if not dataset.kaggle and not dataset.remotes:
        raise DatasetError(f"{dataset.name} cannot be downloaded by a program. {dataset.how_to_get(folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    if dataset.kaggle:
        from_kaggle(dataset.kaggle, folder / "kaggle")
    for remote in dataset.remotes:
        archive = download(remote, folder)
        unpack(archive, folder, inside=remote.inside)
        archive.unlink()  # its content is on the disk a second time now
    write_json(folder / DONE, {"kaggle": dataset.kaggle, "files": [remote.name for remote in dataset.remotes]})
    log(f"{dataset.name} is in {folder}.")


def download(remote: Remote, folder: str | Path) -> Path:
    """Download one file and return its path. A file that exists and has the published hash is not downloaded again.

    An interrupted download is resumed where it ended, if the server allows it. Proxies are taken from the environment
    (`HTTPS_PROXY`, `NO_PROXY`).

    Raises:
        DatasetError: no address gave the right file; the message gives the reason for each.
    """
    pooch.get_logger().setLevel("ERROR")  # the progress bar and the errors are enough
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fetch = partial(_fetch, unfinished=folder / f".{remote.name}.part")
    reasons = []
    for url in remote.urls:
        try:
            known = remote.known_hash or None
            return Path(pooch.retrieve(url, known_hash=known, fname=remote.name, path=folder, downloader=fetch))
        except DatasetError as error:
            reasons.append(f"{url}: {error}.")
        except ValueError as error:  # pooch's error for another hash, without its advice to ignore the difference
            difference = " ".join(str(error).split()).split(". ")[0]
            reasons.append(f"{url}: it is not the published file ({difference}).")
    raise DatasetError(
        f"{remote.name} could not be downloaded. {' '.join(reasons)} Try again later; what was downloaded is kept. "
        "If the error persists, the address has changed: see the page of the data set."
    )


def _fetch(url: str, output_file: Any, _: Any, *, unfinished: Path) -> None:
    """Download `url` to `output_file` through `unfinished`, which is kept between calls: a downloader for pooch."""
    note = unfinished.with_name(f"{unfinished.name}.json")
    if _read_note(note).get("url") != url:
        unfinished.unlink(missing_ok=True)  # the file of another mirror may be another file
    failures = 0
    with requests.Session() as session:
        if url.startswith("https:"):
            session.adapters.pop("http://")  # a redirect must not leave https
        while True:
            before = _size(unfinished)
            try:
                _attempt(session, url, unfinished, note)
                break
            except ConnectionError as error:
                failures = 1 if _size(unfinished) > before else failures + 1
                if failures >= ATTEMPTS:
                    raise DatasetError(f"{error}; tried {ATTEMPTS} times without a new byte") from error
                time.sleep(min(2.0**failures / 2, LONGEST_WAIT_S))
    os.replace(unfinished, output_file)
    note.unlink(missing_ok=True)


def _attempt(session: requests.Session, url: str, unfinished: Path, note: Path) -> None:
    """Request what is missing and append it; raise ConnectionError where another attempt may succeed."""
    have, version = _size(unfinished), _read_note(note).get("version")
    headers = {"Accept-Encoding": "identity"}  # otherwise lengths are those of a compressed stream
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})
    try:
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            code, status = response.status_code, f"the server answers {response.status_code} {response.reason}"
            if code == 416:  # there is nothing after what we have
                if response.headers.get("Content-Range", "").endswith(f"/{have}"):
                    return
                unfinished.unlink()
                raise ConnectionError("the server has another file than before")
            if code == 429 or code >= 500:
                wait = response.headers.get("Retry-After", "")
                time.sleep(min(float(wait), LONGEST_WAIT_S) if wait.isdigit() else 0.0)
                raise ConnectionError(status)
            if code >= 400:
                raise DatasetError(status)
            _receive(response, unfinished, note, url=url, have=have if code == 206 else 0)
    except requests.exceptions.ProxyError as error:
        raise ConnectionError("the proxy does not answer (HTTPS_PROXY, HTTP_PROXY)") from error
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        have = _size(unfinished)
        raise ConnectionError(f"the connection broke after {have:,} bytes" if have else "no connection") from error
    except requests.exceptions.InvalidSchema as error:
        raise DatasetError(f"it redirects to an address that is not safe ({error})") from error
    except requests.RequestException as error:
        raise DatasetError(f"the address cannot be used ({error})") from error


def _receive(response: requests.Response, unfinished: Path, note: Path, *, url: str, have: int) -> None:
    """Append the body of a response to the first `have` bytes of the unfinished file."""
    length = response.headers.get("Content-Length", "")
    total = have + int(length) if length.isdigit() else 0
    check_room(unfinished.parent, total - have, what=url)
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    # A weak tag does not promise the same bytes, and servers ignore it in If-Range.
    write_json(note, {"url": url, "version": "" if tag.startswith("W/") else tag})
    bar = progress_bar(
        total=total, description=unfinished.stem[1:], unit="B", unit_scale=True, unit_divisor=1024, initial=have
    )
    with unfinished.open("ab" if have else "wb") as file, bar:
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            bar.update(len(chunk))
    if _size(unfinished) < total:
        raise ConnectionError(f"the connection ended after {_size(unfinished):,} of {total:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_note(note: Path) -> dict[str, str]:
    try:
        value = read_json(note)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def from_kaggle(handle: str, folder: str | Path) -> None:
    """Download a data set ("owner/name") or the files of a competition ("competition:name") from Kaggle.

    Raises:
        DatasetError: Kaggle requires an account or the acceptance of its rules, or cannot be reached.
    """
    import kagglehub
    from kagglehub import exceptions

    kind, colon, name = handle.rpartition(":")
    fetch = kagglehub.competition_download if kind == "competition" else kagglehub.dataset_download
    page = f"https://www.kaggle.com/{'competitions' if colon else 'datasets'}/{name}"
    try:
        fetch(name, output_dir=str(folder))
    except (exceptions.UnauthenticatedError, exceptions.CredentialError) as error:
        raise DatasetError(f"{CREDENTIALS} ({error})") from error
    except exceptions.KaggleApiHTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code in (401, 403):
            rules = f" Accept the rules at {page}/rules first." if colon else ""
            raise DatasetError(f"{CREDENTIALS}{rules} ({page} answered {code}.)") from error
        raise DatasetError(f"{page} answered {code}. Open it in a browser: it may have moved.") from error
    except requests.RequestException as error:
        raise DatasetError(f"{page} cannot be reached: {error}. What was downloaded is kept; try again.") from error
