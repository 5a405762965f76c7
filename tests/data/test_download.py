"""Downloads from a real server on this machine that drops connections, lies, refuses and redirects."""

import hashlib
import io
import re
import shutil
import stat
import threading
import types
import zipfile
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import ClassVar

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.data import download as module
from asl_lib.data.dataset import Remote
from asl_lib.data.download import download, from_kaggle, obtain
from asl_lib.data.errors import DatasetError
from asl_lib.data.registry import get_dataset
from asl_lib.data.unpack import SPARE_BYTES, unpack

CONTENT = bytes(range(256)) * 4000  # 1 MB
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Every path is a way to serve the same file, well or badly."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list] = []
    counts: ClassVar[dict] = {}
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("://", 1)[-1]
        way = path[path.index("/") :].strip("/").split("/")[-1].split(".")[0] if "://" in self.path else self.path[1:]
        with self.lock:
            Handler.seen.append((self.path, self.headers.get("Range", "")))
            count = Handler.counts[way] = Handler.counts.get(way, 0) + 1
        getattr(self, way.split("-")[0].split(".")[0])(count)

    def send(self, body, *, code=200, length=None, announce=True, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if announce:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def ranged(self, *, content=CONTENT, stop=None, etag='"v1"'):
        """Serve the file from where it is asked for; `stop` breaks the connection after so many bytes."""
        wanted = self.headers.get("Range")
        condition = self.headers.get("If-Range", etag)
        if wanted and condition == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send(b"", code=416, Content_Range=f"bytes */{len(content)}")
                return
            body, place = content[start:], f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(body[:stop], code=206, length=len(body), Content_Range=place, ETag=etag)
        else:
            self.send(content[:stop], length=len(content), ETag=etag)

    def good(self, count):
        self.ranged()

    def drops(self, count):
        self.ranged(stop=300_000 if count <= 3 else None)

    def norange(self, count):
        self.send(CONTENT[: 400_000 if count <= 2 else None], length=len(CONTENT))

    def changed(self, count):
        if count == 1:
            self.ranged(content=b"x" * 900_000, stop=200_000, etag='"v0"')
        else:
            self.ranged()

    def promises(self, count):
        """Declare more than there is, every time."""
        self.ranged(content=CONTENT[:1000]) if self.headers.get("Range") else self.send(CONTENT[:1000], length=5000)

    def understates(self, count):
        self.send(CONTENT, length=1000)

    def nolength(self, count):
        self.send(CONTENT, announce=False)

    def wrong(self, count):
        self.send(b"<html>This is not the file you are looking for.</html>")

    def missing(self, count):
        self.send(b"gone", code=404)

    def busy(self, count):
        if count <= 2:
            self.send(b"", code=503, Retry_After="0")
        else:
            self.ranged()

    def broken(self, count):
        self.send(b"", code=500)

    def moved(self, count):
        self.send(b"", code=302, Location="/good")

    def ftp(self, count):
        self.send(b"", code=302, Location="ftp://127.0.0.1/file.zip")

    def file(self, count):
        self.send(b"", code=302, Location="file:///etc/hostname")

    def circle(self, count):
        self.send(b"", code=302, Location="/circle")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    Handler.seen, Handler.counts = [], {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def remote(*urls, known_hash=SHA, **options):
    return Remote(tuple(urls), "data.bin", known_hash, **options)


def ranges():
    return [asked for _, asked in Handler.seen]


@pytest.mark.parametrize("way", ["good", "norange", "nolength", "busy", "moved", "changed"])
def test_a_file_downloads_correctly_however_it_is_served(server, tmp_path, way):
    path = download(remote(f"{server}/{way}"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["data.bin"], "no partial file may stay"


def test_a_download_resumes_after_a_dropped_connection(server, tmp_path):
    assert download(remote(f"{server}/drops"), tmp_path).read_bytes() == CONTENT
    starts = [int(asked.removeprefix("bytes=").rstrip("-") or 0) for asked in ranges()]
    assert len(starts) == 4
    assert all(200_000 < after - before <= 300_000 for before, after in pairwise(starts))


def test_a_download_resumes_after_the_program_was_interrupted(server, tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(remote(f"{server}/drops"), tmp_path)
    assert not (tmp_path / "data.bin").exists()
    kept = (tmp_path / ".data.bin.part").stat().st_size
    assert kept > 200_000
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    assert download(remote(f"{server}/drops"), tmp_path).read_bytes() == CONTENT
    assert ranges()[:2] == ["", f"bytes={kept}-"]


def test_a_second_call_does_not_contact_the_server(server, tmp_path):
    download(remote(f"{server}/good"), tmp_path)
    download(remote(f"{server}/good"), tmp_path)
    assert len(Handler.seen) == 1


def test_a_damaged_file_is_downloaded_again(server, tmp_path):
    path = download(remote(f"{server}/good"), tmp_path)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert download(remote(f"{server}/good"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("missing", "404 Not Found"),
        ("wrong", "not the published file"),
        ("understates", "not the published file"),
        ("promises", "the server has another file than before|connection"),
        ("broken", "500 Internal Server Error; tried 5 times"),
        ("ftp", "redirects to an address that is not safe.*ftp://"),
        ("file", "redirects to an address that is not safe.*file:///"),
        ("circle", "cannot be used.*redirects"),
    ],
)
def test_a_download_that_cannot_succeed_explains_why_and_leaves_no_file(server, tmp_path, way, words):
    with pytest.raises(DatasetError, match=f"{server}/{way}: .*({words})"):
        download(remote(f"{server}/{way}"), tmp_path)
    assert not (tmp_path / "data.bin").exists()


def test_a_mirror_is_used_when_the_first_address_fails_without_mixing_their_bytes(server, tmp_path):
    urls = (f"{server}/missing", f"{server}/promises", f"{server}/wrong", f"{server}/good")
    assert download(remote(*urls), tmp_path).read_bytes() == CONTENT
    assert Handler.seen[-1] == ("/good", ""), "a mirror starts anew"


def test_a_published_md5_is_verified_too(server, tmp_path):
    md5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
    assert download(remote(f"{server}/good", known_hash=md5), tmp_path).read_bytes() == CONTENT
    with pytest.raises(DatasetError, match="not the published file"):
        download(remote(f"{server}/good", known_hash="md5:" + "0" * 32), tmp_path)


@pytest.mark.parametrize("target", ["http://example.org/b", "https://example.org/b"])
def test_a_redirect_from_https_to_http_is_refused(tmp_path, monkeypatch, target):
    asked = []

    def redirect_once(self, request, **_):
        asked.append(request.url)
        answer = requests.Response()
        answer.request, answer.url, answer.raw = request, request.url, io.BytesIO(CONTENT)
        answer.status_code = 302 if len(asked) == 1 else 200
        answer.headers["Location"] = target
        return answer

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirect_once)
    if target.startswith("https"):
        assert download(remote("https://example.org/a"), tmp_path).read_bytes() == CONTENT
        return
    with pytest.raises(DatasetError, match="redirects to an address that is not safe.*http://example.org/b"):
        download(remote("https://example.org/a"), tmp_path)
    assert asked == ["https://example.org/a"]


def test_a_full_disk_is_noticed_before_the_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(DatasetError, match="0.0 GB free. Make room"):
        download(remote(f"{server}/good"), tmp_path)
    assert not list(tmp_path.glob("*.bin"))


def test_an_unreachable_server_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    with pytest.raises(DatasetError, match="no connection; tried 5 times"):
        download(remote("http://127.0.0.1:9/file"), tmp_path)


def test_the_proxy_from_the_environment_is_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server)
    monkeypatch.setenv("no_proxy", "")
    assert download(remote("http://data.example/good"), tmp_path).read_bytes() == CONTENT
    assert Handler.seen == [("http://data.example/good", "")]


# Unpacking


def make_zip(path, files, *, link=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name) if ".." in name else name, content)
        if link:
            info = zipfile.ZipInfo("link")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, link)
    return path


FILES = {"videos/1.mp4": b"one" * 50, "videos/2.mp4": b"two" * 99, "list.json": b"{}", "empty.txt": b""}


def test_an_archive_is_unpacked_completely(tmp_path):
    target = unpack(make_zip(tmp_path / "set.zip", FILES), tmp_path / "data")
    assert target == tmp_path / "data" / "set"
    assert {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()} == FILES
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["set"]


def test_unpacking_survives_an_interruption_and_the_folder_appears_only_when_complete(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "set.zip", FILES)
    written = []
    real = module.unpack.__globals__["os"].replace

    def replace(source, target):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(target)
        real(source, target)

    monkeypatch.setattr("asl_lib.data.unpack.os.replace", replace)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "data")
    assert not (tmp_path / "data" / "set").exists(), "nothing of it is there before all of it is"
    times = {path: path.stat().st_mtime_ns for path in written}
    monkeypatch.setattr("asl_lib.data.unpack.os.replace", real)
    target = unpack(archive, tmp_path / "data")
    assert len(list(target.rglob("*.*"))) == len(FILES)
    moved = {target / path.relative_to(tmp_path / "data" / ".set.unpacking"): time for path, time in times.items()}
    assert {path: path.stat().st_mtime_ns for path in moved} == moved, "finished files are not written again"


