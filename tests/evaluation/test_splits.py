import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.evaluation.splits import (
    check_split,
    make_split,
    signer_folds,
    split_at_random,
    split_by_signer,
    split_official,
)
from asl_lib.features.recipe import FeatureRecipe
from tests.conftest import make_clip_set, make_clips, make_landmarks

RECIPE = FeatureRecipe(frames=12)


def test_the_leak_check_names_the_signer_on_both_sides():
    clips = make_clips(signers=["ana", "ben", "ana"])
    with pytest.raises(ValueError, match="ana"):
        check_split(clips, train=[0, 1], test=[2])


def test_the_leak_check_names_the_two_sides():
    clips = make_clips(signers=["ana", "ben", "cem"])
    with pytest.raises(ValueError, match=r"validation and test.*cem"):
        check_split(clips, train=[0], validation=[1, 2], test=[2])


@pytest.mark.parametrize(
    ("count", "named"), [(5, r"are: s0, s1, s2, s3, s4\. A model"), (6, r"are: s0, s1, s2, s3, s4 …\. A model")]
)
def test_the_leak_check_names_five_signers_and_the_number_of_others(count, named):
    clips = make_clips([f"s{number}" for number in range(count)] * 2)
    with pytest.raises(ValueError, match=f"train and test; {count} {named}"):
        check_split(clips, train=range(count), test=range(count, 2 * count))


def test_a_copy_of_a_clip_under_another_signer_s_name_is_a_leak():
    clips = make_clips(signers=["ana", "ben"]).assign(clip_id="the same clip")
    with pytest.raises(ValueError, match="the same clip"):
        check_split(clips, train=[0], test=[1])


@given(signers=st.lists(st.sampled_from(["ana", "ben", "cem", "dia", "eli"]), min_size=3), data=st.data())
def test_a_split_by_signer_is_complete_and_shares_no_signer(signers, data):
    clips = make_clips(signers)
    names = sorted(set(signers))
    held_out = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    if len(held_out) > len(names) - 2:
        with pytest.raises(ValueError, match="no signer is left"):
            split_by_signer(clips, test_signers=held_out)
        return
    split = split_by_signer(clips, test_signers=held_out)
    assert sorted(np.concatenate([split.train, split.validation, split.test])) == list(range(len(clips)))
    people = [set(clips.signer[rows]) for rows in (split.train, split.validation, split.test)]
    assert people[2] == set(held_out)
    assert sum(map(len, people)) == len(set.union(*people)), "Somebody stands on two sides."
    assert all(people)


def test_across_all_held_out_signers_each_signer_validates_once():
    clips = make_clips(list("abcd"))
    validators = [clips.signer[split_by_signer(clips, test_signers=[name]).validation[0]] for name in "abcd"]
    assert sorted(validators) == list("abcd")


@pytest.mark.parametrize(("tested", "validating"), [("a", "b"), ("c", "d"), ("d", "a"), ("ab", "c"), ("da", "b")])
def test_the_validation_signer_follows_the_test_signer_cyclically(tested, validating):
    clips = make_clips(list("dbca"))
    split = split_by_signer(clips, test_signers=list(tested))
    assert list(clips.signer[split.validation]) == [validating]


def test_validation_prefers_a_signer_whose_signs_others_have_too():
    words = {"ana": "AB", "ben": "AB", "cem": "CD", "dia": "CD"}  # as in isl_words: two signers to a word
    signers, glosses = zip(*[(name, gloss) for name, signs in words.items() for gloss in signs], strict=True)
    clips = make_clips(signers, list(glosses))
    validators = {name: clips.signer[split_by_signer(clips, test_signers=[name]).validation[0]] for name in words}
    assert validators == {"ana": "cem", "ben": "cem", "cem": "ana", "dia": "ana"}
    for name, signs in words.items():
        assert set(signs) <= set(clips.gloss[split_by_signer(clips, test_signers=[name]).train])


def test_among_signers_with_only_shared_signs_the_one_with_most_signs_validates():
    clips = make_clips(["ana", "ben", "cem", "cem", "dia", "dia"], ["A", "A", "A", "B", "A", "B"])
    split = split_by_signer(clips, test_signers=["ana"])
    assert set(clips.signer[split.validation]) == {"cem"}, "ben shows one sign of two."


