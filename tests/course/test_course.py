"""The course on a tiny demo with all signers known: real rendering, real tracking, real training, real notebooks.

How runs are planned, skipped and repeated is tested with notebooks of a few lines, in test_batch.py.
`make test-notebooks` executes all notebooks, with signers held out.
"""

import json
import subprocess
import sys

import nbformat
import pytest

from asl_lib.course.batch import planned_runs, run_course
from asl_lib.course.notebooks import BatchError
from tests.conftest import ROOT

TINY = {
    "run": "tiny",
    "signs": ["YES", "BOOK"],
    "signers": ["ana", "ben", "eli"],
    "repetitions": 2,
    "split": "random",
    "epochs": 2,
    "patience": 2,
    "own_epochs": 2,
}

SOME = {"notebooks": ["01", "02", "03", "11"], "models": ["attention_lstm"]}


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
        run_course({**TINY, "split": "signer", "test_signers": ["nobody"]}, **SOME, log=said.append)
    text = str(caught.value)
    assert "03_preprocess failed" in text
    assert "outputs/tiny/notebooks/03_preprocess.ipynb" in text
    assert "no signer 'nobody' to hold out. The clips have: ana, ben, eli" in text
    assert [line.split()[1] for line in said] == ["01_download", "02_extract_landmarks", "03_preprocess"]
    assert (home / "outputs" / "tiny" / "notebooks" / "03_preprocess.ipynb").is_file()


def test_2_the_course_runs_from_rendered_clips_to_a_trained_model_and_keeps_what_was_done(home):
    said = []
    run_course(TINY, **SOME, log=said.append)
    assert [("is done already" in line) for line in said] == [True, True, *[False] * 3]
    folder = home / "outputs" / "tiny" / "attention_lstm" / "split_random"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n"] == 3
    assert metrics["split"] == "random"
    assert 0 <= metrics["interval"][0] <= metrics["accuracy"] <= metrics["interval"][1] <= 1
    for name in ("model.keras", "recipe.json", "history.csv", "predictions.csv"):
        assert (folder / name).stat().st_size > 0
    assert "known signers,attention_lstm,all," in (home / "outputs" / "tiny" / "report" / "results.csv").read_text()
    executed = nbformat.read(home / "outputs" / "tiny" / "notebooks" / "model_attention_lstm.ipynb", as_version=4)
    assert any("image/png" in output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", []))


def test_3_a_second_run_does_nothing_and_a_changed_parameter_only_what_depends_on_it(home):
    said = []
    run_course(TINY, **SOME, log=said.append)
    assert all("is done already" in line for line in said), said

    def keys(values):
        """Return the hashes that decide what is done again, by notebook."""
        return {run.notebook.name[:2]: run.key for run in planned_runs(values)}

    before, after = keys(TINY), keys({**TINY, "epochs": 1})
    assert [name for name in before if before[name] == after[name]] == ["01", "02", "03", "04", "10"]


def test_4_plain_papermill_works_from_any_folder_with_a_shared_parameter_file(home, tmp_path):
    (tmp_path / "tiny.yaml").write_text('run: tiny\nepochs: 2\nsplit: random\nsigns: ["YES", BOOK]\n')
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / "04_augment.ipynb"),
        "out.ipynb",
        "-f",
        "tiny.yaml",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "training clips: (" in (tmp_path / "out.ipynb").read_text(), "of the run 'demo' there are none here"
