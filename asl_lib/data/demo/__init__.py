"""The procedural signers of the `demo` data set: lexicon, body, motion, rendering.

A teaching device: rendered figures perform approximations of signs, and the course needs no download. Sign languages
are the languages of communities; learn them from signers.
"""

from asl_lib.data.demo.hand import DIGITS, HANDSHAPES, LETTERS
from asl_lib.data.demo.lexicon import Sign, Signer, load_lexicon, load_signers, minimal_pairs
from asl_lib.data.demo.motion import Performance, perform
from asl_lib.data.demo.render import render_frames, write_clip
from asl_lib.data.demo.stills import handshape_image, handshape_joints, random_signers

__all__ = [
    "DIGITS",
    "HANDSHAPES",
    "LETTERS",
    "Performance",
    "Sign",
    "Signer",
    "handshape_image",
    "handshape_joints",
    "load_lexicon",
    "load_signers",
    "minimal_pairs",
    "perform",
    "random_signers",
    "render_frames",
    "write_clip",
]
