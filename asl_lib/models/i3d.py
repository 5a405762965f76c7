"""I3D: Inception-v1 inflated to three dimensions (Carreira and Zisserman 2017), for colour and for optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from scipy.special import softmax

from asl_lib.models.errors import TrainingError
from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras

TOP = "Conv3d_6a_1x1_conv"
"""Name of the last layer with weights."""
MOMENTUM = 0.9
"""Of the running means of batch normalisation. Keras's own, 0.99, is for 300,000 videos: after the few hundred steps of
a small data set the means would still be close to their start, and a trained network would answer nonsense."""
MIXED: dict[str, tuple[int, tuple[int, int], tuple[int, int], int]] = {
    "3b": (64, (96, 128), (16, 32), 32),
    "3c": (128, (128, 192), (32, 96), 64),
    "4b": (192, (96, 208), (16, 48), 64),
    "4c": (160, (112, 224), (24, 64), 64),
    "4d": (128, (128, 256), (24, 64), 64),
    "4e": (112, (144, 288), (32, 64), 64),
    "4f": (256, (160, 320), (32, 128), 128),
    "5b": (256, (160, 320), (32, 128), 128),
    "5c": (384, (192, 384), (48, 128), 128),
}
"""Filters of each Inception module: 1x1x1; 1x1x1 then 3x3x3; 1x1x1 then 3x3x3; pooling then 1x1x1."""


@register("i3d_flow", input="video")
@register("i3d_rgb", input="video")
def build_i3d(
    *,
    frames: int = 64,
    size: int = 224,
    channels: int = 3,
    classes: int = 400,
    width: float = 1.0,
    dropout: float = 0.5,
) -> keras.Model:
    """Return I3D, layer by layer as published: 12,704,544 parameters for 400 classes.

    Layers have the names of the known Keras port, so that its weights fit. Frames go in as they are, from 0 to 255:
    colour, or flow as `optical_flow.quantise_flow` returns it.

    Args:
        frames: frames of a clip, at least 8; 64 as published.
        size: their side in px, at least 32; 224 as published.
        channels: 3 for colour, 2 for flow.
        classes: number of classes; 400 as published.
        width: share of the published filters, for small machines and small data: 1 for the published network.
        dropout: share of the numbers that are dropped before the last layer.

    Raises:
        ValueError: a size is too small, or the width is not above 0 and at most 1.
    """
    import keras

    if frames < 8 or size < 32 or channels < 1 or classes < 2 or not 0 < width <= 1:
        raise ValueError(
            "I3D needs at least 8 frames of 32 px, 1 channel, 2 classes and a width above 0, up to 1; got "
            f"{frames} frames of {size} px, {channels} channels, {classes} classes, width {width}."
        )

    def convolve(x: Any, filters: int, kernel: int, name: str, stride: int = 1) -> Any:
        x = keras.layers.Conv3D(
            max(1, round(filters * width)), kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
        )(x)
        x = keras.layers.BatchNormalization(scale=False, momentum=MOMENTUM, name=f"{name}_bn")(x)
        return keras.layers.Activation("relu", name=name)(x)

    def pool(x: Any, kernel: Any, stride: Any, name: str) -> Any:
        return keras.layers.MaxPooling3D(kernel, strides=stride, padding="same", name=name)(x)

    clip = keras.Input((frames, size, size, channels))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(clip)
    x = convolve(x, 64, 7, "Conv3d_1a_7x7", stride=2)
    x = pool(x, (1, 3, 3), (1, 2, 2), "MaxPool2d_2a_3x3")
    x = convolve(x, 64, 1, "Conv3d_2b_1x1")
    x = convolve(x, 192, 3, "Conv3d_2c_3x3")
    x = pool(x, (1, 3, 3), (1, 2, 2), "MaxPool2d_3a_3x3")
    for module, (single, middle, small, pooled) in MIXED.items():
        if module == "4b":
            x = pool(x, 3, 2, "MaxPool2d_4a_3x3")
        if module == "5b":
            x = pool(x, 2, 2, "MaxPool2d_5a_2x2")
        name = f"Conv3d_{module}"
        branches = [convolve(x, single, 1, f"{name}_0a_1x1")]
        for number, (reduce, full) in ((1, middle), (2, small)):
            reduced = convolve(x, reduce, 1, f"{name}_{number}a_1x1")
            branches.append(convolve(reduced, full, 3, f"{name}_{number}b_3x3"))
        branches.append(convolve(pool(x, 3, 1, f"MaxPool2d_{module}_3a_3x3"), pooled, 1, f"{name}_3b_1x1"))
        x = keras.layers.Concatenate(name=f"Mixed_{module}")(branches)
    depth, side = x.shape[1], x.shape[2]
    x = keras.layers.AveragePooling3D((min(2, depth), side, side), strides=1, name="global_avg_pool")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    x = keras.layers.Conv3D(classes, 1, name=TOP)(x)
    x = keras.layers.GlobalAveragePooling3D(name="mean_over_time")(x)
    # In float32 even under mixed precision: float16 has no numbers for small probabilities.
    outputs = keras.layers.Softmax(name="prediction", dtype="float32")(x)
    return keras.Model(clip, outputs, name="i3d_flow" if channels == 2 else "i3d_rgb")


def load_i3d_weights(model: keras.Model, path: str | Path) -> list[str]:
    """Load the weights of the known Keras port, an `.h5` file, by layer name; return the layers that keep theirs.

    The port (github.com/dlpbc/keras-kinetics-i3d, release v0.2) has the weights that the authors trained on Kinetics.
    Its last layer is for 400 human actions: for other classes the last layer keeps its random weights, and is in the
    list.

    Args:
        model: from `build_i3d`, with width 1.
        path: `.h5` file with one group a layer.

    Raises:
        TrainingError: the file is missing or no such file; a layer is not in it, or has another shape. The network is
            unchanged then.
    """
    path = Path(path)
    if not path.is_file():
        raise TrainingError(f"There is no file of weights {path}. Download it from the releases of the Keras port.")
    found: list[tuple[Any, list[np.ndarray]]] = []
    left: list[str] = []
    try:
        with h5py.File(path, "r") as file:
            groups = file.get("model_weights", file)
            for layer in (layer for layer in model.layers if layer.weights):
                values = _layer_values(groups, layer.name)
                shapes = [tuple(weight.shape) for weight in layer.weights]
                if layer.name == TOP and (values is None or [value.shape for value in values] != shapes):
                    left.append(layer.name)
                    continue
                if values is None:
                    raise TrainingError(f"{path} must have a layer {layer.name}; it has none. Name a file of I3D.")
                if [value.shape for value in values] != shapes:
                    got = ", ".join(str(value.shape) for value in values)
                    want = ", ".join(map(str, shapes))
                    raise TrainingError(
                        f"{path}: layer {layer.name} must have weights of shape {want}; got {got}. "
                        "Build the network with width 1 and as many channels as the file's."
                    )
                found.append((layer, values))
    except TrainingError:
        raise
    except Exception as error:
        # h5py raises whatever the damaged place breaks.
        raise TrainingError(f"{path} is not an .h5 file of weights: {str(error)[:300]}") from error
    for layer, values in found:
        layer.set_weights(values)
    return left


def find_i3d_weights(folder: str | Path, stream: str) -> Path:
    """Return the port's file for one stream: the file in the folder whose name begins with "rgb" or "flow".

    The port names its files like `flow_inception_i3d_imagenet_and_kinetics_tf_dim_ordering_tf_kernels_no_top.h5`.

    Raises:
        TrainingError: there is none, or there are several.
    """
    found = sorted(Path(folder).glob(f"{stream}*.h5"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise TrainingError(
            f"{folder} must hold one file {stream}*.h5 with the weights of I3D; it holds {names}. "
            "Download it from the releases of the Keras port, and keep one file a stream."
        )
    return found[0]


def train_only_top(model: keras.Model, *, only_top: bool) -> None:
    """Freeze all of I3D but its last layer, or make all layers trainable again."""
    for layer in model.layers:
        layer.trainable = not only_top or layer.name == TOP


def fuse(rgb: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return (n, classes) probabilities of both streams together: the mean of their logits, as published."""
    logits = (np.log(np.maximum(rgb, 1e-9)) + np.log(np.maximum(flow, 1e-9))) / 2
    return np.asarray(softmax(logits, axis=1))


def _layer_values(groups: Any, name: str) -> list[np.ndarray] | None:
    """Return the weights of one layer in the file's order; None where the file lacks the layer."""
    if name not in groups:
        return None
    group = groups[name]
    names = [value.decode() if isinstance(value, bytes) else value for value in group.attrs.get("weight_names", [])]
    return [np.asarray(group[value]) for value in names]
