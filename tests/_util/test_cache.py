"""A cache of arrays makes each once, keeps what a stopped process had made, and notices what has changed."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib._util.cache import ArrayCache
from tests.conftest import ROOT


def fill(store, stamps, made=None, bad=(), stop_before=None, again=()):
    """Fill a cache with arrays full of each clip's stamp, noting in `made` what was made; return all rows."""
    return fill_arrays(store, stamps, made, bad, stop_before, again).rows()


def fill_arrays(store, stamps, made=None, bad=(), stop_before=None, again=()):
    def make(clip_ids):
        for clip_id in clip_ids:
            if clip_id == stop_before:
                raise KeyboardInterrupt
            if made is not None:
                made.append(clip_id)
            if clip_id in bad or clip_id in again:
                yield clip_id, None, {"reason": "it is bad", "retry": clip_id in again}
            else:
                yield clip_id, store.append(np.full((1, *store.shape), stamps[clip_id])), {}

    return store.fill(stamps, make)


def values_of(store):
    (path,) = store.path.parent.glob(f"{store.path.stem}-*.npy")
    return path


@given(
    rounds=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 255), min_size=1), min_size=1, max_size=5)
)
def test_the_array_of_a_clip_always_matches_its_last_stamp(rounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    for stamps in rounds:
        images = fill(ArrayCache(folder / "a.jsonl", shape=(2, 3)), stamps)
        assert images.shape == (len(stamps), 2, 3)
        assert images[np.arange(len(stamps))][:, 0, 0].tolist() == list(stamps.values())


def test_a_second_call_makes_nothing_and_a_changed_clip_alone_is_made_again(tmp_path):
    made = []
    store = ArrayCache(tmp_path / "a.jsonl", shape=(2,))
    first = fill(store, {"a": 1, "b": 2, "c": 3}, made)
    fill(store, {"a": 1, "b": 2, "c": 3}, made)
    assert made == ["a", "b", "c"]
    changed = fill(store, {"a": 1, "b": 9, "c": 3}, made)
    assert made == ["a", "b", "c", "b"]
    assert changed[1].tolist() == [9, 9]
    assert first[1].tolist() == [2, 2], "who reads the old array is not disturbed"


def test_a_stopped_process_loses_only_the_clip_it_was_processing(tmp_path):
    made = []
    store = ArrayCache(tmp_path / "a.jsonl", shape=(2,))
    with pytest.raises(KeyboardInterrupt):
        fill(store, {"a": 1, "b": 2, "c": 3}, made, stop_before="b")
    with store.path.open("a") as journal:
        journal.write('{"clip_id": "b", "st')  # killed in the middle of a line
    assert fill(store, {"a": 1, "b": 2, "c": 3}, made)[2].tolist() == [3, 3]
    assert made == ["a", "b", "c"]
    assert len(fill(store, {"a": 1, "b": 2, "c": 3}, made)) == 3
    assert made == ["a", "b", "c"]


def test_an_unreadable_clip_is_remembered_until_it_changes_and_a_full_disk_is_not(tmp_path):
    made = []
    store = ArrayCache(tmp_path / "a.jsonl", shape=(2,))
    for _ in range(2):
        arrays = fill_arrays(store, {"a": 1, "b": 2, "c": 3}, made, bad=["a"], again=["c"])
        assert list(arrays) == ["b"]
        assert arrays.reasons == {"a": "it is bad", "c": "it is bad"}
    assert made == ["a", "b", "c", "c"]
    arrays = fill_arrays(store, {"a": 4, "b": 2, "c": 3}, made)
    assert (list(arrays), arrays.reasons) == (["a", "b", "c"], {})


@pytest.mark.parametrize("damage", ["journal", "values", "foreign", "gone", "form"])
def test_a_damaged_or_outdated_cache_is_rebuilt(tmp_path, damage):
    store = ArrayCache(tmp_path / "a.jsonl", shape=(2,))
    fill(store, {"a": 1})
    if damage == "journal":
        store.path.write_text("nonsense\n")
    elif damage == "values":
        values_of(store).write_bytes(values_of(store).read_bytes()[:-1])
    elif damage == "foreign":
        np.save(values_of(store), np.zeros((5, 2)))
    elif damage == "gone":
        values_of(store).unlink()
    else:
        store = ArrayCache(store.path, shape=(3,))
    assert fill(store, {"a": 7, "b": 8})[0].tolist() == [7] * store.shape[0]
    assert json.loads(store.path.read_text().splitlines()[0])["shape"] == list(store.shape)


def test_a_truncated_file_never_gives_a_clip_the_array_of_another(tmp_path):
    store, stamps = ArrayCache(tmp_path / "a.jsonl", shape=(2,)), {"a": 1, "b": 2, "c": 3}
    fill(store, stamps)
    values_of(store).write_bytes(values_of(store).read_bytes()[:-1])
    fill(store, {"c": 3})
    assert fill(store, stamps)[np.arange(3)][:, 0].tolist() == [1, 2, 3]


def test_the_space_of_replaced_arrays_is_freed(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"values of version 1")
    store = ArrayCache(tmp_path / "a.jsonl", shape=(1000,))
    first = fill(store, {"a": 0, "b": 7})
    for number in range(20):
        assert fill(store, {"a": number, "b": 7})[np.arange(2)][:, 0].tolist() == [number, 7]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.npy")) <= 6 * 1000 + 128
    assert first[np.arange(2)][:, 0].tolist() == [0, 7], "readers of replaced arrays are not disturbed"


KILLED = """
import sys, numpy as np
from asl_lib._util.cache import ArrayCache

cache = ArrayCache(sys.argv[1], shape=(50, 1000))
stamps = {f"c{number}": number for number in range(200)}
cache.fill(stamps, lambda ids: ((id, cache.append(np.full((1, 50, 1000), stamps[id])), {}) for id in ids))
"""


def test_killed_at_any_moment_every_array_is_whole_and_none_is_made_twice(tmp_path):
    store, stamps = ArrayCache(tmp_path / "a.jsonl", shape=(50, 1000)), {f"c{number}": number for number in range(200)}
    for round in range(1, 5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, store.path], cwd=ROOT)
        while process.poll() is None and not (store.path.is_file() and store.path.stat().st_size > 2000 * round):
            time.sleep(0.001)
        process.kill()
        process.wait()
    made = []
    rows = fill(store, stamps, made)
    assert len(made) < 200
    assert [(row.min(), row.max()) for row in rows] == [(number, number) for number in range(200)]


