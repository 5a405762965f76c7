"""The results of a run become tables, and the predictions behind them are those of the same training."""

import json

import numpy as np
import pytest

from asl_lib.evaluation.metrics import Evaluation
from asl_lib.evaluation.results import (
    collect_evaluation,
    collect_results,
    compare_variants,
    ensemble_results,
    headline,
    pooled_rate,
    row_rate,
    save_tables,
    summarise,
)
from tests.evaluation.test_metrics import make_evaluation


def test_glosses_and_signers_that_look_like_numbers_stay_text(tmp_path):
    digits = Evaluation.from_arrays(
        np.array([[0.7, 0.3], [0.6, 0.4]]),
        np.array([0, 1]),
        glosses=["01", "7"],
        signers=["003"] * 2,
        clip_ids=list("xy"),
    )
    digits.save(tmp_path / "lstm" / "held_out_003", model="lstm")
    back = collect_evaluation(tmp_path, "lstm")
    assert back.most_confused().values.tolist() == [["01", "7", 1, 2]]
    assert list(back.per_signer()) == ["003"]


def test_the_results_of_a_run_are_collected_and_summarised(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "held_out_ana+ben", model="lstm", parameters=7)
    results = collect_results(tmp_path)
    assert results.held_out.tolist() == ["ana", "ben"]
    assert results.accuracy.tolist() == [0.5, 0.5]
    assert results.parameters.tolist() == [7, 7]
    columns = ["signers", "clips", "mean_accuracy", "low", "high"]
    assert summarise(results).iloc[0][columns].tolist() == [2, 4, 0.5, 0.5, 0.5]
    assert collect_evaluation(tmp_path, "lstm").table["rank"].tolist() == [1, 2, 1, 2]


def test_a_signer_held_out_alone_is_scored_by_that_training(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "held_out_ana+ben", model="lstm")
    alone = Evaluation.from_arrays(
        np.eye(3)[:2], np.array([0, 1]), glosses=list("ABC"), signers=["ana"] * 2, clip_ids=["w", "x"]
    )
    alone.save(tmp_path / "lstm" / "held_out_ana", model="lstm")
    results = collect_results(tmp_path).set_index("held_out")
    assert results.accuracy.to_dict() == {"ana": 1.0, "ben": 0.5}
    ranks = collect_evaluation(tmp_path, "lstm").table.set_index("clip_id")["rank"]
    assert ranks.to_dict() == {"w": 1, "x": 1, "y": 1, "z": 2}


@pytest.mark.parametrize(
    ("folders", "signers"),
    [
        (("held_out_6+signers+0f3c21aa", "held_out_ana+ben+cem+dan"), ("abcdef", "abcd")),  # long names are hashed
        (("held_out_a+b+c+d", "held_out_d+c+b+a"), ("abcd", "abcd")),  # the same signers in another order
        (("held_out_x", "held_out_y+z"), ("xab", ["y+z"])),  # a signer whose name has a plus
    ],
)
@pytest.mark.parametrize("best_first", [True, False])
def test_the_table_and_the_predictions_come_from_the_same_training(tmp_path, folders, signers, best_first):
    for folder, people, right in zip(folders, signers, (best_first, not best_first), strict=True):
        answers = np.eye(2)[np.full(len(people), 0 if right else 1)]
        evaluation = Evaluation.from_arrays(
            answers, np.zeros(len(people), int), glosses=["A", "B"], signers=list(people), clip_ids=list(people)
        )
        evaluation.save(tmp_path / "lstm" / folder, model="lstm", split="signer")
    results = collect_results(tmp_path).set_index("held_out")
    predictions = collect_evaluation(tmp_path, "lstm")
    assert results.accuracy.to_dict() == {name: r.value for name, r in predictions.per_signer().items()}
    if len(signers[1]) < len(signers[0]):
        assert results.accuracy[signers[1][0]] == (not best_first), "The training with fewer held-out signers counts."


def test_predictions_that_are_not_those_of_the_table_are_named(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "held_out_ana+ben", model="lstm")
    path = tmp_path / "lstm" / "held_out_ana+ben" / "predictions.csv"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("z,")))
    with pytest.raises(ValueError, match=r"held_out_ana\+ben cannot be read .*Train that model again"):
        collect_evaluation(tmp_path, "lstm")


