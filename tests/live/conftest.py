"""What the tests of the live demo share: a small network on the usual recipe."""

from __future__ import annotations

import numpy as np
import pytest

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.live.networks import Classifier

GLOSSES = ("BOOK", "HELLO", "MOTHER")


class RandomFeatures:
    """A stand-in for a sign embedding: clips are the more alike the nearer their features (Rahimi and Recht 2007)."""

    def __init__(self, recipe, *, size=256, seed=0, width=12.0):
        self.recipe, self.size, self.fingerprint = recipe, size, str(seed)
        rng = np.random.default_rng(seed)
        self._weights = rng.normal(0, 1 / width, (int(np.prod(recipe.shape)), size)).astype(np.float32)
        self._phases = rng.uniform(0, 2 * np.pi, size).astype(np.float32)
        self.background = self.embed(rng.normal(size=(40, *recipe.values_shape)).astype(np.float32))

    def embed(self, points):
        waves = np.zeros((len(points), self.size), np.float32)
        for view in self.recipe.views(points):
            features = np.clip(self.recipe.encode(view).reshape(len(points), -1), -9, 9)
            waves += np.cos(features @ self._weights + self._phases)
        return waves / np.linalg.norm(waves, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def classifier():
    recipe = FeatureRecipe(frames=16, handshape=True)
    return Classifier(strong_network(recipe), recipe, GLOSSES)


def strong_network(recipe):
    """Return an untrained network: what it says means nothing, but it must say the same everywhere."""
    from asl_lib.models.lstm import build_attention_lstm
    from asl_lib.training.fit import set_seeds

    set_seeds(0)
    model = build_attention_lstm(frames=recipe.frames, features=recipe.num_features, classes=len(GLOSSES))
    for layer in model.layers:  # an untrained network says nearly the same of everything
        layer.set_weights([3 * weight for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="session")
def model_folder(classifier, tmp_path_factory):
    """The folder of such a network, as a notebook leaves it."""
    from asl_lib.evaluation.metrics import Evaluation
    from asl_lib.models.lstm import build_attention_lstm
    from asl_lib.training.fit import set_seeds

    set_seeds(1)
    folder = tmp_path_factory.mktemp("model")
    recipe = classifier.recipe
    build_attention_lstm(frames=16, features=recipe.num_features, classes=len(GLOSSES)).save(folder / "model.keras")
    recipe.save(folder / "recipe.json")
    Evaluation.from_arrays(np.eye(3), np.arange(3), glosses=GLOSSES, signers=["a"] * 3, clip_ids=["a", "b", "c"]).save(
        folder
    )
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A rendered sign by one of the demo's signers, with a moment of rest before and after."""
    from asl_lib.data.demo import load_lexicon, load_signers, perform, render_frames
    from asl_lib.data.video import write_video

    path = tmp_path_factory.mktemp("clip") / "hello.mp4"
    performance = perform(load_lexicon()["HELLO"], load_signers()["ben"], repetition=0, seed=42)
    frames = list(render_frames(performance))
    write_video(path, [*frames, *[frames[-1]] * 10], fps=25)
    return path


def signing(landmarks, *, fps=25.0, seconds=1.2, start_s=0.0, side=15, size=(640, 480)):
    """Yield (time, values) of somebody who lifts a hand and lowers it again, from the landmarks of a quiet body."""
    count = round(seconds * fps)
    still = np.concatenate([landmarks.points[0], landmarks.confidence[0][:, None]], axis=1)
    for index in range(count):
        time_s = index / fps
        values = still.copy()
        lift = np.clip(np.sin(np.pi * time_s / seconds) * 2.2 - 0.6, 0, 1)
        for wrist in (15, 16):
            values[wrist, 1] = 0.95 - (0.5 * lift if wrist == side else 0)
        values[33:75, :3] = np.nan
        if lift > 0.1:
            shape = still[33:54] if side == 15 else still[54:75]
            hand = shape.copy()
            hand[:, :2] += values[side, :2] - hand[0, :2] + [0.1 * np.sin(5 * time_s), 0]
            values[33 : 54 if side == 15 else 75][-21:] = hand
        yield start_s + time_s, values.astype(np.float32)
