"""Independent jobs on all cores; one that fails, crashes or hangs never stops the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import cv2
from pebble import ProcessExpired, ProcessPool

CONNECT_TIMEOUT_S = 15
STALLED_AFTER_S = 60
MOST_POOLS = 3
DIED = "its process died twice (a crash in native code, or too little memory)"


@dataclass(frozen=True)
class Outcome:
    """The result of one job, or the reason why it has none."""

    index: int
    result: Any = None
    error: str | None = None


def cores() -> int:
    """Return the number of cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows


def quiet_worker() -> None:
    """Prepare a worker process: one thread for OpenCV, because the processes use the cores, and no native messages."""
    cv2.setNumThreads(1)
    if threading.current_thread() is threading.main_thread():  # a Dask worker's log is its own
        # TensorFlow and MediaPipe write a dozen lines a process to stderr, and nothing that helps; errors come back to
        # the parent as exceptions.
        with open(os.devnull, "w") as devnull:
            os.dup2(devnull.fileno(), 2)


def run_jobs(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    workers: int = 0,
    setup: Callable[[], None] | None = None,
    limit_s: Callable[[Any], float] | float | None = None,
    scheduler: str = "",
) -> Iterator[Outcome]:
    """Call `function` on every item in parallel processes and yield outcomes as they come.

    A job that raises gives an outcome with its error, and so does one that exceeds its time limit. A job whose
    process dies (a crash in native code, the system's memory guard) is tried once more alone, and reported if it
    dies again.

    Args:
        function: importable function of one item; item and result must be picklable, and results small.
        items: one a job.
        workers: number of processes; 0 for one per core.
        setup: called once in every process before its first job.
        limit_s: time limit of a job in seconds, or a function of its item that returns it; None for no limit.
            Jobs on a Dask cluster have none.
        scheduler: address of a Dask scheduler ("tcp://…"), whose workers then do the jobs instead.

    Yields:
        One Outcome an item, in order of completion.

    Raises:
        ConnectionError: the Dask scheduler does not answer.
        ChildProcessError: `setup` fails, or processes cannot be started: no job can succeed.
    """
    if scheduler:
        yield from _run_on_dask(partial(_call_on_dask, function, setup), items, scheduler=scheduler)
        return
    limits = [limit_s(item) if callable(limit_s) else limit_s for item in items]
    waiting, suspects, died = deque(range(len(items))), deque[int](), set[int]()
    count, pools = min(workers or cores(), max(1, len(items))), 0
    while waiting or suspects:
        # A new interpreter per process: forking one that has threads of OpenCV or TensorFlow hangs.
        context = multiprocessing.get_context("spawn")
        pool: Any = ProcessPool(count, initializer=_start_worker, initargs=(function, setup), context=context)
        running: dict[Any, int] = {}
        try:
            while waiting or suspects or running:
                # Few jobs in flight: an interrupt ends quickly. A job whose process died runs alone at the end.
                queue, room = (waiting, 2 * count) if waiting else (suspects, 1)
                while queue and len(running) < room:
                    running[pool.schedule(_call, [items[queue[0]]], timeout=limits[queue[0]])] = queue[0]
                    queue.popleft()
                done, _ = wait(running, STALLED_AFTER_S, FIRST_COMPLETED)
                if not done and not any(future.running() for future in running):
                    raise BrokenExecutor("no process takes a job")
                for future in done:
                    error, index = future.exception(), running[future]
                    if isinstance(error, BrokenExecutor):
                        raise error
                    del running[future]
                    pools = 0
                    if isinstance(error, ProcessExpired) and index not in died:
                        died.add(index)
                        suspects.append(index)
                    else:
                        yield _outcome(index, future, limits[index])
        except RuntimeError as error:  # pebble's own at a broken pool, and BrokenExecutor
            pools += 1
            if pools == MOST_POOLS:
                raise ChildProcessError(
                    f"Worker processes cannot be started: {error}. A script must start them under "
                    '`if __name__ == "__main__":`.'
                ) from error
            waiting.extend(running.values())
        finally:
            pool.stop()
            pool.join()


