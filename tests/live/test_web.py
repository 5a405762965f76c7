import base64
import hashlib
import io
import json
import os
import socket
import tarfile
import threading
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from asl_lib.course.cli import main
from asl_lib.features.recipe import VideoRecipe
from asl_lib.live.errors import LiveError
from asl_lib.live.web import build
from asl_lib.live.web import server as web
from asl_lib.live.web.packages import fetch_packages
from asl_lib.live.web.server import launch_inline, serve_files

PAGE = "<!doctype html><title>Live</title>"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "page" / "models").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text(PAGE)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "page"


@pytest.fixture
def ask(folder):
    """A function from a method, a path and a Host to the server's answer."""
    with serve_files(folder, port=0, allowed_hosts=("hub.example",)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def answer(method="GET", path="/", host=None):
            connection = HTTPConnection("127.0.0.1", server.server_port, timeout=600)
            connection.request(method, path, headers={"Host": host} if host else {})
            got = connection.getresponse()
            got.text = got.read().decode()
            connection.close()
            return got

        yield answer
        server.shutdown()


def test_the_page_may_connect_to_itself_only_and_is_isolated(ask):
    answer = ask()
    assert (answer.status, answer.text) == (200, PAGE)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/models/", "/../secret.txt", "/%2e%2e/secret.txt", "/models/..%2f..%2fsecret.txt"])
def test_folders_are_not_listed_and_files_outside_are_not_served(ask, path):
    answer = ask(path=path)
    assert answer.status == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_unsupported_http_methods_are_refused(ask, method):
    assert ask(method).status == 501


VIDEO = {"video/mp4": b"\0\0\0\x18ftypmp42" + bytes(200), "video/webm": b"\x1a\x45\xdf\xa3" + bytes(200)}


@pytest.fixture
def recording(folder, tmp_path):
    """A server that takes recordings into the folder `recordings`."""
    with serve_files(folder, port=0, allowed_hosts=("hub.example",), recordings=tmp_path / "recordings") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def put(server, *, path=None, names=None, body=VIDEO["video/mp4"], method="POST", **changed):
    """Send a recording as the page does, but for what is changed, and return the status and the answer."""
    host = f"127.0.0.1:{server.server_port}"
    headers = {"Host": host, "Origin": f"http://{host}", "X-Token": server.token, "Content-Type": "video/mp4"}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=600)
    query = urlencode({"signer": "zoé", "gloss": "THANK YOU", **(names or {})})
    connection.request(
        method, path or f"/recordings?{query}", body, {k: v for k, v in headers.items() if v is not None}
    )
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


def written(tmp_path):
    return sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "recordings").rglob("*"))


def test_a_page_that_knows_the_token_records_into_the_folder_of_its_signer_and_sign(recording, tmp_path):
    assert recording.address() == f"http://127.0.0.1:{recording.server_port}/#{recording.token}"
    assert len(recording.token) > 20
    assert put(recording) == (201, b'{"file": "zo\\u00e9/THANK YOU/01.mp4"}')
    assert put(recording, Content_Type="video/webm", body=VIDEO["video/webm"])[0] == 201
    through_a_proxy = {"Host": "hub.example", "Origin": "https://hub.example"}
    assert put(recording, names={"signer": " zoe\u0301 "}, **through_a_proxy)[0] == 201
    folder = tmp_path / "recordings" / "zoé" / "THANK YOU"
    assert [path.name for path in sorted(folder.iterdir())] == ["01.mp4", "02.webm", "03.mp4"]
    assert (folder / "02.webm").read_bytes() == VIDEO["video/webm"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"X_Token": None}, 403),
        ({"X_Token": ""}, 403),
        ({"X_Token": "guess\xe9"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another program's page on this computer
        ({"Origin": "http://evil.example"}, 403),
        ({"Content_Length": None, "Transfer_Encoding": "chunked"}, 411),
        ({"Content_Length": "5", "Transfer_Encoding": "chunked"}, 411),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "²"}, 411),
        ({"Content_Length": str((32 << 20) + 1)}, 413),
        ({"Content_Length": "9" * 5000}, 413),
        ({"Content_Type": "text/html"}, 415),
        ({"Content_Type": None}, 415),
        ({"Content_Type": "video/webm"}, 415),  # but it is mp4
        ({"body": b"<script>" * 9}, 415),
        ({"body": b""}, None),
        ({"path": "/"}, 501),
        ({"path": "/recordings/../index.html"}, 501),
        ({"path": "/recordings/ana/HELLO/01.mp4"}, 501),
        ({"method": "PUT"}, 501),
        ({"method": "OPTIONS"}, 501),  # what browsers ask before another site's page may send a token
        *(({"names": {what: name}}, 400) for what in ("signer", "gloss") for name in
          ("", ".", "..", "../../x", "/etc", "a/b", "a\\b", "C:", ".hidden", "-rf", "a.", "x" * 91, "%2e%2e")),
    ],
)  # fmt: skip
def test_every_other_request_leaves_nothing(recording, folder, tmp_path, changed, status):
    if status is None:
        with pytest.raises(ConnectionError):
            put(recording, **changed)
    else:
        assert put(recording, **changed)[0] == status
    assert written(tmp_path) == []
    assert (folder / "index.html").read_text() == PAGE
    assert put(recording)[0] == 201  # and the next one is taken


