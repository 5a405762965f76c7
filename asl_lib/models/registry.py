"""All models by the names that their results have.

A model is one file in this folder: a builder, or a `PointModel`, with `@register("name")`. The registry imports the
files by itself, and TensorFlow only when a network is built.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from asl_lib.features.recipe import Recipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.point_model import PointModel

INPUTS: dict[str, tuple[str, ...]] = {
    "landmarks": ("frames", "features"),
    "photographs": ("size", "", "channels"),
    "video": ("frames", "size", "", "channels"),
}
"""What a model takes -> the names of the sizes in its recipe's `shape`; height and width are one size."""

Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True)
class Registered:
    """A model that can be built by name.

    Attributes:
        name: the name of its results.
        builder: returns the model from keyword sizes, of which it names those that it needs: `frames`, `features`,
            `size`, `channels`, `classes` or, for all of them, `recipe`; and `seed` if it has random numbers of its own.
        input: "landmarks", "photographs" or "video".
    """

    name: str
    builder: Callable[..., Any]
    input: str


_models: dict[str, Registered] = {}


def register(name: str, *, input: str = "landmarks") -> Callable[[Builder], Builder]:
    """Return a decorator that registers a builder of models, see `Registered`.

    Raises:
        ValueError: the name is taken by another builder, or there is no such input.
    """

    def decorate(builder: Builder) -> Builder:
        known = _models[name].builder if name in _models else builder
        # A module that is imported again registers the same builder again.
        if (known.__module__, known.__qualname__) != (builder.__module__, builder.__qualname__):
            raise ValueError(f"Two models are called '{name}'. Give one of them another name.")
        _models[name] = Registered(name, builder, input)
        return builder

    if input not in INPUTS:
        raise ValueError(f"input must be one of {', '.join(INPUTS)}; got {input!r}.")
    return decorate


def names() -> list[str]:
    """Return the names of all registered models, in alphabetical order."""
    _import_models()
    return sorted(_models)


def find_model(name: str) -> Registered:
    """Return the registered model of a name.

    Raises:
        TrainingError: there is none.
    """
    if name not in names():
        raise TrainingError(f"There is no model '{name}' in asl_lib/models. There are: {', '.join(names())}.")
    return _models[name]


def point_models() -> list[type[PointModel]]:
    """Return the registered classes of models that are no networks."""
    builders = [find_model(name).builder for name in names()]
    return [builder for builder in builders if isinstance(builder, type) and issubclass(builder, PointModel)]


def build(name: str, recipe: Recipe, *, seed: int = 42, **options: Any) -> Any:
    """Return a new model for the clips of a recipe: an uncompiled Keras network, or trees.

    Args:
        name: name of a registered model.
        recipe: the recipe of its clips, whose `glosses` are its classes.
        seed: seed of a model with random numbers of its own, such as trees; a network has those of `set_seeds`.
        options: further arguments of the builder.

    Raises:
        TrainingError: there is no such model, or it takes another input.
        ValueError: the builder refuses a size.
    """
    model = find_model(name)
    if recipe.input != model.input:
        raise TrainingError(f"The model '{name}' takes {model.input}; the recipe is for {recipe.input}.")
    sizes: dict[str, Any] = dict(zip(INPUTS[model.input], recipe.shape, strict=True))
    sizes |= {"classes": len(recipe.glosses), "recipe": recipe, "seed": seed}
    taken = inspect.signature(model.builder).parameters
    return model.builder(**{size: value for size, value in sizes.items() if size in taken}, **options)


@cache
def _import_models() -> None:
    """Import every module of this folder but `layers`, which imports Keras and builds no model by itself."""
    package = importlib.import_module("asl_lib.models")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".layers"):
            importlib.import_module(module.name)
