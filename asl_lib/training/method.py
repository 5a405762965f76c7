"""How a network for landmarks is trained, as a set of named parts that an ablation leaves out or adds one at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError

OF_RECIPE = {
    "body_frame": ("shoulders", "image"),
    "hand_frame": ("wrist", "body"),
    "mask": (True, False),
    "mirror_left_handed": (True, False),
    "handshape": (True, False),
    "velocities": (True, False),
}
"""Part of a `FeatureRecipe` -> its value with and without it."""
USUAL = {name: strength for name, strength in vars(Augmentation(FeatureRecipe())).items() if name != "recipe"}
"""The default strengths of `Augmentation`, with which the published networks are trained."""
OWN = USUAL | {"body": 0.02, "frames": 0.05, "mirrored": 0.5}
"""The strengths of `Augmentation` with which the course's own networks are trained."""
OF_AUGMENTATION = {name: (on, 0.0) for name, on in (OWN | {"mask_time": 0.4, "mask_space": 0.4}).items()}
"""Strength of `Augmentation` -> its value with and without it."""
OF_FIT = {
    "schedule": ("cosine", "constant"),
    "weight_decay": (1.0e-2, 0.0),
    "label_smoothing": (0.1, 0.0),
    "mixup": (0.4, 0.0),
}
"""Argument of `fit` -> its value with and without it. A constant schedule also has its own epochs, and stops early."""
METHOD_PARTS: dict[str, tuple[Any, Any]] = {**OF_RECIPE, **OF_AUGMENTATION, **OF_FIT}
LARGEST = {"scale": 0.99, "warp": 0.99, "crop": 0.49} | dict.fromkeys(
    ("drop", "frames", "mirrored", "mask_time", "mask_space", "label_smoothing"), 1.0
)
"""Largest value of a part; the others have none."""
PART_GROUPS = {
    "augmentation": tuple(name for name, strength in OWN.items() if strength and name != "mirrored"),
    "masks": ("mask_time", "mask_space"),
    "features": ("handshape", "velocities"),
    "regularisation": ("weight_decay", "label_smoothing"),
}
"""Parts that can be changed together under one name."""


def single_parts(part: str) -> list[str]:
    """Return the names of the single parts in what `Method.change` takes."""
    joined = part.partition("=")[0].split("+")
    return [member for group in joined for member in PART_GROUPS.get(group, (group,))]


@dataclass(frozen=True)
class Method:
    """How a network for landmarks is trained.

    Attributes:
        recipe: the recipe of its clips.
        values: the strengths of `Augmentation` and the arguments of `fit` that are parts of the method.
        label: what `change` changed, such as "without rotate"; empty before.
    """

    recipe: FeatureRecipe
    values: Mapping[str, Any]
    label: str = ""

    @classmethod
    def own(cls, recipe: FeatureRecipe) -> Method:
        """Return the method of the course's own networks (notebook 05) for the recipe of notebook 03."""
        values = OWN | {name: on for name, (on, _) in OF_FIT.items()} | {"mixup": 0.0}
        if recipe.mirror_left_handed:  # such a recipe has turned all clips to one hand
            values["mirrored"] = 0.0
        changes = {"handshape": True, "velocities": True, "average_mirrored": values["mirrored"] > 0}
        return cls(replace(recipe, **changes), values)

    @classmethod
    def published(cls, recipe: FeatureRecipe) -> Method:
        """Return the method that the course trains published networks with (notebook 05)."""
        return cls(recipe, USUAL | {name: off for name, (_, off) in OF_FIT.items()})

    def change(self, part: str) -> Method:
        """Return the method without a part that it has, or with one that it lacks.

        Args:
            part: a name in `METHOD_PARTS` or `PART_GROUPS`, several joined by "+", or name=value, such as
                body_frame=minmax; empty for no change.

        Raises:
            TrainingError: there is no such part, or it cannot have this value.
            RecipeError: a recipe cannot have this value.
        """
        if not part:
            return self
        name, equals, text = part.partition("=")
        names = single_parts(name)
        if unknown := sorted(set(names) - set(METHOD_PARTS)):
            known = ", ".join([*METHOD_PARTS, *PART_GROUPS])
            raise TrainingError(f"There is no part '{unknown[0]}' of a training. There are: {known}.")
        present = any(self[member] != METHOD_PARTS[member][1] for member in names)
        changed = {member: METHOD_PARTS[member][present] for member in names}
        if equals:
            kind = type(METHOD_PARTS[name][0]) if name in METHOD_PARTS else bool
            try:
                if kind is bool:
                    raise ValueError("it can only be left out or added")
                changed = {name: kind(text)}
                most = LARGEST.get(name, math.inf)
                if kind is float and not (0 <= changed[name] <= most and math.isfinite(changed[name])):
                    raise ValueError(
                        f"it must be at least 0 and {'finite' if most == math.inf else f'at most {most:g}'}"
                    )
                if name == "schedule" and text not in METHOD_PARTS[name]:
                    raise ValueError(f"it must be {' or '.join(METHOD_PARTS[name])}")
            except ValueError as error:
                raise TrainingError(f"'{name}' cannot become '{text}': {error}.") from error
        of_recipe = {member: value for member, value in changed.items() if member in OF_RECIPE}
        if "mirrored" in changed:  # a network that has learned from mirrored clips is asked about them, too
            of_recipe["average_mirrored"] = changed["mirrored"] > 0
        values = {**self.values, **{member: value for member, value in changed.items() if member not in OF_RECIPE}}
        label = part if equals else f"{'without' if present else 'with'} {part}"
        return replace(self, recipe=replace(self.recipe, **of_recipe), values=values, label=label)

    def __getitem__(self, part: str) -> Any:
        return getattr(self.recipe, part) if part in OF_RECIPE else self.values[part]

    @property
    def augmentation(self) -> Augmentation:
        """How the training clips are varied."""
        return Augmentation(self.recipe, **{name: self.values[name] for name in OF_AUGMENTATION})

    @property
    def stops_early(self) -> bool:
        """Whether validation clips end the training; otherwise it has a fixed number of epochs, and they train, too."""
        return bool(self.values["schedule"] == "constant")

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `fit` that are parts of the method."""
        return {name: self.values[name] for name in OF_FIT}
