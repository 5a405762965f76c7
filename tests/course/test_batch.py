"""Which notebooks run with which parameters, and what is not done twice: on a course of four short notebooks.

Their cells are executed `kernelless`, but by a Dask cluster; papermill and its kernels are in test_course.py.
"""

import ast
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from asl_lib._util.paths import project_folder
from asl_lib.course import batch, notebooks
from asl_lib.course.batch import in_order, longest_first, planned_runs, run_batch, run_course
from asl_lib.course.notebooks import EXERCISE_TAGS, BatchError, Run, find_notebooks
from asl_lib.course.params import ParameterError, Params, check_parameters, read_yaml
from asl_lib.data.registry import get_dataset
from tests.conftest import ROOT
from tests.course.kernelless import run_without_kernel

VALUES = {"run": "short", "signers": ["ana", "ben", "eli"], "test_signers": ["ben"], "epochs": 2}
OPTIONS = {"models": ["lstm"], "known_signers": False}

HEAD = """
from asl_lib.course.params import read_parameters
params = read_parameters(globals())
"""
SHORT_COURSE = {
    "01_clips": {
        "stage": "prepare",
        "results": ["{dataset_dir}/clips.csv"],
        "parameters": ["signers = []  # all"],
        "cell": """
from asl_lib.data.clips import make_clips, write_clips
rows = [{"clip_id": f"{s}-{g}", "path": "a.mp4", "gloss": g, "signer": s} for s in params.signers for g in "AB"]
write_clips(make_clips(rows), params.dataset_dir / "clips.csv")
""",
    },
    "03_features": {
        "stage": "prepare",
        "results": ["{run_dir}/features.csv"],
        "parameters": ["run = 'demo'  # name", "test_signers = ['ben']  # held out"],
        "cell": """
from asl_lib.data.clips import read_clips
clips = read_clips(params.dataset_dir / "clips.csv")
assert set(params.test_signers) <= set(clips.signer), f"no signer {params.test_signers[0]} to hold out"
params.run_dir.mkdir(parents=True, exist_ok=True)
clips.to_csv(params.run_dir / "features.csv")
""",
    },
    "05_model": {
        "stage": "model",
        "results": ["{run_dir}/lstm/{held_out}/metrics.json"],
        "parameters": [
            "run = 'demo'  # name",
            "split = 'signer'  # how",
            "test_signers = ['ben']  # held out",
            "epochs = 5  # few",
            "seed = 42  # of all",
        ],
        "cell": """
import numpy as np
import pandas as pd
from asl_lib.evaluation.metrics import Evaluation
table = pd.read_csv(params.run_dir / "features.csv")
if params.split == "signer":
    table = table[table.signer.isin(params.test_signers)]
assert table.gloss.notna().all(), "the features are damaged"
about = {"signers": table.signer.to_numpy(str), "clip_ids": table.clip_id.to_numpy(str)}
flat, y = np.full((len(table), 2), 0.5), (table.gloss == "B").to_numpy(int)
evaluation = Evaluation.from_arrays(flat, y, glosses=["A", "B"], **about)
about = {"split": params.split, "test_signers": params.test_signers, "epochs": params.epochs, "seed": params.seed}
evaluation.save(params.model_dir("lstm"), model="lstm", **about)
""",
        "solution": '(params.run_dir / "solved.txt").write_text("by the exercise")',
    },
    "11_report": {
        "stage": "report",
        "results": ["{run_dir}/report/results.csv"],
        "parameters": ["run = 'demo'  # name"],
        "cell": """
from asl_lib.evaluation.results import collect_results
(params.run_dir / "report").mkdir(exist_ok=True)
collect_results(params.run_dir).to_csv(params.run_dir / "report" / "results.csv", index=False)
""",
    },
}


