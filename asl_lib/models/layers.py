"""The course's own Keras layers. Import this module before a saved model that has one is loaded."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable("asl_lib")


@register
class LearnedPositions(keras.layers.Layer):
    """Adds a learned vector to every frame, so that attention can tell early from late.

    Input and output: (N, T, F). It has T x F parameters.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.positions = self.add_weight(shape=input_shape[1:], initializer="uniform", name="positions")

    def call(self, inputs: Any) -> Any:
        return inputs + self.positions


@register
class AttentionPooling(keras.layers.Layer):
    """Mean over time, weighted by how much each frame has to say (Bahdanau et al. 2015, with one query).

    Each of `heads` learns its own weights and looks at its own share of the channels: one may look for the
    hold of a sign, another for its movement. Input: (N, T, F). Output: (N, F).

    Args:
        heads: how many weightings; F must be a multiple of it.
    """

    def __init__(self, heads: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.score = keras.layers.Dense(heads, name="score")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if (input_shape[-1] or 0) % self.heads:
            raise ValueError(f"heads must divide the {input_shape[-1]} channels; got {self.heads}.")
        self.score.build(input_shape)

    def call(self, inputs: Any) -> Any:
        weights = self.weights_over_time(inputs)  # (N, T, heads)
        shape = ops.shape(inputs)
        split = ops.reshape(inputs, (shape[0], shape[1], self.heads, inputs.shape[-1] // self.heads))
        pooled = ops.sum(split * ops.expand_dims(weights, -1), axis=1)  # (N, heads, F / heads)
        return ops.reshape(pooled, (shape[0], inputs.shape[-1]))

    def weights_over_time(self, inputs: Any) -> Any:
        """Return (N, T, heads) weights that add up to 1 over time."""
        return ops.softmax(self.score(inputs), axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}