HOSTILE_NAMES = ["../evil", "a/../../evil", "/etc/evil", "C:\\evil", "..\\evil", "\\\\server\\evil", "a\\..\\..\\evil"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_outside_the_folder_is_refused_before_anything_is_written(tmp_path, name):
    archive = make_zip(tmp_path / "set.zip", {"good.txt": b"good", name: b"evil"})
    with pytest.raises(DatasetError, match="outside its folder"):
        unpack(archive, tmp_path / "deep" / "data")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]


@given(st.text(alphabet="ab./\\:", min_size=1, max_size=12))
def test_no_archived_name_can_leave_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("any")
    archive = make_zip(folder / "set.zip", {name: b"content"})
    with suppress(DatasetError):
        unpack(archive, folder / "inside" / "data")
    files = [path for path in folder.rglob("*") if path.is_file() and path != archive]
    assert all((folder / "inside" / "data" / "set") in path.parents for path in files)


@pytest.mark.parametrize("target", ["../../evil", "/etc/passwd", "videos/1.mp4"])
def test_a_link_in_an_archive_is_refused(tmp_path, target):
    with pytest.raises(DatasetError, match="holds a link"):
        unpack(make_zip(tmp_path / "bad.zip", FILES, link=target), tmp_path)


def test_a_decompression_bomb_is_refused_before_it_fills_the_disk(tmp_path):
    archive = make_zip(tmp_path / "bomb.zip", {"zeros": bytes(60 << 20)})
    with pytest.raises(DatasetError, match="decompression bomb"):
        unpack(archive, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1 << 20


def test_a_file_larger_than_it_declares_is_refused(tmp_path):
    archive = make_zip(tmp_path / "set.zip", {"a.txt": b"z" * 3000})
    content = archive.read_bytes()
    lie = content.replace((3000).to_bytes(4, "little"), (30).to_bytes(4, "little"))
    assert lie != content
    archive.write_bytes(lie)
    with pytest.raises(DatasetError, match="a.txt.*(larger than declared|cannot be unpacked|cut short)"):
        unpack(archive, tmp_path / "data")
    assert not (tmp_path / "data" / "set").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.zip", b"<html>Please log in</html>", "not a zip archive. If it is a web page"),
        ("set.7z", b"7z\xbc\xaf", "7z x"),
        ("set.rar", b"Rar!", "7z x"),
        ("set.zip.001", b"part one", "7z x"),
    ],
)
def test_a_file_that_is_not_an_archive_or_needs_another_program_is_refused_with_a_reason(
    tmp_path, name, content, words
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        unpack(tmp_path / name, tmp_path)


def test_damaged_archives_are_named(tmp_path):
    archive = make_zip(tmp_path / "set.zip", {"a.bin": bytes(range(256)) * 999, "b.bin": b"b" * 5000})
    whole = archive.read_bytes()
    middle = len(whole) // 3
    archive.write_bytes(whole[:middle] + bytes(40) + whole[middle + 40 :])
    with pytest.raises(DatasetError, match=r"damaged|cannot be unpacked|no zip"):
        unpack(archive, tmp_path / "data")


# Whole data sets


def test_a_data_set_is_downloaded_unpacked_and_found_and_a_second_call_does_nothing(server, tmp_path, monkeypatch):
    header = "Participant ID,Video file,Gloss,ASL-LEX Code\n"
    files = {
        "ASL_Citizen/splits/train.csv": (header + "P1,1-DOG.mp4,DOG,A\n").encode(),
        "ASL_Citizen/splits/test.csv": (header + "P2,2-DOG.mp4,DOG,A\n").encode(),
        "ASL_Citizen/videos/1-DOG.mp4": b"video",
        "ASL_Citizen/videos/2-DOG.mp4": b"video",
    }
    content = make_zip(tmp_path / "made.zip", files).read_bytes()
    monkeypatch.setattr(Handler, "good", lambda self, count: self.ranged(content=content))
    dataset = get_dataset("asl_citizen")
    monkeypatch.setattr(type(dataset), "remotes", (Remote((f"{server}/good",), "ASL_Citizen.zip"),))
    folder, news = tmp_path / "data" / "asl_citizen", []
    obtain(dataset, folder, log=news.append)
    clips = dataset.prepare(folder)
    assert clips.split.tolist() == ["train", "test"]
    assert not list(folder.glob("*.zip")), "the archive takes its room a second time"
    obtain(dataset, folder, log=news.append)
    assert len(Handler.seen) == 1
    assert news[-1] == f"asl_citizen is in {folder} already: nothing to do."


def test_the_fingerspelling_download_keeps_only_the_lexicon_and_lists_only_its_letters(server, tmp_path, monkeypatch):
    dataset = get_dataset("fingerspelling")
    place = dataset.remotes[0].inside
    index = "path,spoken_language,signed_language,start,end,words,glosses,priority\n"
    index += "asq/1.pose,de,asq,0,9,A,A,0\nasq/2.pose,de,asq,0,9,Ä,Ä,0\nise/3.pose,it,ise,0,9,b,B,0\n"
    index += "ise/4.pose,it,ise,0,9,bb,BB,0\nase/5.pose,en,ase,0,9,A,A,0\nasq/1.pose,fr,xxx,0,9,A,A,0\n"
    files = {f"{place}/index.csv": index.encode(), f"{place}/README.md": b"text", "README.md": b"of the repository"}
    files |= {f"{place}/{signer}/{n}.pose": b"pose" for n, signer in enumerate(("asq", "asq", "ise", "ise", "ase"), 1)}
    content = make_zip(tmp_path / "made.zip", files).read_bytes()
    monkeypatch.setattr(Handler, "good", lambda self, count: self.ranged(content=content))
    local = replace(dataset.remotes[0], urls=(f"{server}/missing", f"{server}/good"))
    monkeypatch.setattr(type(dataset), "remotes", (local,))
    monkeypatch.setenv("ASL_SHARED_DATA", str(tmp_path / "nothing"))
    folder = tmp_path / "data" / "fingerspelling"
    obtain(dataset, folder)
    found = {path.relative_to(folder / "fingerspelling_lexicon").as_posix() for path in folder.glob("*/*/*.pose")}
    assert found == {"asq/1.pose", "asq/2.pose", "ise/3.pose", "ise/4.pose", "ase/5.pose"}
    assert not list(folder.rglob("made.zip")) + list(folder.rglob("spoken*"))
    assert dataset.prepare(folder).clip_id.tolist() == ["asq-A", "ise-B"]
    assert dataset.find_clips(dataset.source_dir(folder), "others").clip_id.tolist() == ["ase-A"]


def test_unpacking_one_folder_needs_disk_space_for_that_folder_only(tmp_path, monkeypatch):
    free = SPARE_BYTES + 200
    monkeypatch.setattr("asl_lib.data.unpack.shutil.disk_usage", lambda folder: types.SimpleNamespace(free=free))
    archive = make_zip(tmp_path / "set.zip", {"lexicon/1.pose": b"one" * 50, "videos/1.mp4": b"two" * 99})
    assert (unpack(archive, tmp_path / "data", inside="lexicon") / "1.pose").is_file()
    with pytest.raises(DatasetError, match="Make room"):
        unpack(archive, tmp_path / "all")


def test_an_archive_without_the_requested_folder_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="has no folder lexicon: it is another archive"):
        unpack(make_zip(tmp_path / "set.zip", FILES), tmp_path / "data", inside="lexicon")


