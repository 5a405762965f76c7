import hashlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import Builder

from asl_lib.landmarks import model_files
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.model_files import fetch_models, model_path, without_outputs


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder of models."""
    monkeypatch.setenv("ASL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def options(tmp_path):
    """Options of pip for a folder of wheels and no network: this one has no wheel yet."""
    (tmp_path / "wheels").mkdir()
    return ("--no-index", "--find-links", str(tmp_path / "wheels"))


def write_wheel(folder, models):
    """Write what passes for MediaPipe's wheel, with files of the given content."""
    with zipfile.ZipFile(folder / "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl", "w") as wheel:
        info = "mediapipe-0.10.21.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_28_x86_64\n")
        wheel.writestr(f"{info}/RECORD", "")
        for name, content in models.items():
            wheel.writestr(f"mediapipe/modules/{name}.tflite", content)


@pytest.fixture
def small_wheel(tmp_path, options, monkeypatch):
    """A wheel with two small models, which are the published ones for this test."""
    models = {"hand_landmark/hand_landmark_full": b"a hand", "face_landmark/face_landmark": b"a face"}
    write_wheel(tmp_path / "wheels", models)
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in models.items()}
    monkeypatch.setattr(model_files, "IN_WHEEL", sha256)
    monkeypatch.setattr(model_files, "CHANGED", {})


def test_a_missing_model_is_named_with_the_command_that_fetches_it(cache):
    with pytest.raises(
        LandmarkError, match="pose_detection.tflite is not in .*python -m asl_lib.landmarks.model_files"
    ):
        model_path("pose_detection")


def test_the_installed_models_are_complete_and_unchanged():
    fetch_models(("--no-index",))  # set-up has fetched them: nothing is looked for
    assert all(model_path(name.partition("/")[2]).is_file() for name in model_files.IN_WHEEL)


def test_models_are_fetched_once_and_a_damaged_one_is_fetched_again(cache, options, small_wheel):
    messages = []
    fetch_models(options, log=messages.append)
    assert model_path("hand_landmark_full").read_bytes() == b"a hand"
    fetch_models(("--no-index",), log=messages.append)
    assert len(messages) == 1
    whole, damaged = model_path("face_landmark"), model_path("hand_landmark_full")
    before = whole.stat().st_ino
    damaged.write_bytes(b"a ha")
    fetch_models(options, log=messages.append)
    assert damaged.read_bytes() == b"a hand"
    assert whole.stat().st_ino == before
    assert {path.name for path in whole.parent.iterdir()} == {"face_landmark.tflite", "hand_landmark_full.tflite"}


def test_simultaneous_set_ups_leave_complete_models(cache, options, small_wheel):
    code = (
        "import sys; from asl_lib.landmarks import model_files as m; m.CHANGED = {}; "
        f"m.IN_WHEEL = {model_files.IN_WHEEL!r}; m.fetch_models(sys.argv[1:])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, *options]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    fetch_models(("--no-index",))
    assert sorted(path.name for path in model_path("face_landmark").parent.iterdir()) == [
        "face_landmark.tflite",
        "hand_landmark_full.tflite",
    ]


def test_a_wheel_with_a_modified_model_is_refused(cache, options, small_wheel, tmp_path):
    write_wheel(tmp_path / "wheels", {"hand_landmark/hand_landmark_full": b"!", "face_landmark/face_landmark": b"!"})
    with pytest.raises(LandmarkError, match="hand_landmark_full.tflite in .* is not the published model"):
        fetch_models(options)
    assert not cache.exists()


def test_without_a_network_the_error_names_the_wheelhouse(cache, options):
    with pytest.raises(LandmarkError, match="pip could not download mediapipe 0.10.21.*--find-links FOLDER"):
        fetch_models(options)
    command = [sys.executable, "-m", "asl_lib.landmarks.model_files", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip could not download" in done.stderr
    assert "Traceback" not in done.stderr
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_named(cache, options, small_wheel, monkeypatch, capsys):
    cache.touch()
    monkeypatch.setattr(sys, "argv", ["model_files", *options])
    assert model_files.main() == 1
    assert str(cache) in capsys.readouterr().err


def two_outputs():
    """Return a model with the outputs sum, twice the sum, and maximum of its inputs a and b."""
    names, kinds = ("a", "b", "sum", "twice", "maximum"), ("ADD", "MAXIMUM")
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [graph]
    graph.tensors = []
    for name in names:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [4], schema.TensorType.FLOAT32, 0
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs = [0, 1], [2, 3, 4]
    model.operatorCodes = []
    for kind in kinds:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 1
        model.operatorCodes.append(code)
    graph.operators = []
    for kind, inputs, output in ((0, [0, 1], 2), (0, [2, 2], 3), (1, [0, 1], 4)):
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = kind, inputs, [output]
        if kind == 0:
            operator.builtinOptionsType, operator.builtinOptions = (
                schema.BuiltinOptions.AddOptions,
                schema.AddOptionsT(),
            )
        graph.operators.append(operator)
    builder = Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("keep", [(0,), (1,), (2,), (2, 1), (0, 1, 2)])
def test_a_model_with_fewer_outputs_gives_the_same_values_for_those_it_keeps(keep):
    inputs = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)

    def run(model):
        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]

    whole, part = two_outputs(), without_outputs(two_outputs(), keep=keep)
    np.testing.assert_array_equal(run(part), [run(whole)[number] for number in keep])
    operators = schema.Model.GetRootAs(part, 0).Subgraphs(0).OperatorsLength()
    assert operators == {(0,): 1, (1,): 2, (2,): 1, (2, 1): 3, (0, 1, 2): 3}[keep]
