"""The signs and the signers of the demo, read from two YAML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from asl_lib.data.demo.hand import HANDSHAPES
from asl_lib.data.errors import DatasetError

T = TypeVar("T")
Number = int | float
"""Not only float: a whole number stays one in `renderer_version`."""
NO_OTHERS = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Sign:
    """One sign by its parameters, which `lexicon.yaml` explains."""

    gloss: str
    hands: Literal["one", "both"]
    handshape: str
    location: Literal["forehead", "mouth", "chin", "chest", "neutral", "side"]
    palm: Literal["forward", "in", "across", "up", "down"]
    fingers: Literal["up", "in", "across"]
    movement: Literal["hold", "tap", "circle", "nod", "shake", "twist", "away", "arcs", "sweep", "up", "pull", "open"]
    symmetry: Literal["none", "mirrored", "support"] = "none"
    support: str = ""
    __pydantic_config__ = NO_OTHERS

    def handshapes(self) -> tuple[str, str]:
        """Return the handshape at the start and at the end of the sign."""
        first, _, last = self.handshape.partition(" > ")
        return first, last or first


Point = tuple[float, float, float]
Wave = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class FreeSign(Sign):
    """A sign whose location, orientation and movement are numbers instead of names: any point of the signing space.

    Attributes:
        place: of the palm, in shoulder widths, as (outwards, down, to the viewer) of the dominant hand.
        pointing, facing: directions of fingers and palm.
        waves: amplitude, cycles, phase (radians) and drift of six movements: steps outwards, down and to the viewer in
            shoulder widths, then pitch, roll and turn in degrees.
        other_waves: those of the other hand in signs of both hands; empty for the same.
    """

    place: Point
    pointing: Point
    facing: Point
    waves: tuple[Wave, ...]
    other_waves: tuple[Wave, ...] = ()
    location: Literal["neutral"] = "neutral"  # the names are not used
    palm: Literal["in"] = "in"
    fingers: Literal["up"] = "up"
    movement: Literal["hold"] = "hold"


@dataclass(frozen=True)
class Signer:
    """One procedural signer, with the parameters that `signers.yaml` explains."""

    name: str
    hand: Literal["left", "right"]
    shoulders_px: Number
    arms: Number
    hand_size: Number
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    hair_style: Literal["short", "long", "bun"]
    clothes: tuple[int, int, int]
    background: tuple[int, int, int]
    light: tuple[float, float]
    noise: Number
    turn: Number
    height: Number
    tempo: Number
    hold: Number
    amplitude: Number
    extent: Number
    offset: tuple[float, float]
    rest: tuple[float, float]
    lax: Number
    tilt: Number
    palm: Number
    direction: Number
    lean: Number
    extra: Literal["none", "bounce", "sway", "circle"]
    accent: Number
    variety: Number
    variants: Mapping[str, Mapping[str, str]]
    __pydantic_config__ = NO_OTHERS


@cache
def load_lexicon() -> dict[str, Sign]:
    """Return the signs of the demo by gloss.

    Raises:
        DatasetError: an entry lacks a parameter, or has an unknown parameter or value.
    """
    entries = _read("lexicon.yaml")["signs"]
    signs = {gloss: _entry(Sign, {"gloss": gloss, **values}) for gloss, values in entries.items()}
    for gloss, sign in signs.items():
        _check(sign, gloss)
    return signs


@cache
def load_signers() -> dict[str, Signer]:
    """Return the procedural signers by name.

    Raises:
        DatasetError: an entry lacks a parameter, or has an unknown parameter or value.
    """
    entries = _read("signers.yaml")["signers"]
    signers = {name: _entry(Signer, {"name": name, **values}) for name, values in entries.items()}
    for name, signer in signers.items():
        for gloss, changes in signer.variants.items():
            [usual] = choose([gloss], load_lexicon(), "sign")
            _check(_entry(Sign, {**asdict(usual), **changes}), f"{name}, {gloss}")
    return signers


def _check(sign: Sign, name: str) -> None:
    """Raise DatasetError where the parameters of a sign do not fit together; `name` says in the message which it is."""
    for shape in (*sign.handshapes(), *([sign.support] if sign.support else [])):
        if shape not in HANDSHAPES:
            raise DatasetError(f"{name}: handshape must be one of {', '.join(HANDSHAPES)}; got '{shape}'.")
    if (sign.hands == "both") == (sign.symmetry == "none"):
        raise DatasetError(f"{name}: symmetry must be given for signs of both hands, and only for those.")


def allowed_values() -> dict[str, tuple[str, ...]]:
    """Return the values that each parameter of a sign can have, for the parameters with a fixed list of values."""
    return {name: get_args(kind) for name, kind in get_type_hints(Sign).items() if get_args(kind)}


def minimal_pairs() -> list[tuple[str, str, str]]:
    """Return the pairs of glosses that differ in one parameter only: (gloss, gloss, parameter)."""
    return [(first, second, parameter) for first, second, parameter in _read("lexicon.yaml")["minimal_pairs"]]


def choose(names: Sequence[str], known: Mapping[str, T], what: str) -> list[T]:
    """Return the entries of `known` with these names; all of them where there are no names.

    Raises:
        DatasetError: a name is not in `known`; the message lists those that are.
    """
    for name in names:
        if name not in known:
            raise DatasetError(f"There is no demo {what} '{name}'. There are: {', '.join(known)}.")
    return [known[name] for name in names or known]


def _read(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


def _entry(kind: type, values: dict[str, Any]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        name, key = next(iter(values.values())), problem["loc"][0]
        raise DatasetError(f"{name}, '{key}': {problem['msg']}; got {problem['input']!r}.") from None
