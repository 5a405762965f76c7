"""An exported network gives the probabilities of the trained one."""

import warnings

import numpy as np
import pytest

from asl_lib.models.errors import TrainingError
from asl_lib.training.export import export_tflite
from asl_lib.training.fit import set_seeds
from asl_lib.training.saved import glosses_of
from tests.models.test_models import BUILDERS
from tests.training.test_fit import RECIPE


def run_tflite(path, clips):
    """Return what a phone would compute with an exported network."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # TensorFlow 2.19 announces that 2.20 moves this class to another package.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    given, taken = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for clip in clips:
        interpreter.set_tensor(given["index"], clip[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(taken["index"])[0])
    return np.stack(rows)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_network_gives_the_same_probabilities_after_its_export(name, tmp_path):
    set_seeds(1)
    model = BUILDERS[name](frames=12, features=RECIPE.num_features, classes=3)
    clips = np.random.default_rng(0).normal(size=(4, 12, RECIPE.num_features)).astype(np.float32)
    path = export_tflite(model, tmp_path / "model.tflite")
    expected = glosses_of(model.predict(clips, verbose=0))
    np.testing.assert_allclose(run_tflite(path, clips), expected, atol=1e-4)


def test_trees_cannot_be_exported_and_the_error_says_what_can(tmp_path):
    from asl_lib.features.recipe import FeatureRecipe
    from asl_lib.models.trees import HandTrees

    with pytest.raises(TrainingError, match="'trees' cannot be exported to LiteRT.*such as attention_lstm"):
        export_tflite(HandTrees(FeatureRecipe(), classes=2), tmp_path / "model.tflite")
