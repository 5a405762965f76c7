import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.data.clips import COLUMNS, REQUIRED, check_clips, missing_files, read_clips, select_clips, write_clips
from asl_lib.data.errors import DatasetError
from tests.conftest import make_clips


def test_a_table_is_unchanged_after_saving_and_loading(tmp_path):
    clips = make_clips(["ana", "ben"], ["MOTHER", "NA"])  # "NA" is a gloss, not a missing value
    write_clips(clips, tmp_path / "clips.csv")
    pd.testing.assert_frame_equal(read_clips(tmp_path / "clips.csv"), clips)


@pytest.mark.parametrize("column", ["clip_id", "path", "gloss", "signer"])
def test_a_missing_column_is_named_with_the_existing_ones(tmp_path, column):
    make_clips(["ana"]).drop(columns=column).to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(DatasetError, match=rf"clips\.csv has no column '{column}' \(found: .*README"):
        read_clips(tmp_path / "clips.csv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clip_id": ["a", "a"]}, "'a' occurs twice"),
        ({"signer": ["ana", " "]}, "line 3: 'signer' must not be empty"),
        ({"split": ["train", "dev"]}, "got 'dev'"),
        ({"start": [0, "soon"]}, "'start' must be a frame number; got 'soon'"),
    ],
)
def test_an_invalid_value_is_named_with_its_row_and_column(change, words):
    with pytest.raises(DatasetError, match=words):
        check_clips(make_clips(["ana", "ben"]).assign(**change), source="clips.csv")


@pytest.mark.parametrize("column", REQUIRED)
@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_a_missing_value_of_a_table_in_memory_is_empty_and_not_a_gloss_or_a_signer_named_nan(column, nothing):
    row = {"clip_id": "a", "path": "a.mp4", "gloss": "NA", "signer": "None"}
    table = pd.DataFrame([{**row, "split": nothing, "box": nothing}])
    checked = check_clips(table, source="The table").iloc[0]
    assert {**row, "split": "", "box": ""}.items() <= dict(checked).items()
    with pytest.raises(DatasetError, match=f"'{column}' must not be empty"):
        check_clips(table.assign(**{column: [nothing]}), source="The table")


def test_a_missing_an_empty_and_a_binary_file_are_refused(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "headed.csv").write_text(",".join(COLUMNS) + "\n")
    for name, words in [
        ("none", "no clips table"),
        ("empty", "not a CSV"),
        ("binary", "not a CSV"),
        ("headed", "none"),
    ]:
        with pytest.raises(DatasetError, match=words):
            read_clips(tmp_path / f"{name}.csv")


def test_choosing_an_unknown_sign_or_signer_lists_the_known_ones():
    clips = make_clips(["ana", "ben"], ["MOTHER", "FATHER"])
    with pytest.raises(DatasetError, match=r"no signer 'eve'.*ana, ben"):
        select_clips(clips, signers=["eve"])
    with pytest.raises(DatasetError, match=r"no gloss 'YES'.*FATHER, MOTHER"):
        select_clips(clips, signs=["YES"])
    with pytest.raises(DatasetError, match="No clip is left"):
        select_clips(clips, signs=["MOTHER"], signers=["ben"])


@given(st.sets(st.sampled_from("abcdef"), min_size=1))
def test_a_selection_contains_only_the_chosen_signers(chosen):
    clips = make_clips(list("abcdefabc"))
    selected = select_clips(clips, signers=sorted(chosen))
    assert set(selected.signer) == chosen
    assert len(selected) == clips.signer.isin(chosen).sum()


def test_missing_files_are_listed(tmp_path):
    clips = make_clips(["ana", "ben"])
    (tmp_path / "ana").mkdir()
    (tmp_path / "ana" / "0.mp4").touch()
    assert list(missing_files(clips, tmp_path).clip_id) == ["ben-1"]