@pytest.mark.parametrize("way", [split_by_signer, make_split])
def test_the_validation_signer_can_be_chosen(way):
    clips = make_clips(list("abcd"))
    split = way(clips, test_signers=["a"], validation_signers=["c"])
    assert list(clips.signer[split.validation]) == ["c"]


@given(
    clips=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["BOOK", "MOTHER", "7"])), min_size=8, max_size=40
    ),
    share=st.floats(0.2, 0.5),
    seed=st.integers(0, 99),
)
def test_a_share_of_the_other_signers_clips_can_validate_instead_of_a_signer(clips, share, seed):
    signers, glosses = zip(*clips, *(("a", "BOOK"), ("b", "BOOK"), ("c", "BOOK")) * 3, strict=True)
    clips = make_clips(signers, list(glosses))
    split = make_split(clips, test_signers=["a"], validation_share=share, seed=seed)
    assert sorted(np.concatenate([split.train, split.validation, split.test])) == list(range(len(clips)))
    assert set(clips.signer[split.test]) == {"a"}
    assert set(clips.signer[np.concatenate([split.train, split.validation])]) == {"b", "c"}
    others = clips.drop(index=split.test)
    assert set(clips.gloss[split.train]) == set(others.gloss), "A gloss has no clip left to learn from."
    repeated = others[others.groupby("gloss").gloss.transform("size") > 1]
    for columns in (["gloss"], ["gloss", "signer"]):
        for group, rows in repeated.groupby(columns).groups.items():
            there = len(set(rows) & set(split.validation))
            assert abs(there - len(rows) * share) < 1, f"{there} of {len(rows)} clips of {group}"
    again = make_split(clips, test_signers=["a"], validation_share=share, seed=seed)
    np.testing.assert_array_equal(again.validation, split.validation)


def test_a_validation_share_is_stratified_by_gloss_and_signer():
    clips = make_clips(["ana", "ben", "cem", "dan"] * 20, ["BOOK", "MOTHER"] * 40)
    split = split_by_signer(clips, test_signers=["ana"], validation_share=0.2)
    counts = clips.iloc[split.validation].groupby(["gloss", "signer"]).size().to_dict()
    assert counts == {("BOOK", "cem"): 4, ("MOTHER", "ben"): 4, ("MOTHER", "dan"): 4}


@pytest.mark.parametrize("how", ["signer", "official"])
def test_the_seed_selects_the_clips_of_a_validation_share(how):
    clips = make_clips(["ana", "ben", "cem", "dan"] * 20).assign(split=["test", "train", "train", "validation"] * 20)
    one, same, other = (
        make_split(clips, how=how, test_signers=["ana"], validation_share=0.2, seed=seed) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one.validation, same.validation)
    assert list(one.validation) != list(other.validation)
    assert one.settings == {"split": how, "test_signers": ["ana"], "validation_share": 0.2}
    default, seeded = (
        make_split(clips, how=how, test_signers=["ana"], validation_share=0.2, **seed) for seed in ({}, {"seed": 42})
    )
    np.testing.assert_array_equal(default.validation, seeded.validation)


def test_with_a_validation_share_two_signers_are_enough():
    clips = make_clips(["ana", "ben"] * 10)
    split = split_by_signer(clips, test_signers=["ben"], validation_share=0.3)
    assert (len(split.train), len(split.validation), len(split.test)) == (7, 3, 10)
    with pytest.raises(ValueError, match="With ana, ben held out for the test, no signer is left"):
        split_by_signer(clips, test_signers=["ana", "ben"], validation_share=0.3)


def test_a_validation_share_and_a_validation_signer_cannot_be_combined():
    clips = make_clips(["ana", "ben", "cem"] * 4)
    with pytest.raises(ValueError, match=r"not both; got ben, cem and 0\.2"):
        split_by_signer(clips, test_signers=["ana"], validation_signers=["ben", "cem"], validation_share=0.2)