def test_a_clip_may_have_several_rows_or_none(tmp_path):
    store = ArrayCache(tmp_path / "a.jsonl", shape=(2,), dtype="<f4")
    lengths = {"a": 3, "b": 0, "c": 1}

    def make(clip_ids):
        for clip_id in clip_ids:
            yield clip_id, store.append(np.full((lengths[clip_id], 2), ord(clip_id))), {"fps": lengths[clip_id]}

    arrays = store.fill(lengths, make)
    assert {clip_id: rows.shape for clip_id, rows in arrays.items()} == {"a": (3, 2), "b": (0, 2), "c": (1, 2)}
    assert arrays.rows()[:, 0].tolist() == [97, 97, 97, 99]
    assert arrays.about["c"] == {"fps": 1}


def test_an_array_of_another_shape_is_refused(tmp_path):
    store = ArrayCache(tmp_path / "a.jsonl", shape=(2,))
    fill(store, {"a": 1})
    with pytest.raises(ValueError, match=r"must have shape \(2,\); got \(3,\)"):
        store.append(np.zeros((1, 3)))


def test_rows_are_read_like_an_array(tmp_path):
    cache = ArrayCache(tmp_path / "a.jsonl", shape=(2,), dtype="<f4")
    fill(cache, {"b": 2, "c": 3, "a": 1})
    rows = fill(cache, {"a": 1, "b": 2, "c": 3})
    assert rows.dtype == np.float32
    assert rows[1:].shape == (2, 2)
    assert rows[np.array([2, 0])][:, 0].tolist() == [3, 1]
    assert [row[0] for row in rows] == [1, 2, 3]


def test_two_processes_that_need_the_same_file_compute_it_once(tmp_path):
    made = []
    stamps = {f"c{number}": number for number in range(40)}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fill, ArrayCache(tmp_path / "a.jsonl", shape=(2,)), stamps, made) for _ in range(2)]
    assert sorted(made) == sorted(stamps)
    for images in both:
        assert [row[0] for row in images.result()] == list(range(40))