def test_the_report_separates_known_from_new_signers(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "held_out_ana+ben", model="lstm", split="signer")
    make_evaluation().save(tmp_path / "lstm" / "split_random", model="lstm", split="random")
    results = collect_results(tmp_path)
    assert results[["protocol", "held_out", "n"]].values.tolist() == [
        ["known signers", "all", 4],
        ["new signer", "ana", 2],
        ["new signer", "ben", 2],
    ]
    assert headline(results).held_out.tolist() == ["ana", "ben"]
    assert summarise(results).clips.tolist() == [4]


def test_a_run_with_only_the_official_split_is_reported_as_such(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "split_official", model="lstm", split="official")
    assert headline(collect_results(tmp_path)).protocol.tolist() == ["official split"]
    assert summarise(collect_results(tmp_path)).protocol.tolist() == ["official split"]
    assert len(collect_evaluation(tmp_path, "lstm").table) == 4


def test_a_run_with_missing_or_damaged_results_is_named(tmp_path):
    with pytest.raises(ValueError, match="no results"):
        collect_results(tmp_path)
    with pytest.raises(ValueError, match="no predictions of 'tcn'"):
        collect_evaluation(tmp_path, "tcn")
    folder = tmp_path / "lstm" / "held_out_ana"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"accuracy": 1}))
    with pytest.raises(ValueError, match=r"metrics\.json"):
        collect_results(tmp_path)


def test_probabilities_are_loaded_with_the_predictions_and_results_without_them_are_named(tmp_path):
    evaluation = make_evaluation()
    folder = tmp_path / "lstm" / "held_out_ana"
    evaluation.save(folder, model="lstm", parameters=1, epochs=1, minutes=0.5)
    back = collect_evaluation(tmp_path, "lstm")
    np.testing.assert_allclose(back.probabilities, evaluation.probabilities, atol=1e-6)
    assert back.glosses == evaluation.glosses
    (folder / "probabilities.npz").unlink()
    with pytest.raises(ValueError, match=r"held_out_ana cannot be read .*Train that model again"):
        collect_evaluation(tmp_path, "lstm")


def test_the_summary_has_columns_for_known_and_new_signers(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "held_out_ana+ben", model="lstm", parameters=7, epochs=1, minutes=0.5)
    known = make_evaluation()
    known.save(tmp_path / "lstm" / "split_random", model="lstm", split="random", parameters=7, epochs=1, minutes=0.5)
    row = summarise(collect_results(tmp_path)).iloc[0]
    assert (row["known_signers"], row["parameters"], row["minutes"]) == (0.5, 7, 0.5)


def test_tables_are_written_for_a_spreadsheet_and_for_a_paper(tmp_path):
    rows = ensemble_results(make_evaluation(), name="all_four")
    assert rows["held_out"].tolist() == ["ana", "ben"]
    files = save_tables(tmp_path, ensemble=rows)
    assert [path.name for path in files] == ["ensemble.csv", "ensemble.tex"]
    latex = files[1].read_text()
    assert r"all\_four & ana & 0.500" in latex
    assert "epochs" not in latex, "columns without a value do not belong in a paper"
    assert latex.count(r"\\") == 3


def test_clips_of_signs_that_no_training_signer_has_are_scored_apart(tmp_path):
    folder = tmp_path / "lstm" / "held_out_ana+ben"
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps({"model": "lstm", "untrained_glosses": ["B", "C"]}))
    make_evaluation().save(folder)  # ana signs A, rightly, and B, wrongly; ben signs C twice, once rightly
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["untrained_glosses"] == ["B", "C"]
    assert metrics["accuracy"] == 0.5
    assert metrics["uncovered"] == 3
    covered = metrics["covered"]
    assert (covered["accuracy"], covered["n"], covered["cells"]) == (1.0, 1, 1)
    rows = collect_results(tmp_path).set_index("held_out")
    assert rows["uncovered"].to_dict() == {"ana": 1, "ben": 2}
    assert rows.loc["ana", "covered_accuracy"] == 1.0
    assert np.isnan(rows.loc["ben", "covered_accuracy"])


def test_if_no_training_signer_has_any_tested_sign_nothing_is_covered(tmp_path):
    folder = tmp_path / "lstm" / "held_out_ana+ben"
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps({"model": "lstm", "untrained_glosses": ["A", "B", "C"]}))
    make_evaluation().save(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["uncovered"], metrics["covered"]) == (4, None)
    assert collect_results(tmp_path)["covered_accuracy"].isna().all()


