import json
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.evaluation.metrics import (
    VERSIONED,
    Evaluation,
    PairedTest,
    apply_temperature,
    average,
    calibration_error,
    difference,
    evaluate,
    fit_temperature,
    mcnemar,
    mean_over_signers,
    rate,
    reliability,
)
from asl_lib.features.recipe import PhotographRecipe
from tests.conftest import make_clip_set, make_clips


def independent_rate(hits, n):
    """Return the rate of n clips of different signs."""
    return rate(np.arange(n) < hits, make_clips(["ana"] * n, [f"sign {number}" for number in range(n)]))


def test_several_seeds_do_not_raise_n_and_their_accuracies_are_averaged():
    clips = make_clips(["ana", "ana", "ben", "ben"], list("ABAB"))
    once = rate(np.array([1, 0, 1, 0], bool), clips)
    thrice = rate(np.array([1, 0, 1, 0] * 2 + [1, 1, 1, 1], bool), pd.concat([clips] * 3))
    assert (once.hits, once.n, thrice.n, thrice.cells) == (2, 4, 4, 4)
    assert (thrice.hits, thrice.value) == pytest.approx((8 / 3, 2 / 3))


def test_with_different_test_clips_for_each_seed_n_counts_every_tested_clip():
    clips = make_clips(["ana", "ana", "ben"], list("ABA"))
    share = rate(np.array([True, False, True, True]), pd.concat([clips[:2], clips[1:]]))
    assert (share.size, share.value) == ("3 clips, 3 cells", 0.75)


def make_evaluation():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.5, 0.1, 0.4]])
    return Evaluation.from_arrays(
        probabilities, np.array([0, 1, 2, 2]), glosses=["A", "B", "C"], signers=["ana", "ana", "ben", "ben"],
        clip_ids=list("wxyz"),
    )  # fmt: skip


def test_an_evaluation_lists_signer_gloss_and_prediction_of_every_clip():
    table = make_evaluation().table
    assert table.to_dict("list") == {
        "clip_id": ["w", "x", "y", "z"],
        "signer": ["ana", "ana", "ben", "ben"],
        "gloss": ["A", "B", "C", "C"],
        "predicted": ["A", "A", "C", "A"],
        "probability": [0.7, 0.6, 0.7, 0.5],
        "rank": [1, 2, 1, 2],
    }


def test_a_saved_evaluation_is_plain_csv_and_json(tmp_path):
    probabilities = np.array([[0.25, 2 / 3, 1 / 12], [0.5, 0.3, 0.2]])
    evaluation = Evaluation.from_arrays(
        probabilities, np.array([1, 1]), glosses=["A", "B", "C"], signers=["ben", "ana"], clip_ids=["x", "y"]
    )
    evaluation.save(tmp_path, model="lstm")
    assert (tmp_path / "predictions.csv").read_text().splitlines() == [
        "clip_id,signer,gloss,predicted,probability,rank",
        "x,ben,B,B,0.66667,1",
        "y,ana,B,A,0.50000,2",
    ]
    accuracy = evaluation.accuracy
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    versions = metrics.pop("versions")
    assert versions["numpy"] == np.__version__
    assert {"python", *VERSIONED} >= set(versions) >= {"python", "ai-edge-litert", "tensorflow"}  # jax is optional
    assert metrics == {
        "model": "lstm",
        "accuracy": 0.5,
        "interval": [pytest.approx(accuracy.low), pytest.approx(accuracy.high)],
        "n": 2,
        "cells": 2,
        "top5_accuracy": 1.0,
        "macro_f1": pytest.approx(2 / 3),
        "classes": 3,
        "signers": {"ana": {"hits": 0, "top5_hits": 1, "n": 1}, "ben": {"hits": 1, "top5_hits": 1, "n": 1}},
    }
    with np.load(tmp_path / "probabilities.npz", allow_pickle=False) as stored:
        assert stored["clip_id"].tolist() == ["x", "y"]
        assert stored["glosses"].tolist() == ["A", "B", "C"]
        assert stored["probabilities"].dtype == np.float32
        np.testing.assert_allclose(stored["probabilities"], probabilities, atol=1e-7)


