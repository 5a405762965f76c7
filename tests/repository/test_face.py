"""`import asl_lib` offers what a notebook needs, and imports it when it is first used."""

import os
import subprocess
import sys

import pytest

import asl_lib
from tests.conftest import ROOT


@pytest.mark.parametrize("name", asl_lib.__all__)
def test_every_name_of_the_face_can_be_imported_and_is_listed(name):
    assert getattr(asl_lib, name).__name__ == name
    assert name in dir(asl_lib)


def test_a_name_that_the_face_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        asl_lib.nothing  # noqa: B018


def test_the_face_imports_no_tensorflow_until_a_network_is_used():
    program = f"""
import sys
import asl_lib
assert "numpy" not in sys.modules
for name in {asl_lib.__all__!r}:
    getattr(asl_lib, name)
heavy = {{"tensorflow", "keras", "tcn", "sklearn", "mediapipe", "matplotlib.pyplot"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tensorflow_prints_no_log_messages_nor_warns_where_some_networks_predict():
    program = (
        "import numpy as np; from asl_lib.models.layers import layers, keras\n"
        "for _ in range(6): keras.Sequential([layers.Dense(1)]).predict(np.zeros((1, 1)), verbose=0)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_CPP", "GLOG"))}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert not done.stderr + done.stdout
