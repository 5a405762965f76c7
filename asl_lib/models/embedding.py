"""`SignEmbedding`: clips as points on a sphere, where the same sign by other signers lies near.

It is trained on pseudo-signs (`training.pretrain`): random movements, which are no language. It learns what stays the
same when another signer makes the same movement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import atomic_write, read_npz
from asl_lib.features.recipe import FeatureRecipe, load_recipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.point_model import check_arrays
from asl_lib.models.registry import build
from asl_lib.models.trees import describe_clips, standardise

if TYPE_CHECKING:
    import keras

FILE = "embedding.npz"
OTHERS = ("mean", "spread", "axes", "centre", "background")
"""The arrays of the file beside the networks' weights."""
CLIPS_AT_A_TIME = 256
SHRINKAGE = 0.1
"""Share of the covariance within signs that is replaced by a multiple of the identity (as Ledoit and Wolf 2004): there
are few clips of each sign."""


@dataclass(frozen=True)
class Whitening:
    """A linear map of `describe_clips` that separates signs and not signers: linear discriminants (Fisher 1936).

    Attributes:
        mean, spread: (numbers,) of the description.
        axes: (numbers, d) the discriminants.
    """

    mean: np.ndarray
    spread: np.ndarray
    axes: np.ndarray

    @classmethod
    def fit(cls, described: np.ndarray, y: np.ndarray, *, size: int) -> Whitening:
        """Return the `size` discriminants of (n, numbers) descriptions of clips of the signs `y` (n,)."""
        from scipy.linalg import eigh

        mean, spread = described.mean(axis=0), np.maximum(described.std(axis=0), 1e-6)
        scaled = standardise(described, mean, spread)
        signs, y = np.unique(y, return_inverse=True)
        centres = np.stack([scaled[y == sign].mean(axis=0) for sign in range(len(signs))])
        within = np.cov((scaled - centres[y]).T)
        within = (1 - SHRINKAGE) * within + SHRINKAGE * np.eye(len(within)) * np.trace(within) / len(within)
        _, axes = eigh(np.cov(centres.T), within)  # the largest last
        return cls(*(np.asarray(part, np.float32) for part in (mean, spread, axes[:, ::-1][:, :size])))

    def __call__(self, described: np.ndarray) -> np.ndarray:
        """Return (n, d) of (n, numbers) descriptions."""
        return np.asarray(standardise(described, self.mean, self.spread) @ self.axes)


