"""The whole course on a tiny demo: real rendering, real MediaPipe, real training, real notebooks."""

import json
import subprocess
import sys

import nbformat
import pytest

from asl_lib.batch import BatchError, find_notebooks, run_course, run_each
from asl_lib.datasets import get_dataset
from asl_lib.params import ParameterError, load_parameters
from asl_lib.splits import SplitError
from tests.conftest import ROOT

TINY = {
    "run": "tiny",
    "signs": ["YES", "BOOK"],
    "signers": ["ana", "ben", "eli"],
    "repetitions": 2,
    "test_signers": ["ben"],
    "epochs": 2,
    "patience": 2,
    "own_epochs": 2,
    "groups": 2,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One folder for the whole module: the tests below are the chapters of one story."""
    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASL_HOME", str(folder))
        yield folder


def test_1_a_failing_notebook_is_named_with_its_traceback_and_the_rest_is_not_started(home):
    said = []
    with pytest.raises(BatchError) as caught:
        run_course({**TINY, "test_signers": ["nobody"]}, say=said.append)
    text = str(caught.value)
    assert "03_preprocess failed" in text
    assert "outputs/tiny/notebooks/03_preprocess.ipynb" in text
    assert "no signer 'nobody' to hold out. The clips have: ana, ben, eli" in text
    assert [line.split()[1] for line in said] == ["01_download", "02_extract_landmarks", "03_preprocess"]
    assert (home / "outputs" / "tiny" / "notebooks" / "03_preprocess.ipynb").is_file()


def test_2_the_course_runs_from_rendered_clips_to_a_trained_model_and_keeps_what_was_done(home):
    said = []
    run_course(TINY, models=["lstm"], say=said.append)
    assert [("is done already" in line) for line in said] == [True, True, *[False] * 4]
    folder = home / "outputs" / "tiny" / "lstm" / "held_out_ben"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n"] == 4
    assert metrics["test_signers"] == ["ben"]
    assert 0 <= metrics["interval"][0] <= metrics["accuracy"] <= metrics["interval"][1] <= 1
    for name in ("model.keras", "recipe.json", "history.csv", "predictions.csv"):
        assert (folder / name).stat().st_size > 0
    assert (home / "outputs" / "tiny" / "report" / "results.csv").is_file()
    executed = nbformat.read(home / "outputs" / "tiny" / "notebooks" / "05_lstm.ipynb", as_version=4)
    assert any("image/png" in output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", []))


def test_3_a_second_run_does_nothing_and_a_changed_parameter_only_what_depends_on_it(home):
    said = []
    run_course(TINY, models=["lstm"], say=said.append)
    assert all("is done already" in line for line in said)
    said.clear()
    run_course({**TINY, "epochs": 1}, models=["lstm"], say=said.append)
    assert [("is done already" in line) for line in said] == [True, True, True, True, False, False]


def test_4_a_batch_holds_each_signer_out_in_turn_and_rebuilds_the_comparison(home):
    said = []
    run_each(TINY, choices=["ana", "eli"], models=["lstm"], jobs=2, say=said.append)
    assert sum("05_lstm" in line and "done in" in line for line in said) == 3
    assert "[3/3] 05_lstm, all signers known" in " ".join(said)
    results = (home / "outputs" / "tiny" / "report" / "results.csv").read_text()
    for signer in ("ana", "ben", "eli"):
        assert f"new signer,lstm,{signer}," in results
    assert "known signers,lstm,all," in results
    for name, count in (("05_lstm.ipynb", 1), ("05_lstm.held_out_ana.ipynb", 0)):
        executed = nbformat.read(home / "outputs" / "tiny" / "notebooks" / name, as_version=4)
        assert sum(cell.source.startswith("## Exercise 1") for cell in executed.cells) == count


def test_4b_shards_do_their_part_of_a_batch_and_a_last_call_builds_the_report(home):
    values = {**TINY, "run": "sharded", "epochs": 1}
    options = {"models": ["lstm"], "known_signers": False}
    with pytest.raises(BatchError, match="01_download must be done before shard 1/2.*--shard 0/2 first"):
        run_each(values, shard="1/2", say=lambda _: None, **options)
    said = []
    run_each(values, shard="0/2", say=said.append, **options)
    assert [line.split()[0] for line in said] == ["01_download", "02_extract_landmarks", "03_preprocess", "04_augment"]
    models = home / "outputs" / "sharded" / "lstm"
    run_each(values, shard="2/2", jobs=1, say=said.append, **options)
    assert [path.name for path in models.iterdir()] == ["held_out_ben"]
    run_each(values, shard="1/2", jobs=1, say=said.append, **options)
    assert sorted(path.name for path in models.iterdir()) == ["held_out_ana", "held_out_ben", "held_out_eli"]
    assert not (home / "outputs" / "sharded" / "report").exists()
    said.clear()
    run_each(values, say=said.append, **options)
    assert sum("is done already" in line for line in said) == 7
    assert (home / "outputs" / "sharded" / "report" / "results.csv").is_file()


def test_4c_the_workers_of_a_dask_cluster_execute_model_notebooks(home):
    from distributed import LocalCluster

    said = []
    values = {**TINY, "run": "sharded", "epochs": 2}
    options = {"choices": ["ana"], "models": ["lstm"], "known_signers": False, "shard": "1/1"}
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        run_each(values, scheduler=address, say=said.append, **options)
        assert said[-1] == "[1/1] 05_lstm, held out: ana  done"
        run_each(values, scheduler=address, say=said.append, **options)
        assert said[-1].endswith("is done already")
    metrics = json.loads((home / "outputs" / "sharded" / "lstm" / "held_out_ana" / "metrics.json").read_text())
    assert metrics["epochs"] == 2


def test_4f_a_data_set_gets_the_notebooks_that_suit_it():
    names = {
        dataset: [notebook.name for notebook in find_notebooks() if notebook.suits(get_dataset(dataset))]
        for dataset in ("demo", "fingerspelling", "asl_digits")
    }
    assert names["asl_digits"] == ["01_download", "08_alphabet_cnn"]
    assert "08_alphabet_cnn" in names["demo"]
    assert not {"08_alphabet_cnn", "10_video_networks"} & set(names["fingerspelling"])
    assert "05_lstm" in names["fingerspelling"]
    assert len(names["demo"]) == len(find_notebooks())


def test_4d_a_model_that_no_notebook_trains_is_refused_before_anything_runs(home):
    with pytest.raises(BatchError, match=r"No notebook trains a model 'gpt'\. There are: lstm"):
        run_each(TINY, models=["lstm", "gpt"], say=lambda _: pytest.fail("something ran"))


def test_4e_folds_hold_groups_of_signers_out_so_that_each_is_tested_once(home):
    said = []
    values = {**TINY, "run": "folded", "data_dir": "folded", "signers": ["ana", "ben", "eli", "fay"], "repetitions": 1}
    options = {"models": ["lstm"], "known_signers": False}
    run_each({**values, "epochs": 1, "own_epochs": 1}, folds=2, say=said.append, jobs=2, **options)
    assert sum("05_lstm, fold" in line and "done in" in line for line in said) == 2
    folders = sorted(path.name for path in (home / "outputs" / "folded" / "trees").iterdir())
    assert folders == ["held_out_ana+eli", "held_out_ben+fay"]
    with pytest.raises(SplitError, match="between 2 and the 4 signers"):
        run_each({**values, "epochs": 1, "own_epochs": 1}, folds=5, say=said.append, **options)


def test_5_plain_papermill_works_from_any_folder_with_a_shared_parameter_file(home, tmp_path):
    (tmp_path / "tiny.yaml").write_text('run: tiny\nepochs: 2\nsigns: ["YES", BOOK]\n')
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / "11_compare.ipynb"),
        "out.ipynb",
        "-f",
        "tiny.yaml",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 rows" not in (tmp_path / "out.ipynb").read_text()
    assert "held_out" in (tmp_path / "out.ipynb").read_text()


def test_6_a_batch_with_a_failing_run_finishes_the_others_and_says_so(home):
    path = home / "outputs" / "tiny" / "features.npz"
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    said = []
    options = {"choices": ["ana", "eli"], "models": ["lstm"], "known_signers": False}
    try:
        with pytest.raises(BatchError, match=r"(?s)2 of 2 runs failed.*features\.npz is not a file of features"):
            run_each({**TINY, "epochs": 3}, jobs=2, say=said.append, **options)
    finally:
        path.write_bytes(content)
    assert "11_compare" in said[-1]


def test_a_batch_of_an_unknown_parameter_and_an_unknown_key_are_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ASL_HOME", str(tmp_path))
    with pytest.raises(BatchError, match="--each must be test_signers"):
        run_each(TINY, each="epochs")
    with pytest.raises(ParameterError, match="epoch"):
        run_course({**TINY, "epoch": 3})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_notebooks_and_a_notebook_without_parameters_are_named(tmp_path):
    with pytest.raises(BatchError, match="no notebooks"):
        find_notebooks(tmp_path)
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "01_bare.ipynb")
    with pytest.raises(BatchError, match="one cell tagged 'parameters'"):
        find_notebooks(tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_keeps_the_shape_of_the_course(path):
    notebook = nbformat.read(path, as_version=4)
    code = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    assert len(code) <= 25
    assert notebook.cells[0].source.startswith(f"# {path.name[:2]} · ")
    tags = [tag for _, cell in code for tag in cell.metadata.get("tags", [])]
    assert tags.count("parameters") == 1
    assert tags.count("solution") >= 1
    for index, cell in code:
        if "parameters" in cell.metadata.get("tags", []):
            assert all("#" in line for line in cell.source.splitlines()), "every parameter has its comment"
        else:
            assert len(cell.source.splitlines()) <= 15, cell.source
        assert cell.execution_count, f"cell {index} has no stored output: run `make notebooks`"
        assert not [output for output in cell.outputs if output.output_type == "error"]
    assert path.stat().st_size < 600 * 1024
    assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_the_demo_s_parameter_file_is_the_notebooks_default():
    from asl_lib.params import Params

    assert load_parameters(ROOT / "params" / "demo.yaml") == Params()