def write_short_course(folder):
    """Write the four notebooks: the plan of the course, with hardly anything to compute."""
    folder.mkdir(parents=True)
    for name, about in SHORT_COURSE.items():
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata["asl"] = {"stage": about["stage"], "results": about["results"]}
        notebook.cells = [
            nbformat.v4.new_code_cell("\n".join(about["parameters"]), metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(HEAD + about["cell"]),
        ]
        if "solution" in about:
            notebook.cells += [
                nbformat.v4.new_markdown_cell("## Exercise 1", metadata={"tags": ["exercise"]}),
                nbformat.v4.new_code_cell(about["solution"], metadata={"tags": ["solution"]}),
            ]
        nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A folder with the short course, executed once from the first notebook to the last."""
    folder = tmp_path_factory.mktemp("short")
    write_short_course(folder / "notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASL_HOME", str(folder))
        patch.setattr(notebooks, "course_folder", lambda: folder)
        patch.setattr(notebooks.subprocess, "run", run_without_kernel)
        run_course(VALUES, log=lambda _: None)
    return folder


@pytest.fixture
def course(executed, tmp_path, monkeypatch):
    """A copy of the executed course, for one test to do with as it likes."""
    folder = tmp_path / "course"
    shutil.copytree(executed, folder)
    monkeypatch.setenv("ASL_HOME", str(folder))
    monkeypatch.setattr(notebooks, "course_folder", lambda: folder)
    return folder


@pytest.fixture
def kernelless(monkeypatch):
    """Execute the cells in this process."""
    monkeypatch.setattr(notebooks.subprocess, "run", run_without_kernel)


@pytest.fixture
def papermill(monkeypatch):
    """Put a papermill in place that fails with the given messages, one a call, and then succeeds; return its calls."""

    def pretend(*errors):
        waiting, calls = list(errors), []

        def run(command, **options):
            calls.append(Path(command[3]).stem)
            error = waiting.pop(0) if waiting else ""
            return subprocess.CompletedProcess(command, int(bool(error)), "", error)

        monkeypatch.setattr(notebooks.subprocess, "run", run)
        return calls

    return pretend


def news(said):
    """Return what was said: which notebook, and whether it was done, was done already, or failed."""
    kinds = {"is done already": "kept", "done in": "done", "FAILED": "failed"}
    names = [next(part for part in line.split() if part[:2].isdigit()).strip(",") for line in said]
    return [
        (name, next(kinds[words] for words in kinds if words in line)) for name, line in zip(names, said, strict=True)
    ]


def test_an_executed_notebook_is_not_executed_again_even_from_another_folder(course, papermill):
    said, calls = [], papermill()
    run_course(VALUES, log=said.append)
    assert news(said) == [(name, "kept") for name in SHORT_COURSE]
    assert calls == []


def test_changed_parameters_lost_results_and_changed_cells_redo_only_what_depends_on_them(course, kernelless):
    said = []
    run_course({**VALUES, "epochs": 3}, log=said.append)
    kept, done = ("01_clips", "kept"), ("11_report", "done")
    assert news(said) == [kept, ("03_features", "kept"), ("05_model", "done"), done]
    metrics = course / "outputs" / "short" / "lstm" / "held_out_ben" / "metrics.json"
    assert json.loads(metrics.read_text())["epochs"] == 3

    said.clear()
    metrics.unlink()
    run_course({**VALUES, "epochs": 3}, log=said.append)
    assert news(said) == [kept, ("03_features", "kept"), ("05_model", "done"), ("11_report", "kept")]

    said.clear()
    path = course / "notebooks" / "11_report.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source += "\n# changed"
    nbformat.write(notebook, path)
    run_course({**VALUES, "epochs": 3}, log=said.append)
    assert news(said) == [kept, ("03_features", "kept"), ("05_model", "kept"), done]


def test_a_forced_run_executes_finished_notebooks_again(course, papermill):
    said, calls = [], papermill()
    run_course(VALUES, force=True, log=said.append)
    assert news(said) == [(name, "done") for name in SHORT_COURSE]
    assert calls == [*SHORT_COURSE]


def test_no_notebook_is_started_after_a_failure(course, kernelless):
    said = []
    with pytest.raises(
        BatchError, match=r"(?s)03_features failed.*outputs/other/notebooks.*no signer nobody to hold out"
    ):
        run_course({**VALUES, "run": "other", "test_signers": ["nobody"]}, log=said.append)
    assert news(said) == [("01_clips", "done"), ("03_features", "failed")]


def test_models_are_trained_in_parallel_and_all_of_them_end_before_a_failure_stops_the_run(course, papermill):
    path = course / "notebooks" / "05_model.ipynb"
    shutil.copy(path, path.with_name("06_model.ipynb"))
    said, calls = [], papermill("", "", "Exception encountered at: a cell")
    with pytest.raises(BatchError, match="06_model failed"):
        run_course(VALUES, force=True, jobs=1, log=said.append)
    models = [("06_model", "failed"), ("05_model", "done")]
    assert news(said) == [("01_clips", "done"), ("03_features", "done"), *models]
    assert calls == ["01_clips", "03_features", "06_model", "05_model"]


def test_the_report_and_live_notebooks_run_in_parallel_and_fail_independently(course, papermill):
    path = course / "notebooks" / "11_report.ipynb"
    shutil.copy(path, path.with_name("12_live.ipynb"))
    said, calls = [], papermill("", "", "", "Exception encountered at: a cell")
    with pytest.raises(BatchError, match="12_live failed"):
        run_course(VALUES, force=True, jobs=1, log=said.append)
    assert calls[-2:] == ["12_live", "11_report"]
    assert news(said)[-2:] == [("12_live", "failed"), ("11_report", "done")]


def test_no_notebook_waits_for_one_without_results(course, papermill):
    path = course / "notebooks" / "03_features.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["asl"]["results"] = []
    nbformat.write(notebook, path.with_name("04_look.ipynb"))
    said, calls = [], papermill()
    run_course(VALUES, jobs=1, log=said.append)
    assert calls == ["04_look"]
    assert news(said)[2:] == [("05_model", "kept"), ("11_report", "kept"), ("04_look", "done")]


def test_after_a_failure_of_a_notebook_without_results_the_rest_is_executed(course, papermill):
    path = course / "notebooks" / "03_features.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["asl"] |= {"results": [], "minutes": 1}
    nbformat.write(notebook, path.with_name("04_look.ipynb"))
    calls = papermill("", "", "Exception encountered at: a cell")
    with pytest.raises(BatchError, match="04_look failed"):
        run_course(VALUES, force=True, jobs=1, log=lambda _: None)
    assert calls == ["01_clips", "03_features", "04_look", "05_model", "11_report"]


def test_only_the_requested_notebooks_are_executed(course, papermill):
    calls = papermill()
    run_course(VALUES, notebooks=["3", "01_clips"], force=True, log=lambda _: None)
    assert calls == ["01_clips", "03_features"]
    with pytest.raises(BatchError, match=r"There is no notebook '07'. There are: 01_clips, 03_features"):
        run_course(VALUES, notebooks=["07"], log=lambda _: pytest.fail("something ran"))


def test_a_requested_notebook_is_the_one_of_the_whole_course_unless_what_it_needs_is_not_done(course, kernelless):
    def run_again(*wanted):
        said = []
        run_course(VALUES, notebooks=wanted, jobs=1, log=said.append)
        return news(said)

    assert run_again("05") == [("05_model", "kept")]
    assert run_again("11") == [("11_report", "kept")]
    path = course / "notebooks" / "03_features.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source += "\n# changed"
    nbformat.write(notebook, path)
    assert run_again("05") == [("05_model", "done")], "with the features that are there"
    rest = ["03_features", "05_model", "11_report"]
    assert run_again() == [("01_clips", "kept"), *[(name, "done") for name in rest]], "05 had the former features"
    assert run_again("05", "01") == [("01_clips", "kept"), ("05_model", "kept")]


def test_a_requested_notebook_waits_for_another_that_it_needs_only_indirectly(course, monkeypatch):
    first, ended = threading.Event(), []

    def execute(run, **options):
        if run.notebook.name == "05_model":
            first.set()
        else:
            first.wait(1)
        ended.append(run.notebook.name)

    monkeypatch.setattr(Run, "execute", execute)
    run_course(VALUES, notebooks=["01", "05"], force=True, jobs=2, log=lambda _: None)
    assert ended == ["01_clips", "05_model"]


def test_a_run_of_the_demo_estimates_its_total_and_remaining_time(course, papermill, monkeypatch):
    minutes = {"01_clips": 1, "03_features": 2, "05_model": 4, "11_report": 1}
    for name, about in minutes.items():
        path = course / "notebooks" / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["asl"]["minutes"] = about
        nbformat.write(notebook, path)
    values, now = {"run": "short", "test_signers": ["ben"]}, [0.0]

    def execute(run, **options):
        now[0] += 60 * 2 * minutes.get(run.notebook.name, 5)  # on a computer that takes twice as long

    def clocks(values, **options):
        said, now[0] = [], 0.0
        run_course(values, force=True, log=said.append, **options)
        return [line.partition(" s ")[2] or line for line in said]

    monkeypatch.setattr(Run, "execute", execute)
    monkeypatch.setattr("asl_lib.course.batch.time.monotonic", lambda: now[0])
    about = "4 notebooks: about 8 minutes, less where some are done already"
    clock = ["[2:00, about 14 min left]", "[6:00, about 10 min left]", "[14:00, about 2 min left]", "[16:00]"]
    assert clocks(values, jobs=1) == [about, *clock]
    assert clocks(values, jobs=16) == [about, *clock], "each waits for the one before"
    untimed = clocks(values, models=["lstm", "tcn"], jobs=1)
    assert untimed[3:5] == ["[14:00, about 2 min left]", "[24:00, about 2 min left]"], "model.ipynb states no minutes"
    assert clocks(VALUES, jobs=1)[0] == "[2:00]", "of other clips than the demo's nobody knows how long they take"


@pytest.mark.parametrize(("jobs", "total"), [(1, 21), (2, 14), (16, 14)])
def test_the_estimate_is_at_least_the_time_of_the_notebooks_that_wait_for_each_other(
    longer_course, monkeypatch, jobs, total
):
    for path in (longer_course / "notebooks").iterdir():
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["asl"]["minutes"] = {"01": 1, "03": 2, "05": 9, "08": 1, "10": 4, "11": 2, "13": 2}[
            path.name[:2]
        ]
        nbformat.write(notebook, path)
    said = []
    monkeypatch.setattr(Run, "execute", lambda run, **options: None)
    values = {"run": "short", "test_signers": ["ben"], "live_model": "lstm"}
    run_course(values, force=True, jobs=jobs, log=said.append)
    assert said[0].startswith(f"7 notebooks: about {total} minutes")


@pytest.fixture
def longer_course(course):
    """The short course with notebooks that need less than all that comes before them."""

    def write(source, name, **about):
        notebook = nbformat.read(course / "notebooks" / f"{source}.ipynb", as_version=4)
        notebook.metadata["asl"] |= about
        nbformat.write(notebook, course / "notebooks" / f"{name}.ipynb")

    write("01_clips", "01_clips", subject="any")
    write("05_model", "08_letters", subject="photographs", results=[])
    write("05_model", "10_videos", subject="videos", results=[])
    write("11_report", "13_words", stage="live", results=[], needs=["{live_model}"])
    write("05_model", "05_model", minutes=9)
    return course


def test_a_notebook_is_executed_as_soon_as_those_that_it_needs_are_done(longer_course, monkeypatch):
    beside = {"01_clips": "08_letters", "08_letters": "03_features", "03_features": "10_videos"}
    beside |= {"10_videos": "13_words", "13_words": "11_report"}
    started, threads = {name: threading.Event() for name in [*beside, "05_model", "11_report"]}, {}

    def execute(run, **options):
        name = run.notebook.name
        started[name].set()
        threads[name] = options["threads"]
        assert name not in beside or started[beside[name]].wait(20), f"{beside[name]} waits for {name}"

    monkeypatch.setattr(Run, "execute", execute)
    run_course({**VALUES, "live_model": "lstm"}, force=True, jobs=2, log=lambda _: None)
    assert set(threads.values()) == {notebooks.network_threads(jobs=2)}


def test_while_other_work_has_the_cores_one_notebook_is_executed_at_a_time(longer_course, monkeypatch):
    monkeypatch.setattr(batch, "ASK_AGAIN_S", 0.01)
    runs = longest_first(planned_runs({**VALUES, "live_model": "lstm"}))
    running, most, ended, two = set(), {False: 0, True: 0}, threading.Event(), threading.Event()

    def do(run):
        running.add(run)
        most[ended.is_set()] = max(most[ended.is_set()], len(running))
        if len(running) == 2:
            two.set()
        if run is runs[2]:  # the other work ends while it is executed, and others wait
            time.sleep(50 * batch.ASK_AGAIN_S)
            ended.set()
            assert two.wait(60), "no other one was started"
        running.remove(run)

    assert in_order(runs, do, jobs=2, busy=lambda: 0 if ended.is_set() else 1) == []
    assert most == {False: 1, True: 2}


@pytest.mark.parametrize(("live_model", "rest"), [("lstm", "13 10 11 08"), ("tcn", "10 11 08 13")])
def test_a_live_notebook_waits_for_all_models_if_one_that_it_needs_is_not_trained(
    longer_course, papermill, live_model, rest
):
    calls = papermill()
    run_course({**VALUES, "live_model": live_model}, force=True, jobs=1, log=lambda _: None)
    assert [name[:2] for name in calls] == ["01", "03", "05", *rest.split()]


def test_the_models_that_a_notebook_needs_are_trained_by_others():
    found = find_notebooks(ROOT / "notebooks")
    trained = {model for notebook in found for model in notebook.models}
    needed = {model for notebook in found for model in notebook.needs}
    assert set() < needed - {"{live_model}"} < trained


def test_a_changed_notebook_is_executed_again_with_those_that_need_it_and_no_other(longer_course, kernelless):
    def run_again(changed):
        path = longer_course / "notebooks" / f"{changed}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[1].source += "\n# changed"
        nbformat.write(notebook, path)
        said = []
        run_course({**VALUES, "live_model": "lstm"}, jobs=1, log=said.append)
        return {name for name, what in news(said) if what == "done"}

    run_course({**VALUES, "live_model": "lstm"}, log=lambda _: None)
    everything = {"01_clips", "03_features", "05_model", "08_letters", "10_videos", "11_report", "13_words"}
    assert run_again("08_letters") == {"08_letters"}
    assert run_again("01_clips") == everything - {"08_letters"}
    assert run_again("03_features") == everything - {"01_clips", "08_letters", "10_videos"}
    assert run_again("10_videos") == {"10_videos", "11_report"}
    assert run_again("05_model") == {"05_model", "11_report", "13_words"}


def test_after_a_failure_of_the_preparation_nothing_is_started(longer_course, monkeypatch):
    started, failed = [], threading.Event()

    def execute(run, **options):
        started.append(run.output.stem)
        if run.notebook.name == "01_clips":
            failed.set()
            raise BatchError("01_clips failed")
        assert failed.wait(20)
        time.sleep(0.5)  # ends after the failure

    monkeypatch.setattr(Run, "execute", execute)
    with pytest.raises(BatchError, match="01_clips failed"):
        run_course({**VALUES, "seeds": [1, 2]}, force=True, jobs=2, log=lambda _: None)
    assert sorted(started) == ["01_clips", "08_letters.seed_2"]


def test_a_batch_holds_each_signer_out_in_turn_and_rebuilds_the_report(course, kernelless):
    said = []
    run_batch(VALUES, models=["lstm"], jobs=2, log=said.append)
    assert sorted(news(said)) == sorted(
        [("01_clips", "kept"), ("03_features", "kept"), *[("05_model", "done")] * 4, ("11_report", "done")]
    )
    assert "[4/4] 05_model, all signers known" in " ".join(said)
    results = (course / "outputs" / "short" / "report" / "results.csv").read_text()
    for signer in ("ana", "ben", "eli"):
        assert f"new signer,lstm,{signer}," in results
    assert "known signers,lstm,all," in results


def test_exercises_are_left_to_the_reader(course, kernelless):
    path = course / "notebooks" / "05_model.ipynb"
    notebook = nbformat.read(path, as_version=4)
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert tags == ["parameters", "exercise", "solution"]
    executed = nbformat.read(course / "outputs" / "short" / "notebooks" / "05_model.ipynb", as_version=4)
    assert not any("solution" in cell.metadata.get("tags", []) for cell in executed.cells)
    assert not (course / "outputs" / "short" / "solved.txt").exists()
    notebook.cells[-1].source = "raise AssertionError('the answer is wrong')"
    nbformat.write(notebook, path)
    said = []
    run_course(VALUES, log=said.append)
    assert {what for _, what in news(said)} == {"kept"}, "no result depends on an exercise"


def test_every_seed_trains_each_model_once_and_the_report_has_one_row_for_all(course, kernelless):
    said, values = [], {**VALUES, "seeds": [1, 2]}
    run_course(values, jobs=1, log=said.append)
    trained = [("05_model.seed_2", "done"), ("05_model.seed_1", "done")]
    assert news(said) == [("01_clips", "kept"), ("03_features", "kept"), *trained, ("11_report", "done")]
    run_dir = course / "outputs" / "short"
    for seed in (1, 2):
        metrics = json.loads((run_dir / "lstm" / f"held_out_ben.seed_{seed}" / "metrics.json").read_text())
        assert metrics["seed"] == seed
    (run_dir / "lstm" / "held_out_ben" / "metrics.json").unlink()  # of the course without seeds
    said.clear()
    run_batch(values, held_out=["ben", "ana"], known_signers=False, jobs=1, log=said.append)
    assert [kind for name, kind in news(said) if name == "05_model"] == ["done"] * 4
    assert any("held out: ana, seed 2" in line for line in said)
    report = pd.read_csv(run_dir / "report" / "results.csv")
    assert report[["held_out", "seeds"]].values.tolist() == [["ana", 2], ["ben", 2]]


def test_shards_of_a_batch_share_the_work_and_a_last_call_builds_the_report(course, kernelless):
    values, said = {**VALUES, "run": "sharded"}, []
    with pytest.raises(BatchError, match="01_clips must be done before shard 1/2.*--shard 0/2 first"):
        run_batch(values, shard="1/2", log=lambda _: None, **OPTIONS)
    run_batch(values, shard="0/2", log=said.append, **OPTIONS)
    assert news(said[:2]) == [("01_clips", "done"), ("03_features", "done")]
    assert said[2:] == ["Prepared. Model runs to do: 3. As many shards give each its own: sbatch --array=1-3"]
    models = course / "outputs" / "sharded" / "lstm"
    run_batch(values, shard="2/2", jobs=1, log=said.append, **OPTIONS)
    assert [path.name for path in models.iterdir()] == ["held_out_ben"]
    run_batch(values, shard="1/2", jobs=1, log=said.append, **OPTIONS)
    assert sorted(path.name for path in models.iterdir()) == ["held_out_ana", "held_out_ben", "held_out_eli"]
    assert not (course / "outputs" / "sharded" / "report").exists()
    said.clear()
    run_batch(values, shard="5/5", log=said.append, **OPTIONS)
    assert said[2:] == ["There is nothing in shard 5/5: there are fewer runs than shards."]
    said.clear()
    run_batch(values, log=said.append, **OPTIONS)
    assert [what for _, what in news(said)] == ["kept"] * 5 + ["done"]
    assert (course / "outputs" / "sharded" / "report" / "results.csv").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pthread_kill")
def test_an_interrupted_batch_starts_no_further_run_and_can_be_resumed(course, kernelless, monkeypatch):
    started, execute = [], Run.execute

    def interrupt(run, **options):
        if run.notebook.stage == "model":
            started.append(run.suffix)
            if len(started) == 1:
                time.sleep(1)  # until the main thread waits
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        execute(run, **options)

    monkeypatch.setattr(Run, "execute", interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs without it
    with pytest.raises(KeyboardInterrupt):
        run_batch(VALUES, jobs=1, log=lambda _: None, **OPTIONS)
    signal.signal(signal.SIGINT, before)
    assert started == [".held_out_ana"], "what waited for its turn was started after the interruption"
    run_batch(VALUES, jobs=1, log=lambda _: None, **OPTIONS)
    assert started == [".held_out_ana", ".held_out_ben", ".held_out_eli"], "what was finished is kept"


def test_the_workers_of_a_dask_cluster_execute_model_notebooks(course):
    from distributed import LocalCluster

    said = []
    options = {**OPTIONS, "held_out": ["ana", "eli"], "shard": "1/1"}
    (course / "outputs" / "short" / "features.csv").write_text("clip_id,gloss,signer\n1,A,ana\n2,,eli\n")
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(BatchError, match=r"(?s)1 of 2 runs failed.*the features are damaged"):
            run_batch(VALUES, scheduler=address, log=said.append, **options)
        assert {"[1/2] 05_model, held out: ana  done", "[2/2] 05_model, held out: eli  FAILED"} <= set(said)
        run_batch(VALUES, scheduler=address, log=said.append, **{**options, "held_out": ["ana"]})
        assert said[-1] == "[1/1] 05_model, held out: ana  is done already"
    metrics = json.loads((course / "outputs" / "short" / "lstm" / "held_out_ana" / "metrics.json").read_text())
    assert metrics["epochs"] == 2


def test_folds_hold_out_groups_of_signers_and_test_each_signer_once(course, kernelless):
    said = []
    values = {**VALUES, "run": "folded", "signers": ["ana", "ben", "eli", "fay"]}
    run_batch(values, folds=2, log=said.append, jobs=2, **OPTIONS)
    assert sum("05_model, fold" in line and "done in" in line for line in said) == 2
    folders = sorted(path.name for path in (course / "outputs" / "folded" / "lstm").iterdir())
    assert folders == ["held_out_ana+eli", "held_out_ben+fay"]
    with pytest.raises(ValueError, match="between 2 and the 4 signers"):
        run_batch(values, folds=5, log=said.append, **OPTIONS)


def test_a_batch_with_a_failing_run_finishes_the_others_and_says_so(course, kernelless):
    said = []
    features = course / "outputs" / "short" / "features.csv"
    features.write_text(features.read_text().replace("B,eli", ",eli"))
    with pytest.raises(BatchError, match=r"(?s)1 of 3 runs failed; the rest is done.*the features are damaged"):
        run_batch({**VALUES, "epochs": 3}, jobs=2, log=said.append, **OPTIONS)
    assert [what for name, what in news(said) if name == "05_model"].count("done") == 2
    assert news(said)[-1] == ("11_report", "done")
    for signer, done in (("ana", True), ("ben", True), ("eli", False)):
        assert (course / "outputs" / "short" / "lstm" / f"held_out_{signer}" / "metrics.json").is_file() == done


def test_a_kernel_that_does_not_start_is_retried_once_and_a_failing_cell_is_not(course, papermill):
    values = {**VALUES, "epochs": 7}
    for error, tries in (("ValueError: in a cell", 1), ("RuntimeError: Kernel died before replying to kernel_info", 2)):
        calls = papermill(*[error] * tries)
        with pytest.raises(BatchError, match=error):
            run_course(values, log=lambda _: None)
        assert calls == ["05_model"] * tries
    calls = papermill("zmq.error.ZMQError: Address already in use")
    run_course(values, log=lambda _: None)
    assert calls == ["05_model", "05_model", "11_report"]


def test_a_model_that_no_notebook_trains_is_refused_before_anything_runs(course):
    for models in (["gpt"], ["lstm", "gpt"]):
        with pytest.raises(BatchError, match=r"There is no model 'gpt' to train on demo\. There are: lstm"):
            run_batch(VALUES, models=models, log=lambda _: pytest.fail("something ran"))


def test_a_data_set_gets_the_notebooks_that_suit_it():
    names = {
        dataset: [notebook.name for notebook in find_notebooks() if notebook.suits(get_dataset(dataset))]
        for dataset in ("demo", "fingerspelling", "asl_digits")
    }
    assert names["asl_digits"] == ["01_download", "08_alphabet_cnn"]
    assert "08_alphabet_cnn" in names["demo"]
    assert not {"08_alphabet_cnn", "10_video_networks"} & set(names["fingerspelling"])
    assert "05_lstm" in names["fingerspelling"]
    assert len(names["demo"]) == len(find_notebooks())


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ASL_HOME", str(tmp_path))
    with pytest.raises(ParameterError, match="epoch"):
        run_course({**VALUES, "epoch": 3})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_notebooks_and_a_notebook_without_parameters_are_named(tmp_path):
    with pytest.raises(BatchError, match="no notebooks"):
        find_notebooks(tmp_path)
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "01_bare.ipynb")
    with pytest.raises(BatchError, match="one cell tagged 'parameters'"):
        find_notebooks(tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_follows_the_course_s_structure(path):
    notebook = nbformat.read(path, as_version=4)
    code = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    most = 31 if path.stem.startswith("13") else 25  # 13 has two topics, and is long: make two notebooks of it
    beside = EXERCISE_TAGS | {"quiz"}
    assert len([cell for _, cell in code if beside.isdisjoint(cell.metadata.get("tags", []))]) <= most
    assert notebook.cells[0].source.startswith(f"# {path.name[:2]} · ")
    assert 0 < notebook.metadata["asl"]["minutes"] <= 10, "how long it takes in `make demo`"
    tags = [tag for _, cell in code for tag in cell.metadata.get("tags", [])]
    assert tags.count("parameters") == 1
    assert tags.count("solution") >= 1
    for index, cell in code:
        if "parameters" in cell.metadata.get("tags", []):
            assert all("#" in line for line in cell.source.splitlines()), "every parameter has its comment"
        else:
            of_exercise = not EXERCISE_TAGS.isdisjoint(cell.metadata.get("tags", []))
            assert len(cell.source.splitlines()) <= (30 if of_exercise else 15), cell.source
        assert cell.execution_count, f"cell {index} has no stored output: run `make notebooks`"
        assert not [output for output in cell.outputs if output.output_type == "error"]
    assert path.stat().st_size < 600 * 1024
    assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_the_demo_s_parameter_file_equals_the_notebooks_defaults():
    assert check_parameters(read_yaml(ROOT / "params" / "demo.yaml")) == Params()


def defaults(path):
    """Return the values in the `parameters` cell of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    [cell] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    return {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(cell.source).body}


def test_a_model_without_a_notebook_of_its_own_is_trained_and_found_with_the_default_parameters():
    from asl_lib.course.params import Params

    given = defaults(ROOT / "asl_lib" / "course" / "model.ipynb")
    del given["model"]
    assert {name: getattr(Params(), name) for name in given} == given


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_s_results_are_where_batches_look_for_them(path):
    from asl_lib.course.params import Params

    places = {"run", "dataset", "data_dir", "output_dir", "split", "test_signers", "seed"}
    given = {name: value for name, value in defaults(path).items() if name in places}
    assert {name: getattr(Params(), name) for name in given} == given


def test_make_try_is_small_and_leaves_the_demo_s_clips_and_results_alone():
    first, demo = check_parameters(read_yaml(ROOT / "params" / "try.yaml")), Params()
    assert first.dataset == demo.dataset
    assert not first.dataset_dir.is_relative_to(demo.dataset_dir)
    assert not demo.dataset_dir.is_relative_to(first.dataset_dir)
    assert first.run_dir != demo.run_dir
    assert len(first.signs) * len(first.signers) * first.repetitions <= 60, "clips, each of which takes a second"
    assert set(first.test_signers) < set(first.signers)
    command = f"run params/try.yaml --notebooks 01,02,03 --models {first.live_model}"
    makefile = (ROOT / "Makefile").read_text()
    assert command in makefile
    folder = first.model_dir(first.live_model).relative_to(project_folder())
    assert f"TRIED := {folder.as_posix()}\n" in makefile, "what comes next"
