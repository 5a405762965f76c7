"""The picture that a live window shows: the frame with landmarks, the three best signs, the transcript."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from asl_lib.live.pipeline import Speed
from asl_lib.live.recogniser import Recognition
from asl_lib.live.record import Prompt
from asl_lib.plots.overlay import draw_frame

PANEL_PX = 260
STRIP_PX = 64
BACKGROUND = (24, 26, 31)
WHITE, GRAY, DIM = (245, 245, 245), (170, 174, 182), (70, 74, 84)
BLUE, GREEN, ORANGE, RED = (86, 180, 233), (2, 190, 140), (240, 165, 50), (235, 90, 80)
"""Colours that remain distinct in the usual kinds of colour blindness; words beside them say the same."""
SMALLEST_HEIGHT = 400
PROMPTS = {
    "ready": ("space: begin · n: another sign · q: quit", GRAY),
    "countdown": ("get ready", ORANGE),
    "capture": ("sign now: {left:.1f} s", RED),
    "review": ("space: keep · r: once more · n: another sign · q: quit", GREEN),
    "finished": ("all signs are recorded · q: quit", GREEN),
}
"""The hint in each phase of a recording session, and its colour."""
NOT_KNOWN = "not a sign I know"
PERSON = {"left_hand": "left hand", "right_hand": "right hand"}


def compose(
    frame: np.ndarray,
    recognition: Recognition,
    *,
    words: Sequence[str] = (),
    speed: Speed | None = None,
    mirror: bool = True,
    recording: bool = False,
    hint: str = "",
    landmarks: bool = True,
) -> np.ndarray:
    """Return the picture to show: (H', W', 3) uint8 RGB with even sides.

    Args:
        frame: (H, W, 3) uint8 RGB, as the camera saw it.
        recognition: what is recognised in it.
        words: the transcript so far.
        speed: rate and latency of recognition.
        mirror: mirror the picture, as people expect to see themselves.
        recording: whether the picture is recorded.
        hint: a line of help under the words.
        landmarks: draw them.
    """
    picture = draw_frame(frame, recognition.parts) if landmarks and recognition.parts else np.ascontiguousarray(frame)
    if recognition.box:
        picture = _with_box(picture, recognition.box, ORANGE if recognition.signing else WHITE)
    if mirror:
        picture = picture[:, ::-1]
    picture = _enlarged(picture)
    if recognition.inset is not None:
        picture = _with_inset(picture, recognition.inset[:, ::-1] if mirror else recognition.inset)
    height, width = picture.shape[:2]
    canvas = np.full((height + STRIP_PX, width + PANEL_PX, 3), BACKGROUND, np.uint8)
    canvas[:height, :width] = picture
    _draw_panel(canvas, recognition, left=width + 16, speed=speed, recording=recording)
    if recognition.phase == "countdown":
        _write(
            canvas, str(int(np.ceil(recognition.left_s))), (width // 2 - 30, height // 2 - 60), size=110, colour=WHITE
        )
    _write(canvas, _fitting(words, width + PANEL_PX - 32), (16, height + 6), size=26, colour=WHITE)
    _write(canvas, hint, (16, height + 42), size=13, colour=GRAY)
    return canvas[: len(canvas) // 2 * 2, : canvas.shape[1] // 2 * 2]


def compose_prompt(frame: np.ndarray, prompt: Prompt, *, mirror: bool = True) -> np.ndarray:
    """Return the picture to show while signs are recorded: (H', W', 3) uint8 RGB with even sides.

    Args:
        frame: (H, W, 3) uint8 RGB, as the camera saw it; in review one of the captured frames.
        prompt: what the signer is asked to do.
        mirror: mirror the picture.
    """
    picture = _enlarged(frame[:, ::-1] if mirror else frame)
    height, width = picture.shape[:2]
    canvas = np.full((height + 2 * STRIP_PX, width, 3), BACKGROUND, np.uint8)
    canvas[STRIP_PX : STRIP_PX + height] = picture
    words, colour = PROMPTS[prompt.phase]
    count = f"{min(prompt.number, prompt.total)} of {prompt.total}"
    _write(canvas, prompt.gloss or "thank you", (16, 12), size=30, colour=WHITE, width=width - 120)
    _write(canvas, count, (width - 90, 20), size=16, colour=GRAY)
    _write(canvas, words.format(left=prompt.left_s), (16, height + STRIP_PX + 10), size=18, colour=colour)
    if prompt.phase == "countdown":
        middle = (width // 2 - 30, STRIP_PX + height // 2 - 60)
        _write(canvas, str(int(np.ceil(prompt.left_s))), middle, size=110, colour=WHITE)
    if prompt.phase == "capture":
        canvas[STRIP_PX : STRIP_PX + height, :6] = canvas[STRIP_PX : STRIP_PX + height, -6:] = RED
    return canvas[: len(canvas) // 2 * 2, : canvas.shape[1] // 2 * 2]


def state_of(recognition: Recognition) -> tuple[str, tuple[int, int, int]]:
    """Return the state of recognition in a few words, and their colour."""
    if recognition.phase == "waiting":
        return "space, then sign", GRAY
    if recognition.phase == "countdown":
        return f"get ready: {recognition.left_s:.0f} s", ORANGE
    if recognition.phase == "capture":
        return f"sign now: {recognition.left_s:.1f} s", ORANGE
    if recognition.phase == "done":
        return "space, then the next sign", GRAY
    if recognition.signing:
        return "signing", ORANGE
    return "hands down", GRAY


def _draw_panel(canvas: np.ndarray, now: Recognition, *, left: int, speed: Speed | None, recording: bool) -> None:
    state, colour = state_of(now)
    _write(canvas, state, (left, 14), size=17, colour=colour)
    in_view = " and ".join(PERSON[hand] for hand in now.hands) or "no hand"
    below = f"in view: {in_view}" if now.inset is None else "below: how everything moves"
    _write(canvas, below, (left, 38), size=13, colour=GRAY)
    # During a sign the last one stays, marked as such.
    before = bool(now.shown and now.signing and now.top and now.top[0][0] != now.shown)
    unnamed = NOT_KNOWN if now.refused else "unknown" if now.top else ""
    name = f"before: {now.shown}" if before else now.shown or unnamed
    colour = GREEN if now.shown and not before else GRAY
    _write(canvas, name, (left, 66), size=30, colour=colour, width=PANEL_PX - 32)
    for row, (gloss, probability) in enumerate(now.top):
        top = 122 + 44 * row
        _write(canvas, f"{gloss}  {probability:.0%}", (left, top), size=14, colour=WHITE, width=PANEL_PX - 32)
        right = left + PANEL_PX - 32
        cv2.rectangle(canvas, (left, top + 22), (right, top + 32), DIM, -1)
        end = left + round((PANEL_PX - 32) * probability)
        cv2.rectangle(canvas, (left, top + 22), (end, top + 32), GREEN if gloss == now.shown else BLUE, -1)
    if speed is not None:
        rate = f"{speed.fps:.0f} frames/s, {speed.latency_ms:.0f} ms, {speed.dropped} left out"
        _write(canvas, rate, (left, 268), size=12, colour=GRAY)
    if recording:
        cv2.circle(canvas, (left + 7, 302), 7, RED, -1)
        _write(canvas, "recording", (left + 22, 292), size=15, colour=RED)


def _with_box(picture: np.ndarray, box: Sequence[int], colour: tuple[int, int, int]) -> np.ndarray:
    left, top, right, bottom = (int(side) for side in box)
    return cv2.rectangle(picture.copy(), (left, top), (right - 1, bottom - 1), colour, 2)


def _with_inset(picture: np.ndarray, inset: np.ndarray) -> np.ndarray:
    """Return a picture with another one in its lower left corner, a third as high."""
    height = len(picture) // 3
    small = cv2.resize(inset, (round(height * inset.shape[1] / len(inset)), height))[:, : picture.shape[1]]
    picture = np.array(picture)
    picture[-len(small) :, : small.shape[1]] = small
    return picture


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """Return a picture at least as high as the panel beside it."""
    if len(picture) >= SMALLEST_HEIGHT:
        return picture
    scale = SMALLEST_HEIGHT / len(picture)
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def _fitting(words: Sequence[str], width: int) -> str:
    """Return as many of the last words as fit into `width` px."""
    shown = list(words)
    while len(shown) > 1 and _text(" ".join(["…", *shown]), 26).shape[1] > width:
        shown.pop(0)
    return " ".join(shown if len(shown) == len(words) else ["…", *shown])


def _write(
    canvas: np.ndarray, text: str, at: tuple[int, int], *, size: int, colour: tuple[int, int, int], width: int = 0
) -> None:
    """Write text with its upper left corner at (x, y), smaller where it would be wider than `width`."""
    if not text:
        return
    cover = _text(text, size)
    while width and cover.shape[1] > width and size > 8:
        size -= 1
        cover = _text(text, size)
    x, y = at
    place = canvas[max(0, y) : y + len(cover), max(0, x) : x + cover.shape[1]]
    alpha = cover[: len(place), : place.shape[1], None]
    place[:] = np.uint8(place * (1 - alpha) + np.array(colour, np.float32) * alpha)


@lru_cache(maxsize=256)
def _text(text: str, size: int) -> np.ndarray:
    """Return (h, w) float32: the share of each pixel that the text covers."""
    font = _font(size)
    _, _, right, bottom = (int(value) for value in font.getbbox(text))
    image = Image.new("L", (max(1, right), max(1, bottom)))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.asarray(image, np.float32) / 255


@lru_cache(maxsize=32)
def _font(size: int) -> Any:
    """Return the font of the course's figures, which has letters of many scripts; OpenCV's fonts have only ASCII."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