@pytest.mark.parametrize("ends", ["hangs up", "waits"])
def test_an_upload_that_stops_halfway_leaves_nothing(recording, tmp_path, monkeypatch, ends):
    monkeypatch.setattr(web, "UPLOAD_S", 0.2)
    host = f"127.0.0.1:{recording.server_port}"
    lines = [
        "POST /recordings?signer=ana&gloss=HELLO HTTP/1.1", f"Host: {host}", f"Origin: http://{host}",
        f"X-Token: {recording.token}", "Content-Type: video/mp4", "Content-Length: 1000", "", "",
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", recording.server_port), timeout=600) as connection:
        connection.sendall("\r\n".join(lines).encode() + VIDEO["video/mp4"])
        if ends == "hangs up":
            connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""  # it is closed without an answer
    assert written(tmp_path) == []


def test_a_full_disk_is_reported_and_leaves_no_file(recording, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert put(recording)[0] == 507
    assert [path for path in written(tmp_path) if "mp4" in path] == []


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("LOCALHOST:1", 200), ("hub.example", 200), ("evil.example", 403), ("localhost.evil", 403),
     ("[", 403)],
)  # fmt: skip
def test_a_request_for_another_host_is_refused(ask, host, status):
    assert ask(host=host).status == status


def test_a_port_that_is_taken_is_named_and_without_one_the_next_is_taken(folder):
    with serve_files(folder, port=0) as first, pytest.raises(LiveError, match=f"port {first.server_port}"):
        serve_files(folder, port=first.server_port)
    with serve_files(folder) as first, serve_files(folder) as second:
        assert second.server_port > first.server_port >= web.PORT


def test_a_folder_without_a_page_is_not_served(tmp_path):
    with pytest.raises(LiveError, match=r"no index\.html"):
        serve_files(tmp_path)


def test_without_a_model_the_command_says_what_to_run(home, capsys):
    assert main(["live", "--web"]) == 1
    assert "make demo" in capsys.readouterr().err


def test_a_vocabulary_is_opened_in_the_page_and_not_by_the_command(capsys):
    assert main(["live", "--web", "--vocabulary", "signs.npz"]) == 1
    assert "open signs.npz in the page, under 'Teach a sign'" in capsys.readouterr().err


def test_the_command_writes_the_page_into_a_folder(tmp_path, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(build, "build_page", lambda folder, **options: asked.update(options) or folder)
    assert main(["live", "--web", "--to", "page", "--model", str(tmp_path)]) == 0
    assert list(asked["models"].values()) == [tmp_path]
    assert "The page is in page." in capsys.readouterr().out


def test_ctrl_c_closes_the_page_without_an_error(folder, monkeypatch, capsys):
    def interrupted(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(web, "serve_page", lambda **_: serve_files(folder, port=0))
    monkeypatch.setattr(web.ThreadingHTTPServer, "serve_forever", interrupted)
    assert main(["live", "--web"]) == 0
    assert "The page is closed." in capsys.readouterr().out


def test_a_model_that_the_page_cannot_use_is_left_out_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "fetch_packages", lambda **_: tmp_path)
    messages = []
    with pytest.raises(LiveError, match="cannot use any of the models"):
        build.build_page(tmp_path / "page", models={"gone": tmp_path / "gone"}, log=messages.append)
    assert any("gone is left out: There is no" in message for message in messages)


def test_a_network_for_videos_is_left_out_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "fetch_packages", lambda **_: tmp_path)
    monkeypatch.setattr(build, "export_model", lambda *_, check, **__: check(VideoRecipe(size=32, frames=8)))
    messages = []
    with pytest.raises(LiveError, match="cannot use any of the models"):
        build.build_page(tmp_path / "page", models={"i3d": tmp_path / "i3d"}, log=messages.append)
    assert any("i3d is left out: its input is video, which the page cannot use" in message for message in messages)