@pytest.mark.parametrize("remote", get_dataset("fingerspelling").remotes)
def test_the_fingerspelling_download_is_pinned_to_a_commit(remote):
    assert all(re.search(r"/[0-9a-f]{40}(\.zip)?$", url) and url.startswith("https://") for url in remote.urls)


def test_a_data_set_that_must_be_requested_explains_how(tmp_path):
    with pytest.raises(DatasetError, match=r"isogd cannot be downloaded by a program.*Register with ChaLearn"):
        obtain(get_dataset("isogd"), tmp_path / "isogd")


def kaggle_error(code):
    import kagglehub

    answer = requests.Response()
    answer.status_code = code
    return kagglehub.exceptions.KaggleApiHTTPError(f"{code} Client Error", response=answer)


def test_missing_kaggle_credentials_are_explained(tmp_path, monkeypatch):
    import kagglehub

    def refuse(handle, **_):
        raise kaggle_error(403)

    monkeypatch.setattr(kagglehub, "dataset_download", refuse)
    monkeypatch.setattr(kagglehub, "competition_download", refuse)
    with pytest.raises(DatasetError, match=r"Kaggle requires an account.*kaggle\.json"):
        from_kaggle("risangbaskoro/wlasl-processed", tmp_path)
    with pytest.raises(DatasetError, match=r"Accept the rules at .*/competitions/asl-signs/rules"):
        from_kaggle("competition:asl-signs", tmp_path)

    def unknown(handle, **_):
        raise kaggle_error(404)

    monkeypatch.setattr(kagglehub, "dataset_download", unknown)
    with pytest.raises(DatasetError, match="answered 404.*may have moved"):
        from_kaggle("nobody/nothing", tmp_path)

    def offline(handle, **_):
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(kagglehub, "dataset_download", offline)
    with pytest.raises(DatasetError, match="cannot be reached.*try again"):
        from_kaggle("nobody/nothing", tmp_path)


def test_a_kaggle_data_set_is_stored_where_its_adapter_looks(tmp_path, monkeypatch):
    import kagglehub

    asked = []

    def fetch(handle, *, output_dir):
        asked.append(handle)
        folder = tmp_path / "alphabet" / "kaggle" / "asl_alphabet_train" / "asl_alphabet_train" / "A"
        assert str(folder).startswith(output_dir)
        folder.mkdir(parents=True)
        for number in range(1, 13):
            (folder / f"A{number}.jpg").write_bytes(b"picture")

    monkeypatch.setattr(kagglehub, "dataset_download", fetch)
    dataset = get_dataset("asl_alphabet")
    for _ in range(2):
        obtain(dataset, tmp_path / "alphabet", log=lambda _: None)
    assert asked == ["grassknoted/asl-alphabet"]
    assert set(dataset.prepare(tmp_path / "alphabet").gloss) == {"A"}
