"""The page of results says what the runs and the notebooks say."""

import nbformat
import numpy as np
import pytest

from asl_lib.evaluation.metrics import Evaluation
from asl_lib.evaluation.results import compare_variants, save_tables
from scripts.results_page import NOTEBOOKS, ablation_table, notebooks_table, printed_rates, results_table, update
from tests.conftest import ROOT
from tests.evaluation.test_metrics import independent_rate as rate

PAGE = ROOT / "docs" / "results.md"
GLOSSES = ("YES", "BOOK")


def save(folder, *, model, answers, **about):
    """Save the results of a model that answered so for three clips of ana and one of ben, all of them YES."""
    probabilities = np.eye(2)[answers] * 0.8 + 0.1
    signers, clips = ["ana", "ana", "ana", "ben"], ["a", "b", "c", "d"]
    evaluation = Evaluation.from_arrays(
        probabilities, np.zeros(4, int), glosses=GLOSSES, signers=signers, clip_ids=clips
    )
    evaluation.save(folder / model / "held_out_ana+ben", model=model, split="signer", epochs=1, minutes=0.1, **about)


def cells(table, row):
    """Return the cells of the row that begins so."""
    line = next(line for line in table.splitlines() if line.startswith(f"| {row} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_run_becomes_one_row_per_model_with_intervals_per_signer_and_overall(tmp_path):
    save(tmp_path, model="lstm", answers=[0, 0, 1, 1], parameters=1234)
    table = results_table(tmp_path)
    assert cells(table, "model") == ["model", "ana", "ben", "all clips", "n", "parameters"]
    assert cells(table, "lstm") == [
        "lstm",
        "66.7 % (9 to 97)",
        "0.0 % (0 to 79)",
        "50.0 % (0 to 67)",
        "4 clips, 2 cells",
        "1,234",
    ]
    assert "together" not in table  # one published network is no ensemble of our own


def test_with_several_seeds_a_column_has_the_range_of_their_means(tmp_path):
    (tmp_path / "run" / "lstm").mkdir(parents=True)
    for seed, answers in ((1, [0, 0, 0, 0]), (2, [0, 0, 1, 1])):
        save(tmp_path, model="lstm", answers=answers, seed=seed)
        (tmp_path / "lstm" / "held_out_ana+ben").rename(tmp_path / "run" / "lstm" / f"held_out_ana+ben.seed_{seed}")
    table = results_table(tmp_path / "run")
    assert cells(table, "model")[3:] == ["all clips", "seeds", "n", "parameters"]
    assert cells(table, "lstm")[3].startswith("75.0 %")
    assert cells(table, "lstm")[4] == "2: 33.3 to 100.0 %"  # ana 2 of 3 and ben 0 of 1, with the second seed


def test_the_ensemble_row_contains_only_the_course_s_own_models(tmp_path):
    save(tmp_path, model="attention_lstm", answers=[0, 0, 0, 0], parameters=1)
    save(tmp_path, model="trees", answers=[0, 0, 0, 0], parameters=1)
    save(tmp_path, model="lstm", answers=[1, 1, 1, 1], parameters=1)
    assert cells(results_table(tmp_path), "the 2 own models together")[3:] == [
        "100.0 % (34 to 100)",
        "4 clips, 2 cells",
        "",
    ]


def test_the_model_that_reads_most_is_the_first_row(tmp_path):
    for model, answers in (("lstm", [1, 1, 1, 1]), ("tcn", [0, 0, 1, 1]), ("trees", [0, 0, 0, 1])):
        save(tmp_path, model=model, answers=answers, parameters=1)
    rows = results_table(tmp_path).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| trees", "| tcn", "| lstm"]


def test_an_ablation_becomes_one_row_per_variant_with_its_difference(tmp_path):
    folder = tmp_path / "outputs/demo/ablation/own"
    variants = []
    for name, answers in (("tiny", [0, 0, 0, 0]), ("tiny, without mask", [0, 1, 1, 0])):
        save(folder, model=name, answers=answers, seed=1)
        variants.append([folder / name / "held_out_ana+ben"])
    save_tables(folder, tiny=compare_variants(variants))
    table = ablation_table(folder / "tiny.csv")
    assert cells(table, "tiny") == ["tiny", "100.0 %", "", "4 clips, 2 cells; 1 seed"]
    assert cells(table, "tiny, without mask")[1:3] == ["50.0 %", "−50.0 (−67 to 0)"]
    mark = "<!-- results of outputs/demo/ablation/own/{}.csv -->\nold\n<!-- end -->\n"
    new, left = update(mark.format("tiny") + mark.format("lstm"), tmp_path)
    assert new == mark.format("tiny").replace("old\n", table) + mark.format("lstm")
    assert left == ["outputs/demo/ablation/own/lstm.csv has no results here: its table stays as it was."]


def test_every_rate_that_a_notebook_prints_is_found_with_its_section_and_nothing_else(tmp_path):
    text = f"before\nours: {rate(3, 4)}\ntraining 93%, new {rate(1, 4)}\nhands found in 97.7% of the frames\n"
    text += f"Right. Free: {rate(2, 4)}. Strict: {rate(4, 4)}.\nRight: {rate(0, 4)}\n"
    code = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text=text)])
    sections = [nbformat.v4.new_markdown_cell("# Title\n\n## First\n\n## The | test\n\nWords."), code]
    nbformat.write(nbformat.v4.new_notebook(cells=sections), tmp_path / "05_lstm.ipynb")
    assert list(printed_rates(tmp_path / "05_lstm.ipynb")) == [
        ["The | test", "ours", "75.0 % (25 to 100)", "4 clips, 4 cells"],
        ["The | test", "training 93%, new", "25.0 % (0 to 75)", "4 clips, 4 cells"],
        ["The | test", "Free", "50.0 % (0 to 100)", "4 clips, 4 cells"],
        ["The | test", "Strict", "100.0 % (51 to 100)", "4 clips, 4 cells"],
        ["The | test", "accuracy", "0.0 % (0 to 49)", "4 clips, 4 cells"],
    ]
    assert r"| [05](../notebooks/05_lstm.ipynb) | The \| test | ours |" in notebooks_table(tmp_path)