@pytest.mark.parametrize("glosses", [["BOOK", "BOOK", "MOTHER"], ["BOOK", "MOTHER", "MOTHER"]])
def test_a_validation_share_smaller_than_a_clip_is_refused(glosses):
    clips = make_clips(["ana", "ben", "ben"], glosses)
    with pytest.raises(ValueError, match=r"A share of 0\.01 of these 2 clips is no clip"):
        split_by_signer(clips, test_signers=["ana"], validation_share=0.01)


@pytest.mark.parametrize("share", [-0.1, 0.51])
def test_an_impossible_validation_share_is_refused(share):
    with pytest.raises(ValueError, match=f"at most 0.5; got {share:g}"):
        split_by_signer(make_clips(["ana", "ben", "ben"]), test_signers=["ana"], validation_share=share)


def test_a_validation_share_does_not_hide_a_recording_listed_twice():
    clips = make_clips(["ana", *["ben"] * 9]).assign(content=["same", *map(str, range(8)), "same"])
    with pytest.raises(ValueError, match="same"):
        split_by_signer(clips, test_signers=["ana"], validation_share=0.3)


def test_an_official_split_is_used_unchanged_without_a_validation_share():
    clips = make_clips(["ana", "ben", "cem"]).assign(split=["validation", "test", "train"])
    split = split_official(clips)
    assert (list(split.train), list(split.validation), list(split.test)) == ([2], [0], [1])


@pytest.mark.parametrize("validating", [0, 4])
def test_an_official_split_without_a_validation_side_takes_a_share_of_its_training_clips(validating):
    sides = ["train"] * (16 - validating) + ["validation"] * validating + ["test"] * 4
    clips = make_clips(["ana", "ben"] * 10).assign(split=sides)
    if not validating:
        with pytest.raises(ValueError, match=r"'validation'.*validation_share"):
            make_split(clips, how="official")
    split = make_split(clips, how="official", validation_share=0.25, seed=1)
    assert list(split.test) == [16, 17, 18, 19]
    assert (len(split.train), len(split.validation)) == (12, 4)
    assert sorted(np.concatenate([split.train, split.validation])) == list(range(16))
    with pytest.raises(ValueError, match="'train'"):
        make_split(clips.assign(split="test"), how="official", validation_share=0.25)


def test_a_test_signer_cannot_validate():
    with pytest.raises(ValueError, match="a"):
        split_by_signer(make_clips(list("abcd")), test_signers=["a"], validation_signers=["a"])


def test_an_unknown_held_out_signer_error_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no signer 'eve'.*ana, ben, cem"):
        split_by_signer(make_clips(["ana", "ben", "cem"]), test_signers=["eve"])


def test_holding_out_no_signer_is_refused():
    with pytest.raises(ValueError, match="at least one of ana, ben, cem; got none"):
        split_by_signer(make_clips(["ana", "ben", "cem"]), test_signers=[])


def test_holding_out_all_signers_is_refused_with_their_names():
    with pytest.raises(ValueError, match="With ana, ben held out .* the clips have 2 signers"):
        split_by_signer(make_clips(["ana", "ben"]), test_signers=["ana"])