def test_top_5_accuracy_counts_the_fifth_guess_and_not_the_sixth(tmp_path):
    falling = np.tile(np.arange(7, 0, -1) / 28, (7, 1))
    evaluation = Evaluation.from_arrays(
        falling, np.arange(7), glosses=list("ABCDEFG"), signers=list("zzzzaaa"), clip_ids=list("1234567")
    )
    assert evaluation.table["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert evaluation.top(5).hits == 5
    assert list(evaluation.counts().items()) == [
        ("a", {"hits": 0, "top5_hits": 1, "n": 3}),
        ("z", {"hits": 1, "top5_hits": 4, "n": 4}),
    ]
    evaluation.save(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["top5_accuracy"] == 5 / 7


@given(pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
@settings(deadline=None)
def test_precision_recall_and_f1_match_scikit_learn(pairs):
    from sklearn.metrics import precision_recall_fscore_support

    true, said = np.array(pairs).T
    names = [str(number) for number in range(len(true))]
    table = Evaluation.from_arrays(
        np.eye(5)[said], true, glosses=list("EDCBA"), signers=names, clip_ids=names
    ).per_gloss()
    theirs = precision_recall_fscore_support(true, said, labels=range(5), zero_division=0.0)
    expected = pd.DataFrame(dict(zip(["precision", "recall", "f1", "n"], theirs, strict=True))).astype({"n": int})
    pd.testing.assert_frame_equal(table, expected.set_index(pd.Index(list("EDCBA"), name="gloss")))


def test_confused_pairs_are_sorted_by_count_and_then_by_name():
    said = {("D", "C"): 1, ("D", "B"): 1, ("D", "A"): 1, ("A", "D"): 2, ("B", "C"): 1, ("A", "A"): 5}
    glosses = ["D", "C", "B", "A"]
    true, predicted = np.array([[glosses.index(g) for g in pair] for pair, n in said.items() for _ in range(n)]).T
    names = [str(number) for number in range(len(true))]
    confused = Evaluation.from_arrays(
        np.eye(4)[predicted], true, glosses=glosses, signers=names, clip_ids=names
    ).most_confused()
    assert confused.to_dict("list") == {
        "gloss": ["D", "C", "D", "D"],
        "other_gloss": ["A", "B", "B", "C"],
        "clips": [3, 1, 1, 1],
        "n": [10, 1, 4, 3],
    }


def test_ten_confused_pairs_are_listed_by_default():
    true, predicted = np.triu_indices(6, k=1)
    names = [str(number) for number in range(15)]
    evaluation = Evaluation.from_arrays(
        np.eye(6)[predicted], true, glosses=list("ABCDEF"), signers=names, clip_ids=names
    )
    assert [len(evaluation.most_confused(**most)) for most in ({}, {"most": 3}, {"most": 99})] == [10, 3, 15]


def test_accuracy_is_the_share_of_clips_with_a_correct_first_guess():
    evaluation = make_evaluation()
    assert (evaluation.accuracy.hits, evaluation.accuracy.n) == (2, 4)
    assert evaluation.top(2).hits == 4
    assert {name: r.value for name, r in evaluation.per_signer().items()} == {"ana": 0.5, "ben": 0.5}


def test_the_confusion_matrix_has_true_rows_and_predicted_columns():
    evaluation = make_evaluation()
    assert evaluation.confusion().to_numpy().tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    assert evaluation.most_confused().iloc[0].tolist() == ["A", "B", 1, 2]


def test_equal_probabilities_are_not_counted_as_a_top_5_success():
    flat = np.full((6, 6), 1 / 6)
    evaluation = Evaluation.from_arrays(
        flat, np.arange(6), glosses=list("ABCDEF"), signers=["a"] * 6, clip_ids=list("abcdef")
    )
    assert evaluation.top(5).hits == 1  # the one that argmax names


def test_identical_repetitions_count_as_one_cell():
    signs = np.repeat([f"sign {number}" for number in range(12)], 3).tolist()
    value = rate(np.arange(36) < 33, make_clips(["ana"] * 36, signs))
    assert str(value) == "91.7% (n = 36 clips, 12 cells, 95 % interval 75% to 100%)"
    assert f"{value:>70}|" == f"{str(value).rjust(70)}|"
    assert str(independent_rate(33, 36)) == "91.7% (n = 36 clips, 36 cells, 95 % interval 81% to 100%)"
    assert str(independent_rate(1, 1)).startswith("100.0% (n = 1 clip, 1 cell, ")


TABLES = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.sampled_from("UVWXYZ"), st.booleans()), min_size=1, max_size=60
)


def rate_of(rows, **options):
    signers, glosses, right = map(list, zip(*rows, strict=True))
    return rate(np.array(right), pd.DataFrame({"signer": signers, "gloss": glosses}), **options)


@given(rows=TABLES)
@settings(deadline=None)
def test_an_interval_contains_its_rate_and_lies_between_0_and_1(rows):
    value = rate_of(rows)
    assert 0 <= value.low <= value.value <= value.high <= 1
    assert (value.hits, value.n) == (sum(right for *_, right in rows), len(rows))
    assert (value.cells, value.signers) == (len({row[:2] for row in rows}), len({row[0] for row in rows}))


@given(rows=TABLES, times=st.integers(2, 5), seed=st.integers(0, 99))
@settings(deadline=None)
def test_an_interval_does_not_depend_on_the_order_of_clips_nor_on_how_often_each_is_repeated(rows, times, seed):
    order = np.random.default_rng(seed).permutation(len(rows) * times)
    value, repeated = rate_of(rows), rate_of([(rows * times)[index] for index in order])
    assert (repeated.low, repeated.high) == pytest.approx((value.low, value.high))
    assert (repeated.n, repeated.cells) == (times * value.n, value.cells)


@pytest.mark.parametrize(("hits", "n"), [(1, 2), (20, 36), (33, 36), (71, 72), (5, 300)])
def test_with_one_clip_in_a_cell_the_interval_is_that_of_a_bootstrap_over_clips(hits, n):
    clips = np.arange(n) < hits
    means = np.random.default_rng(1).choice(clips, (10_000, n)).mean(axis=1)
    value = independent_rate(hits, n)
    assert (value.low, value.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=1.01 / n)


@pytest.mark.parametrize("right", [True, False])
def test_with_identical_cells_the_interval_is_wilson_s_for_the_number_of_cells(right):
    value = rate_of([("ana", sign, right) for sign in "ABCDEFGHIJKL" for _ in range(3)])
    ends = (value.low, value.high) if right else (1 - value.high, 1 - value.low)
    assert ends == pytest.approx((0.7575, 1.0), abs=1e-4)  # 12 of 12


def test_from_five_signers_on_the_interval_is_over_signers():
    four = [(signer, sign, signer != "a") for signer in "abcd" for sign in "ABCDEFGHIJKLMNOPQRST"]
    five = [*four, *[("e", sign, True) for sign in "ABCDEFGHIJKLMNOPQRST"]]
    assert str(rate_of(four)) == "75.0% (n = 80 clips, 80 cells, 95 % interval 65% to 84%)"
    assert str(rate_of(five)) == "80.0% (n = 100 clips, 100 cells, 5 signers, 95 % interval 40% to 100%)"
    assert rate_of(five) == rate_of(five, seed=42)


@pytest.mark.parametrize(("right", "clips"), [(0, 0), (2, 3)])
def test_a_rate_without_clips_or_of_different_clips_is_refused(right, clips):
    with pytest.raises(ValueError, match=f"at least 1; got {right} and {clips}"):
        rate(np.ones(right, bool), make_clips(["ana"] * clips) if clips else pd.DataFrame({"signer": [], "gloss": []}))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_mean_over_signers_lies_in_its_interval(values):
    mean, low, high = mean_over_signers(values)
    assert min(values) - 1e-9 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= max(values) + 1e-9


def test_the_interval_over_many_signers_is_where_95_per_cent_of_resampled_means_fall():
    values = np.linspace(0.3, 1.0, 40)
    spread = values.std() / np.sqrt(40)
    mean, low, high = mean_over_signers(values)
    assert mean == pytest.approx(0.65)
    assert ((low - mean) / spread, (high - mean) / spread) == pytest.approx((-1.96, 1.96), abs=0.06)
    assert mean_over_signers(values) == mean_over_signers(values, seed=42) != mean_over_signers(values, seed=43)


def test_without_signers_there_is_no_mean():
    with pytest.raises(ValueError, match="at least one signer's; got none"):
        mean_over_signers([])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_for_fewer_than_five_signers_the_range_is_given_instead_of_an_interval(values):
    assert mean_over_signers(values)[1:] == (min(values), max(values))


def test_the_interval_over_five_signers_is_narrower_than_their_range():
    _, low, high = mean_over_signers([0.2, 0.4, 0.5, 0.6, 0.9])
    assert 0.2 < low < high < 0.9


def test_invalid_predictions_are_refused():
    options = {"glosses": ["A", "B"], "signers": ["a"], "clip_ids": ["x"]}
    with pytest.raises(ValueError, match="finite"):
        Evaluation.from_arrays(np.array([[np.nan, 1.0]]), np.array([0]), **options)
    with pytest.raises(ValueError, match=r"must be \(1, 2\)"):
        Evaluation.from_arrays(np.ones((1, 3)), np.array([0]), **options)


def test_an_ensemble_averages_probabilities_over_the_clips_of_all_its_members():
    one = make_evaluation()
    sure = np.array([[0.9, 0.05, 0.05], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    other = Evaluation.from_arrays(
        sure, np.array([2, 1, 0]), glosses=["A", "B", "C"], signers=["ben", "ana", "ana"], clip_ids=["z", "x", "w"]
    )
    both = average([one, other])
    assert both.table["clip_id"].tolist() == ["w", "x", "z"]
    assert both.table["predicted"].tolist() == ["C", "B", "A"]
    assert both.table["signer"].tolist() == ["ana", "ana", "ben"]
    np.testing.assert_allclose(both.probabilities[0], [0.35, 0.1, 0.55])
    with pytest.raises(ValueError, match="same glosses"):
        average(
            [
                one,
                Evaluation.from_arrays(
                    sure, np.arange(3), glosses=list("ABD"), signers=["a"] * 3, clip_ids=list("wxy")
                ),
            ]
        )
    with pytest.raises(ValueError, match="none in common"):
        average(
            [
                one,
                Evaluation.from_arrays(
                    sure, np.arange(3), glosses=list("ABC"), signers=["a"] * 3, clip_ids=list("pqr")
                ),
            ]
        )
    with pytest.raises(ValueError, match="must have its probabilities"):
        average([])


def simulate(count=4000, *, sureness=1.0, seed=0):
    """Probabilities of 3 classes whose truth is drawn from them, then made `sureness` times as sure."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(3), count)
    y = np.array([rng.choice(3, p=row) for row in honest])
    return apply_temperature(honest, 1 / sureness), y


def judged(probabilities, y):
    names = [f"c{number}" for number in range(len(y))]
    return Evaluation.from_arrays(probabilities, y, glosses=["A", "B", "C"], signers=["ana"] * len(y), clip_ids=names)


def test_calibration_error_is_low_for_true_probabilities_and_high_for_overconfident_ones():
    honest, boastful = (judged(*simulate(sureness=sureness)) for sureness in (1.0, 3.0))
    assert calibration_error(honest) < 0.03
    assert calibration_error(boastful) > 0.15
    table = reliability(honest, bins=5)
    assert table["n"].sum() == 4000
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


@pytest.mark.parametrize("sureness", [0.5, 1.0, 3.0])
def test_the_temperature_corrects_over_and_underconfidence(sureness):
    assert fit_temperature(*simulate(sureness=sureness)) == pytest.approx(sureness, rel=0.1)


@given(temperature=st.floats(0.1, 10), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_temperature_keeps_the_ranking_and_valid_probabilities(temperature, seed):
    before = np.random.default_rng(seed).dirichlet(np.ones(5), 20)
    after = apply_temperature(before, temperature)
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))


def test_probabilities_are_the_softmax_of_logits_divided_by_the_temperature():
    np.testing.assert_allclose(apply_temperature(np.array([[0.8, 0.2]]), 2.0), [[2 / 3, 1 / 3]])  # odds of 4 become 2
    np.testing.assert_allclose(apply_temperature(np.array([[0.8, 0.2]]), 0.5), [[16 / 17, 1 / 17]])


def test_reliability_bins_have_equal_width_and_count_all_predictions():
    best = np.array([0.39, 0.41, 0.55, 0.75, 0.81, 0.95, 1.0])
    y = np.array([0, 1, 0, 0, 1, 0, 0])
    found = judged(np.stack([best, (1 - best) / 2, (1 - best) / 2], axis=1), y)
    table = reliability(found, bins=5)
    assert table.columns.tolist() == ["probability", "accuracy", "low", "high", "n", "cells"]
    np.testing.assert_allclose(table["probability"], [0.39, 0.48, 0.75, 0.92])
    np.testing.assert_allclose(table["accuracy"], [1, 0.5, 1, 2 / 3])
    assert table["n"].tolist() == [1, 2, 1, 3]
    assert calibration_error(found) == pytest.approx((0.61 + 2 * 0.02 + 0.25 + 3 * (0.92 - 2 / 3)) / 7)
    assert calibration_error(found, bins=1) == pytest.approx(abs(best.mean() - 5 / 7))


def test_without_clips_there_is_no_temperature():
    with pytest.raises(ValueError, match="at least one clip"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))


def compared(pairs, *, repeat=1, cells=None):
    """Return the evaluations of two models: for each pair and repetition, whether the first and the second is right."""
    signers = np.repeat([f"c{number}" for number in (cells or range(len(pairs)))], repeat)
    names = [f"clip {number}" for number in range(len(signers))]
    return [
        Evaluation.from_arrays(
            np.eye(2)[(~np.repeat(right, repeat)).astype(int)],
            np.zeros(len(names), int),
            glosses=["A", "B"],
            signers=signers,
            clip_ids=names,
        )
        for right in np.array(pairs).T
    ]


def test_mcnemar_counts_the_clips_that_only_one_model_gets_right():
    one, other = compared([(True, True)] * 8 + [(True, False)] * 12 + [(False, False)] * 10)
    found = mcnemar(one, other)
    assert (found.first_only, found.second_only, found.cells) == (12, 0, 12)
    assert found.p == pytest.approx(2 * 0.5**12)
    assert str(found) == "12 clips to 0, different in 12 cells; p = 0.00049"
    assert str(mcnemar(one, one)) == "0 clips to 0, different in 0 cells; p = 1"
    assert str(PairedTest(1, 2, 1, 1.0)) == "1 clip to 2, different in 1 cell; p = 1"


def test_copies_of_a_clip_add_no_evidence():
    pairs = [(True, False)] * 9 + [(False, True)] + [(True, True)] * 5
    single, tripled = mcnemar(*compared(pairs)), mcnemar(*compared(pairs, repeat=3))
    assert (tripled.first_only, tripled.second_only, tripled.cells) == (27, 3, 10)
    assert tripled.p == pytest.approx(single.p)
    assert single.p == pytest.approx(22 / 2**10)  # a sign test: 9 of 10 or more, to either side


@given(
    pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=24),
    cells=st.lists(st.integers(0, 7), min_size=24, max_size=24),
)
@settings(deadline=None)
def test_mcnemar_on_cells_is_an_exact_permutation_test_over_cells(pairs, cells):
    cells = cells[: len(pairs)]
    found = mcnemar(*compared(pairs, cells=cells))
    leads = pd.Series([int(one) - int(other) for one, other in pairs]).groupby(cells).sum().to_numpy()
    ways = np.array(list(product([-1, 1], repeat=len(leads)))) @ leads
    assert found.p == pytest.approx(np.mean(np.abs(ways) >= abs(leads.sum())))
    assert found.cells == np.count_nonzero(leads)


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30), seed=st.integers(0, 99))
@settings(deadline=None)
def test_mcnemar_on_single_clips_is_a_sign_test_in_any_order(pairs, seed):
    right = np.array(pairs)
    order = np.random.default_rng(seed).permutation(len(right))
    names = np.array([f"c{number}" for number in range(len(right))])
    one, other = (
        Evaluation.from_arrays(
            np.eye(2)[(~hit).astype(int)], np.zeros(len(hit), int), glosses=["A", "B"], signers=clips, clip_ids=clips
        )
        for hit, clips in ((right[:, 0], names), (right[order, 1], names[order]))
    )
    found = mcnemar(one, other)
    first, second = found.first_only, found.second_only
    assert (first, second) == (pairs.count((True, False)), pairs.count((False, True)))
    tosses = first + second
    as_uneven = sum(comb(tosses, k) for k in range(tosses + 1) if abs(2 * k - tosses) >= abs(first - second))
    assert found.p == pytest.approx(as_uneven / 2**tosses)
    assert mcnemar(other, one) == PairedTest(second, first, tosses, pytest.approx(found.p))


def test_mcnemar_compares_common_clips_and_refuses_models_without_any():
    one, other = (
        Evaluation.from_arrays(np.eye(2), np.zeros(2, int), glosses=["A", "B"], signers=["x"] * 2, clip_ids=list(clips))
        for clips in ("pq", "qr")
    )
    assert mcnemar(one, other) == PairedTest(0, 1, 1, 1.0)
    stranger = Evaluation.from_arrays(
        np.eye(2), np.zeros(2, int), glosses=["A", "B"], signers=["x"] * 2, clip_ids=["s", "t"]
    )
    with pytest.raises(ValueError, match="same clips; they have none in common"):
        mcnemar(one, stranger)


@given(
    pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=24),
    cells=st.lists(st.integers(0, 9), min_size=24, max_size=24),
)
@settings(deadline=None)
def test_a_difference_of_accuracies_changes_sign_with_the_order_of_models(pairs, cells):
    one, other = compared(pairs, cells=cells[: len(pairs)])
    found, back = difference(one.table, other.table), difference(other.table, one.table)
    assert found.value == pytest.approx(other.accuracy.value - one.accuracy.value)
    assert (found.n, found.cells, found.signers) == (len(pairs), one.accuracy.cells, one.accuracy.signers)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_clips_that_are_hard_for_both_models_do_not_widen_the_interval_of_the_difference():
    pairs = [(False, False)] * 20 + [(True, True)] * 16 + [(False, True)] * 4
    one, other = compared(pairs)
    found, alone = difference(one.table, other.table), other.accuracy
    assert (found.value, found.low > 0) == (0.1, True)
    assert found.high - found.low < 0.7 * (alone.high - alone.low)
    same = difference(one.table, one.table)
    assert same.value == 0
    assert -same.low == same.high > 0, "no difference in forty cells is not certainly none in all others"


def test_trainings_of_the_same_seed_are_compared_and_their_clips_counted_once():
    first, second = compared([(True, False), (True, True)]), compared([(True, True), (False, True)])
    both = [
        pd.concat([tables[number].table.assign(seed=seed) for seed, tables in enumerate((first, second))])
        for number in (0, 1)
    ]
    found = difference(*both)
    assert (found.value, found.n, found.cells) == (0.0, 2, 2)
    alone = [table[table.seed == 0] for table in both]
    assert difference(*alone).value == -0.5
    with pytest.raises(ValueError, match="same clips and seeds; they have none in common"):
        difference(alone[0], both[1][both[1].seed == 1])


def test_macro_f1_weights_rare_and_frequent_glosses_equally():
    y = np.array([0] * 18 + [1] * 2)
    always_a = judged(np.tile([[0.8, 0.1, 0.1]], (20, 1)), y)
    assert always_a.accuracy.value == 0.9
    assert always_a.macro_f1 == pytest.approx((2 * 18 / 38) / 2)
    table = always_a.per_gloss()
    assert table.loc["A", "recall"] == 1
    assert table.loc["A", "precision"] == 0.9
    assert table.loc["C", "n"] == 0


def test_an_evaluation_covers_the_predicted_rows_or_all_clips():
    clips = make_clip_set(
        np.zeros((4, 2, 2, 3), np.uint8), [0, 1, 1, 0], PhotographRecipe(size=2), signers=list("abab")
    )
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2]])
    some = evaluate(probabilities, clips, np.array([3, 1]))
    assert some.table[["clip_id", "signer", "gloss", "predicted", "rank"]].to_numpy().tolist() == [
        ["c3", "b", "A", "A", 1],
        ["c1", "b", "B", "A", 2],
    ]
    assert some.glosses == ("A", "B")
    np.testing.assert_array_equal(some.probabilities, probabilities)
    assert evaluate(np.eye(2)[clips.y], clips).table["clip_id"].tolist() == ["c0", "c1", "c2", "c3"]
