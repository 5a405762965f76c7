"""The live page as Gradio components: tabs, settings, and the places that its script fills.

Gradio reads the types of its functions, so it is imported here, at the top; import this module where a page is made.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any, Protocol

import gradio as gr

from asl_lib.live.errors import SessionError
from asl_lib.live.sessions import Sessions
from asl_lib.plots.style import LIMBS, PART_COLOURS

CLIP_S, CLIP_MB = 120, 200
"""A clip that is opened may be so long and so large."""
FRAME_PX, MOST_FPS, CLIP_FPS = 640, 25, 25
ASSETS = Path(__file__).parent / "assets"
BLUE = "#00568c"
FONTS = ["system-ui", "Segoe UI", "Noto Sans", "Helvetica", "Arial", "sans-serif"]


class ModelList(Protocol):
    """The models to choose from."""

    names: list[str]

    def spells(self, name: str) -> bool: ...

    def threshold(self, name: str) -> float: ...


def build(sessions: Sessions, models: ModelList, *, where: str) -> Any:
    """Return the Gradio page: the picture at the left, what to do with it in tabs beside it.

    Args:
        sessions: the open pages.
        models: to choose from; the first is taken.
        where: what to call the computer that serves the page.
    """
    about = {
        "frame_px": FRAME_PX, "most_fps": MOST_FPS, "clip_fps": CLIP_FPS, "clip_s": CLIP_S, "clip_mb": CLIP_MB,
        "colours": PART_COLOURS, "limbs": LIMBS,
    }  # fmt: skip
    with gr.Blocks(
        title="Live recognition of signs",
        theme=_theme(),
        css=(ASSETS / "page.css").read_text(encoding="utf-8"),
        head=f"<style>{(ASSETS / 'frame.css').read_text(encoding='utf-8')}</style>",
        js=(ASSETS / "page.js").read_text(encoding="utf-8").replace("$about", json.dumps(about)),
        analytics_enabled=False,
    ) as blocks:
        gr.HTML(
            "<header class='asl-title'><h1>Live recognition of signs</h1><p>One sign at a time, from the list that the "
            "model knows. This is not translation.</p></header>"
        )
        with gr.Row():
            with gr.Column(scale=3, min_width=240):
                gr.HTML(_asset("picture.html", **PART_COLOURS))
            with gr.Column(scale=2, min_width=240), gr.Tabs():
                with gr.Tab("Recognise"):
                    _recognise(sessions, models)
                with gr.Tab("Record your own signs"):
                    gr.HTML(_asset("record.html", where=where))
                with gr.Tab("About"):
                    gr.Markdown(_about(sessions, where))
        _follow_pages(blocks, sessions, first=models.names[0])
    blocks.queue(default_concurrency_limit=None, api_open=False)
    return blocks


def _theme() -> Any:
    """Return a theme without fonts from elsewhere, and with a blue on which white can be read."""
    theme = gr.themes.Base(font=FONTS, font_mono=["ui-monospace", "Consolas", "monospace"])
    return theme.set(
        button_primary_background_fill=BLUE,
        button_primary_background_fill_dark=BLUE,
        button_primary_background_fill_hover=BLUE,
        button_primary_background_fill_hover_dark=BLUE,
        slider_color=BLUE,
        color_accent=BLUE,
    )


def _recognise(sessions: Sessions, models: ModelList) -> None:
    gr.HTML(_asset("recognise.html"))
    first = models.names[0]
    model = gr.Dropdown(models.names, value=first, label="Model (run · network · held-out signers)")
    threshold = gr.Slider(
        0.0, 0.95, value=models.threshold(first), step=0.05, label="Threshold: below it, a sign is unknown"
    )

    def choose(name: str, request: gr.Request) -> float:
        session = sessions.of(str(request.session_hash))
        least = models.threshold(name)
        if session is not None and name in models.names:
            sessions.change(session, model=name, spelling=models.spells(name), threshold=least)
        return least

    def decide(least: float, request: gr.Request) -> None:
        session = sessions.of(str(request.session_hash))
        if session is not None:
            sessions.change(session, threshold=min(1.0, max(0.0, float(least))))

    model.change(choose, model, threshold, api_name=False, show_progress="hidden", queue=False)
    threshold.change(decide, threshold, None, api_name=False, show_progress="hidden", queue=False)


def _follow_pages(blocks: gr.Blocks, sessions: Sessions, *, first: str) -> None:
    """Make a session for every page that is opened, tell its script, and end it when the page is closed."""
    told = gr.Textbox(visible=False)

    def begin(request: gr.Request) -> str:
        try:
            return json.dumps({"token": sessions.begin(owner=str(request.session_hash), model=first).token})
        except SessionError as error:
            return json.dumps({"error": str(error)})

    def end(request: gr.Request) -> None:
        if (gone := sessions.of(str(request.session_hash))) is not None:
            sessions.end(gone.token)

    tell = "(text) => { window.aslSession = JSON.parse(text); window.aslLive?.begin(window.aslSession); }"
    blocks.load(begin, None, told, api_name=False, queue=False).then(None, told, None, js=tell)
    blocks.unload(end)


def _about(sessions: Sessions, where: str) -> str:
    people = "1 person" if sessions.most == 1 else f"{sessions.most} people"
    silence = f"{sessions.silence_s:.0f}"
    return _asset("about.md", where=where, most=people, silence=silence, clip_s=CLIP_S, clip_mb=CLIP_MB)


def _asset(name: str, **values: object) -> str:
    return Template((ASSETS / name).read_text(encoding="utf-8")).substitute(values)