def test_if_every_sign_was_trained_nothing_is_scored_apart(tmp_path):
    make_evaluation().save(tmp_path / "lstm" / "held_out_ana+ben", model="lstm")
    metrics = json.loads((tmp_path / "lstm" / "held_out_ana+ben" / "metrics.json").read_text())
    assert not {"uncovered", "covered"} & set(metrics)
    rows = collect_results(tmp_path)
    assert rows["uncovered"].tolist() == [0, 0]
    assert rows["covered_accuracy"].isna().all()


def save_seed(folder, *, seed, right):
    """Save the results of a training whose answers for three clips of one sign by ana are right or wrong."""
    evaluation = Evaluation.from_arrays(
        np.eye(2)[1 - np.array(right)], np.zeros(3, int), glosses=["A", "B"], signers=["ana"] * 3, clip_ids=list("xyz")
    )
    evaluation.save(folder / "lstm" / f"held_out_ana.seed_{seed}", model="lstm", seed=seed, minutes=float(seed))


def test_several_seeds_are_one_row_with_mean_and_range_and_the_same_n(tmp_path):
    for seed, right in {3: [1, 1, 1], 1: [1, 0, 0], 2: [1, 1, 0]}.items():
        save_seed(tmp_path, seed=seed, right=right)
    results = collect_results(tmp_path)
    row = next(results.itertuples())
    assert (len(results), row.n, row.cells, row.seeds, row.minutes) == (1, 3, 1, 3, 2.0)
    assert row.accuracy == pytest.approx(2 / 3)
    assert row.by_seed == pytest.approx((1 / 3, 2 / 3, 1.0)), "in the order of the seeds"
    assert str(row_rate(row)).startswith("66.7% (n = 3 clips, 1 cell, ")
    assert str(pooled_rate(tmp_path, "lstm")) == str(row_rate(row))
    with pytest.raises(ValueError, match=r"has no results of 'tcn'\. There are: lstm"):
        pooled_rate(tmp_path, "tcn")
    summary = summarise(results).iloc[0]
    expected = (3, pytest.approx(1 / 3), 1.0)
    assert tuple(summary[["seeds", "seed_low", "seed_high"]]) == expected
    assert collect_evaluation(tmp_path, "lstm").accuracy.hits == 1, "the predictions are those of the lowest seed"


def test_more_seeds_with_identical_predictions_do_not_narrow_the_interval(tmp_path):
    for model, seeds in {"lstm": 1, "tcn": 4}.items():
        for seed in range(seeds):
            make_evaluation().save(tmp_path / model / f"held_out_ana+ben.seed_{seed}", model=model, seed=seed)
    one, four = collect_results(tmp_path).set_index("model").groupby(level=0)
    columns = ["held_out", "accuracy", "low", "high", "n", "cells", "top5_accuracy"]
    assert one[1][columns].values.tolist() == four[1][columns].values.tolist()


def test_an_ablation_has_one_row_a_variant_with_the_range_of_its_seeds_and_the_difference_from_the_first(tmp_path):
    def train(name, seed, right):
        table = Evaluation.from_arrays(
            np.eye(2)[(~np.array(right)).astype(int)],
            np.zeros(4, int),
            glosses=["A", "B"],
            signers=["ana", "ana", "ben", "ben"],
            clip_ids=list("wxyz"),
        )
        folder = tmp_path / f"{name}.{seed}"
        table.save(folder, model=name, seed=seed, epochs=2 * seed, minutes=0.5)
        return folder

    full = [train("tiny", 1, [True, True, True, False]), train("tiny", 2, [True, True, True, True])]
    without = [train("tiny, without mask", 1, [True, True, False, False]), train("tiny, without mask", 2, [True] * 4)]
    table = compare_variants([full, without])
    assert table.variant.tolist() == ["tiny", "tiny, without mask"]
    assert table.accuracy.tolist() == [0.875, 0.75]
    assert table[["seeds", "seed_low", "seed_high"]].to_numpy().tolist() == [[2, 0.75, 1.0], [2, 0.5, 1.0]]
    assert np.isnan(table.difference[0])
    assert (table.difference[1], table.difference_low[1] <= -0.125 <= table.difference_high[1]) == (-0.125, True)
    assert table[["clips", "cells", "signers", "epochs"]].to_numpy().tolist() == [[4, 2, 2, 3], [4, 2, 2, 3]]
