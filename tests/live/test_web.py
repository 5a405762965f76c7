import json

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from asl_lib.course.cli import main
from asl_lib.data.video import read_frames
from asl_lib.live.errors import LiveError
from asl_lib.live.jpeg import decode_jpeg
from asl_lib.live.letters import LETTER_SETTINGS
from asl_lib.live.networks import Models
from asl_lib.live.recogniser import LiveSettings, Recognition
from asl_lib.live.record import PageRecording
from asl_lib.live.routes import as_json, build_app
from asl_lib.live.sessions import Sessions
from tests.conftest import make_frames
from tests.live.test_sessions import StandInModels


def jpeg_of(frame):
    return cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.fixture
def sessions():
    return Sessions(StandInModels(), max_sessions=1)


@pytest.fixture
def client(sessions, tmp_path):
    return TestClient(build_app(sessions, home=tmp_path))


@pytest.fixture
def token(client):
    return client.post("/asl/begin").json()["token"]


def ask(client, path, token, body=b"", **headers):
    return client.post(path, content=body, headers={"X-Session": token, **headers})


def tell(client, name, token, **about):
    return ask(client, f"/asl/command/{name}", token, json.dumps(about).encode())


def test_a_frame_is_recognised_and_the_answer_is_small(client, token):
    answer = ask(client, "/asl/frame", token, jpeg_of(make_frames(1)[0]), **{"X-Time": "1.5"})
    assert answer.status_code == 200
    assert answer.json()["words"] == ["a1"]
    late = ask(client, "/asl/frame", token, jpeg_of(make_frames(1)[0]), **{"X-Time": "1.5"})
    assert late.json() == {"left_out": True}


@pytest.mark.parametrize(
    ("body", "time_s", "status", "words"),
    [
        (b"GIF89a", "0", 400, "must be a JPEG"),
        (b"x" * 2_100_000, "0", 413, "at most 2,000,000 bytes"),
        (jpeg_of(np.zeros((8, 2000, 3), np.uint8)), "0", 413, "got 2000x8"),
        (jpeg_of(np.zeros((8, 8, 3), np.uint8)), "", 400, "time when it was taken"),
        (jpeg_of(np.zeros((8, 8, 3), np.uint8)), "nan", 400, "time when it was taken"),
    ],
)
def test_what_is_no_frame_gets_a_sentence(client, token, body, time_s, status, words):
    answer = ask(client, "/asl/frame", token, body, **{"X-Time": time_s})
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_nobody_gets_in_without_the_secret_of_a_page(client, token):
    frame = jpeg_of(make_frames(1)[0])
    for guess in ("", token[:-1] + "?"):
        assert ask(client, "/asl/frame", guess, frame, **{"X-Time": "0"}).status_code == 410
        assert tell(client, "clear", guess).status_code == 410
    assert tell(client, "explode", token).status_code == 404


def test_a_frame_cut_short_gets_a_sentence():
    whole = jpeg_of(make_frames(1)[0])
    assert decode_jpeg(whole).shape == (120, 160, 3)
    with pytest.raises(LiveError, match="JPEG|cut short"):
        decode_jpeg(whole[:20])


def test_landmarks_go_out_as_whole_numbers_and_what_is_missing_as_nothing():
    hand = np.full((21, 4), 0.25)
    hand[3] = np.nan
    answer = as_json(Recognition(0.0, parts={"left_hand": hand, "pose": np.ones((33, 4))}), ["A"])
    assert answer["points"]["left_hand"][:8] == [2500] * 6 + [None] * 2
    assert len(answer["points"]["pose"]) == 2 * 25
    json.dumps(answer, allow_nan=False)


def test_frames_are_kept_only_between_record_and_store(client, token, tmp_path):
    frames = make_frames(12)

    def send(numbers):
        for index in numbers:
            ask(client, "/asl/frame", token, jpeg_of(frames[index]), **{"X-Time": str(index / 10)})

    send(range(3))
    assert tell(client, "store", token).status_code == 409
    tell(client, "record", token)
    send(range(3, 9))
    assert "Stored as" in tell(client, "store", token).json()["message"]
    send(range(9, 12))
    (video,) = (tmp_path / "outputs" / "live").glob("*.mp4")
    assert len([picture for _, picture in read_frames(video)]) == 13  # half a second, 25 frames a second
    assert video.with_suffix(".txt").read_text().splitlines()[0].split() == ["0.0", "s", "a4"]


