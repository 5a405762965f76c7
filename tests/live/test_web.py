import base64
import hashlib
import io
import json
import os
import tarfile
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from asl_lib.course.cli import main
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
def test_no_folder_is_listed_and_no_file_outside_is_given_out(ask, path):
    answer = ask(path=path)
    assert answer.status == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_taken(ask, method):
    assert ask(method).status == 501


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


def test_the_command_writes_the_page_into_a_folder(tmp_path, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(build, "build_page", lambda folder, **options: asked.update(options) or folder)
    assert main(["live", "--web", "--to", "page", "--model", str(tmp_path)]) == 0
    assert list(asked["models"].values()) == [tmp_path]
    assert asked["letters"] == {}
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