@pytest.mark.parametrize(("program", "words"), [("", "npm, which fetches"), ("#!/bin/sh\nexit 1\n", "could not fetch")])
def test_without_npm_or_a_network_the_runtime_is_missing_in_a_sentence(tmp_path, monkeypatch, program, words):
    if os.name == "nt":
        pytest.skip("The stand-in for npm is a shell script.")
    monkeypatch.setenv("ASL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    if program:
        (tmp_path / "npm").write_text(program)
        (tmp_path / "npm").chmod(0o755)
    with pytest.raises(LiveError, match=words):
        fetch_packages(log=lambda _: None)
    assert list(tmp_path.glob("cache/*")) == []


def packed(folder, *, name, version, files):
    """Write a package's archive as npm does, and return its integrity."""
    with tarfile.open(folder / f"{name}-{version}.tgz", "w:gz") as archive:
        for path, text in files.items():
            about = tarfile.TarInfo(path)
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode()))
    content = (folder / f"{name}-{version}.tgz").read_bytes()
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A lock file with one package, whose archive is in the folder `wheels`."""
    monkeypatch.setenv("ASL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "wheels").mkdir()
    about = {"version": "1.2.3"}
    about["integrity"] = packed(tmp_path / "wheels", name="tool", version="1.2.3", files={"package/a.js": "let a"})
    packages = {"": {"dependencies": {"tool": "1.2.3"}}, "node_modules/tool": about}
    (tmp_path / "lock.json").write_text(json.dumps({"packages": packages}))
    return tmp_path / "lock.json"


def test_without_a_network_the_page_s_packages_come_from_the_wheelhouse(lock, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    folder = fetch_packages(lock, archives=tmp_path / "wheels", log=lambda _: None)
    assert (folder / "tool" / "a.js").read_text() == "let a"
    assert [path.name for path in folder.parent.iterdir()] == ["tool-1.2.3"]
    assert fetch_packages(lock) == folder  # and nobody is asked again


def test_an_archive_that_is_not_the_published_one_is_refused(lock, tmp_path):
    packed(tmp_path / "wheels", name="tool", version="1.2.3", files={"package/a.js": "steal()"})
    with pytest.raises(LiveError, match=r"tool-1\.2\.3\.tgz is missing, or is not the published one"):
        fetch_packages(lock, archives=tmp_path / "wheels")
    assert list(tmp_path.glob("cache/*")) == []


def test_an_archive_writes_no_file_outside_its_folder(lock, tmp_path):
    files = {"package/a.js": "let a", "../../outside.js": "steal()"}
    integrity = packed(tmp_path / "wheels", name="tool", version="1.2.3", files=files)
    packages = json.loads(lock.read_text())
    packages["packages"]["node_modules/tool"]["integrity"] = integrity
    lock.write_text(json.dumps(packages))
    with pytest.raises(tarfile.FilterError):
        fetch_packages(lock, archives=tmp_path / "wheels")
    assert not list(tmp_path.rglob("outside.js"))


def test_the_locked_packages_are_of_the_wanted_version_and_name_no_address():
    lock = (Path(build.__file__).parent / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(lock)["packages"]
    wanted = packages[""]["dependencies"]["@litertjs/core"]
    assert packages["node_modules/@litertjs/core"]["version"] == wanted
    assert all(about["integrity"].startswith("sha512-") for name, about in packages.items() if name)
    assert "http" not in lock


def test_in_a_notebook_the_page_is_shown_in_a_frame_that_may_use_the_camera(folder, monkeypatch):
    shown = []
    monkeypatch.setattr(web, "display", lambda frame: shown.append(frame.data))
    monkeypatch.setattr(web, "serve_page", lambda **_: serve_files(folder, port=0))
    monkeypatch.setattr("warnings.warn", lambda *_, **__: None)  # IPython's, about frames
    server = launch_inline(height=500)
    assert f'src="http://localhost:{server.server_port}/"' in shown[0]
    assert 'allow="camera; clipboard-write"' in shown[0]
    server.shutdown()
    server.server_close()
