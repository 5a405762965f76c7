"""Visitors of the live page who send what no page sends."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from asl_lib.data.video import video_info
from asl_lib.live.errors import LiveError
from asl_lib.live.jpeg import MAX_SCANS, decode_jpeg
from asl_lib.live.record import PageRecording, RecordingSession
from asl_lib.live.routes import build_app
from asl_lib.live.sessions import Sessions
from tests.conftest import make_frames
from tests.live.test_sessions import StandInModels
from tests.reliability.hostile import answer, damaged, little_memory, tries

JPEG = cv2.imencode(".jpg", make_frames(1, height=48, width=64)[0])[1].tobytes()


@pytest.fixture
def page(tmp_path):
    sessions = Sessions(StandInModels(), max_sessions=1)
    client = TestClient(build_app(sessions, home=tmp_path))
    token = sessions.begin().token

    def send(path, body, **headers):
        return client.post(path, content=body, headers={"X-Session": token, **headers})

    return send


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@given(st.one_of(damaged(JPEG), st.binary(max_size=200)))
@tries(200)
def test_any_bytes_are_a_picture_or_get_a_sentence(content):
    with little_memory():
        frame = answer(lambda: decode_jpeg(content), LiveError)
    assert isinstance(frame, str) or (frame.ndim == 3 and max(frame.shape) <= 1280)


@pytest.mark.parametrize("size", [(65_500, 65_500), (1281, 1), (20_000, 9_000)])
def test_a_frame_that_would_fill_the_memory_is_refused_by_its_header(size):
    at = JPEG.index(b"\xff\xc0") + 5
    with little_memory(60), pytest.raises(LiveError, match="at most 1280 px|must be a JPEG"):
        decode_jpeg(JPEG[:at] + struct.pack(">HH", *size) + JPEG[at + 4 :])


def test_a_frame_of_a_thousand_scans_is_refused_before_it_is_decoded():
    whole = cv2.imencode(".jpg", make_frames(1)[0], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert decode_jpeg(whole).shape == (120, 160, 3)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    with pytest.raises(LiveError, match="too many scans"):
        decode_jpeg(whole[:-2] + scan * MAX_SCANS + whole[-2:])


@given(st.text(max_size=8).filter(lambda text: text.isascii() and text.isprintable()) | st.floats().map(str))
@tries(60)
def test_any_time_of_a_frame_is_taken_or_refused(time_s):
    sessions = Sessions(StandInModels(), max_sessions=1)
    client = TestClient(build_app(sessions, home=Path()))
    headers = {"X-Session": sessions.begin().token, "X-Time": time_s}
    sent = client.post("/asl/frame", content=JPEG, headers=headers)
    assert sent.status_code in (200, 400)
    assert sent.status_code == 200 or "when it was taken" in sent.json()["error"]


COMMANDS = ("settings", "clear", "restart", "finish", "rest", "record", "store", "ask", "take", "keep", "skip", "over")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["on", "../a", "A,B"]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(st.lists(st.tuples(st.sampled_from(COMMANDS), st.dictionaries(
    st.sampled_from(["agreed", "glosses", "signer", "repetitions", "time_s", "model", "threshold"]), VALUES)),
    max_size=5))  # fmt: skip
@tries(60)
def test_any_commands_in_any_order_are_obeyed_or_refused_in_a_sentence(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("page") / "inside"
    sessions = Sessions(StandInModels(), max_sessions=1)
    client = TestClient(build_app(sessions, home=folder), raise_server_exceptions=True)
    token = sessions.begin().token
    for name, about in told:
        sent = client.post(f"/asl/command/{name}", content=json.dumps(about), headers={"X-Session": token})
        assert sent.status_code == 200 or len(sent.json()["error"]) > 10
    assert not list(folder.parent.glob("*.mp4"))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"1", b"{", b"nan"])
def test_a_command_that_is_no_object_gets_a_sentence(page, body):
    sent = page("/asl/command/clear", body)
    assert (sent.status_code, sent.json()["error"]) == (400, "The arguments of a command must be a JSON object.")


def test_a_page_whose_clock_jumps_does_not_fill_the_disk_with_one_picture(tmp_path):
    recording = PageRecording()
    for time_s in (0.0, 0.04, 1e9, 2e9):
        recording.add(time_s, JPEG)
    assert video_info(recording.save(tmp_path)).frames == 2


def test_frames_a_millisecond_apart_do_not_fill_the_memory(tmp_path):
    session = RecordingSession(tmp_path, signer="ana", glosses=["A"], countdown_s=0.0, capture_s=1.0)
    session.start(0.0)
    frame = np.zeros((8, 8, 3), np.uint8)
    for index in range(1500):
        session.process(frame, index / 1000)
    assert len(session.prompt.frames) <= 85

    sessions = Sessions(StandInModels(), max_sessions=1)
    token = sessions.begin().token
    looked_at = [sessions.recognise(token, frame, index / 1000) for index in range(100)]
    assert sum(seen is not None for seen in looked_at) <= 26
