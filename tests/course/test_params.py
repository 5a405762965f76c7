import pytest
import yaml

from asl_lib._util.paths import project_folder, relative
from asl_lib.course.notebooks import find_notebooks, model_notebook
from asl_lib.course.params import (
    ParameterError,
    Params,
    check_parameters,
    read_parameters,
    read_yaml,
)
from tests.conftest import ROOT


def load(path):
    return check_parameters(read_yaml(path), source=str(path))


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_parameter_file_overrides_the_defaults(tmp_path):
    params = load(write(tmp_path / "p.yaml", "run: mine\nepochs: 3\nlearning_rate: 1.0e-3\n"))
    assert (params.run, params.epochs, params.learning_rate, params.frames) == ("mine", 3, 1e-3, Params().frames)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dataset: deom", ["dataset", "Did you mean 'demo'?", "fingerspelling", "recordings", "deom"]),
        ("also: [deom]", ["also", "no data set 'deom'", "recordings"]),
        ("dataset: 7", ["dataset", "text"]),
        ("epoch: 3", ["epoch", "Did you mean 'epochs'"]),
        ("zebra: 3", ["zebra", "Known parameters", "learning_rate"]),
        ("epochs: many", ["epochs", "whole number", "many"]),
        ("epochs: 2.5", ["epochs", "2.5"]),
        ("learning_rate: fast", ["learning_rate", "number", "fast"]),
        ("test_signers: [1]", ["test_signers", "text", "quotes", "got 1."]),
        ("test_signers: []", ["test_signers", "empty"]),
        ("signs: [true]", ["signs", "text", "True", "quotes"]),
        ("signs: HELLO", ["signs", "list", "-y 'signs: [HELLO]'"]),
        ("test_signers: '[ana]'", ["-y 'test_signers: [ana]'"]),
        ("mask: yes", ["mask", "true or false", "'yes'"]),
        ("mask: 1", ["mask", "true or false"]),
        ("landmarks: [pose, foot]", ["landmarks", "foot", "left_hand"]),
        ("run: a/b", ["run", "letters"]),
        ("- a\n- b", ["key: value", "list"]),
        ("a: [1", ["not valid YAML"]),
    ],
)
def test_a_wrong_parameter_is_named_with_its_file_and_what_is_allowed(tmp_path, text, words):
    path = write(tmp_path / "wrong.yaml", text)
    with pytest.raises(ParameterError) as caught:
        load(path)
    for word in ["wrong.yaml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("typed", ["01", "010", "NULL", "None", "YES", "off", "2024-01-01", "1_0", "12:30", "0x1F"])
def test_an_unquoted_name_is_taken_literally(tmp_path, typed):
    assert load(write(tmp_path / "p.yaml", f"test_signers: [{typed}]")).test_signers == [typed]


@pytest.mark.parametrize(
    ("typed", "value"), [("1e-3", 1e-3), ("1.0e-3", 1e-3), (".5", 0.5), ("2.", 2.0), ("+0.1", 0.1), ("1E0", 1.0)]
)
def test_a_number_may_be_written_as_in_python(tmp_path, typed, value):
    assert load(write(tmp_path / "p.yaml", f"learning_rate: {typed}")).learning_rate == value


def test_a_name_is_the_same_however_a_computer_writes_its_accents_and_spaces(tmp_path):
    path = write(tmp_path / "p.yaml", "signs: [CAFE\u0301, 'GOOD  MORNING ']\ntest_signers: [zoe\u0308]")
    assert (load(path).signs, load(path).test_signers) == (["CAFÉ", "GOOD MORNING"], ["zoë"])


def test_all_errors_are_reported_together():
    with pytest.raises(ParameterError, match=r"frames.*epochs"):
        check_parameters({"epochs": "x", "frames": 1})


def test_a_missing_file_and_an_empty_one_are_told_apart(tmp_path):
    with pytest.raises(ParameterError, match=r"no parameter file.*absent\.yaml"):
        load(tmp_path / "absent.yaml")
    assert load(write(tmp_path / "empty.yaml", "")) == Params()


def test_a_notebook_s_other_variables_are_ignored():
    assert read_parameters({"epochs": 7, "np": object(), "epoch": 3}).epochs == 7


def test_paths_do_not_depend_on_where_a_kernel_starts(tmp_path, monkeypatch):
    monkeypatch.delenv("ASL_HOME", raising=False)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params").mkdir()
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert project_folder() == tmp_path.resolve()
        assert Params().dataset_dir == tmp_path.resolve() / "data" / "demo"
    assert relative(Params().run_dir) == "outputs/demo"


@pytest.mark.parametrize("path", sorted((ROOT / "params").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_every_parameter_file_is_a_parameter_of_a_notebook(path):
    known = {name for notebook in find_notebooks(ROOT / "notebooks") for name in notebook.parameters}
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= known
    load(path)


def test_every_parameter_of_a_notebook_is_a_known_one_with_the_same_default():
    for notebook in [*find_notebooks(ROOT / "notebooks"), model_notebook("trees")]:
        source = next(cell for cell in _cells(notebook) if "parameters" in cell.metadata.get("tags", [])).source
        values: dict[str, object] = {}
        exec(source, values)
        for name in notebook.parameters:
            # How long a network trains differs: a stored notebook must not take longer than a lesson.
            lesson = name in ("epochs", "own_epochs") and not notebook.model
            if name != "model" and not lesson:
                assert values[name] == Params.model_fields[name].default, f"{notebook.name}: {name}"


def _cells(notebook):
    import nbformat

    return nbformat.read(notebook.path, as_version=4).cells


@pytest.mark.parametrize("name", ["signer", "हस्ताक्षर", "签名者", "🖐"])
def test_the_folder_of_a_model_can_be_made_whatever_the_signers_are_called(tmp_path, name):
    for count in range(1, 41):
        params = read_parameters({"test_signers": [f"{name}{number}" for number in range(count)]})
        (tmp_path / params.held_out).mkdir()


def test_the_results_of_a_seed_lie_in_a_folder_of_their_own():
    assert Params().held_out == "held_out_ben+eli+hana"
    assert Params(seed=2).held_out == "held_out_ben+eli+hana.seed_2"
    assert Params(seed=2, split="random").held_out == "split_random.seed_2"


@pytest.mark.parametrize(
    ("seeds", "reason"),
    [([1, 2, 1], r"every seed must be there once; got \[1, 2, 1\]"), ([-1], "greater than"), ("3", "list")],
)
def test_invalid_seeds_are_refused(seeds, reason):
    with pytest.raises(ParameterError, match=f"'seeds'.*{reason}"):
        check_parameters({"seeds": seeds})