def test_a_random_split_is_seeded_stratified_and_leaks_signers():
    clips = make_clips(["ana", "ben"] * 20, ["YES", "NO", "NO", "NO"] * 10)
    one, again, other = (split_at_random(clips, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.test, again.test)
    assert not np.array_equal(one.test, other.test)
    assert (clips.gloss[one.test] == "YES").mean() == 0.25
    with pytest.raises(ValueError, match="No signer may be in both train and validation; 2 are: ana, ben"):
        check_split(clips, train=one.train, validation=one.validation, test=one.test)


def test_the_parts_of_a_random_split_have_their_sizes_and_are_stratified():
    clips = make_clips(["ana", "ben"] * 50, ["YES", "NO", "NO", "NO", "NO"] * 20)
    sides = split_at_random(clips, seed=1).sides()
    assert {name: len(rows) for name, rows in sides.items()} == {"train": 60, "validation": 20, "test": 20}
    assert all((clips.gloss[rows] == "YES").mean() == 0.2 for rows in sides.values())
    assert sorted(np.concatenate(list(sides.values()))) == list(range(100))


def test_a_random_split_is_reproducible_by_its_seed():
    clips = make_clips(["ana", "ben"] * 20, ["YES", "NO"] * 20)
    sides, again, unnamed, other = (
        make_split(clips, how="random", **seed).sides() for seed in ({"seed": 42}, {"seed": 42}, {}, {"seed": 43})
    )
    assert list(sides) == ["train", "validation", "test"]
    for name, rows in sides.items():
        np.testing.assert_array_equal(rows, again[name])
        np.testing.assert_array_equal(rows, unnamed[name])
        assert not np.array_equal(rows, other[name])


def test_too_few_clips_for_a_random_split_are_refused():
    with pytest.raises(ValueError, match="3 clips"):
        split_at_random(make_clips(["a", "b", "c"], ["X", "Y", "Z"]), seed=1)


def official(splits, signers=None):
    signers = signers or [f"s{number}" for number in range(len(splits))]
    return make_clips(signers, ["X"] * len(splits)).assign(split=splits)


def test_the_official_split_may_share_signers():
    clips = official(["train", "", "test", "validation", "train"])
    split = make_split(clips, how="official")
    assert [rows.tolist() for rows in split.sides().values()] == [[0, 4], [3], [2]]
    known = official(["train", "validation", "test"], ["ana", "ben", "ana"])
    assert make_split(known, how="official").test.tolist() == [2], "An official split may share signers."


@pytest.mark.parametrize("column", ["clip_id", "content"])
@pytest.mark.parametrize("pair", [("train", "validation"), ("train", "test"), ("validation", "test")])
def test_a_clip_on_two_sides_of_an_official_split_is_refused(column, pair):
    clips = official(["train", "validation", "test"]).assign(content=["1", "2", "3"])
    clips.loc[clips["split"].isin(pair), column] = "the same clip"
    with pytest.raises(ValueError, match=f"No {column} may be in both {pair[0]} and {pair[1]}.*the same clip"):
        make_split(clips, how="official")


def test_a_missing_side_of_an_official_split_is_named_with_a_remedy():
    with pytest.raises(ValueError, match=r"official side 'validation'.*split='signer'"):
        make_split(official(["train", "test"]), how="official")


def test_the_split_method_is_selected_by_name():
    clips = make_clips(["a", "b", "c"] * 10, ["X", "Y"] * 15)
    by_signer = make_split(clips, how="signer", test_signers=["a"])
    assert set(clips.signer[by_signer.test]) == {"a"}
    np.testing.assert_array_equal(make_split(clips, test_signers=["a"]).test, by_signer.test)
    at_random = make_split(clips, how="random", seed=3)
    assert set(clips.signer[at_random.test]) & set(clips.signer[at_random.train])
    with pytest.raises(ValueError, match="must be signer, official or random; got 'fair'"):
        make_split(clips, how="fair")


@given(count=st.integers(2, 60), folds=st.integers(2, 12))
def test_every_signer_is_held_out_in_exactly_one_fold(count, folds):
    signers = [f"s{number:02d}" for number in range(count)]
    if folds > count:
        with pytest.raises(ValueError, match="folds must be between"):
            signer_folds(signers, folds)
        return
    groups = signer_folds(signers * 2, folds)
    assert sorted(name for group in groups for name in group) == signers
    assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_the_same_recording_under_another_name_and_signer_is_a_leak():
    points = [RECIPE.points(make_landmarks(seed=seed)) for seed in (0, 1, 2, 0)]
    table = make_clip_set(np.stack(points), [0] * 4, RECIPE).table()
    with pytest.raises(ValueError, match="No content may be in both train and test"):
        check_split(table, train=[0, 1, 2], test=[3])
    check_split(table, train=[0, 1], test=[2])


def test_without_validation_its_clips_are_added_to_training():
    split = make_split(make_clips(list("aabbccdd")), test_signers=["d"], validation_signers=["c"])
    whole = split.without_validation()
    assert {name: rows.tolist() for name, rows in whole.sides().items()} == {
        "train": [0, 1, 2, 3, 4, 5],
        "validation": [],
        "test": [6, 7],
    }
    shared = make_split(make_clips(list("aabbccdd") * 4), test_signers=["d"], validation_share=0.5)
    assert "validation_share" in shared.settings
    assert shared.without_validation().settings == {
        name: value for name, value in shared.settings.items() if name != "validation_share"
    }
