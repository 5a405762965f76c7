"""Training with Keras on JAX, in processes in which TensorFlow cannot be imported."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("jax", reason="JAX is not in requirements.lock: pip install jax")

PREPARE = """
import json, sys
from pathlib import Path

sys.modules["tensorflow"] = None  # an import of it fails
import keras
import numpy as np
import pytest

from asl_lib.evaluation.metrics import evaluate
from asl_lib.evaluation.splits import Split
from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.registry import build
from asl_lib.training.checkpoint import Checkpoint
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.hardware import hardware
from asl_lib.training.saved import load_model, predict
from tests.conftest import make_clip_set

folder = Path(sys.argv[1])
recipe = FeatureRecipe(frames=8, parts=("right_hand",), body_frame="image", glosses=("A", "B"))
values, y = np.random.default_rng(1).normal(0, 0.1, (23, 8, 21, 2)).astype(np.float32), np.arange(23) % 2
values[y == 1, :, 12] += 0.8
clips = make_clip_set(values, y, recipe)
settings = {"epochs": 6, "batch_size": 8, "learning_rate": 3e-3, "monitor": "none", "schedule": "cosine", "seed": 1}
settings |= {"weight_decay": 0.01, "label_smoothing": 0.1, "augmentation": Augmentation(recipe, shift=0)}


def start():
    set_seeds(1)
    return build("attention_tcn", recipe, units=16, dropout=0.2)

"""


def run(script, folder, **environment):
    """Run a script with Keras on JAX, and show its error if it fails."""
    command = [sys.executable, "-c", PREPARE + script, str(folder)]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-3000:]


def test_a_network_learns_and_is_read_back_without_tensorflow(tmp_path):
    run(
        """
split = Split(np.arange(16), np.arange(16, 23), np.arange(0))
training = fit(start(), clips, split, folder=folder, **settings | {"epochs": 30, "monitor": "accuracy"})
assert training.history.loss.iloc[-1] < training.history.loss.iloc[0]
assert not (folder / "tensorboard").exists()
evaluation = evaluate(predict(load_model(folder)[0], clips), clips, np.arange(23))
assert evaluation.accuracy.value > 0.85, evaluation.accuracy
evaluation.save(folder)
metrics = json.loads((folder / "metrics.json").read_text())
assert metrics["backend"] == "jax"
assert "jax" in metrics["versions"]
""",
        tmp_path,
    )


def test_a_killed_training_on_jax_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    run(
        """
class Killed(Exception):
    pass


def keep_and_die(checkpoint, model, progress):
    keep(checkpoint, model, progress)
    if progress.epoch == 3:
        raise Killed


whole, resumed, keep = start(), start(), Checkpoint.keep
fit(whole, clips, folder=folder / "whole", **settings)
Checkpoint.keep = keep_and_die
with pytest.raises(Killed):
    fit(start(), clips, folder=folder / "killed", checkpoint_s=0, **settings)
Checkpoint.keep = keep
assert (folder / "killed" / "training.npz").is_file()
history = fit(resumed, clips, folder=folder / "killed", checkpoint_s=0, **settings).history
assert len(history) == 6
for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
""",
        tmp_path,
    )


def test_two_devices_share_each_batch_evenly_and_missing_ones_are_named(tmp_path):
    run(
        """
with pytest.raises(TrainingError, match="at most the number of GPUs"), hardware(gpus=2):
    pass
processors = keras.distribution.list_devices("cpu")
keras.distribution.list_devices = lambda kind: processors
with hardware(gpus=2):
    model = start()
    with pytest.raises(TrainingError, match="multiple of 2 and no clip"):
        fit(model, clips, folder=folder, **settings | {"batch_size": 7})
    history = fit(model, clips, folder=folder, **settings).history  # the last batch has an odd number of clips
assert history.loss.iloc[-1] < history.loss.iloc[0]
assert keras.distribution.distribution() is None
np.testing.assert_allclose(predict(model, clips), predict(load_model(folder)[0], clips), atol=1e-5)
""",
        tmp_path,
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
    )
