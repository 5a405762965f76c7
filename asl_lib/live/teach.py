"""Teaching a sign by showing it, forgetting it again, and looking one up: the commands `asl teach` and `asl lookup`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from asl_lib._util.console import counted
from asl_lib._util.files import try_to_write
from asl_lib._util.paths import relative
from asl_lib.data.names import clean_name
from asl_lib.data.video import VideoReader, video_info
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import find_models, known_signs
from asl_lib.live.vocabulary import Vocabulary, editing, find_movements, open_vocabulary, vocabulary_path
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
        LiveError: no movement was seen in a clip, or it is incomplete; the vocabulary cannot be written; or there is no
            display, no such source, or no name.
        TrainingError: there is no embedding.
    """
    gloss, path, shown = clean_name(gloss), vocabulary_path(vocabulary), []
    if not gloss:
        raise LiveError("A sign needs a name, its gloss; got an empty one.")
    taught = open_vocabulary(path)
    try:
        try_to_write(path)
    except OSError as error:
        raise LiveError(
            f"{path} cannot be written: {error.strerror}. Choose another file with --vocabulary."
        ) from error
    recipe = taught.embedding.recipe
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
                movements, problem = _read_movements(file, recipe)
                if problem:
                    raise LiveError(
                        f"{file} is incomplete: {problem}. Half a sign is not learned: record or download it again."
                    )
                if not movements and len(files) > 1:
                    log("No hand is raised in one of the recordings: it is left out.")
                elif not movements:
                    raise LiveError(f"No hand is raised in {source}: there is nothing to learn from. Use another clip.")
                shown += [recipe.points(movement) for movement in movements]
    if not shown:
        raise LiveError("No hand is raised in any recording: there is nothing to learn from.")
    with editing(path, taught):
        taught.add(gloss, np.stack(shown))
    log(f"{gloss}: {counted(taught.count(gloss), 'clip')}; {counted(len(taught), 'sign')} in {relative(path)}")
    return taught


def forget_sign(gloss: str, *, vocabulary: str | Path = "", log: Callable[[str], None] = print) -> None:
    """Forget a sign that was taught: the command `asl teach GLOSS --forget`.

    Raises:
        LiveError: there is no such sign.
        TrainingError: there is no embedding.
    """
    gloss, path = clean_name(gloss), vocabulary_path(vocabulary)
    taught = open_vocabulary(path)
    with editing(path, taught):
        taught.remove(gloss)
    log(f"{gloss}: forgotten; {counted(len(taught), 'sign')} in {relative(path)}")


def run_lookup(
    clip: str | Path,
    *,
    top: int = 10,
    model: str | Path = "",
    vocabulary: str | Path = "",
    log: Callable[[str], None] = print,
) -> None:
    """List the signs that are most similar to each movement in a clip: the command `asl lookup`.

    Args:
        clip: path of a video.
        top: length of a list.
        model: folder of a trained model, whose signs are compared, too; "" for the newest one, if there is one.
        vocabulary: file of the signs that were taught; "" for `outputs/vocabulary.npz`.
        log: called with each line.

    Raises:
        LiveError: there is no sign, no movement in the clip, or nothing is known of the model's signs.
        TrainingError: there is no embedding.
    """
    signs = open_vocabulary(vocabulary_path(vocabulary))
    recipe = signs.embedding.recipe
    for folder in [Path(model)] if model else list(find_models().values())[:1]:
        known = known_signs(folder, signs.embedding)
        if known is None and model:
            raise LiveError(f"The signs of {folder} are not known: the clips of its training are not there, or differ.")
        signs = signs if known is None else signs.joined(known)
    if not len(signs):
        raise LiveError("There is no sign to compare with yet. Teach some: asl teach HELLO.")
    movements, problem = _read_movements(clip, recipe)
    if problem:
        log(f"{clip} is incomplete: {problem}. Only these frames are used.")
    if not movements:
        raise LiveError(f"No hand is raised in {clip}: there is nothing to look up.")
    for movement in movements:
        [ranked] = signs.rank(recipe.points(movement)[None])
        if ranked[0][1] < signs.thresholds[ranked[0][0]]:
            log("None of these is near enough:")
        for number, (gloss, similarity) in enumerate(ranked[:top], start=1):
            log(f"{number:3} {gloss} {similarity:.2f}")


def _read_movements(path: str | Path, recipe: FeatureRecipe) -> tuple[list[Landmarks], str]:
    """Return the movements in a video, and why the video is incomplete; "" if it is whole."""
    with VideoReader(path) as video:
        movements = find_movements(video.frames_of_one_size(), recipe, fps=video_info(path).fps)
        return movements, video.report().problem
