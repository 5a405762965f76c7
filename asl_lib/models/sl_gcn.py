"""SL-GCN: convolutions over the bones of hands and body, and over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from asl_lib.features.body import LEFT_SHOULDER, LEFT_WRIST, RECIPE_PARTS, RIGHT_SHOULDER, RIGHT_WRIST
from asl_lib.features.handshape import FINGERS, WRIST
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras

NOSE, LEFT_ELBOW, RIGHT_ELBOW = 0, 13, 14
POSE_BONES = (
    (LEFT_SHOULDER, NOSE), (LEFT_ELBOW, LEFT_SHOULDER), (LEFT_WRIST, LEFT_ELBOW),
    (RIGHT_SHOULDER, NOSE), (RIGHT_ELBOW, RIGHT_SHOULDER), (RIGHT_WRIST, RIGHT_ELBOW),
)  # fmt: skip
"""The bones of the published graph, each from its outer end to its inner one: both arms start at the nose."""
PUBLISHED_WIDTHS = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)


@register("sl_gcn")
def build_sl_gcn(
    *,
    recipe: FeatureRecipe,
    classes: int,
    widths: Sequence[int] = PUBLISHED_WIDTHS,
    groups: int = 8,
    dropout: float = 0.1,
) -> keras.Model:
    """Return the graph network of SAM-SLR and OpenHands (Jiang et al. 2021; Selvaraj et al. 2022), uncompiled.

    The landmarks are the points of a graph and the bones its edges. Ten units follow: a graph convolution, in which
    each group of channels learns its own weights between neighbours (`GraphConvolution`); attention over points,
    frames and channels; a convolution over nine frames. Where the width grows, every second frame is left out. The
    mean over points and frames goes to a softmax. For hands and upper body (67 points) in two coordinates and 100 signs
    4,589,812 parameters are trained, as the published code would count; for its own 27 points in three coordinates and
    226 signs they are 3,663,624.

    It differs from SAM-SLR in three things: one network takes coordinates and, if the recipe has them, velocities,
    instead of four networks for joints, bones and the movements of both, whose scores are added; a joint or a frame
    is dropped without its neighbours; and handshapes and masks of the recipe are not used.

    Args:
        recipe: the recipe of the clips, which says where the points are among the features.
        classes: number of glosses.
        widths: channels of each unit, multiples of `groups`, as published by default.
        groups: groups of channels with weights of their own.
        dropout: share of the joints and of the frames that are dropped in the last four units.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, there are fewer than 2 classes, or `groups` does not divide a width.
    """
    import keras
    from keras import layers

    from asl_lib.models.layers import clip_input

    inputs = clip_input(frames=recipe.frames, features=recipe.num_features, classes=classes)  # (N, T, F)
    points, coordinates = recipe.num_landmarks, recipe.num_coordinates
    placed = points + (21 * len(recipe.hands) if recipe.hand_frame == "both" else 0)
    channels = []
    for start in (0, placed * coordinates)[: 2 if recipe.velocities else 1]:
        numbers = _normalise(inputs[:, :, start : start + points * coordinates])
        channels.append(layers.Reshape((-1, points, coordinates))(numbers))
    x = layers.Concatenate()(channels) if recipe.velocities else channels[0]  # (N, T, L, channels)
    graph: dict[str, Any] = {"bones": bones_of(recipe.parts), "groups": groups}
    for number, width in enumerate(widths):
        last = number >= len(widths) - 4 and number > 0
        stride = 2 if number and width > widths[number - 1] else 1
        x = _unit(x, width, stride=stride, dropout=dropout if last else 0.0, skips=number > 0, **graph)
    outputs = layers.Dense(classes, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs, name="sl_gcn")


def bones_of(parts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the bones of a recipe's parts, from the outer end to the inner one, as numbers of its landmarks.

    Each hand hangs on its wrist of the pose, where the recipe has one. Points of the face have no bones.
    """
    first, starts = 0, {}
    for part in parts:
        starts[part] = first
        first += len(RECIPE_PARTS[part][1])
    body = next((starts[part] for part in parts if RECIPE_PARTS[part][0] == "pose"), None)
    bones = [] if body is None else [(body + outer, body + inner) for outer, inner in POSE_BONES]
    for part, wrist in (("left_hand", LEFT_WRIST), ("right_hand", RIGHT_WRIST)):
        if part in starts:
            hand = starts[part]
            bones += [(hand + outer, hand + inner) for finger in FINGERS for inner, outer in pairwise(finger)]
            bones += [] if body is None else [(hand + WRIST, body + wrist)]
    return bones


def _unit(x: Any, width: int, *, stride: int, dropout: float, skips: bool, bones: Any, groups: int) -> Any:
    """Return (N, T / stride, L, width): a graph convolution, attention, a convolution in time, and a short cut."""
    import keras
    from keras import layers

    from asl_lib.models.layers import GraphConvolution

    y = layers.Dense(3 * width)(x)  # for the point itself, its inner and its outer neighbours
    y = GraphConvolution(bones, groups)(_normalise(y))  # (N, T, L, width)
    y = _normalise(y, gamma_initializer=keras.initializers.Constant(1e-6))  # at first a unit changes next to nothing
    same = x if x.shape[-1] == width else _normalise(layers.Dense(width)(x))
    y = _attention(layers.ReLU()(y + same))
    y = layers.Conv2D(width, (9, 1), strides=(stride, 1), padding="same")(y)
    y = _drop(_normalise(y), dropout)
    if not skips:
        return layers.ReLU()(y)
    if stride > 1 or x.shape[-1] != width:
        x = _normalise(layers.Conv2D(width, 1, strides=(stride, 1))(x))
    return layers.ReLU()(y + _drop(x, dropout))


def _normalise(x: Any, **options: Any) -> Any:
    """Return `x` after batch normalisation with the published settings, PyTorch's."""
    from keras import layers

    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **options)(x)


def _attention(x: Any) -> Any:
    """Return `x` (N, T, L, C) with its points, then its frames, then its channels weighed between 1 and 2."""
    from keras import layers, ops

    points, channels = x.shape[2], x.shape[3]
    near = layers.Conv1D(1, points - 1 + points % 2, padding="same", activation="sigmoid")(ops.mean(x, axis=1))
    x = x + x * layers.Reshape((1, points, 1))(near)
    when = layers.Conv1D(1, 9, padding="same", activation="sigmoid", kernel_initializer="zeros")(ops.mean(x, axis=2))
    x = x + x * layers.Reshape((-1, 1, 1))(when)
    which = layers.Dense(channels // 2, activation="relu")(layers.GlobalAveragePooling2D()(x))
    which = layers.Dense(channels, activation="sigmoid", kernel_initializer="zeros")(which)
    return x + x * layers.Reshape((1, 1, channels))(which)


def _drop(x: Any, share: float) -> Any:
    """Return (N, T, L, C) without a share of its points, and without a share of its frames."""
    from keras import layers

    if not share:
        return x
    x = layers.Dropout(share, noise_shape=(None, 1, x.shape[2], 1))(x)
    return layers.Dropout(share, noise_shape=(None, x.shape[1], 1, 1))(x)