class SignEmbedding:
    """Clips as unit vectors, whose products say how alike two clips are: 1 for the same movement.

    A vector has one part a network and one for the whitened description; each is the mean over a clip and its mirror
    image, so that a sign is the same with either hand. The similarity of two clips is the mean of the similarities of
    their parts.

    Args:
        recipe: the recipe of the points; its encoding is that of the networks.
        network: name of the registered model whose body the networks are.
        networks: bodies, as `build_body` returns them.
        whitening: of the description.

    Attributes:
        size: length d of a vector.
        centre: (d,) mean of the parts, see `calibrate`.
        background: (m, d) vectors of clips of signs that were not trained on, to compare other similarities with.
    """

    def __init__(
        self,
        recipe: FeatureRecipe,
        *,
        network: str,
        networks: Sequence[keras.Model],
        whitening: Whitening,
    ) -> None:
        self.recipe, self.network, self.networks, self.whitening = recipe, network, tuple(networks), whitening
        self.widths = [*(body.output_shape[-1] for body in self.networks), whitening.axes.shape[1]]
        self.size = sum(self.widths)
        self.centre, self.background = np.zeros(self.size, np.float32), np.zeros((0, self.size), np.float32)

    def calibrate(self, points: np.ndarray) -> None:
        """Set centre and background from clips (m, frames, L, C) of signs that were not trained on.

        Networks put all clips on one side of the sphere; around their centre, unlike clips have a similarity of 0.
        """
        self.centre = np.zeros(self.size, np.float32)
        self.centre = np.concatenate([part.mean(axis=0) for part in self.parts(self.embed(points))]).astype(np.float32)
        self.background = self.embed(points)

    def parts(self, vectors: np.ndarray) -> list[np.ndarray]:
        """Return the parts of (n, d) vectors, each of length 1: those of the networks, then that of the description."""
        return np.split(vectors * np.sqrt(len(self.widths)), np.cumsum(self.widths)[:-1], axis=1)

    def embed(self, points: np.ndarray) -> np.ndarray:
        """Return (n, d) float32 vectors of length 1.

        Args:
            points: (n, frames, L, C) as `recipe.points` returns them and a `ClipSet` holds them.
        """
        chunks = [self._embed(points[i : i + CLIPS_AT_A_TIME]) for i in range(0, len(points), CLIPS_AT_A_TIME)]
        return np.concatenate([np.empty((0, self.size), np.float32), *chunks])

    def _embed(self, points: np.ndarray) -> np.ndarray:
        views = self.recipe.views(points)
        outputs = [self._program(self.recipe.encode(view)) for view in views]
        described = [self.whitening(describe_clips(view, self.recipe)) for view in views]
        parts = [*zip(*outputs, strict=True), described]
        centres = np.split(self.centre, np.cumsum(self.widths)[:-1])
        directions = [_mean_direction(part) - centre for part, centre in zip(parts, centres, strict=True)]
        return _unit(np.concatenate([_unit(part) for part in directions], axis=1)).astype(np.float32)

    def transfer(self, model: keras.Model) -> None:
        """Give a network of the same kind the weights of the first one, in all layers but the last.

        The last names the classes, and stays as it is. An embedding of another kind of network is made by
        `pretrain(network=...)`.

        Args:
            model: the registered model `network`, for clips encoded by the recipe, with any classes.

        Raises:
            TrainingError: it is another network, or takes other features.
        """
        given = self.networks[0].get_weights() if self.networks else []
        own = model.get_weights()
        last = len(model.layers[-1].get_weights())
        if not given or [one.shape for one in given] != [one.shape for one in own[:-last]]:
            raise TrainingError(
                f"The embedding's networks are the layers of {self.network} for clips of {self.recipe.shape}; "
                f"{model.name} for clips of {model.input_shape[1:]} has others, or the embedding has no network. "
                "Make one with pretrain(network=...), and encode the clips as its recipe does."
            )
        model.set_weights([*given, *own[-last:]])

    @cached_property
    def _program(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        """The networks as one function of (n, T, F) encoded clips."""
        with quiet_native_stderr():
            import tensorflow as tf

        shape = tf.TensorSpec((None, *self.recipe.shape), tf.float32)
        program = tf.function(lambda X: [body(X, training=False) for body in self.networks], input_signature=[shape])
        return lambda X: [np.asarray(output) for output in program(X)]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that a vector depends on: vectors of different embeddings cannot be compared."""
        digest = hashlib.sha256(repr(replace(self.recipe, glosses=())).encode())
        for name, array in self._arrays().items():
            if name != "background":
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    def save(self, folder: str | Path) -> None:
        """Write `embedding.npz` (numbers and text, no pickled objects) and `recipe.json`."""
        about = json.dumps({"network": self.network, "networks": len(self.networks)})
        arrays: dict[str, Any] = {"about": np.array(about), **self._arrays()}
        self.recipe.save(Path(folder) / "recipe.json")  # first: where the numbers are, the recipe is
        with atomic_write(Path(folder) / FILE) as tmp:
            np.savez_compressed(tmp, **arrays)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Return the embedding that `save` wrote.

        Raises:
            TrainingError: it is missing, or damaged.
            RecipeError: its recipe is missing, or damaged.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            raise TrainingError(f"There is no {path}. Make a sign embedding with: asl pretrain")
        recipe = load_recipe(path.with_name("recipe.json"), FeatureRecipe)
        try:
            about = json.loads(str(read_npz(path, ["about"])["about"]))
            networks = [build_body(str(about["network"]), recipe) for _ in range(int(about["networks"]))]
            blank = np.full((1, *recipe.values_shape), np.nan, np.float32)
            numbers = describe_clips(blank, recipe).shape[1]
            shapes = {name: array.shape for name, array in _weights(networks).items()}
            arrays = read_npz(path, [*shapes, *OTHERS])
            whitening = Whitening(*(arrays[name] for name in OTHERS[:3]))
            found = cls(recipe, network=about["network"], networks=networks, whitening=whitening)
            shapes |= {"mean": (numbers,), "spread": (numbers,), "axes": (numbers, found.widths[-1])}
            shapes |= {"centre": (found.size,), "background": (len(arrays["background"]), found.size)}
            check_arrays(arrays, shapes)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path} is no sign embedding: {error}. Make it again with: asl pretrain") from error
        for number, body in enumerate(networks):
            body.set_weights([arrays[name] for name in shapes if name.startswith(f"network_{number}_")])
        found.centre, found.background = arrays["centre"], arrays["background"]
        return found

    def _arrays(self) -> dict[str, np.ndarray]:
        parts = {name: getattr(self.whitening, name) for name in OTHERS[:3]}
        return {**_weights(self.networks), **parts, "centre": self.centre, "background": self.background}


def build_body(name: str, recipe: FeatureRecipe, *, dropout: float = 0.2) -> keras.Model:
    """Return a registered model without its last layer: from encoded clips (N, T, F) to features (N, units).

    Args:
        name: one of the course's own networks, such as "attention_lstm".
        recipe: the recipe of the clips.
        dropout: of the network. Real clips are few and need 0.5; hundreds of pseudo-signs are not learned with so much.
    """
    with quiet_native_stderr():
        import keras

    model = build(name, replace(recipe, glosses=("", " ")), dropout=dropout)
    return keras.Model(model.input, model.layers[-2].output, name=name)


def _weights(networks: Sequence[keras.Model]) -> dict[str, np.ndarray]:
    return {
        f"network_{number}_{index:02d}": weights
        for number, body in enumerate(networks)
        for index, weights in enumerate(body.get_weights())
    }


def _mean_direction(views: Sequence[np.ndarray]) -> np.ndarray:
    """Return (n, d) unit vectors: the mean of the directions of one part in all views."""
    return _unit(np.mean([_unit(view) for view in views], axis=0))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
