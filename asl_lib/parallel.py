"""Independent jobs on all cores, of which a bad one never stops the others."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 2


@dataclass(frozen=True)
class Outcome:
    """What became of one job: its result, or the sentence that says why there is none."""

    index: int
    result: Any = None
    error: str | None = None


def cores() -> int:
    """Return the number of cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


def run_jobs(
    function: Callable[[Any], Any], items: Sequence[Any], *, workers: int = 0, setup: Callable[[], None] | None = None
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

    Yields:
        One Outcome an item, in order of completion.
    """
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


def _suspicion(waiting: deque[tuple[int, int]], running: dict[Future[Any], tuple[int, int]]) -> bool:
    return any(attempt > 1 for _, attempt in (*waiting, *running.values()))


def _after_crash(running: dict[Future[Any], tuple[int, int]], waiting: deque[tuple[int, int]]) -> Iterator[Outcome]:
    """Put the jobs of a broken pool back in line, or report those that were alone in it."""
    for future, (index, attempt) in running.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            yield Outcome(index, result=future.result())
        elif attempt >= ATTEMPTS:
            yield Outcome(index, error="its process died twice (a crash in native code, or too little memory)")
        else:
            waiting.appendleft((index, attempt + 1))


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
