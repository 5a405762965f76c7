"""Recorded streams of landmarks: signs and everyday gestures by a signer, rendered and tracked once.

    python -m tests.live.streams

renders and tracks them as `asl live` does, in half a minute, and writes `streams.npz`. The gestures are those of
`benchmarks.gestures` that nothing was chosen with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asl_lib._util.files import atomic_write
from asl_lib.data.demo import load_lexicon, load_signers, perform, render_frames
from asl_lib.data.video import write_video
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.recogniser import SignRecogniser
from asl_lib.live.replay import recognise_video, tracked_landmarks
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.pretrain import pretrain
from benchmarks.gestures import HELD_OUT
from benchmarks.open_set import performed

FILE = Path(__file__).with_name("streams.npz")
SIGNS = ("BOOK", "HELLO", "HELP", "WANT", "WHERE", "YES")
"""The signs: no two of them differ in one parameter only."""
SIGNER = "dara"
NEW_SIGNERS = ("ana", "dara")
PARTS = ("pose", "left_hand", "right_hand")
SIZE = (480, 416)
FPS = 25.0


def recorded_streams() -> dict[str, Landmarks]:
    """Return the name of each sign and gesture with its landmarks, x and y only: z is 0."""
    with np.load(FILE, allow_pickle=False) as file:
        names, lengths, xy = (file[name] for name in ("names", "lengths", "points"))
    points = np.concatenate([xy, np.where(np.isnan(xy[..., :1]), np.nan, 0)], axis=-1).astype(np.float32)
    clips = np.split(points, np.cumsum(lengths)[:-1])
    return {
        str(name): Landmarks(clip, (~np.isnan(clip[..., 0])).astype(np.float32), PARTS, FPS, *SIZE)
        for name, clip in zip(names, clips, strict=True)
    }


def frames_of(landmarks: Landmarks) -> list[tuple[float, np.ndarray]]:
    """Return the (time, (L, 4) values) of each frame, as a tracker finds them."""
    values = np.concatenate([landmarks.points, landmarks.confidence[..., None]], axis=-1)
    return list(zip(landmarks.times.tolist(), values, strict=True))


def learn_signs(home: Path, glosses: Sequence[str], *, pseudo_signs: int = 50) -> Path:
    """Leave a small sign embedding under outputs/, and a small network with the clips that it has learned from.

    Six signers have taught it, straight from the joints, and those in `NEW_SIGNERS` have not. Return its folder.
    """
    import keras

    pretrain(signs=pseudo_signs, signers=4, networks=0, folder=home / "outputs" / "embedding", workers=1)
    set_seeds(1)
    signers = [signer for name, signer in load_signers().items() if name not in NEW_SIGNERS][:6]
    clips = performed([load_lexicon()[gloss] for gloss in glosses], signers)
    recipe = FeatureRecipe(glosses=tuple(glosses))
    y = np.array([glosses.index(gloss) for gloss in clips.table["gloss"]])
    names = np.arange(len(y)).astype(str)
    learned = ClipSet(recipe, clips.points(recipe), y, clips.table["signer"].to_numpy(str), names, names)
    learned.save(home / "outputs" / "demo")
    layers = [keras.Input(recipe.shape), keras.layers.Flatten(), keras.layers.Dense(len(glosses), activation="softmax")]
    folder = home / "outputs" / "demo" / "small" / "held_out"
    fit(keras.Sequential(layers), learned, folder=folder, epochs=20, monitor="none", learning_rate=3e-3)
    np.savez(folder / "probabilities.npz", glosses=np.array(glosses), clip_id=np.array(["none"]))
    return folder


class Nothing:
    """A classifier that knows no sign."""

    recipe, glosses = FeatureRecipe(), ("",)

    def __call__(self, clip: Landmarks, /) -> np.ndarray:
        return np.zeros(1)


def main() -> None:
    movements = [load_lexicon()[gloss] for gloss in SIGNS] + list(HELD_OUT)
    clips = []
    with tempfile.TemporaryDirectory() as folder:
        for movement in movements:
            path = Path(folder) / "clip.mp4"
            performance = perform(movement, load_signers()[SIGNER], repetition=0, seed=42)
            write_video(path, render_frames(performance), fps=FPS)
            with SignRecogniser(Nothing()) as recogniser:
                frames = tracked_landmarks(recognise_video(path, recogniser)[:-1], PARTS)
            clips.append(np.stack([values[:, :2] for _, values in frames]))
            print(f"{movement.gloss}: {len(frames)} frames", flush=True)
    arrays = {"names": np.array([movement.gloss for movement in movements]), "lengths": np.array([*map(len, clips)])}
    with atomic_write(FILE) as tmp:
        np.savez_compressed(tmp, **arrays, points=np.concatenate(clips).astype(np.float16))


if __name__ == "__main__":
    main()
