"""What the live page may ask for besides answers to its frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from asl_lib._util.paths import relative, split_names
from asl_lib.live.errors import SessionError
from asl_lib.live.record import RecordingSession
from asl_lib.live.recording import Recording
from asl_lib.live.routes import as_json, as_time, prompt_as_json
from asl_lib.live.sessions import NOBODY_ASKS, Session, Sessions

MOST_GLOSSES, MOST_REPETITIONS = 100, 20
Command = Callable[[str, dict[str, Any]], dict[str, Any]]


class Commands:
    """The commands of a page by their names; each takes the page's token and what came with it.

    Args:
        sessions: the open pages.
        kept: where frames go that were recorded while signs were recognised.
        recordings: where recorded signs go, usually `data/recordings`.
    """

    def __init__(self, sessions: Sessions, *, kept: Path, recordings: Path) -> None:
        self._sessions, self._kept, self._recordings = sessions, kept, recordings

    def by_name(self) -> dict[str, Command]:
        """Return every command under the name that the page calls it by."""
        names = (
            "clear",
            "restart",
            "finish",
            "rest",
            "leave",
            "record",
            "store",
            "ask",
            "take",
            "keep",
            "skip",
            "over",
        )
        return {name: getattr(self, name) for name in names}

    def clear(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Begin the transcript anew."""
        self._sessions.get(token).transcript.clear()
        return {}

    def restart(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Forget what was seen: the camera starts, or another clip."""
        self._sessions.restart(token)
        return {}

    def finish(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Return what is known at the end of a clip."""
        seen = self._sessions.finish(token)
        return {} if seen is None else as_json(seen, self._sessions.get(token).transcript.words)

    def rest(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Close the tracker: the camera has stopped."""
        self._sessions.rest(token)
        return {}

    def leave(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Forget the page."""
        self._sessions.end(token)
        return {}

    def record(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Begin to keep frames and words."""
        self._sessions.get(token).recording = Recording()
        return {}

    def store(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Write what was kept since `record`."""
        session = self._sessions.get(token)
        recording, session.recording = session.recording, None
        if recording is None:
            raise SessionError("Nothing is being recorded. Press Record first.", status=409)
        return {"message": f"Kept as {relative(recording.save(self._kept))}."}

    def ask(self, token: str, about: dict[str, Any]) -> dict[str, Any]:
        """Begin to ask for signs to record."""
        session = self._sessions.get(token)
        if about.get("agreed") != "on":
            raise SessionError("Nothing can be recorded before you agree that it is stored.", status=403)
        glosses = split_names(str(about.get("glosses", "")))
        repetitions = about.get("repetitions")
        if type(repetitions) is not int or not (1 <= repetitions <= MOST_REPETITIONS) or len(glosses) > MOST_GLOSSES:
            raise SessionError(
                f"At most {MOST_GLOSSES} signs can be recorded, each 1 to {MOST_REPETITIONS} times; got {len(glosses)} "
                f"signs, {str(repetitions)[:20]} times.",
                status=400,
            )
        signer = str(about.get("signer", "")).strip()
        with session.turn:
            session.recorder = RecordingSession(
                self._recordings, signer=signer, glosses=glosses, repetitions=repetitions
            )
            return self._prompt(session)

    def take(self, token: str, about: dict[str, Any]) -> dict[str, Any]:
        """Begin the countdown, at a time of the page's own clock."""
        session = self._sessions.get(token)
        with session.turn:
            time_s = as_time(about["time_s"], "A countdown must say when it begins.") if "time_s" in about else None
            _recorder(session).start(session.newest_s if time_s is None else time_s)
            return self._prompt(session)

    def keep(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Store what was captured, and ask for the next sign."""
        session = self._sessions.get(token)
        with session.turn:
            path = _recorder(session).keep()
            return self._prompt(session) | {"message": f"Kept as {relative(path)}."}

    def skip(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Ask for the next sign."""
        session = self._sessions.get(token)
        with session.turn:
            _recorder(session).skip()
            return self._prompt(session)

    def over(self, token: str, _: dict[str, Any]) -> dict[str, Any]:
        """Ask for no more signs."""
        session = self._sessions.get(token)
        with session.turn:
            session.recorder = None
        return {}

    @staticmethod
    def _prompt(session: Session) -> dict[str, Any]:
        recorder = _recorder(session)
        return {"prompt": prompt_as_json(recorder.prompt, recorder)}


def _recorder(session: Session) -> RecordingSession:
    if session.recorder is None:
        raise SessionError(NOBODY_ASKS, status=409)
    return session.recorder