def _outcome(index: int, future: Any, limit_s: float | None) -> Outcome:
    """Return the outcome of a job that has ended; raise ChildProcessError for an error that concerns all jobs."""
    error = future.exception()
    if isinstance(error, ProcessExpired):
        return Outcome(index, error=DIED)
    if isinstance(error, futures.TimeoutError):
        return Outcome(index, error=f"It was not finished after {limit_s:.0f} s.")
    if error is not None:
        return Outcome(index, error=_reason(error))
    status, value = future.result()
    if status == "setup":
        raise ChildProcessError(f"A worker process could not be prepared: {value}")
    return Outcome(index, error=value) if status == "error" else Outcome(index, result=value)


def _run_on_dask(call: Callable[[Any], Any], items: Sequence[Any], *, scheduler: str) -> Iterator[Outcome]:
    """Do the jobs on the workers of a Dask cluster.

    Dask gives the jobs of a worker that dies to another one; a job whose workers died several times
    (`distributed.scheduler.allowed-failures`) is reported.
    """
    from distributed import Client, as_completed

    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"No Dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`, workers with "
            "`dask worker`, and give the address that it prints."
        ) from error
    with client:
        started = client.map(call, list(items), pure=False)
        index_of = {future.key: index for index, future in enumerate(started)}
        try:
            for future in as_completed(started):
                index, died = index_of[future.key], type(future.exception()).__name__ == "KilledWorker"
                yield Outcome(index, error=DIED) if died else _outcome(index, future, None)
                future.release()
        finally:
            client.cancel(started)


_function: Callable[[Any], Any]
_setup_error: str | None = None


def _start_worker(function: Callable[[Any], Any], setup: Callable[[], None] | None) -> None:
    """Prepare a worker process; an error in `setup` is kept for the parent, who asks with the first job."""
    global _function, _setup_error
    _function = function
    try:
        if setup is not None:
            setup()
    except Exception as error:  # noqa: BLE001  (the parent raises it)
        _setup_error = _reason(error)


def _call(item: Any) -> tuple[str, Any]:
    """Do one job in a worker process.

    A worker that runs too long, or is no longer needed, gets SIGTERM: the job's `finally` blocks still run, which
    remove unfinished files.
    """
    if _setup_error is not None:
        return "setup", _setup_error
    before = signal.signal(signal.SIGTERM, _leave_job)
    try:
        return _attempt(_function, item)
    except SystemExit:
        os._exit(1)
    finally:
        signal.signal(signal.SIGTERM, before)


def _call_on_dask(function: Callable[[Any], Any], setup: Callable[[], None] | None, item: Any) -> tuple[str, Any]:
    """Do one job in a Dask worker, after `setup` if it is the process's first."""
    try:
        if setup is not None:
            _set_up(setup)
    except Exception as error:  # noqa: BLE001  (the parent raises it)
        return "setup", _reason(error)
    return _attempt(function, item)


def _attempt(function: Callable[[Any], Any], item: Any) -> tuple[str, Any]:
    """Return ("done", result) or ("error", reason)."""
    try:
        return "done", function(item)
    except Exception as error:  # noqa: BLE001  (the parent reports it)
        return "error", _reason(error)


@cache
def _set_up(setup: Callable[[], None]) -> None:
    """Call `setup`, once in a process."""
    setup()


def _leave_job(*_: Any) -> None:
    raise SystemExit


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def parse_shard(shard: str, *, least: int = 1) -> tuple[int, int]:
    """Return (3, 100) from "3/100"; `least` 0 also takes "0/100", which commands use to prepare.

    Raises:
        ValueError: it is not of that form, or there is no such part.
    """
    number, slash, total = shard.partition("/")
    if not (slash and number.isdigit() and total.isdigit() and least <= int(number) <= int(total)):
        raise ValueError(f"shard must be like 3/100, from 1/100 to 100/100; got '{shard}'.")
    return int(number), int(total)
