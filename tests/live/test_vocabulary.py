"""Vocabularies: signs learned from examples, refusal, files; and the recogniser that uses them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.course.params import check_parameters, read_yaml
from asl_lib.features.body import mirror_parts
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import Classifier, known_signs, open_recogniser
from asl_lib.live.recogniser import SignRecogniser
from asl_lib.live.vocabulary import OpenClassifier, Vocabulary, editing, points_for, shares_of
from asl_lib.models.rivals import Ridge
from asl_lib.training.pretrain import RECIPE as EMBEDDING
from asl_lib.training.saved import save_model
from tests.conftest import ROOT, make_clip_set, make_landmarks
from tests.live.conftest import RandomFeatures, signing
from tests.live.test_recogniser import body, follow_all

RECIPE = FeatureRecipe(frames=8)
RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(6, *RECIPE.values_shape)).astype(np.float32)


def clips_of(sign, count, *, seed=0, spread=0.4):
    """Return clips of a sign: the same points, each time a little different."""
    rng = np.random.default_rng((sign, seed))
    noise = rng.normal(size=(count, *RECIPE.values_shape)).astype(np.float32)
    return CENTRES[sign] + spread * noise


def taught(*signs, clips=3):
    vocabulary = Vocabulary(RandomFeatures(RECIPE))
    for sign in signs:
        vocabulary.add("ABCDEF"[sign], clips_of(sign, clips))
    return vocabulary


@pytest.mark.parametrize("clips", [1, 3])
def test_a_sign_is_named_after_one_clip_or_three_and_another_one_is_refused(clips):
    vocabulary = taught(0, 1, 2, clips=clips)
    assert vocabulary.name(np.concatenate([clips_of(sign, 5, seed=1) for sign in (0, 1, 2)])) == [*"AAAAABBBBBCCCCC"]
    others = vocabulary.name(np.concatenate([clips_of(sign, 20, seed=1) for sign in (3, 4, 5)]))
    assert others.count("") >= 0.85 * 60  # one in twenty of all that is no sign may pass


def test_a_vocabulary_of_one_sign_refuses_too():
    vocabulary = taught(0, clips=1)
    assert vocabulary.name(clips_of(0, 1, seed=2)[0]) == "A"
    assert vocabulary.name(clips_of(3, 1, seed=2)[0]) == ""


def test_the_ranking_has_every_sign_once_with_the_nearest_first():
    [ranked] = taught(0, 1, 2).rank(clips_of(1, 1, seed=1))
    assert ranked[0][0] == "B"
    assert sorted(gloss for gloss, _ in ranked) == ["A", "B", "C"]
    assert [similarity for _, similarity in ranked] == sorted((one for _, one in ranked), reverse=True)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_shares_are_probabilities_that_leave_room_for_none_of_the_signs(above):
    shares = shares_of(np.array(above))
    assert (shares >= 0).all()
    assert shares.sum() < 1 + 1e-9
    assert shares.any() == (max(above) >= 0)
    if shares.any():
        assert above[shares.argmax()] == pytest.approx(max(above), abs=1e-9)
        assert shares.max() >= 1 - shares.sum() - 1e-9  # it is not refused


def test_a_name_is_the_same_however_it_is_spaced():
    vocabulary = taught(0)
    vocabulary.add("GOOD  MORNING", clips_of(1, 1))
    assert vocabulary.count("GOOD  MORNING") == 1
    assert "GOOD  MORNING" in vocabulary
    vocabulary.remove(" GOOD MORNING")
    assert vocabulary.glosses == ("A",)


def test_an_empty_vocabulary_ranks_nothing_and_names_nothing():
    empty = Vocabulary(RandomFeatures(RECIPE))
    assert empty.rank(clips_of(0, 2)) == [[], []]
    assert empty.name(clips_of(0, 2)) == ["", ""]


def test_a_sign_that_is_forgotten_is_refused_again():
    vocabulary = taught(0, 1)
    vocabulary.remove("B")
    assert vocabulary.glosses == ("A",)
    assert vocabulary.name(clips_of(1, 1, seed=1)[0]) == ""
    with pytest.raises(LiveError, match="no sign 'B' to forget. There are: A"):
        vocabulary.remove("B")


def test_a_threshold_accepts_one_in_twenty_of_the_background_and_grows_with_the_vocabulary():
    embedding = RandomFeatures(RECIPE)
    few, many = taught(0), taught(0, 1, 2, 3, 4, 5)
    for vocabulary in (few, many):
        [threshold] = set(vocabulary.thresholds.values())
        nearest = (embedding.background @ vocabulary._vectors.T).max(axis=1)
        assert (nearest >= threshold).mean() == pytest.approx(0.05, abs=0.01)
    assert min(many.thresholds.values()) > max(few.thresholds.values())


def test_clips_of_several_signers_show_how_far_a_stranger_is_and_nine_in_ten_are_accepted():
    vocabulary = Vocabulary(RandomFeatures(RECIPE))
    for sign in range(3):
        for signer in range(4):
            vocabulary.add("ABC"[sign], clips_of(sign, 5, seed=10 + signer), signer=f"s{signer}")
    own = []
    for sign in range(3):
        for signer in range(4):
            others = Vocabulary(RandomFeatures(RECIPE))
            for other in set(range(4)) - {signer}:
                others.add("A", clips_of(sign, 5, seed=10 + other))
            own += [similarity for [(_, similarity)] in others.rank(clips_of(sign, 5, seed=10 + signer))]
    [threshold] = set(vocabulary.thresholds.values())
    assert (np.array(own) >= threshold).mean() == pytest.approx(0.9, abs=0.02)


def test_a_file_gives_the_same_vocabulary_back_and_is_small(tmp_path):
    vocabulary = taught(0, 1, 2)
    vocabulary.save(tmp_path / "a name without a suffix")
    assert [path.name for path in tmp_path.iterdir()] == ["a name without a suffix"]
    vocabulary.save(tmp_path / "v.npz")
    again = Vocabulary.load(tmp_path / "v.npz", RandomFeatures(RECIPE))
    clips = clips_of(1, 4, seed=5)
    np.testing.assert_array_equal(again.similarities(clips), vocabulary.similarities(clips))
    assert again.thresholds == vocabulary.thresholds
    assert (tmp_path / "v.npz").stat().st_size < 40_000


def test_a_file_of_another_embedding_or_a_damaged_one_is_refused_with_a_remedy(tmp_path):
    taught(0).save(tmp_path / "v.npz")
    with pytest.raises(LiveError, match="v.npz was made with another embedding.*asl teach"):
        Vocabulary.load(tmp_path / "v.npz", RandomFeatures(RECIPE, seed=1))
    (tmp_path / "bad.npz").write_bytes((tmp_path / "v.npz").read_bytes()[:100])
    with pytest.raises(LiveError, match="bad.npz is not a vocabulary.*Teach the signs again"):
        Vocabulary.load(tmp_path / "bad.npz", RandomFeatures(RECIPE))
    arrays = dict(np.load(tmp_path / "v.npz"))
    np.savez(tmp_path / "short.npz", **{**arrays, "glosses": np.array(["A"])})
    with pytest.raises(LiveError, match="its arrays do not fit"):
        Vocabulary.load(tmp_path / "short.npz", RandomFeatures(RECIPE))
    vectors, glosses = arrays["vectors"], arrays["glosses"]
    wrong = [{"vectors": np.array(1.0)}, {"vectors": vectors * 1e30}, {"vectors": vectors.astype(complex)}]
    for values in [*wrong, {"vectors": vectors[:, 1:]}, {"glosses": np.full(len(glosses), "\x1b")}]:
        np.savez(tmp_path / "odd.npz", **{**arrays, **values})
        with pytest.raises(LiveError, match="its arrays do not fit"):
            Vocabulary.load(tmp_path / "odd.npz", RandomFeatures(RECIPE))


def test_names_from_a_file_cannot_write_control_characters(tmp_path):
    vocabulary = taught(0)
    arrays = {"vectors": vocabulary._vectors[:1], "signers": np.array(["a"]), "embedding": "0"}
    np.savez(tmp_path / "v.npz", **arrays, glosses=np.array(["\x1b[31mRED"]))
    assert Vocabulary.load(tmp_path / "v.npz", RandomFeatures(RECIPE)).glosses == ("[31mRED",)
    with pytest.raises(LiveError, match="needs a name"):
        vocabulary.add(" \x1b", clips_of(0, 1))


def test_clips_of_a_recipe_that_makes_other_points_are_refused_and_what_differs_is_named():
    clips = make_clip_set(clips_of(0, 2), [0, 1], RECIPE)
    assert len(Vocabulary.of_clips(RandomFeatures(RECIPE), clips.with_encoding(velocities=True))) == 2
    for changes, named in (
        ({"mirror_left_handed": True}, "mirror_left_handed"),  # this embedding does not look into the mirror
        ({"body_frame": "image", "max_gap": 0}, "body_frame, max_gap"),
        ({"coordinates": "xyz"}, "coordinates"),
        ({"parts": ("pose", "lips", "left_hand", "right_hand")}, "parts"),
        ({"timing": "window", "frames": 9}, "timing, frames"),
    ):
        with pytest.raises(RecipeError, match=f"another recipe than the embedding's: {named} differ"):
            Vocabulary.of_clips(RandomFeatures(FeatureRecipe(**{"frames": 8, **changes})), clips)


@pytest.mark.parametrize("path", sorted((ROOT / "params").glob("*.yaml")), ids=lambda path: path.stem)
def test_from_the_clips_of_every_recipe_of_the_course_come_those_of_the_sign_embedding(path):
    params = check_parameters(read_yaml(path))
    entries = {name: getattr(params, name) for name in vars(FeatureRecipe()) if hasattr(params, name)}
    made_by = FeatureRecipe(parts=tuple(params.landmarks), **entries)
    if params.run == "fingerspelling":  # hands alone, from the middle of a clip: the movement cannot be had from them
        with pytest.raises(RecipeError, match="timing, parts differ"):
            points_for(np.zeros((1, *made_by.values_shape)), made_by, EMBEDDING)
        return
    for missing in ("left_hand", "right_hand"):
        landmarks = make_landmarks(frames=20, missing=[(missing, 0, 20)])
        points = points_for(made_by.points(landmarks)[None], made_by, EMBEDDING)
        ways = EMBEDDING.views(EMBEDDING.points(landmarks)[None])
        assert points.shape == ways[0].shape
        assert min(np.nanmax(np.abs(points - way)) for way in ways) < 1e-5


def test_more_parts_and_coordinates_are_left_out_and_other_frames_interpolated():
    made_by = FeatureRecipe(parts=("lips", "right_hand", "pose", "left_hand"), coordinates="xyz", frames=60)
    landmarks = make_landmarks(frames=20, parts=("pose", "face", "left_hand", "right_hand"))
    points = points_for(made_by.points(landmarks)[None], made_by, EMBEDDING)
    np.testing.assert_allclose(points, EMBEDDING.points(landmarks)[None], atol=0.01)
    assert points_for(np.empty((0, *made_by.values_shape)), made_by, EMBEDDING).shape == (0, *EMBEDDING.values_shape)


def test_a_model_that_turns_left_handed_clips_round_refuses_too_and_names_them_as_before(tmp_path):
    recipe = FeatureRecipe(frames=16, mirror_left_handed=True)
    folder = make_run(tmp_path / "run", recipe)
    embedding = RandomFeatures(FeatureRecipe(frames=16, average_mirrored=True))
    for clip in (make_landmarks(frames=12, seed=0), mirrored(make_landmarks(frames=12, seed=0))):
        with open_recogniser(folder, taught=Vocabulary(embedding)) as recogniser:
            assert recogniser.classifier(movement()).sum() == 0
            np.testing.assert_allclose(recogniser.classifier(clip), Classifier.load(folder)(clip), atol=1e-6)


def mirrored(landmarks):
    """Return the landmarks of a clip that is signed with the other hand."""
    parts = mirror_parts({part: landmarks.part(part) for part in landmarks.parts}, width=1)
    return replace(landmarks, points=np.concatenate([parts[part] for part in landmarks.parts], axis=1))


class Sure:
    """A model that says HELLO to everything, as softmax does."""

    recipe, glosses = FeatureRecipe(frames=16), ("BOOK", "HELLO")

    def __call__(self, landmarks):
        return np.array([0.1, 0.9])


def movement(side=15):
    """Return the landmarks of a movement as the recogniser classifies it."""
    recogniser = SignRecogniser(Sure())
    follow_all(recogniser, signing(body(), side=side))
    return recogniser.take_movement()


def known_by(*clips):
    recipe = Sure.recipe
    vocabulary = Vocabulary(RandomFeatures(recipe))
    for number, clip in enumerate(clips):
        vocabulary.add("HELLO", recipe.points(clip), signer=f"s{number}")
    return vocabulary


def test_a_movement_that_is_like_no_training_clip_is_refused_and_no_word():
    empty = Vocabulary(RandomFeatures(Sure.recipe))
    near = OpenClassifier(empty, model=Sure(), known=known_by(movement()))
    far = OpenClassifier(empty, model=Sure(), known=known_by(movement(side=16)))
    [accepted] = [one for one in follow_all(SignRecogniser(near), signing(body())) if one.committed]
    assert (accepted.committed, accepted.top[0]) == ("HELLO", ("HELLO", pytest.approx(0.9)))
    refused = follow_all(SignRecogniser(far), signing(body()))
    assert not any(one.committed or one.shown for one in refused)
    assert refused[-1].refused
    assert refused[-1].top == ()


def test_refusal_is_said_until_the_next_movement_begins_and_in_press_and_sign_until_the_next_capture():
    far = OpenClassifier(Vocabulary(RandomFeatures(Sure.recipe)), model=Sure(), known=known_by(movement(side=16)))
    still = next(iter(signing(body())))[1]
    rest = [(1.2 + index / 25, still) for index in range(20)]
    seen = follow_all(SignRecogniser(far), [*signing(body()), *rest, *signing(body(), start_s=2.0)])
    said = [one.refused for one in seen]
    assert not any(one.refused for one in seen if one.signing)
    assert said[40:50] == [True] * 10
    recogniser = SignRecogniser(far)
    recogniser.start(0.0, countdown_s=0, capture_s=1.1)
    ended = [one for one in follow_all(recogniser, [*signing(body()), *rest]) if one.phase == "done"]
    assert ended
    assert all(one.refused and not one.shown for one in ended)


def test_a_sign_is_taught_while_it_runs_and_recognised_at_once():
    classifier = OpenClassifier(
        Vocabulary(RandomFeatures(Sure.recipe)), model=Sure(), known=known_by(movement(side=16))
    )
    recogniser = SignRecogniser(classifier)
    with pytest.raises(LiveError, match="show the sign first"):
        recogniser.teach("WAVE")
    assert not any(one.committed for one in follow_all(recogniser, signing(body())))
    recogniser.teach("WAVE")
    assert classifier.glosses == ("BOOK", "HELLO", "WAVE")
    assert [one.committed for one in follow_all(recogniser, signing(body(), start_s=5.0)) if one.committed] == ["WAVE"]
    # The model's own signs are still the model's.
    words = [one.committed for one in follow_all(recogniser, signing(body(), start_s=9.0, side=16)) if one.committed]
    assert words == ["HELLO"]


def test_of_a_capture_the_movement_is_learned_and_not_the_rest_before_and_after_it():
    rest = next(iter(signing(body())))[1]
    before, after = ([(start + index / 25, rest) for index in range(25)] for start in (0.0, 2.2))
    recogniser = SignRecogniser(OpenClassifier(Vocabulary(RandomFeatures(Sure.recipe)), model=Sure()))
    recogniser.start(0.0, countdown_s=0, capture_s=3.1)
    follow_all(recogniser, [*before, *signing(body(), start_s=1.0), *after])
    recogniser.teach("WAVE")
    [(gloss, similarity)] = recogniser.classifier.taught.rank(Sure.recipe.points(movement())[None])[0]
    assert (gloss, similarity) == ("WAVE", pytest.approx(1, abs=0.02))
    recogniser.start(0.0, countdown_s=0, capture_s=0.9)
    follow_all(recogniser, before)
    with pytest.raises(LiveError, match="No hand was raised.*show the sign again"):
        recogniser.teach("REST")


def test_a_recogniser_without_an_embedding_says_that_it_cannot_learn():
    with pytest.raises(LiveError, match="cannot learn signs"):
        SignRecogniser(Sure()).teach("WAVE")


def test_a_vocabulary_alone_is_a_recogniser():
    vocabulary = known_by(movement())
    with open_recogniser(None, taught=vocabulary) as recogniser:
        assert [one.committed for one in follow_all(recogniser, signing(body())) if one.committed] == ["HELLO"]
        assert follow_all(recogniser, signing(body(), side=16, start_s=5.0))[-1].refused


@pytest.mark.parametrize("taught", [None, Vocabulary(RandomFeatures(Sure.recipe))])
def test_without_a_model_and_without_a_taught_sign_there_is_no_recogniser(taught):
    with pytest.raises(LiveError, match="no model, and no sign that was taught.*asl teach HELLO"):
        open_recogniser(None, taught=taught)


def test_a_model_without_the_landmarks_of_the_embedding_cannot_have_it():
    with pytest.raises(LiveError, match="lack what the embedding needs"):
        OpenClassifier(Vocabulary(RandomFeatures(FeatureRecipe(parts=("pose", "face")))), model=Sure())


def make_run(folder, recipe):
    """Leave the files of a run: the features of six clips, and a model that was tested on the last two of them."""
    values = np.stack([recipe.points(make_landmarks(frames=12, seed=sign)) for sign in (0, 1, 2, 0, 1, 2)])
    values += np.random.default_rng(0).normal(0, 0.05, values.shape).astype(np.float32)
    clips = make_clip_set(values, [0, 1, 2, 0, 1, 2], recipe, signers=[*"aabbcc"])
    clips.save(folder)
    model = Ridge(clips.recipe, classes=3).fit(clips.values[:4], clips.y[:4])
    save_model(model, clips.recipe, pd.DataFrame(), folder / "ridge" / "held_out_c")
    np.savez(folder / "ridge" / "held_out_c" / "probabilities.npz", clip_id=clips.clip_id[4:])
    return folder / "ridge" / "held_out_c"


def test_the_vocabulary_of_a_model_holds_its_training_clips_only_and_is_kept_beside_it(tmp_path):
    recipe = FeatureRecipe(frames=16)
    folder, embedding = make_run(tmp_path / "run", recipe), RandomFeatures(recipe)
    known = known_signs(folder, embedding)
    assert {gloss: known.count(gloss) for gloss in known.glosses} == {"A": 2, "B": 1, "C": 1}
    before = (folder / "vocabulary.npz").stat().st_mtime_ns
    (folder.parent.parent / "features.npz").unlink()
    assert known_signs(folder, embedding).thresholds == known.thresholds
    assert (folder / "vocabulary.npz").stat().st_mtime_ns == before
    # With another embedding it would have to be made again, from clips that are gone.
    assert known_signs(folder, RandomFeatures(recipe, seed=1)) is None


def test_after_another_training_the_vocabulary_of_a_model_is_made_again(tmp_path):
    recipe = FeatureRecipe(frames=16)
    folder, embedding = make_run(tmp_path / "run", recipe), RandomFeatures(recipe)
    known_signs(folder, embedding)
    os.utime(folder / "vocabulary.npz", ns=(0, 0))  # the recipe of a later training
    np.savez(folder / "probabilities.npz", clip_id=np.array(["none of them"]))
    assert known_signs(folder, embedding).count("B") == 2


def test_a_model_in_a_folder_that_cannot_be_written_refuses_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    folder = make_run(tmp_path / "run", FeatureRecipe(frames=16))
    monkeypatch.setattr(Vocabulary, "save", refuse)
    assert len(known_signs(folder, RandomFeatures(FeatureRecipe(frames=16)))) == 3


def test_a_sign_that_the_model_does_not_know_any_more_changes_no_answer():
    embedding = RandomFeatures(RECIPE)
    known = Vocabulary(embedding)
    for gloss in ("A", "B", "GONE"):
        known.add(gloss, RECIPE.points(movement()))
    model = Sure()
    assert len(OpenClassifier(Vocabulary(embedding), model=model, known=known)(movement())) == len(model.glosses)


def test_a_recogniser_of_a_folder_answers_as_before_where_it_accepts(tmp_path):
    recipe = FeatureRecipe(frames=16)
    folder = make_run(tmp_path / "run", recipe)
    clip = make_landmarks(frames=12, seed=0)
    with open_recogniser(folder, taught=Vocabulary(RandomFeatures(recipe))) as recogniser:
        answer = recogniser.classifier(clip)
        assert recogniser.classifier(movement()).sum() == 0
    np.testing.assert_allclose(answer, Classifier.load(folder)(clip), atol=1e-6)


def test_two_programs_that_teach_at_once_keep_each_other_s_signs(tmp_path):
    path, begun = tmp_path / "vocabulary.npz", Barrier(4)

    def teach(sign):
        vocabulary = Vocabulary(RandomFeatures(RECIPE))  # as empty as the file was when the program started
        begun.wait()
        for seed in range(5):
            with editing(path, vocabulary):
                vocabulary.add("ABCD"[sign], clips_of(sign, 1, seed=seed))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(teach, range(4)))
    found = Vocabulary.load(path, RandomFeatures(RECIPE))
    assert {gloss: found.count(gloss) for gloss in found.glosses} == dict.fromkeys("ABCD", 5)


def test_a_change_that_fails_leaves_the_file_as_another_program_wrote_it(tmp_path):
    path, mine = tmp_path / "vocabulary.npz", taught(0)
    taught(1).save(path)
    with pytest.raises(LiveError, match="no sign 'A' to forget. There are: B"), editing(path, mine):
        mine.remove("A")
    assert Vocabulary.load(path, RandomFeatures(RECIPE)).glosses == ("B",)
