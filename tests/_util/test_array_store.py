"""A store of arrays makes each once, keeps what a stopped process had made, and notices what has changed."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib._util.array_store import ArrayStore, write_row


def fill(store, stamps, made=None, bad=(), stop_before=None, again=()):
    """Fill a store with arrays full of each clip's stamp, noting in `made` what was made."""

    def make(rows):
        for clip_id, row in rows.items():
            if clip_id == stop_before:
                raise KeyboardInterrupt
            if made is not None:
                made.append(clip_id)
            if clip_id in bad or clip_id in again:
                yield clip_id, "it is bad", clip_id in again
            else:
                write_row(store.path, row, np.full(store.shape, stamps[clip_id]))
                yield clip_id, "", False

    return store.fill(stamps, make)


@given(
    rounds=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 255), min_size=1), min_size=1, max_size=5)
)
def test_whatever_was_asked_for_before_each_clip_is_what_its_last_stamp_says(rounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    for stamps in rounds:
        images = fill(ArrayStore(folder / "a.npy", shape=(2, 3)), stamps)
        assert images.shape == (len(stamps), 2, 3)
        assert images[np.arange(len(stamps))][:, 0, 0].tolist() == list(stamps.values())


def test_a_second_call_makes_nothing_and_a_changed_clip_alone_is_made_again(tmp_path):
    made = []
    store = ArrayStore(tmp_path / "a.npy", shape=(2,))
    first = fill(store, {"a": 1, "b": 2, "c": 3}, made)
    fill(store, {"a": 1, "b": 2, "c": 3}, made)
    assert made == ["a", "b", "c"]
    changed = fill(store, {"a": 1, "b": 9, "c": 3}, made)
    assert made == ["a", "b", "c", "b"]
    assert changed[1].tolist() == [9, 9]
    assert first[1].tolist() == [2, 2], "who reads the old array is not disturbed"


def test_a_stopped_process_loses_only_the_clip_in_work(tmp_path):
    made = []
    store = ArrayStore(tmp_path / "a.npy", shape=(2,))
    with pytest.raises(KeyboardInterrupt):
        fill(store, {"a": 1, "b": 2, "c": 3}, made, stop_before="b")
    with store.journal.open("a") as journal:
        journal.write('{"clip_id": "b", "st')  # killed in the middle of a line
    assert fill(store, {"a": 1, "b": 2, "c": 3}, made)[2].tolist() == [3, 3]
    assert made == ["a", "b", "c"]
    assert len(fill(store, {"a": 1, "b": 2, "c": 3}, made)) == 3
    assert made == ["a", "b", "c"]


def test_a_bad_clip_is_remembered_with_its_reason_until_it_changes_and_a_full_disk_is_not(tmp_path):
    made = []
    store = ArrayStore(tmp_path / "a.npy", shape=(2,))
    for _ in range(2):
        images = fill(store, {"a": 1, "b": 2, "c": 3}, made, bad=["a"], again=["c"])
        assert len(images) == 1
        assert store.reasons(["a", "b", "c"]) == {"a": "it is bad", "c": "it is bad"}
    assert made == ["a", "b", "c", "c"]
    assert len(fill(store, {"a": 4, "b": 2, "c": 3}, made)) == 3
    assert store.reasons("abc") == {}


@pytest.mark.parametrize("damage", ["journal", "values", "form"])
def test_a_store_that_is_damaged_or_of_another_form_is_made_anew(tmp_path, damage):
    store = ArrayStore(tmp_path / "a.npy", shape=(2,))
    fill(store, {"a": 1})
    if damage == "journal":
        store.journal.write_text("nonsense\n")
    elif damage == "values":
        store.path.write_bytes(store.path.read_bytes()[:-1])
    else:
        store = ArrayStore(store.path, shape=(3,))
    assert fill(store, {"a": 7, "b": 8})[0].tolist() == [7] * store.shape[0]
    assert json.loads(store.journal.read_text().splitlines()[0])["shape"] == list(store.shape)


def test_an_array_of_another_shape_is_refused(tmp_path):
    store = ArrayStore(tmp_path / "a.npy", shape=(2,))
    fill(store, {"a": 1})
    with pytest.raises(ValueError, match=r"must have shape \(2,\); got \(3,\)"):
        write_row(store.path, 0, np.zeros(3))


def test_rows_are_read_like_an_array(tmp_path):
    rows = fill(ArrayStore(tmp_path / "a.npy", shape=(2,), dtype="<f4"), {"a": 1, "b": 2, "c": 3})
    assert rows.dtype == np.float32
    assert rows[1:].shape == (2, 2)
    assert rows[np.array([2, 0])][:, 0].tolist() == [3, 1]
    assert [row[0] for row in rows] == [1, 2, 3]


def test_two_that_want_the_same_file_at_once_share_the_work(tmp_path):
    made = []
    stamps = {f"c{number}": number for number in range(40)}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fill, ArrayStore(tmp_path / "a.npy", shape=(2,)), stamps, made) for _ in range(2)]
    assert sorted(made) == sorted(stamps)
    for images in both:
        assert [row[0] for row in images.result()] == list(range(40))
