"""Execute the course's notebooks with papermill, in parallel where possible, and build one report."""

from __future__ import annotations

import hashlib
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pandas as pd

from asl_lib._util.jobs import cores, parse_shard, run_jobs
from asl_lib.course.notebooks import STAGES, BatchError, Notebook, Run, find_notebooks, model_notebook, network_threads
from asl_lib.course.params import Params, check_parameters
from asl_lib.data.clips import read_clips, select_clips
from asl_lib.data.dataset import Dataset
from asl_lib.data.registry import get_dataset
from asl_lib.evaluation.results import compare_variants, has_results, save_tables
from asl_lib.evaluation.splits import signer_folds
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models import registry
from asl_lib.training.method import METHOD_PARTS, PART_GROUPS, Method

NOTHING_TO_REPORT = "is left out: this run has no results of signs yet"
DONE_ALREADY = "is done already"


def log_line(line: str) -> None:
    """Print one line at once: `print` writes the line break separately, and lines of parallel runs would mix."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run_course(
    values: Mapping[str, Any],
    *,
    models: Sequence[str] = (),
    notebooks: Sequence[str] = (),
    jobs: int = 0,
    log: Callable[[str], None] = log_line,
    force: bool = False,
) -> Params:
    """Execute the notebooks with one set of parameters: preparation, then the models in parallel, then the rest.

    A notebook of photographs, which needs no clips, is executed beside the preparation, which leaves cores idle.
    A notebook whose results exist already, from the same code and parameters, is skipped. Each line of the log ends
    with the time since the start and, for the demo, about how long the rest will take.

    Args:
        values: parameters as in a YAML file; unknown ones are refused. With `seeds`, each model is trained once with
            each seed, and the exercises are done with the first.
        models: which models to train; empty for those of all numbered notebooks. Other registered models are trained
            by `course/model.ipynb`.
        notebooks: execute only these, by number ("05") or name; empty for all.
        jobs: notebooks at a time where they do not need each other; 0 for one per core.
        log: called with each status message.
        force: execute every notebook, done or not.

    Raises:
        ParameterError: a parameter does not exist or has a wrong value.
        BatchError: a notebook failed, or there is none of that number. What runs beside it was finished; notebooks that
            need it were not started.
    """
    params = check_parameters(values)
    dataset = get_dataset(params.dataset)
    suitable = [notebook for notebook in find_notebooks(wanted=notebooks) if notebook.suits(dataset)]
    others = [notebook for notebook in suitable if notebook.stage != "model"]
    chosen = sorted([*others, *_training(suitable, models, dataset)], key=lambda notebook: STAGES.index(notebook.stage))
    seeds = _seeds(params)
    runs = []
    for notebook in chosen:
        if notebook.stage == "model":
            runs += [
                Run(notebook, {**values, **changed}, suffix=suffix, exercises=number == 0)
                for number, (changed, suffix, _) in enumerate(seeds)
            ]
        else:  # the clips are those of `seed`; the live demo takes a model of the first of `seeds`
            changed = {} if notebook.stage == "prepare" else seeds[0][0]
            runs.append(Run(notebook, {**values, **changed}))
    labels = {run.output.stem: f"[{number}/{len(runs)}] {run.output.stem}" for number, run in enumerate(runs, 1)}
    first = [run for run in runs if run.notebook.stage == "prepare" and run.notebook.results]
    # Nothing needs a notebook without results. The longest start first; without times, the later take longer.
    longest = sorted(runs, key=lambda run: run.notebook.minutes)[::-1]
    last = [run for run in longest if run.notebook.stage in ("report", "live")]
    parallel = [run for run in longest if run not in first and run not in last]
    minutes = {}
    if params.dataset == Params().dataset and not params.signs and not params.signers:
        beside = jobs or cores()
        minutes = {labels[run.output.stem]: run.notebook.minutes / (1 if run in first else beside) for run in runs}
        about = math.ceil(sum(minutes.values()))
        log(f"{len(runs)} notebooks: about {about} minutes, less where some are done already")
    log = _with_clock(log, minutes)
    keys = [""]  # what each run of the preparation depends on, and last, what depends on all of them
    for run in first:
        keys.append(run.key(keys[-1]))
    upstream, at_once = keys[-1], min(jobs or cores(), len(parallel))
    early = []
    if dataset.kind != "photographs" and at_once > 1:
        early = [run for run in parallel if run.notebook.subject == "photographs"]
    with ThreadPoolExecutor(1) as pool:
        started = [
            pool.submit(_do, run, upstream, labels[run.output.stem], log, force=force, jobs=at_once, live=False)
            for run in early
        ]
        for run, key in zip(first, keys, strict=False):
            _do(run, key, labels[run.output.stem], log, force=force)
    later = [run for run in parallel if run not in early]
    failures = _failures(started)
    failures += _execute(later, [labels[run.output.stem] for run in later], upstream, log, jobs=jobs, force=force)
    if failures:
        raise BatchError("\n\n".join(failures))
    keys = sorted(run.key(upstream) for run in parallel if run.notebook.stage == "model")
    upstream = hashlib.sha256("".join([upstream, *keys]).encode()).hexdigest()
    names = [labels[run.output.stem] for run in last]
    if not has_results(params.run_dir):
        for name in names:
            log(f"{name}  {NOTHING_TO_REPORT}")
    elif failures := _execute(last, names, upstream, log, jobs=jobs, force=force):
        raise BatchError("\n\n".join(failures))
    return params


def run_batch(
    values: Mapping[str, Any],
    *,
    held_out: Sequence[str] = (),
    folds: int = 0,
    models: Sequence[str] = (),
    jobs: int = 0,
    shard: str = "",
    scheduler: str = "",
    known_signers: bool = True,
    log: Callable[[str], None] = log_line,
    force: bool = False,
) -> Params:
    """Prepare once, run the model notebooks once per held-out signer, and rebuild the report.

    Signers are held out whatever the parameter `split` says. Each model is also trained once with all signers known
    (split="random"), so that the report can show the gap between that and a new signer. The exercises of the notebooks
    are left out.

    On a cluster: `shard="0/11"` only prepares; then "1/11" to "11/11", in any order and at once, do their part
    of the model runs; a last call without a shard finds them done and builds the report.

    Args:
        values: parameters as in a YAML file. With `seeds`, each model run is done once with each seed.
        held_out: which signers to hold out; empty for every signer of the data set in turn.
        folds: hold out so many groups of signers instead of one signer at a time (grouped k-fold, see
            `splits.signer_folds`): for data sets with dozens of signers; 0 for each alone.
        models: as in `run_course`.
        jobs: model notebooks at a time; 0 for one per core.
        shard: part of the model runs to execute, like "3/11"; empty for all, and the report.
        scheduler: address of a Dask scheduler whose workers execute the model notebooks in the same (shared) folder;
            empty for processes on this machine.
        known_signers: whether to train each model with all signers known, too.
        log: called with each status message.
        force: execute every notebook, done or not.

    Raises:
        ParameterError: a parameter does not exist or has a wrong value.
        ValueError: there are fewer signers than folds.
        BatchError: a preparing notebook or a model run failed. The other model runs were finished, and the report
            was built from them.
    """
    params = check_parameters(values)
    dataset = get_dataset(params.dataset)
    notebooks = [notebook for notebook in find_notebooks() if notebook.suits(dataset)]
    training = _training(notebooks, models, dataset)
    number, total = parse_shard(shard, least=0) if shard else (0, 1)
    upstream = ""
    for notebook in (n for n in notebooks if n.stage == "prepare"):
        run = Run(notebook, values, exercises=False)
        if number and not run.is_done(upstream):
            raise BatchError(
                f"{notebook.name} must be done before shard {shard} can start, or all shards would do it at once. "
                f"Run the same command with --shard 0/{total} first."
            )
        upstream = _do(run, upstream, notebook.name, log, force=force and not number)
    clips = read_clips(params.dataset_dir / "clips.csv")
    clips = select_clips(clips, signs=params.signs, signers=[*params.signers])
    signers = sorted(set(select_clips(clips, signers=list(held_out))["signer"]))
    cases = _cases(signers, folds=folds, known_signers=known_signers)
    planned = [
        (
            Run(notebook, {**values, **changed, **seed}, suffix=suffix + ending, exercises=False),
            f"{notebook.name}, {case}{which}",
        )
        for notebook in training
        for changed, suffix, case in cases
        for seed, ending, which in _seeds(params)
    ]
    if shard and not number:
        count = len(planned)
        log(f"Prepared. Model runs to do: {count}. As many shards give each its own: sbatch --array=1-{count}")
        return params
    planned = planned[number - 1 :: total] if shard else planned
    if not planned:
        log(f"There is nothing in shard {shard}: there are fewer runs than shards.")
    runs = [run for run, _ in planned]
    labels = [f"[{i}/{len(runs)}] {label}" for i, (_, label) in enumerate(planned, 1)]
    failures = _execute(runs, labels, upstream, log, jobs=jobs, scheduler=scheduler, force=force)
    if failures:
        failures.insert(0, f"{len(failures)} of {len(runs)} runs failed; the rest is done.")
    for notebook in (n for n in notebooks if n.stage == "report" and not shard):
        if not has_results(params.run_dir):
            log(f"{notebook.name}  {NOTHING_TO_REPORT}")
            continue
        # A report depends on the results of all runs: it is always built anew.
        try:
            _do(Run(notebook, values, exercises=False), upstream, notebook.name, log, force=True)
        except BatchError as error:
            failures.append(str(error))
    if failures:
        raise BatchError("\n\n".join(failures))
    return params


ABLATION_SEEDS = [1, 2, 3]
"""Seeds of an ablation whose parameters name none: one says nothing about small differences."""


def run_ablation(
    values: Mapping[str, Any],
    *,
    over: Sequence[str] = (),
    start: str = "own",
    models: Sequence[str] = (),
    jobs: int = 0,
    scheduler: str = "",
    log: Callable[[str], None] = log_line,
    force: bool = False,
) -> list[pd.DataFrame]:
    """Train models as they are and with one part of their training left out or added, all on the same split.

    `course/model.ipynb` trains them, and the tables are `outputs/<run>/ablation/<start>/<model>.csv` and `.tex`.

    Args:
        values: parameters as in a YAML file. Each variant is trained with each of `seeds`; without, with 1, 2 and 3.
        over: the parts, see `Method.change`; empty for every one.
        start: which training is changed: "own", that of the course's own networks, or "published".
        models: models for landmarks; empty for attention_lstm, or lstm if published.
        jobs, scheduler, log, force: as in `run_batch`.

    Returns:
        The table of each model, see `compare_variants`.

    Raises:
        ParameterError: a parameter does not exist or has a wrong value.
        TrainingError: there is no such model or part, or a part cannot have this value.
        BatchError: the models or the data set have no landmarks, or a preparing notebook or a training failed. The
            other trainings were finished.
    """
    values = {**values, "ablation": start, "seeds": values.get("seeds") or ABLATION_SEEDS}
    params = check_parameters(values)
    dataset, upstream = get_dataset(params.dataset), ""
    models = models or ["lstm" if start == "published" else "attention_lstm"]
    if others := [model for model in models if registry.find_model(model).input != "landmarks"]:
        raise BatchError(f"Only the training of models for landmarks has parts to change; got {', '.join(others)}.")
    if dataset.kind == "photographs":
        raise BatchError(
            f"An ablation needs clips of landmarks; {dataset.name} has photographs. Name another data set."
        )
    for part in over:
        Method.own(FeatureRecipe()).change(part)
    variants = {
        model: [{**values, "change": part} for part in ["", *dict.fromkeys(over or [*METHOD_PARTS, *PART_GROUPS])]]
        for model in dict.fromkeys(models)
    }
    planned = [
        (
            Run(model_notebook(model), {**variant, **seed}, suffix=f".{start}.{variant['change']}{ending}"),
            f"{model}, {variant['change'] or 'unchanged'}{which}",
        )
        for model in variants
        for variant in variants[model]
        for seed, ending, which in _seeds(params)
    ]
    for notebook in (n for n in find_notebooks() if n.stage == "prepare" and n.suits(dataset)):
        upstream = _do(Run(notebook, values, exercises=False), upstream, notebook.name, log, force=force)
    runs = [run for run, _ in planned]
    labels = [f"[{i}/{len(runs)}] {label}" for i, (_, label) in enumerate(planned, 1)]
    if failures := _execute(runs, labels, upstream, log, jobs=jobs, scheduler=scheduler, force=force):
        raise BatchError("\n\n".join(failures))
    tables = {}
    for model in variants:
        folders = [
            [check_parameters({**variant, **seed}).model_dir(model) for seed, _, _ in _seeds(params)]
            for variant in variants[model]
        ]
        tables[model] = compare_variants(folders)
    save_tables(params.run_dir / "ablation" / start, **tables)
    return list(tables.values())


def _cases(signers: list[str], *, folds: int, known_signers: bool) -> list[tuple[dict[str, Any], str, str]]:
    """Return the changed parameters, the suffix of the executed copy and the label of each run of a model notebook."""
    if folds:
        groups = signer_folds(signers, folds)
        names = [(f".fold_{n}_of_{folds}", f"fold {n} of {folds}") for n in range(1, folds + 1)]
    else:
        groups = [[signer] for signer in signers]
        names = [(f".held_out_{signer}", f"held out: {signer}") for signer in signers]
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"split": "signer", "test_signers": group}, suffix, label)
        for group, (suffix, label) in zip(groups, names, strict=True)
    ]
    return [*cases, ({"split": "random"}, ".split_random", "all signers known")] if known_signers else cases


def _seeds(params: Params) -> list[tuple[dict[str, Any], str, str]]:
    """Return the changed parameters, the suffix of the executed copy and the label for each of `seeds`."""
    if not params.seeds:
        return [({}, "", "")]
    return [({"seed": seed}, f".seed_{seed}", f", seed {seed}") for seed in params.seeds]


def _training(notebooks: Sequence[Notebook], models: Sequence[str], dataset: Dataset) -> list[Notebook]:
    """Return the notebooks that train `models`, numbered or not; all numbered ones where no model is named.

    Raises:
        BatchError: there is no such model, or the data set has not what it takes.
    """
    training = [notebook for notebook in notebooks if notebook.stage == "model"]
    numbered = {name: notebook for notebook in training for name in notebook.models}
    others = {name: model_notebook(name) for name in registry.names() if name not in numbered}
    others = {name: notebook for name, notebook in others.items() if notebook.suits(dataset)}
    for model in models:
        if model not in numbered | others:
            known = ", ".join([*numbered, *others])
            raise BatchError(f"There is no model '{model}' to train on {dataset.name}. There are: {known}.")
    chosen = [notebook for notebook in training if not models or set(notebook.models) & set(models)]
    return chosen + [others[model] for model in dict.fromkeys(models) if model in others]


def _execute(
    runs: Sequence[Run],
    labels: Sequence[str],
    upstream: str,
    log: Callable[[str], None],
    *,
    jobs: int,
    scheduler: str = "",
    force: bool,
) -> list[str]:
    """Execute runs on a cluster or here and return the messages of failed ones.

    Here, `jobs` at a time (0: one per core), each with its `network_threads`.
    """
    if scheduler:
        return _execute_on_dask(runs, labels, upstream, log, scheduler=scheduler, force=force)
    jobs = max(1, min(jobs or cores(), len(runs)))
    with ThreadPoolExecutor(jobs) as pool:
        try:
            started = [
                pool.submit(_do, run, upstream, label, log, force=force, jobs=jobs, live=jobs == 1)
                for run, label in zip(runs, labels, strict=True)
            ]
            return _failures(started)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupted batch starts no further run
            raise


def _failures(started: Sequence[Future[str]]) -> list[str]:
    """Wait for runs, and return the messages of those that failed."""
    failures = []
    for future in started:
        error = future.exception()
        if isinstance(error, BatchError):
            failures.append(str(error))
        elif error is not None:
            raise error
    return failures


def _execute_on_dask(
    runs: Sequence[Run],
    labels: Sequence[str],
    upstream: str,
    log: Callable[[str], None],
    *,
    scheduler: str,
    force: bool,
) -> list[str]:
    """Execute runs on the workers of a Dask cluster, and return the messages of those that failed."""
    waiting: dict[str, Run] = {}
    for run, label in zip(runs, labels, strict=True):
        if not force and run.is_done(upstream):
            log(f"{label}  {DONE_ALREADY}")
        else:
            waiting[label] = run
    failures, started = [], list(waiting)
    execute = partial(Run.execute, upstream=upstream, threads=1)
    for outcome in run_jobs(execute, list(waiting.values()), scheduler=scheduler):
        log(f"{started[outcome.index]}  {'FAILED' if outcome.error else 'done'}")
        if outcome.error:
            failures.append(outcome.error)
    return failures


def _with_clock(log: Callable[[str], None], minutes: Mapping[str, float]) -> Callable[[str], None]:
    """Return `log` with the time since now after each line about a run, and about how long the rest will take.

    Args:
        log: called with each status message.
        minutes: label of each run -> about how long it takes, divided by the number of runs at a time; empty if not
            known. A computer that takes twice as long for the first is taken to need twice as long for the rest.
    """
    started, rest, spent = time.monotonic(), dict(minutes), 0.0

    def timed(line: str) -> None:
        nonlocal spent
        label, _, what = line.partition("  ")
        took = rest.pop(label, 0.0)
        spent += took if what.startswith("done") else 0.0
        passed_s = time.monotonic() - started
        left = sum(rest.values()) * (passed_s / 60 / spent if spent else 1)
        clock = f"{passed_s // 60:.0f}:{passed_s % 60:02.0f}"
        log(f"{line} [{clock}{f', about {math.ceil(left)} min left' if rest else ''}]")

    return timed


def _do(
    run: Run,
    upstream: str,
    label: str,
    log: Callable[[str], None],
    *,
    force: bool,
    jobs: int = 1,
    live: bool = True,
) -> str:
    """Execute or skip one run, log it in one line, and return what later runs depend on: the key of its results."""
    if not force and run.is_done(upstream):
        log(f"{label}  {DONE_ALREADY}")
    else:
        started = time.monotonic()
        try:
            if live and sys.stdout.isatty():
                print(f"{label}  …", end="\r", flush=True)  # the line of its end is written over it
            run.execute(upstream, threads=network_threads(run.notebook.stage, jobs=jobs))
        except BatchError:
            log(f"{label}  FAILED after {time.monotonic() - started:.0f} s")
            raise
        log(f"{label}  done in {time.monotonic() - started:.0f} s")
    return run.key(upstream) if run.notebook.results else upstream
