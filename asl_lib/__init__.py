"""Sign language recognition, from a recorded clip to a live word: what the notebooks of the course use.

A clip goes through the subpackages in this order, and each imports only from itself and those above it:

- `data`: data sets, the clips table (`read_clips`), the frames of a video (`video.clip_frames`)
- `landmarks`: the tracker on MediaPipe's models (`trackers.open_tracker`), one `.pose` file per clip
  (`extract.extract_clips`), and the landmarks of all clips in one file (`store.load_landmarks`)
- `features`: the recipe from landmarks, photographs or videos to numbers (`FeatureRecipe`), the clips that it prepares
  (`load_features` returns a `ClipSet`), `Augmentation`
- `models`: networks and trees, by name in `registry`
- `training`: `fit` writes a model with its recipe into a folder, `load_model` reads it, `predict`
- `evaluation`: `make_split`, `evaluate`, the results of a run
- `plots`: figures, and landmarks drawn into a video
- `live`: frames in, words out (`recogniser`, `words`), in a window or on a web page
- `course`: the command `asl`, parameters, batches of notebooks, the `quiz` of each

`_util` (files, caches, processes) is private. Every name of `asl_lib` itself is imported when it is first used:
TensorFlow only to train, load or apply a model.

>>> import asl_lib
>>> clips = asl_lib.read_clips("data/demo/clips.csv")
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asl_lib.course.quiz import quiz
    from asl_lib.data.clips import read_clips
    from asl_lib.data.registry import get_dataset
    from asl_lib.evaluation.metrics import evaluate
    from asl_lib.evaluation.splits import make_split
    from asl_lib.features.augment import Augmentation
    from asl_lib.features.recipe import FeatureRecipe
    from asl_lib.features.sets import ClipSet, load_features
    from asl_lib.training.fit import fit
    from asl_lib.training.saved import load_model, predict

# Before TensorFlow is imported: without its notes about the processor, and its advice on the speed of small networks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
__all__ = [
    "Augmentation",
    "ClipSet",
    "FeatureRecipe",
    "evaluate",
    "fit",
    "get_dataset",
    "load_features",
    "load_model",
    "make_split",
    "predict",
    "quiz",
    "read_clips",
]

_MODULES = {
    "Augmentation": "features.augment",
    "ClipSet": "features.sets",
    "FeatureRecipe": "features.recipe",
    "evaluate": "evaluation.metrics",
    "fit": "training.fit",
    "get_dataset": "data.registry",
    "load_features": "features.sets",
    "load_model": "training.saved",
    "make_split": "evaluation.splits",
    "predict": "training.saved",
    "quiz": "course.quiz",
    "read_clips": "data.clips",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'asl_lib' has no attribute '{name}'")
    return getattr(importlib.import_module(f"asl_lib.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