def test_only_marked_tables_change_and_the_table_of_an_absent_run_is_kept(tmp_path):
    save(tmp_path / "outputs" / "demo", model="lstm", answers=[0, 0, 0, 0], parameters=1)
    page = (
        "above\n<!-- results of outputs/demo -->\nold\n<!-- end -->\nbetween\n"
        "<!-- results of outputs/other -->\nkept\n<!-- end -->\nbelow\n"
    )
    new, left = update(page, tmp_path)
    assert left == ["outputs/other has no results here: its table stays as it was."]
    assert "old" not in new
    assert "| lstm | 100.0 % (21 to 100) |" in new
    for words in ("above\n<!--", "<!-- end -->\nbetween\n<!--", "-->\nkept\n<!-- end -->\nbelow\n"):
        assert words in new


def test_a_run_without_a_model_keeps_that_model_s_row(tmp_path):
    save(tmp_path / "outputs" / "demo", model="lstm", answers=[0, 0, 0, 0], parameters=1)
    table = "| model | ana |\n| --- | --- |\n| lstm | 1.0 % |\n| i3d_flow | 2.0 % |\n"
    page = f"<!-- results of outputs/demo -->\n{table}<!-- end -->\n"
    new, left = update(page, tmp_path)
    assert new == page
    assert left == ["outputs/demo has no results of i3d_flow: its table stays as it was."]


def test_the_page_repeats_what_the_stored_notebooks_print():
    page = PAGE.read_text(encoding="utf-8")
    block = NOTEBOOKS.search(page)
    assert block, "docs/results.md has lost the marks around its table of the notebooks."
    stored = block[0].removeprefix(block[1]).removesuffix(block[2])
    assert stored == notebooks_table(ROOT / "notebooks"), "Run: .venv/bin/python scripts/results_page.py"


@pytest.mark.parametrize("run", ["outputs/demo", "outputs/demo/letters"])
def test_the_page_has_a_table_of_the_runs_that_make_demo_leaves(run):
    block = PAGE.read_text(encoding="utf-8").split(f"<!-- results of {run} -->\n")[1].split("<!-- end -->")[0]
    assert block.startswith("| model | ben | eli | hana | all clips | n | parameters |")
    assert len(block.splitlines()) > 5
