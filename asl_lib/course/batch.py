"""Execute the course's notebooks with papermill, in parallel where possible, and build one report."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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
from asl_lib.training.method import METHOD_PARTS, OF_RECIPE, PART_GROUPS, Method, single_parts

NOTHING_TO_REPORT = "is left out: this run has no results of signs yet"
DONE_ALREADY = "is done already"
ASK_AGAIN_S = 5
"""After how many seconds `in_order` looks again how many notebooks may run."""


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
    """Execute the notebooks with one set of parameters, each as soon as those that it needs are done.

    Their exercises are left out: they are the reader's. A notebook whose results exist already, from the same code and
    parameters, is skipped. Each line of the log ends with the time since the start and, for the demo, about how long
    the rest will take.

    Args:
        values: parameters as in a YAML file; unknown ones are refused. With `seeds`, each model is trained once with
            each seed.
        models: which models to train; empty for those of all numbered notebooks. Other registered models are trained
            by `course/model.ipynb`.
        notebooks: execute only these, by number ("05") or name; empty for all.
        jobs: notebooks at a time where they do not need each other; 0 for one per core.
        log: called with each status message.
        force: execute every notebook, done or not.

    Raises:
        ParameterError: a parameter does not exist or has a wrong value.
        BatchError: a notebook failed, or there is none of that number. What runs beside it was finished; notebooks that
            need it were not started; if it was one of the preparation, no other was.
    """
    params = check_parameters(values)
    runs = planned_runs(values, models=models, notebooks=notebooks)
    labels = {run: f"[{number}/{len(runs)}] {run.output.stem}" for number, run in enumerate(runs, 1)}
    timed, beside = {}, jobs or cores()
    if params.dataset == Params().dataset and not params.signs and not params.signers:
        timed = {labels[run]: run for run in runs}
        about = math.ceil(_minutes(runs, jobs=beside))
        log(f"{len(runs)} notebooks: about {about} minutes, less where some are done already")
    runs = longest_first(runs)
    log = _with_clock(log, timed, jobs=beside)
    if failures := _execute(runs, [labels[run] for run in runs], log, jobs=jobs, force=force):
        raise BatchError("\n\n".join(failures))
    return params


def longest_first(runs: Sequence[Run]) -> list[Run]:
    """Return runs in the order in which they should start: the preparation, then the longest.

    Where the notebooks have no times, the later ones take longer.
    """
    first = [run for run in runs if run.notebook.prepares]
    return first + [run for run in sorted(runs, key=lambda run: run.notebook.minutes)[::-1] if run not in first]


def planned_runs(values: Mapping[str, Any], *, models: Sequence[str] = (), notebooks: Sequence[str] = ()) -> list[Run]:
    """Return the runs of `run_course`, which has the same arguments, each after those that it needs.

    With `notebooks`, these need, as without, runs of others if they are done, so that a later run of all keeps theirs.

    Raises:
        ParameterError, BatchError: as `run_course`, before anything is executed.
    """
    params = check_parameters(values)
    dataset = get_dataset(params.dataset)

    def choose(wanted: Sequence[str]) -> list[Notebook]:
        suitable = [notebook for notebook in find_notebooks(wanted=wanted) if notebook.suits(dataset)]
        others = [notebook for notebook in suitable if notebook.stage != "model"]
        return [*others, *_training(suitable, models, dataset)]

    chosen, seeds, runs = choose(notebooks), _seeds(params), list[Run]()
    every = dict.fromkeys([*chosen, *(choose(()) if notebooks else ())])
    for notebook in sorted(every, key=lambda notebook: (STAGES.index(notebook.stage), notebook.path.name)):
        # The clips are those of `seed`; the live demo takes a model of the first of `seeds`.
        cases = seeds if notebook.stage == "model" else [({} if notebook.stage == "prepare" else seeds[0][0], "", "")]
        needs = _needs(notebook, runs, params, dataset)
        planned = [Run(notebook, {**values, **changed}, suffix, needs) for changed, suffix, _ in cases]
        runs += [run for run in planned if notebook in chosen or run.is_done()]
    return [run for run in runs if run.notebook in chosen]


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
    (split="random"), so that the report can show the gap between that and a new signer.

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
    prepared = _preparation(notebooks, values, params, dataset)
    for run in prepared:
        if number and not run.is_done():
            raise BatchError(
                f"{run.notebook.name} must be done before shard {shard} can start, or all shards would do it at once. "
                f"Run the same command with --shard 0/{total} first."
            )
        _do(run, run.notebook.name, log, force=force and not number)
    clips = read_clips(params.dataset_dir / "clips.csv")
    clips = select_clips(clips, signs=params.signs, signers=[*params.signers])
    signers = sorted(set(select_clips(clips, signers=list(held_out))["signer"]))
    cases = _cases(signers, folds=folds, known_signers=known_signers)
    planned = [
        (
            Run(notebook, {**values, **changed, **seed}, suffix + ending, needs=needs),
            f"{notebook.name}, {case}{which}",
        )
        for notebook in training
        for needs in [_needs(notebook, prepared, params, dataset)]
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
    failures = _execute(runs, labels, log, jobs=jobs, scheduler=scheduler, force=force)
    if failures:
        failures.insert(0, f"{len(failures)} of {len(runs)} runs failed; the rest is done.")
    for notebook in (n for n in notebooks if n.stage == "report" and not shard):
        # A report depends on the results of all runs: it is always built anew.
        report = Run(notebook, values, needs=_needs(notebook, prepared, params, dataset))
        try:
            _do(report, notebook.name, log, force=True)
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
    dataset = get_dataset(params.dataset)
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
        model: [{**values, "change": part} for part in ["", *_parts_of(model, over)]] for model in dict.fromkeys(models)
    }
    notebooks = [notebook for notebook in find_notebooks() if notebook.suits(dataset)]
    prepared = _preparation(notebooks, values, params, dataset)
    planned = [
        (
            Run(
                model_notebook(model),
                {**variant, **seed},
                suffix=f".{start}.{variant['change']}{ending}",
                needs=_needs(model_notebook(model), prepared, params, dataset),
            ),
            f"{model}, {variant['change'] or 'unchanged'}{which}",
        )
        for model in variants
        for variant in variants[model]
        for seed, ending, which in _seeds(params)
    ]
    for run in prepared:
        _do(run, run.notebook.name, log, force=force)
    runs = [run for run, _ in planned]
    labels = [f"[{i}/{len(runs)}] {label}" for i, (_, label) in enumerate(planned, 1)]
    if failures := _execute(runs, labels, log, jobs=jobs, scheduler=scheduler, force=force):
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


def _parts_of(model: str, over: Sequence[str]) -> list[str]:
    """Return the parts to change of a model's training: those of `over`, or all that it has.

    Raises:
        BatchError: the model's training does not have a part of `over`.
    """
    parts = list(dict.fromkeys(over or [*METHOD_PARTS, *PART_GROUPS]))
    if registry.find_model(model).builder not in registry.point_models():
        return parts
    # `fit` gives such a model the clips of the recipe, and none of its other options.
    lacking = [part for part in parts if not set(single_parts(part)) <= set(OF_RECIPE)]
    if over and lacking:
        raise BatchError(
            f"The training of {model}, which is no network, does not have {', '.join(lacking)}. Its parts are those of "
            f"the recipe: {', '.join(OF_RECIPE)}."
        )
    return [part for part in parts if part not in lacking]


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


def _preparation(
    notebooks: Sequence[Notebook], values: Mapping[str, Any], params: Params, dataset: Dataset
) -> list[Run]:
    """Return the runs that prepare a batch, in order."""
    runs: list[Run] = []
    for notebook in notebooks:
        if notebook.stage == "prepare":
            runs.append(Run(notebook, values, needs=_needs(notebook, runs, params, dataset)))
    return runs


def _needs(notebook: Notebook, earlier: Sequence[Run], params: Params, dataset: Dataset) -> tuple[Run, ...]:
    """Return those of the earlier runs whose results a notebook takes; what these need, it needs, too."""
    prepared = [run for run in earlier if run.notebook.prepares]
    if notebook.stage == "model" and notebook.subject != "clips":
        # They need no landmarks; and photographs beside a data set of clips do not need its table, either.
        independent = notebook.subject == "photographs" and dataset.kind != "photographs"
        prepared = [run for run in prepared if run.notebook.subject == "any" and not independent]
    if notebook.stage in ("prepare", "model"):
        return tuple(prepared[-1:])
    models = [run for run in earlier if run.notebook.stage == "model"]
    needed = {name.format(live_model=params.live_model) for name in notebook.needs}
    if needed and needed <= {name for run in models for name in run.notebook.models}:
        models = [run for run in models if needed & set(run.notebook.models)]
    elif notebook.stage == "report":  # results on photographs lie in a folder that it does not read
        models = [run for run in models if run.notebook.subject != "photographs"]
    return (*prepared[-1:], *models)


def _execute(
    runs: Sequence[Run],
    labels: Sequence[str],
    log: Callable[[str], None],
    *,
    jobs: int,
    scheduler: str = "",
    force: bool,
) -> list[str]:
    """Execute runs on a cluster, or here in order, and return the messages of failed ones."""
    if scheduler:
        return _execute_on_dask(runs, labels, log, scheduler=scheduler, force=force)
    jobs = max(1, min(jobs or cores(), len(runs)))
    training = max(1, min(jobs, sum(run.notebook.stage == "model" for run in runs)))
    label = dict(zip(runs, labels, strict=True))

    def do(run: Run) -> None:
        _do(run, label[run], log, force=force, jobs=training, live=jobs == 1 or run.notebook.prepares)

    return in_order(runs, do, jobs=jobs)


def in_order(
    runs: Sequence[Run], do: Callable[[Run], None], *, jobs: int = 0, busy: Callable[[], int] = lambda: 0
) -> list[str]:
    """Call `do` with each run, in threads, as soon as those of `runs` that it needs are done.

    Args:
        runs: what to do; of those that may start, the first one in this order does.
        do: raises BatchError where a run fails. What needs that run is not started; if it was one of the preparation,
            nothing is.
        jobs: how many at a time; 0 for one per core.
        busy: asked again and again how many of these something else has; one at least is always left.

    Returns:
        The messages of failed runs.
    """
    jobs, waiting, unfinished = jobs or cores(), list(runs), set(runs)
    before = {run: _before(run) for run in runs}
    running: dict[Future[None], Run] = {}
    failures: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:  # it gets no more runs than it starts: none is left after an interruption
        while True:
            ready = [run for run in waiting if unfinished.isdisjoint(before[run])]
            for run in ready[: max(0, max(1, jobs - busy()) - len(running))]:
                waiting.remove(run)
                running[pool.submit(do, run)] = run
            if not running:
                return failures
            for future in wait(running, timeout=ASK_AGAIN_S, return_when=FIRST_COMPLETED).done:
                run, error = running.pop(future), future.exception()
                if error is None:
                    unfinished.remove(run)
                elif isinstance(error, BatchError):
                    failures.append(str(error))
                    if run.notebook.prepares:
                        waiting.clear()
                else:
                    raise error


def _before(run: Run) -> set[Run]:
    """Return the runs that a run needs, and those that these need."""
    return set(run.needs).union(*(_before(need) for need in run.needs))


def _minutes(runs: Iterable[Run], *, jobs: int) -> float:
    """Return about how many minutes runs take, each given after those that it needs, `jobs` at a time.

    However many run at a time, it is as long as the longest chain of runs that wait for each other.
    """
    ends: dict[Run, float] = {}
    for run in runs:
        ends[run] = run.notebook.minutes + max((ends.get(need, 0.0) for need in run.needs), default=0.0)
    return max(sum(run.notebook.minutes for run in ends) / jobs, *ends.values(), 0.0)


def _execute_on_dask(
    runs: Sequence[Run],
    labels: Sequence[str],
    log: Callable[[str], None],
    *,
    scheduler: str,
    force: bool,
) -> list[str]:
    """Execute runs on the workers of a Dask cluster, and return the messages of those that failed."""
    waiting: dict[str, Run] = {}
    for run, label in zip(runs, labels, strict=True):
        if not force and run.is_done():
            log(f"{label}  {DONE_ALREADY}")
        else:
            waiting[label] = run
    failures, started = [], list(waiting)
    execute = partial(Run.execute, threads=1)
    for outcome in run_jobs(execute, list(waiting.values()), scheduler=scheduler):
        log(f"{started[outcome.index]}  {'FAILED' if outcome.error else 'done'}")
        if outcome.error:
            failures.append(outcome.error)
    return failures


def _with_clock(log: Callable[[str], None], runs: Mapping[str, Run], *, jobs: int) -> Callable[[str], None]:
    """Return `log` with the time since now after each line about a run, and about how long the rest will take.

    Args:
        log: called with each status message.
        runs: by label, each after those that it needs; empty if their minutes are not known. A computer that takes
            twice as long for the first is taken to need twice as long for the rest.
        jobs: number of runs at a time.
    """
    started, rest, expected, took = time.monotonic(), dict(runs), 0.0, 0.0

    def timed(line: str) -> None:
        nonlocal expected, took
        label, _, what = line.partition("  ")
        run = rest.pop(label, None)
        if run and run.notebook.minutes and what.startswith("done in"):
            expected, took = expected + run.notebook.minutes, took + float(what.split()[2]) / 60
        passed_s = time.monotonic() - started
        left = _minutes(rest.values(), jobs=jobs) * (took / expected if expected else 1)
        clock = f"{passed_s // 60:.0f}:{passed_s % 60:02.0f}"
        log(f"{line} [{clock}{f', about {math.ceil(left)} min left' if rest else ''}]")

    return timed


def _do(run: Run, label: str, log: Callable[[str], None], *, force: bool, jobs: int = 1, live: bool = True) -> None:
    """Execute or skip one run, and log it in one line."""
    if run.notebook.stage in ("report", "live") and not has_results(run.params.run_dir):
        log(f"{label}  {NOTHING_TO_REPORT}")
    elif not force and run.is_done():
        log(f"{label}  {DONE_ALREADY}")
    else:
        started = time.monotonic()
        try:
            if live and sys.stdout.isatty():
                print(f"{label}  …", end="\r", flush=True)  # the line of its end is written over it
            run.execute(threads=network_threads(jobs=jobs))
        except BatchError:
            log(f"{label}  FAILED after {time.monotonic() - started:.0f} s")
            raise
        log(f"{label}  done in {time.monotonic() - started:.0f} s")
