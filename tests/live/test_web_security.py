"""What the live page refuses: routes that are not its own, other sites' requests, and names that are not its own."""

from __future__ import annotations

import re
import socket
import tempfile
from pathlib import Path

import httpx2
import pytest

from asl_lib.live.errors import LiveError
from asl_lib.live.web import serve

ELSEWHERE = "evil.example"
UNKNOWN = (
    "/gradio_api/process_recording", "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/file=README.md",
    "/config", "/docs", "/openapi.json", "/static/img/logo.svg", "/../web.py", "/%2e%2e/web.py", "/web.py",
    "/assets/page.js", "/page.js/..%2f..%2fweb.py", "/asl", "/asl/command", "/asl/command/explode/x", "/robots.txt",
)  # fmt: skip
PATIENCE_S = 300
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.fixture(scope="module")
def page(model_folder, tmp_path_factory):
    page = serve(models={"small": model_folder}, folder=tmp_path_factory.mktemp("kept"))
    yield page
    page.close()


@pytest.fixture
def visitor(page):
    with httpx2.Client(base_url=page.url, timeout=PATIENCE_S) as client:
        yield client


def port_of(page):
    return page.url.rstrip("/").rpartition(":")[2]


def test_a_recording_that_is_posted_to_the_page_is_neither_processed_nor_kept(visitor):
    def kept():
        return set(Path(tempfile.gettempdir()).rglob("*film*.mp4"))

    before = kept()
    manifest = b'<?xml version="1.0"?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>'
    answer = visitor.post("/gradio_api/process_recording", files={"file": ("film.mp4", manifest, "video/mp4")})
    assert answer.status_code in (403, 404)
    assert b"root:" not in answer.content
    assert kept() == before


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("method", METHODS)
def test_only_the_page_s_own_routes_answer(visitor, path, method):
    assert visitor.request(method, path, content=b"{}").status_code in (404, 405)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_route_of_the_page_answers_no_other_method(visitor, method):
    for path in ("/", "/page.js", "/page.css", "/asl/begin", "/asl/frame", "/asl/command/clear"):
        assert visitor.request(method, path).status_code == 405, path


@pytest.mark.parametrize("name", [ELSEWHERE, f"{ELSEWHERE}:{{port}}", f"localhost.{ELSEWHERE}", "127.0.0.1.evil", ""])
def test_a_request_for_another_host_is_refused(page, visitor, name):
    """A name that its owner lets point to 127.0.0.1 would make his page one of this origin (DNS rebinding)."""
    host = name.format(port=port_of(page))
    for method, path in (("GET", "/"), ("GET", "/page.js"), ("POST", "/asl/begin")):
        answer = visitor.request(method, path, headers={"Host": host})
        assert answer.status_code == 403
        assert "--allowed-hosts" in answer.json()["error"]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_a_request_for_this_computer_is_answered_under_each_of_its_names(page, visitor, name):
    assert visitor.get("/", headers={"Host": f"{name}:{port_of(page)}"}).status_code == 200
    assert visitor.get("/", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": f"https://{ELSEWHERE}"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8888"},
    ],
)
def test_another_site_s_page_can_change_nothing_and_read_nothing(page, visitor, headers):
    for path in ("/asl/begin", "/asl/frame", "/asl/prompt", "/asl/command/clear", "/login"):
        answer = visitor.post(path, headers=headers)
        assert answer.status_code == 403, path
        assert "another site" in answer.json()["error"]
    for path in ("/", "/page.js", "/asl/begin"):
        answer = visitor.get(path, headers=headers)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert not page.sessions.open_pages


def test_the_page_s_own_script_begins_a_session_from_its_own_origin(page, visitor):
    for headers in ({}, {"Origin": page.url.rstrip("/")}, {"Sec-Fetch-Site": "same-origin"}):
        answer = visitor.post("/asl/begin", headers=headers)
        assert answer.status_code == 200
        assert visitor.post("/asl/command/leave", headers={"X-Session": answer.json()["token"]}).json() == {}
    assert not page.sessions.open_pages


def test_the_page_may_load_from_nowhere_else_and_names_no_other_host(visitor):
    for path in ("/", "/page.js", "/page.css"):
        answer = visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert not re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}", answer.text)
    html = visitor.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)


def test_what_is_said_at_the_start_names_the_address_the_model_and_what_a_proxy_needs(model_folder, tmp_path):
    for options, words in (
        ({}, ["http://127.0.0.1:", "It starts with the model small."]),
        ({"host": "0.0.0.0"}, ["put a proxy with https before it", "--password asks"]),
        ({"root_path": "/user/ana/proxy/7860"}, ["/user/ana/proxy/7860/ of the proxy"]),
    ):
        lines = []
        serve(models={"small": model_folder}, folder=tmp_path, log=lines.append, **options).close()
        assert all(word in " ".join(lines) for word in words)


