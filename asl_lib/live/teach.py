"""Teaching a sign by showing it, and forgetting it again: the command `asl teach`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from asl_lib._util.paths import relative
from asl_lib.data.names import clean_name
from asl_lib.data.video import read_frames, video_info
from asl_lib.live.errors import LiveError
from asl_lib.live.vocabulary import Vocabulary, find_movements, open_vocabulary, vocabulary_path
from asl_lib.live.window import run_record


def run_teach(
    gloss: str,
    sources: Sequence[str] = ("0",),
    *,
    clips: int = 1,
    vocabulary: str | Path = "",
    log: Callable[[str], None] = print,
) -> Vocabulary:
    """Learn a sign from clips of it: the command `asl teach`.

    Every movement in a clip, from the raising of a hand to its lowering, is one example.

    Args:
        gloss: name of the sign.
        sources: paths of videos; or the number of a camera or the address of a stream, for which a window asks for
            `clips` recordings, which are not kept.
        clips: how often to sign in front of each camera.
        vocabulary: file of the signs that were taught; "" for `outputs/vocabulary.npz`.
        log: called with each status message.

    Returns:
        The vocabulary, saved.

    Raises:
        LiveError: no movement was seen in a clip; or there is no display, no such source, or no name.
        TrainingError: there is no embedding.
    """
    gloss, path, shown = clean_name(gloss), vocabulary_path(vocabulary), []
    if not gloss:
        raise LiveError("A sign needs a name, its gloss; got an empty one.")
    recipe = open_vocabulary(path).embedding.recipe
    with tempfile.TemporaryDirectory() as folder:
        for number, source in enumerate(sources):
            files = [Path(source)]
            if not files[0].is_file():
                shots = Path(folder) / str(number)
                run_record(source, signer="teacher", glosses=[gloss], repetitions=clips, folder=shots, log=log)
                files = sorted(shots.rglob("*.mp4"))
                if not files:
                    raise LiveError("No recording was kept, so there is nothing to learn from.")
            for file in files:
                movements = find_movements(read_frames(file), recipe, fps=video_info(file).fps)
                if not movements and len(files) > 1:
                    log("No hand is raised in one of the recordings: it is left out.")
                elif not movements:
                    raise LiveError(f"No hand is raised in {source}: there is nothing to learn from. Use another clip.")
                shown += [recipe.points(movement) for movement in movements]
    if not shown:
        raise LiveError("No hand is raised in any recording: there is nothing to learn from.")
    taught = open_vocabulary(path)  # again: a running `asl live` may have learned meanwhile
    taught.add(gloss, np.stack(shown))
    taught.save(path)
    log(f"{gloss}: {taught.count(gloss)} clips; {len(taught)} signs in {relative(path)}")
    return taught


def forget_sign(gloss: str, *, vocabulary: str | Path = "", log: Callable[[str], None] = print) -> None:
    """Forget a sign that was taught: the command `asl teach GLOSS --forget`.

    Raises:
        LiveError: there is no such sign.
        TrainingError: there is no embedding.
    """
    gloss, path = clean_name(gloss), vocabulary_path(vocabulary)
    taught = open_vocabulary(path)
    taught.remove(gloss)
    taught.save(path)
    log(f"{gloss}: forgotten; {len(taught)} signs in {relative(path)}")
