"""Independent jobs on all cores, of which a bad one never stops the others."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 2
CONNECT_TIMEOUT_S = 15
DIED = "its process died twice (a crash in native code, or too little memory)"


@dataclass(frozen=True)
class Outcome:
    """What became of one job: its result, or the sentence that says why there is none."""

    index: int
    result: Any = None
    error: str | None = None


def cores() -> int:
    """Return the number of cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows


class SchedulerError(RuntimeError):
    """A Dask scheduler that cannot be reached, or has no workers."""


def run_jobs(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    workers: int = 0,
    setup: Callable[[], None] | None = None,
    scheduler: str = "",
) -> Iterator[Outcome]:
    """Call `function` on every item in parallel processes and yield outcomes as they come.

    A job that raises gives an outcome with its error. A job that kills its process (a crash in native
    code, the system's memory guard) takes its neighbours along: all of them are tried once more in a new
    pool, and the one that does it again is reported.

    Args:
        function: importable function of one item; item and result must be picklable.
        items: what to work on.
        workers: number of processes; 0 for one per core.
        setup: called once in every process before its first job.
        scheduler: address of a Dask scheduler ("tcp://…"), whose workers then do the jobs instead.

    Yields:
        One Outcome an item, in order of completion.

    Raises:
        SchedulerError: the scheduler does not answer.
    """
    if scheduler:
        yield from _run_on_dask(function, items, setup=setup, scheduler=scheduler)
        return
    waiting = deque((index, 1) for index in range(len(items)))
    count = min(workers or cores(), max(1, len(items)))
    while waiting:
        # A new interpreter per process: forking one that has threads of OpenCV or TensorFlow hangs.
        pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=setup)
        running: dict[Future[Any], tuple[int, int]] = {}
        try:
            while waiting or running:
                # Few jobs in flight, so that a crash takes few along and an interrupt ends quickly;
                # a job under suspicion runs alone, so that no innocent one is blamed for it.
                while waiting and len(running) < (1 if _suspicion(waiting, running) else 2 * count):
                    index, attempt = waiting.popleft()
                    running[pool.submit(function, items[index])] = (index, attempt)
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    index, attempt = running.pop(future)
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        running[future] = (index, attempt)
                        raise error
                    if error is not None:
                        yield Outcome(index, error=_reason(error))
                    else:
                        yield Outcome(index, result=future.result())
        except BrokenProcessPool:
            yield from _after_crash(running, waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _run_on_dask(
    function: Callable[[Any], Any], items: Sequence[Any], *, setup: Callable[[], None] | None, scheduler: str
) -> Iterator[Outcome]:
    """Do the jobs on the workers of a Dask cluster.

    Dask gives the jobs of a worker that dies to another one; one whose workers died several times
    (`distributed.scheduler.allowed-failures`) is reported.
    """
    from distributed import Client, as_completed

    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise SchedulerError(
            f"No Dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`, workers with "
            "`dask worker`, and give the address that it prints."
        ) from error
    with client:
        futures = client.map(_prepared, list(items), function=function, setup=setup, pure=False)
        index_of = {future.key: index for index, future in enumerate(futures)}
        try:
            for future in as_completed(futures):
                index = index_of[future.key]
                if future.status == "finished":
                    yield Outcome(index, result=future.result())
                else:
                    failure = future.exception()
                    died = type(failure).__name__ == "KilledWorker"
                    yield Outcome(index, error=DIED if died else _reason(failure))
                future.release()
        finally:
            client.cancel(futures)


_set_up: set[Callable[[], None]] = set()


def _prepared(item: Any, *, function: Callable[[Any], Any], setup: Callable[[], None] | None) -> Any:
    """Call `function` in a Dask worker, after `setup` if it is the process's first job."""
    if setup is not None and setup not in _set_up:
        setup()
        _set_up.add(setup)
    return function(item)


def _suspicion(waiting: deque[tuple[int, int]], running: dict[Future[Any], tuple[int, int]]) -> bool:
    return any(attempt > 1 for _, attempt in (*waiting, *running.values()))


def _after_crash(running: dict[Future[Any], tuple[int, int]], waiting: deque[tuple[int, int]]) -> Iterator[Outcome]:
    """Put the jobs of a broken pool back in line, or report those that were alone in it."""
    for future, (index, attempt) in running.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            yield Outcome(index, result=future.result())
        elif attempt >= ATTEMPTS:
            yield Outcome(index, error=DIED)
        else:
            waiting.appendleft((index, attempt + 1))


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