def test_a_recording_is_full_after_a_minute_and_needs_two_frames(tmp_path):
    frame = jpeg_of(make_frames(1)[0])
    recording = PageRecording()
    recording.add(0.0, frame)
    with pytest.raises(LiveError, match="at least two frames"):
        recording.save(tmp_path)
    recording.add(60.0, frame)
    assert recording.full
    recording.add(61.0, frame)
    assert len(recording.frames) == 2


def test_signs_are_asked_for_recorded_and_kept_only_after_agreement(client, token, tmp_path):
    wanted = {"signer": "zoe", "glosses": "HELLO, YES", "repetitions": 1}
    assert tell(client, "take", token).status_code == 409
    assert "agree" in tell(client, "ask", token, **wanted).json()["error"]
    assert "becomes a folder" in tell(client, "ask", token, **{**wanted, "signer": "../x"}, agreed="on").json()["error"]
    assert "1 to 20 times" in tell(client, "ask", token, **{**wanted, "repetitions": 99}, agreed="on").json()["error"]
    prompt = tell(client, "ask", token, **wanted, agreed="on").json()["prompt"]
    assert (prompt["phase"], prompt["gloss"], prompt["total"]) == ("ready", "HELLO", 2)
    tell(client, "take", token, time_s=0.0)
    phases = []
    for index, frame in enumerate(make_frames(70)):
        answer = ask(client, "/asl/prompt", token, jpeg_of(frame), **{"X-Time": str(index / 10)})
        phases.append(answer.json()["prompt"]["phase"])
    assert list(dict.fromkeys(phases)) == ["countdown", "capture", "review"]
    assert not (tmp_path / "data").exists()
    prompt = tell(client, "keep", token).json()["prompt"]
    assert (prompt["gloss"], prompt["kept"]) == ("YES", 1)
    assert (tmp_path / "data" / "recordings" / "zoe" / "HELLO" / "01.mp4").is_file()
    assert tell(client, "skip", token).json()["prompt"]["phase"] == "finished"
    assert tell(client, "over", token).json() == {}


def test_models_are_loaded_once_and_letters_are_offered_for_both_hands(model_folder):
    models = Models({"signs": model_folder}, {"abc": model_folder})
    assert models.names == ["signs", "Letters, right hand: abc", "Letters, left hand: abc"]
    assert models.load("signs") is models.load("signs")
    assert [models.spells(name) for name in models.names] == [False, True, True]
    assert models.threshold("signs") == LiveSettings().threshold
    assert models.threshold("Letters, left hand: abc") == LETTER_SETTINGS.threshold
    with pytest.raises(LiveError, match="no model 'other'"):
        models.load("other")


def test_without_a_model_the_command_says_what_to_run(home, capsys):
    assert main(["live", "--web"]) == 1
    assert "make demo" in capsys.readouterr().err


@pytest.fixture
def served(monkeypatch):
    """What `serve` was asked for, instead of a page."""
    import asl_lib.live.web as web

    asked = {}

    class Page:
        url = "http://127.0.0.1:7860/"

        def wait(self):
            asked["waited"] = True

    def serve(**options):
        asked.update(options)
        return Page()

    monkeypatch.setattr(web, "serve", serve)
    monkeypatch.delenv("ASL_PASSWORD", raising=False)
    return asked


def test_the_command_listens_to_this_machine_alone_unless_told_otherwise(served):
    assert main(["live", "--web"]) == 0
    assert (served["host"], served["password"], served["max_sessions"]) == ("127.0.0.1", "", 4)
    assert served["waited"]
    assert served["log"] is print


def test_a_password_comes_from_the_environment_or_is_asked_for(served, capsys, monkeypatch):
    monkeypatch.setenv("ASL_PASSWORD", "open sesame")
    main(["live", "--web", "--host", "0.0.0.0", "--password"])
    assert served["password"] == "open sesame"
    monkeypatch.setenv("ASL_PASSWORD", "")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "")
    assert main(["live", "--web", "--password"]) == 1
    assert "$ASL_PASSWORD" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("prefix", "address"),
    [("", "http://localhost:7860/"), ("/user/ana/", "/user/ana/proxy/{port}/")],
)
def test_in_a_notebook_the_page_is_shown_in_a_frame_that_may_use_the_camera(served, monkeypatch, prefix, address):
    import asl_lib.live.web as web

    shown = []
    monkeypatch.setattr("asl_lib.live.web.display", lambda frame: shown.append(frame.data))
    monkeypatch.setattr("warnings.warn", lambda *_, **__: None)  # IPython's, about frames
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
    web.launch_inline(height=500)
    assert f'src="{address.format(port=served.get("port"))}"' in shown[0]
    assert 'allow="camera; clipboard-write"' in shown[0]
    assert bool(served.get("root_path")) == bool(prefix)