def test_a_port_that_is_taken_is_named(page, model_folder):
    for port in (int(port_of(page)), 70_000):
        with pytest.raises(LiveError, match=f"port {port} .*Another program may use that port"):
            serve(models={"small": model_folder}, port=port)


@pytest.mark.parametrize(
    ("options", "host", "status"),
    [
        ({"root_path": "/user/ana/proxy/7860"}, "hub.example.org", 200),  # the hub decides who comes in
        ({"password": "open sesame"}, "class.example.org", 200),  # another name has no cookie
        ({"allowed_hosts": ["class.example.org"]}, "class.example.org", 200),
        ({"allowed_hosts": ["class.example.org"]}, ELSEWHERE, 403),
        ({"allowed_hosts": ["class.example.org"], "password": "open sesame"}, ELSEWHERE, 403),
        ({"host": "0.0.0.0"}, "192.168.7.7", 200),  # an address cannot be rebound
        ({"host": "0.0.0.0"}, ELSEWHERE, 403),
    ],
)
def test_behind_a_proxy_the_page_has_the_names_that_it_is_given(model_folder, tmp_path, options, host, status):
    page = serve(models={"small": model_folder}, folder=tmp_path, **options)
    try:
        address = f"http://127.0.0.1:{port_of(page)}/"
        assert httpx2.get(address, headers={"Host": host}, timeout=PATIENCE_S).status_code == status
        origin = {"Origin": f"https://{host}"}  # of a browser without Sec-Fetch-Site, through a proxy that changes Host
        if "allowed_hosts" in options and "password" not in options:
            assert httpx2.post(f"{address}asl/begin", headers=origin, timeout=PATIENCE_S).status_code == status
    finally:
        page.close()


@pytest.mark.parametrize("host", ["class.example/login?", "class.example/page.css#", "[", "[::1", "a b"])
def test_a_host_header_that_looks_like_a_path_does_not_open_a_page_with_a_password(model_folder, tmp_path, host):
    page = serve(models={"small": model_folder}, password="open sesame", folder=tmp_path)
    try:
        with httpx2.Client(base_url=page.url, timeout=PATIENCE_S, headers={"Host": host}) as visitor:
            assert visitor.post("/asl/begin").status_code == 401
            assert visitor.get("/page.js").status_code == 401
            assert "password" in visitor.get("/").text
            assert visitor.post("/login", data={"password": "guess"}).status_code == 403
            assert visitor.post("/login", data={"password": "open sesame"}).status_code == 303
    finally:
        page.close()


def test_a_command_with_half_a_character_gets_a_sentence(visitor):
    token = visitor.post("/asl/begin").json()["token"]
    answer = visitor.post("/asl/command/settings", headers={"X-Session": token}, content=b'{"model": "\\ud800"}')
    assert answer.status_code == 400
    assert "There is no model" in answer.json()["error"]
    visitor.post("/asl/command/leave", headers={"X-Session": token})


def test_a_page_that_is_closed_while_it_sends_a_frame_leaves_no_traceback(page, visitor, caplog):
    with socket.create_connection(("127.0.0.1", int(port_of(page)))) as connection:
        connection.sendall(b"POST /asl/frame HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
        assert visitor.get("/").status_code == 200  # the server has read the half frame
    for _ in range(20):
        assert visitor.get("/").status_code == 200  # and seen its end
    assert not [record for record in caplog.records if record.exc_info]


def test_a_page_with_a_password_shows_nothing_without_it(model_folder, tmp_path):
    page = serve(models={"small": model_folder}, password="open sesame", folder=tmp_path)
    try:
        with httpx2.Client(base_url=page.url, timeout=PATIENCE_S) as visitor:
            assert "password" in visitor.get("/").text
            assert visitor.get("/page.js").status_code == 401
            for path in ("/asl/begin", "/asl/frame", "/asl/command/clear"):
                assert visitor.post(path).status_code == 401
            assert visitor.post("/login", data={"password": "guess"}).status_code == 403
            assert visitor.post("/login", data={}).status_code == 403
            assert not visitor.cookies
            assert visitor.post("/asl/begin", cookies={"asl_live": "guess"}).status_code == 401
        with httpx2.Client(base_url=page.url, timeout=PATIENCE_S) as visitor:
            answer = visitor.post("/login", data={"password": "open sesame"})
            assert (answer.status_code, answer.headers["location"]) == (303, "./")
            cookie = answer.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert "open" not in cookie
            assert "Live recognition of signs" in visitor.get("/").text
            assert visitor.post("/asl/begin").json()["token"]
    finally:
        page.close()
