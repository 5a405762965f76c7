"""An exported network says what the trained one says."""

import numpy as np
import pytest

from asl_lib.training.export import ExportError, export_tflite, predict_tflite
from asl_lib.training.fit import predict, set_seeds
from tests.models.test_models import BUILDERS


@pytest.mark.parametrize("name", BUILDERS)
def test_every_network_gives_the_same_probabilities_after_its_export(name, tmp_path):
    set_seeds(1)
    model = BUILDERS[name](frames=12, features=10, classes=3)
    clips = np.random.default_rng(0).normal(size=(4, 12, 10)).astype(np.float32)
    path = export_tflite(model, tmp_path / "model.tflite")
    np.testing.assert_allclose(predict_tflite(path, clips), predict(model, clips), atol=1e-4)


def test_a_file_that_is_no_exported_model_and_clips_of_another_recipe_are_named(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"nothing of the kind")
    with pytest.raises(ExportError, match=r"model\.tflite is not an exported model"):
        predict_tflite(tmp_path / "model.tflite", np.zeros((1, 12, 10), np.float32))
    path = export_tflite(BUILDERS["attention_tcn"](frames=12, features=10, classes=3), tmp_path / "other.tflite")
    with pytest.raises(ExportError, match=r"takes clips of \(12, 10\); got \(12, 11\)"):
        predict_tflite(path, np.zeros((1, 12, 11), np.float32))
