import os

import pytest

from asl_lib._util.jobs import run_jobs


def square(number):
    if number == 3:
        raise ValueError("three is not squared here")
    return number * number


def square_or_die(number):
    if number == 3:
        os._exit(1)
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_has_one_outcome_and_an_error_stops_nobody(workers):
    outcomes = {outcome.index: outcome for outcome in run_jobs(square, range(8), workers=workers)}
    assert len(outcomes) == 8
    assert outcomes[3].error == "three is not squared here"
    assert [outcomes[i].result for i in range(8) if i != 3] == [0, 1, 4, 16, 25, 36, 49]


def test_a_job_that_kills_its_process_is_reported_and_its_neighbours_are_not_blamed():
    outcomes = {outcome.index: outcome for outcome in run_jobs(square_or_die, range(8), workers=2)}
    assert len(outcomes) == 8
    assert "died twice" in outcomes[3].error
    assert [outcomes[i].result for i in range(8) if i != 3] == [0, 1, 4, 16, 25, 36, 49]


def test_no_job_is_no_outcome():
    assert list(run_jobs(square, [], workers=2)) == []
