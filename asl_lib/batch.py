"""Notebooks times parameters: papermill runs, each in a process of its own, and one report."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import nbformat
import yaml

from asl_lib.datasets import Dataset, get_dataset
from asl_lib.files import write_json
from asl_lib.params import Params, check_parameters, project_folder, relative

# Kernels that start at the same moment sometimes pick the same port; nothing is lost by trying again.
KERNEL_START_ERRORS = ("Kernel died before replying", "Address already in use", "Kernel didn't respond")
STAGES = ("prepare", "model", "report", "live")
EXERCISE_TAGS = frozenset({"exercise", "solution", "check"})
"""Tags of the cells of an exercise: its text and the reader's own code, the solution, the check of both."""


class BatchError(RuntimeError):
    """A notebook that failed; the message holds its traceback and where the executed copy lies."""


def say_line(line: str) -> None:
    """Print one line at once: `print` writes its end apart, and lines of runs side by side would mix."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Notebook:
    """One notebook of the course, with what its metadata and its `parameters` cell say.

    Attributes:
        path: the notebook.
        stage: "prepare" (once per data set), "model" (once per held-out signer), "report" (after them) or "live" (last,
            and not in batches).
        parameters: names in its `parameters` cell.
        subject: what it is about: "clips", "videos" (clips that do not come as landmarks only), "photographs" or "any"
            data set.
        results: files that it leaves, with {dataset_dir}, {run_dir} and {held_out} to fill in.
    """

    path: Path
    stage: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    subject: str = "clips"

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def models(self) -> list[str]:
        """The models that it trains: the folders of its results."""
        places = (Path(pattern).parts for pattern in self.results)
        return list(dict.fromkeys(parts[parts.index("{held_out}") - 1] for parts in places if "{held_out}" in parts))

    def suits(self, dataset: Dataset) -> bool:
        """Say whether there is anything in the data set for this notebook to work on."""
        if self.subject == "photographs":
            return dataset.photographs() is not None
        if self.subject == "videos":
            return dataset.has_videos
        return self.subject == "any" or dataset.kind != "photographs"


def find_notebooks(folder: str | Path | None = None) -> list[Notebook]:
    """Return the numbered notebooks of a folder, in order; by default the course's.

    Raises:
        BatchError: there are none, or one lacks its `parameters` cell or stage.
    """
    folder = Path(folder) if folder else course_folder() / "notebooks"
    notebooks = [_read_notebook(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    if not notebooks:
        raise BatchError(f"There are no notebooks in {folder}. Run this in the course's folder, where README.md is.")
    return notebooks


def course_folder() -> Path:
    """Return the folder that holds `notebooks/`: the working copy this library is installed from."""
    beside = Path(__file__).resolve().parent.parent
    return beside if (beside / "notebooks").is_dir() else project_folder()


def _read_notebook(path: Path) -> Notebook:
    import ast

    notebook = nbformat.read(path, as_version=4)
    about = notebook.metadata.get("asl", {})
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1 or about.get("stage") not in STAGES:
        raise BatchError(
            f"{path} must have one cell tagged 'parameters' and, in its metadata, asl.stage: one of "
            f"{', '.join(STAGES)}."
        )
    names = [
        target.id
        for statement in ast.parse(cells[0].source).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    ]
    results, subject = tuple(about.get("results", ())), about.get("subject", "clips")
    return Notebook(path, about["stage"], tuple(names), results, subject)


@dataclass(frozen=True)
class Run:
    """One notebook with the parameters it is to be executed with.

    Attributes:
        notebook: which.
        values: parameters, of which the notebook gets those that it has.
        suffix: what to add to the name of the executed copy.
        exercises: whether to execute the exercises and their solutions, too.
    """

    notebook: Notebook
    values: Mapping[str, Any]
    suffix: str = ""
    exercises: bool = True

    @property
    def params(self) -> Params:
        return check_parameters(self.values)

    @property
    def own_values(self) -> dict[str, Any]:
        """The given parameters that this notebook has."""
        return {key: value for key, value in self.values.items() if key in self.notebook.parameters}

    @property
    def output(self) -> Path:
        return self.params.run_dir / "notebooks" / f"{self.notebook.name}{self.suffix}.ipynb"

    @property
    def marker(self) -> Path:
        return self.output.with_suffix(".done.json")

    def results(self) -> list[Path]:
        params = self.params
        places = {"dataset_dir": params.dataset_dir, "run_dir": params.run_dir, "held_out": params.held_out}
        return [Path(pattern.format(**places)) for pattern in self.notebook.results]

    def key(self, upstream: str) -> str:
        """Return a hash of all that the result depends on: code, cells, parameters, earlier notebooks."""
        cells = [cell.source for cell in self._content().cells if cell.cell_type == "code"]
        effective = {name: getattr(self.params, name, None) for name in self.notebook.parameters}
        text = json.dumps([cells, effective, upstream, _library_hash()], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _content(self) -> nbformat.NotebookNode:
        """Return the notebook to execute: where exercises are not wanted, without their cells."""
        notebook = nbformat.read(self.notebook.path, as_version=4)
        if not self.exercises:
            notebook.cells = [cell for cell in notebook.cells if not _is_exercise(cell)]
        return notebook

    def is_done(self, upstream: str) -> bool:
        """Say whether an earlier execution left this very result."""
        if not self.marker.is_file() or not self.output.is_file() or not all(path.exists() for path in self.results()):
            return False
        try:
            return bool(json.loads(self.marker.read_text(encoding="utf-8"))["key"] == self.key(upstream))
        except (ValueError, KeyError):
            return False

    def execute(self, upstream: str, *, threads: int | None = None) -> None:
        """Execute the notebook with papermill in a process of its own.

        Raises:
            BatchError: a cell failed.
        """
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.marker.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            parameters = Path(folder) / "parameters.yaml"
            parameters.write_text(yaml.safe_dump(self.own_values, allow_unicode=True), encoding="utf-8")
            source = Path(folder) / self.notebook.path.name
            nbformat.write(self._content(), source)
            command = [
                sys.executable,
                "-m",
                "papermill",
                str(source),
                str(self.output),
                "-f",
                str(parameters),
            ]
            command += ["--cwd", str(self.notebook.path.parent), "--no-progress-bar"]
            for attempt in (1, 2):
                done = subprocess.run(command, capture_output=True, text=True, env=_environment(threads), check=False)
                if done.returncode == 0:
                    break
                if attempt == 2 or not any(sign in done.stderr for sign in KERNEL_START_ERRORS):
                    raise BatchError(_failure(self, done.stderr))
        write_json(self.marker, {"key": self.key(upstream), "parameters": self.own_values})


def _is_exercise(cell: nbformat.NotebookNode) -> bool:
    return not EXERCISE_TAGS.isdisjoint(cell.metadata.get("tags", []))


def run_course(
    values: Mapping[str, Any],
    *,
    models: Sequence[str] = (),
    say: Callable[[str], None] = say_line,
    force: bool = False,
) -> Params:
    """Execute all notebooks in order with one set of parameters.

    A notebook whose results are there already, from the same code and parameters, is skipped.

    Args:
        values: parameters as in a YAML file; unknown ones are refused.
        models: of the model notebooks, only those that train one of these; empty for all.
        say: what to do with each line of news.
        force: execute every notebook, done or not.

    Raises:
        ParameterError: a parameter does not exist or has a wrong value.
        BatchError: a notebook failed; the later ones were not started.
    """
    params = check_parameters(values)
    notebooks = [notebook for notebook in find_notebooks() if notebook.suits(get_dataset(params.dataset))]
    training = _training(notebooks, models)
    runs = [Run(notebook, values) for notebook in notebooks if notebook.stage != "model" or notebook in training]
    upstream = ""
    for number, run in enumerate(runs, start=1):
        label = f"[{number}/{len(runs)}] {run.notebook.name}"
        upstream = _do(run, upstream, label, say, force=force)
    return params


def run_each(
    values: Mapping[str, Any],
    *,
    each: str = "test_signers",
    choices: Sequence[str] = (),
    folds: int = 0,
    models: Sequence[str] = (),
    jobs: int = 0,
    shard: str = "",
    scheduler: str = "",
    known_signers: bool = True,
    say: Callable[[str], None] = say_line,
    force: bool = False,
) -> Params:
    """Prepare once, run the model notebooks once per held-out signer, and rebuild the report.

    Signers are held out whatever the parameter `split` says. Each model is also trained once with all signers known
    (split="random"), so that the report can show the gap between that and a new signer. The exercises of the notebooks
    are left out.

    On a cluster: `shard="0/11"` only prepares; then "1/11" to "11/11", in any order and at once, do their part
    of the model runs; a last call without a shard finds them done and builds the report.

    Args:
        values: parameters as in a YAML file.
        each: the parameter that changes from run to run; "test_signers" is the one there is.
        choices: which signers to hold out; empty for every signer of the data set in turn.
        folds: hold out so many groups of signers instead of one signer at a time (grouped k-fold, see
            `splits.signer_folds`): for data sets with dozens of signers; 0 for each alone.
        models: only the notebooks that train one of these; empty for all.
        jobs: model notebooks at a time; 0 for one per core.
        shard: which part of the model runs to do, like "3/11"; empty for all, and the report.
        scheduler: address of a Dask scheduler whose workers, which see the same folder, execute the model
            notebooks; empty for processes on this machine.
        known_signers: whether to train each model with all signers known, too.
        say: what to do with each line of news.
        force: execute every notebook, done or not.

    Raises:
        ParameterError: a parameter does not exist or has a wrong value.
        SplitError: there are fewer signers than folds.
        BatchError: a preparing notebook failed, or some model run did: then the others were finished and
            the report was built from them first.
    """
    from asl_lib.clips import read_clips, select_clips
    from asl_lib.extract import parse_shard
    from asl_lib.parallel import cores
    from asl_lib.splits import signer_folds

    params = check_parameters(values)
    notebooks = [notebook for notebook in find_notebooks() if notebook.suits(get_dataset(params.dataset))]
    training = _training(notebooks, models)
    if each != "test_signers":
        raise BatchError(f"--each must be test_signers, the parameter that a batch varies; got {each}.")
    number, total = parse_shard(shard, least=0) if shard else (0, 1)
    upstream = ""
    for notebook in (n for n in notebooks if n.stage == "prepare"):
        run = Run(notebook, values)
        if number and not run.is_done(upstream):
            raise BatchError(
                f"{notebook.name} must be done before shard {shard} can start, or all shards would do it at once. "
                f"Run the same command with --shard 0/{total} first."
            )
        upstream = _do(run, upstream, notebook.name, say, force=force and not number)
    if shard and not number:
        return params

    clips = read_clips(params.dataset_dir / "clips.csv")
    clips = select_clips(clips, signs=params.signs, signers=[*params.signers])
    signers = sorted(set(select_clips(clips, signers=list(choices))["signer"]))
    cases: list[tuple[dict[str, Any], str, str]]
    if folds:
        held_out = [(f"fold_{n}_of_{folds}", group) for n, group in enumerate(signer_folds(signers, folds), 1)]
    else:
        held_out = [(f"held_out_{signer}", [signer]) for signer in signers]
    cases = [
        (
            {"split": "signer", "test_signers": group},
            f".{name}",
            name.replace("_", " ") if folds else f"held out: {group[0]}",
        )
        for name, group in held_out
    ]
    if known_signers:
        cases.append(({"split": "random"}, ".split_random", "all signers known"))
    planned = [
        (Run(notebook, {**values, **changed}, suffix=suffix, exercises=False), f"{notebook.name}, {about}")
        for notebook in training
        for changed, suffix, about in cases
    ]
    planned = planned[number - 1 :: total] if shard else planned
    runs = [run for run, _ in planned]
    labels = [f"[{i}/{len(runs)}] {about}" for i, (_, about) in enumerate(planned, 1)]
    if scheduler:
        failures = _execute_on_dask(runs, labels, upstream, say, scheduler=scheduler, force=force)
    else:
        failures = _execute_here(runs, labels, upstream, say, jobs=jobs or cores(), force=force)
    reports: list[str] = []
    for notebook in (n for n in notebooks if n.stage == "report" and not shard):
        # What a report shows depends on all results, so it is always built anew.
        try:
            _do(Run(notebook, values), upstream, notebook.name, say, force=True)
        except BatchError as error:
            reports.append(str(error))
    if failures:
        head = f"{len(failures)} of {len(runs)} runs failed; the rest is done."
        raise BatchError("\n\n".join([head, *failures, *reports]))
    if reports:
        raise BatchError("\n\n".join(reports))
    return params


def _training(notebooks: Sequence[Notebook], models: Sequence[str]) -> list[Notebook]:
    """Return the model notebooks that train one of `models`, or all of them.

    Raises:
        BatchError: no notebook trains such a model.
    """
    training = [notebook for notebook in notebooks if notebook.stage == "model"]
    known = [name for notebook in training for name in notebook.models]
    for model in models:
        if model not in known:
            raise BatchError(f"No notebook trains a model '{model}'. There are: {', '.join(known)}.")
    return [notebook for notebook in training if not models or set(notebook.models) & set(models)]


def _execute_here(
    runs: Sequence[Run], labels: Sequence[str], upstream: str, say: Callable[[str], None], *, jobs: int, force: bool
) -> list[str]:
    """Execute runs on this machine, `jobs` at a time, and return what went wrong."""
    from asl_lib.parallel import cores

    jobs = max(1, min(jobs, len(runs)))
    failures = []
    with ThreadPoolExecutor(jobs) as pool:
        started = [
            pool.submit(_do, run, upstream, text, say, force=force, threads=max(1, cores() // jobs), live=jobs == 1)
            for run, text in zip(runs, labels, strict=True)
        ]
        for future in started:
            try:
                error = future.exception()
            except KeyboardInterrupt:  # or the pool would first do all that waits
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            if isinstance(error, BatchError):
                failures.append(str(error))
            elif error is not None:
                raise error
    return failures


def _execute_on_dask(
    runs: Sequence[Run],
    labels: Sequence[str],
    upstream: str,
    say: Callable[[str], None],
    *,
    scheduler: str,
    force: bool,
) -> list[str]:
    """Execute runs on the workers of a Dask cluster, and return what went wrong."""
    from asl_lib.parallel import run_jobs

    waiting: dict[str, Run] = {}
    for run, label in zip(runs, labels, strict=True):
        if not force and run.is_done(upstream):
            say(f"{label}  is done already")
        else:
            waiting[label] = run
    failures, started = [], list(waiting)
    for outcome in run_jobs(partial(_execute, upstream), list(waiting.values()), scheduler=scheduler):
        say(f"{started[outcome.index]}  {'FAILED' if outcome.error else 'done'}")
        if outcome.error:
            failures.append(outcome.error)
    return failures


def _execute(upstream: str, run: Run) -> None:
    """Execute a run on a Dask worker."""
    run.execute(upstream, threads=1)


def _do(
    run: Run,
    upstream: str,
    label: str,
    say: Callable[[str], None],
    *,
    force: bool,
    threads: int | None = None,
    live: bool = True,
) -> str:
    """Execute or skip one run, say so in one line, and return the key of its result."""
    if not force and run.is_done(upstream):
        say(f"{label}  is done already")
    else:
        started = time.monotonic()
        try:
            with _ticking(label) if live else _silent():
                run.execute(upstream, threads=threads)
        except BatchError:
            say(f"{label}  FAILED after {time.monotonic() - started:.0f} s")
            raise
        say(f"{label}  done in {time.monotonic() - started:.0f} s")
    return run.key(upstream)


@contextmanager
def _silent() -> Iterator[None]:
    yield


@contextmanager
def _ticking(label: str) -> Iterator[None]:
    """Show on a terminal that a long notebook is still at work."""
    if not sys.stdout.isatty():
        yield
        return
    stop = threading.Event()

    def tick() -> None:
        started = time.monotonic()
        while not stop.wait(1.0):
            print(f"\r{label}  … {time.monotonic() - started:.0f} s", end="", flush=True)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        print("\r\033[K", end="", flush=True)


def _failure(run: Run, stderr: str) -> str:
    """Return the traceback of the cell that failed, and where to look."""
    lines = stderr.strip().splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("Exception encountered at")]
    excerpt = "\n".join(lines[starts[0] :] if starts else lines[-30:])
    return f"{run.notebook.name} failed. The executed copy, with the error in it: {relative(run.output)}\n\n{excerpt}"


def _environment(threads: int | None) -> dict[str, str]:
    environment = {**os.environ, "ASL_HOME": str(project_folder()), "ASL_PROGRESS": "off", "TF_CPP_MIN_LOG_LEVEL": "3"}
    # Debuggers' warnings about frozen modules would be all that a good run prints.
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    # A backend chosen for scripts would keep the figures out of the notebooks.
    environment.pop("MPLBACKEND", None)
    if threads:
        environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
        environment |= {"OMP_NUM_THREADS": str(threads)}
    return environment


@cache
def _library_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()
