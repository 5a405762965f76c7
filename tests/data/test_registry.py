"""A data set is one file, one page and one parameter file."""

import shutil

import pandas as pd
import pytest

from asl_lib.data.download import obtain
from asl_lib.data.registry import find_datasets, get_dataset
from asl_lib.data.video import write_video
from scripts.dataset_tables import full_table, with_table
from tests.conftest import ROOT, make_frames
from tests.course.commands import asl_in

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example_of_contributing():
    """Return the module that CONTRIBUTING.md shows."""
    block = CONTRIBUTING.split("```python\n")[1].split("```")[0]
    return "\n".join(line.removeprefix("   ") for line in block.splitlines()) + "\n"


@pytest.fixture
def project(tmp_path):
    """A copy of the project without its data, with the three files of a new data set and its videos."""
    for name in ("asl_lib", "notebooks", "params", "docs/datasets"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "asl_lib" / "data" / "sets" / "yours.py").write_text(example_of_contributing(), encoding="utf-8")
    (tmp_path / "docs" / "datasets" / "yours.md").write_text("# yours: a data set\n", encoding="utf-8")
    (tmp_path / "params" / "yours.yaml").write_text("dataset: yours\ntest_signers: [ana]\n", encoding="utf-8")
    for number, name in enumerate(("HELLO/ana_1", "HELLO/ben_1", "BOOK/ana_1")):
        write_video(tmp_path / "data" / "yours" / f"{name}.mp4", make_frames(3, seed=number), fps=25)
    return tmp_path


def test_a_data_set_added_as_three_files_is_listed_checked_prepared_and_accepted_as_a_parameter(project):
    with asl_in(project) as asl:
        assert "yours: YOURS: Some Sign Language" in asl("datasets")[1]
        assert "present: 3 clips, 2 signs, 2 signers" in asl("datasets", "check", "yours")[1]
        _, printed, errors = asl("extract", "params/yours.yaml", "--shard", "0/1")
        assert "3 clips to extract" in printed, errors
        clips = pd.read_csv(project / "data" / "yours" / "clips.csv")
        assert clips[["gloss", "signer"]].to_numpy().tolist() == [["BOOK", "ana"], ["HELLO", "ana"], ["HELLO", "ben"]]
        wrong = asl("run", "params/yours.yaml", "--set", "frames=1")[2]
        assert "'frames' must be" in wrong
        assert "yours'" not in wrong
        unknown = asl("run", "params/yours.yaml", "--set", "dataset=your")[2]
        assert "'dataset': There is no data set 'your'. Did you mean 'yours'? Known: asl_alphabet," in unknown


def test_two_data_sets_with_the_same_name_are_refused(project):
    (project / "asl_lib" / "data" / "sets" / "again.py").write_text(example_of_contributing(), encoding="utf-8")
    with asl_in(project) as asl:
        assert "there is another data set 'yours'" in asl("datasets")[2]


def test_the_table_of_data_sets_matches_the_registry():
    text = (ROOT / "docs" / "datasets" / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- table of data sets -->") == 1
    assert with_table(text, full_table()) == text, "Run `python scripts/dataset_tables.py`."


@pytest.mark.parametrize("name", [name for name, dataset in find_datasets().items() if dataset.rendered])
def test_a_rendered_data_set_needs_no_download(name, tmp_path):
    obtain(get_dataset(name), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
