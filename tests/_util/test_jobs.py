"""Jobs in parallel processes: each has one outcome, whatever happens to the processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from asl_lib._util.jobs import run_jobs
from tests.conftest import ROOT

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


def square(number):
    if number == 3:
        raise ValueError("three is not squared here")
    return number * number


def square_or_die(number):
    if number == 3:
        os._exit(1)
    return number * number


def square_or_hang(number):
    while number == 3:
        time.sleep(1)
    return number * number


def process_number(_):
    return os.getpid()


def write_slowly(path):
    with open(path, "w"):
        try:
            time.sleep(600)
        finally:
            os.remove(path)


def fail():
    raise OSError("the camera is missing")


def in_order(outcomes):
    return sorted(outcomes, key=lambda outcome: outcome.index)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_has_one_outcome_and_an_error_stops_no_other_job(workers):
    outcomes = in_order(run_jobs(square, range(8), workers=workers))
    assert [outcome.index for outcome in outcomes] == list(range(8))
    assert outcomes[3].error == "three is not squared here"
    assert [outcome.result for outcome in outcomes] == [0, 1, 4, None, 16, 25, 36, 49]


def test_a_job_that_kills_its_process_is_reported_and_its_neighbours_are_not_blamed():
    outcomes = in_order(run_jobs(square_or_die, range(8), workers=2))
    assert len(outcomes) == 8
    assert "died twice" in outcomes[3].error
    assert [outcome.result for outcome in outcomes] == [0, 1, 4, None, 16, 25, 36, 49]


def test_a_job_that_hangs_is_ended_at_its_time_limit_and_the_others_go_on():
    outcomes = in_order(run_jobs(square_or_hang, range(8), workers=2, limit_s=lambda number: 3 if number == 3 else 600))
    assert len(outcomes) == 8
    assert "not finished after 3 s" in outcomes[3].error
    assert [outcome.result for outcome in outcomes] == [0, 1, 4, None, 16, 25, 36, 49]


@UNIX
def test_a_process_that_is_killed_between_two_jobs_costs_no_job():
    outcomes = []
    for outcome in run_jobs(process_number, range(12), workers=1):
        outcomes.append(outcome)
        if len(outcomes) == 2:  # the process has nothing to do until the next outcome is asked for
            os.kill(outcome.result, signal.SIGKILL)
            time.sleep(1)
    assert sorted(outcome.index for outcome in outcomes) == list(range(12))
    assert all(outcome.error is None for outcome in outcomes)


def test_an_error_in_a_worker_s_setup_is_raised_once_with_its_message():
    with pytest.raises(ChildProcessError, match="the camera is missing"):
        list(run_jobs(square, range(100), workers=2, setup=fail))


@UNIX
def test_stopping_the_loop_lets_running_jobs_clean_up(tmp_path):
    outcomes = run_jobs(write_slowly, [tmp_path / "a", tmp_path / "b"], workers=2, limit_s=4)
    assert [outcome.error for outcome in outcomes] == ["It was not finished after 4 s."] * 2
    assert os.listdir(tmp_path) == []


def test_processes_that_cannot_start_raise_an_error_instead_of_hanging(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text("from asl_lib._util.jobs import run_jobs\nprint(list(run_jobs(abs, [1, 2], workers=1)))\n")
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode != 0
    assert "cannot be started" in done.stderr


def test_no_jobs_give_no_outcomes():
    assert list(run_jobs(square, [], workers=2)) == []
