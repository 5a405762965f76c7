from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.evaluation.calibration import apply_temperature, calibration_error, fit_temperature, reliability
from asl_lib.evaluation.metrics import evaluate, mcnemar


def simulate(count=4000, *, sureness=1.0, seed=0):
    """Probabilities of 3 classes whose truth is drawn from them, then made `sureness` times as sure."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(3), count)
    y = np.array([rng.choice(3, p=row) for row in honest])
    return apply_temperature(honest, 1 / sureness), y


def judged(probabilities, y):
    names = [f"c{number}" for number in range(len(y))]
    return evaluate(probabilities, y, glosses=["A", "B", "C"], signers=["ana"] * len(y), clip_ids=names)


def test_a_model_whose_probabilities_are_true_is_calibrated_and_a_boastful_one_is_not():
    honest, boastful = (judged(*simulate(sureness=sureness)) for sureness in (1.0, 3.0))
    assert calibration_error(honest) < 0.03
    assert calibration_error(boastful) > 0.15
    table = reliability(honest, bins=5)
    assert table["n"].sum() == 4000
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


@pytest.mark.parametrize("sureness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_a_model_too_sure_or_too_shy(sureness):
    assert fit_temperature(*simulate(sureness=sureness)) == pytest.approx(sureness, rel=0.1)


@given(temperature=st.floats(0.1, 10), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_temperature_changes_no_ranking_and_keeps_probabilities_probabilities(temperature, seed):
    before = np.random.default_rng(seed).dirichlet(np.ones(5), 20)
    after = apply_temperature(before, temperature)
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))


def test_no_clip_has_no_temperature():
    with pytest.raises(ValueError, match="at least one clip"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))


def test_mcnemar_counts_where_only_one_is_right():
    y = np.zeros(30, int)
    right, wrong = np.eye(3)[[0]], np.eye(3)[[1]]
    one = judged(np.concatenate([right] * 20 + [wrong] * 10), y)
    other = judged(np.concatenate([right] * 8 + [wrong] * 22), y)
    assert mcnemar(one, other)[:2] == (12, 0)
    assert mcnemar(one, other)[2] == pytest.approx(2 * 0.5**12)
    assert mcnemar(one, one) == (0, 0, 1.0)


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30), seed=st.integers(0, 99))
@settings(deadline=None)
def test_mcnemar_is_a_sign_test_on_the_clips_that_one_alone_has_right_in_whatever_order_they_come(pairs, seed):
    right = np.array(pairs)
    order = np.random.default_rng(seed).permutation(len(right))
    names = np.array([f"c{number}" for number in range(len(right))])
    one, other = (
        evaluate(
            np.eye(2)[(~hit).astype(int)], np.zeros(len(hit), int), glosses=["A", "B"], signers=clips, clip_ids=clips
        )
        for hit, clips in ((right[:, 0], names), (right[order, 1], names[order]))
    )
    first, second, chance = mcnemar(one, other)
    assert (first, second) == (pairs.count((True, False)), pairs.count((False, True)))
    tosses = first + second
    as_uneven = sum(comb(tosses, k) for k in range(tosses + 1) if abs(2 * k - tosses) >= abs(first - second))
    assert chance == pytest.approx(as_uneven / 2**tosses)
    assert mcnemar(other, one) == (second, first, pytest.approx(chance))


def test_mcnemar_compares_clips_that_both_have_judged_and_says_if_there_are_none():
    one, other = (
        evaluate(np.eye(2), np.zeros(2, int), glosses=["A", "B"], signers=["x"] * 2, clip_ids=list(clips))
        for clips in ("pq", "qr")
    )
    assert mcnemar(one, other) == (0, 1, 1.0)
    stranger = evaluate(np.eye(2), np.zeros(2, int), glosses=["A", "B"], signers=["x"] * 2, clip_ids=["s", "t"])
    with pytest.raises(ValueError, match="same clips; they have none in common"):
        mcnemar(one, stranger)


def test_macro_f1_counts_rare_glosses_as_much_as_frequent_ones():
    y = np.array([0] * 18 + [1] * 2)
    always_a = judged(np.tile([[0.8, 0.1, 0.1]], (20, 1)), y)
    assert always_a.accuracy.value == 0.9
    assert always_a.macro_f1 == pytest.approx((2 * 18 / 38) / 2)
    table = always_a.per_gloss()
    assert table.loc["A", "recall"] == 1
    assert table.loc["A", "precision"] == 0.9
    assert table.loc["C", "n"] == 0
