"""Pretraining on pseudo-signs: an embedding in which the same sign by another signer is near."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from asl_lib.features.recipe import RecipeError
from asl_lib.models.embedding import FILE, SignEmbedding, Whitening
from asl_lib.models.errors import TrainingError
from asl_lib.models.registry import build
from asl_lib.training import pretrain as pretraining
from asl_lib.training.pretrain import embedding_folder, load_embedding, pretrain, pseudo_clips

SMALL = {"signs": 24, "signers": 4, "networks": 1, "steps": 6, "workers": 1}


@pytest.fixture(scope="module", autouse=True)
def clips_are_made_once():
    """Keep the clips of every call of `pseudo_clips`: making them takes longer than a few steps of training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining, "pseudo_clips", cache(pretraining.pseudo_clips))
        yield


@pytest.fixture(scope="module")
def embedding(tmp_path_factory):
    return pretrain(**SMALL, folder=tmp_path_factory.mktemp("embeddings"))


@pytest.fixture(scope="module")
def clips():
    return pseudo_clips(12, 3, seed=5, workers=1)


def test_the_clips_of_a_pseudo_sign_are_by_different_people_and_depend_on_the_seed(clips):
    assert clips.values.shape == (36, *clips.recipe.values_shape)
    for sign in range(12):
        assert len(set(clips.signer[clips.y == sign])) == 3
    again, others = pseudo_clips(12, 3, seed=5, workers=1), pseudo_clips(12, 3, seed=6, workers=1)
    np.testing.assert_array_equal(again.values, clips.values)
    assert not set(others.signer) & set(clips.signer)


def test_vectors_have_length_one_and_a_mirrored_clip_has_the_same(embedding, clips):
    vectors = embedding.embed(clips.values)
    assert vectors.shape == (36, embedding.size)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedding.embed(embedding.recipe.mirror(clips.values)), vectors, atol=1e-5)
    np.testing.assert_allclose(embedding.embed(clips.values[7:8]), vectors[7:8], atol=1e-5)
    assert embedding.embed(clips.values[:0]).shape == (0, embedding.size)


def test_the_same_sign_by_other_people_is_closer_than_other_signs(embedding, clips):
    vectors = embedding.embed(clips.values)
    similar, same = vectors @ vectors.T, clips.y[:, None] == clips.y
    others = ~np.eye(len(clips), dtype=bool)
    assert similar[same & others].mean() > similar[~same].mean() + 0.2
    nearest = np.where(others, similar, -1).argmax(axis=1)
    assert (clips.y[nearest] == clips.y).mean() > 0.5  # of 12 signs


def test_a_clip_without_detections_has_a_vector(embedding):
    blank = np.full((1, *embedding.recipe.values_shape), np.nan, np.float32)
    assert np.isfinite(embedding.embed(blank)).all()


def test_a_saved_embedding_gives_the_same_vectors_and_the_same_call_finds_it(embedding, clips, tmp_path):
    embedding.save(tmp_path / "one")
    loaded = SignEmbedding.load(tmp_path / "one")
    np.testing.assert_array_equal(loaded.embed(clips.values), embedding.embed(clips.values))
    np.testing.assert_array_equal(loaded.background, embedding.background)
    assert loaded.fingerprint == embedding.fingerprint
    first = pretrain(**SMALL | {"networks": 0}, folder=tmp_path)
    [place] = [path.parent for path in tmp_path.glob("*/training.json")]
    made, used = (place / "training.json").stat().st_mtime_ns, (place / FILE).stat().st_mtime_ns
    again = pretrain(**SMALL | {"networks": 0}, folder=tmp_path)
    assert (place / "training.json").stat().st_mtime_ns == made
    assert (place / FILE).stat().st_mtime_ns > used  # it is the newest again
    assert first.fingerprint == again.fingerprint != embedding.fingerprint
    (place / FILE).write_bytes((place / FILE).read_bytes()[:1000])
    assert pretrain(**SMALL | {"networks": 0}, folder=tmp_path).fingerprint == first.fingerprint


def test_a_killed_pretraining_resumes_from_its_checkpoint_and_ends_with_the_same_embedding(
    embedding, tmp_path, monkeypatch
):
    make, left = pretraining._batch, [2]

    def killed(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return make(*arguments)

    monkeypatch.setattr(pretraining, "_batch", killed)
    monkeypatch.setattr(pretraining, "CHECKPOINT_S", 0)
    with pytest.raises(KeyboardInterrupt):
        pretrain(**SMALL, folder=tmp_path / "killed")
    left[0] = SMALL["steps"] - 2  # exactly the steps that are left
    resumed = pretrain(**SMALL, folder=tmp_path / "killed")
    assert resumed.fingerprint == embedding.fingerprint
    assert sorted(path.name for path in (tmp_path / "killed").glob("*/*")) == [FILE, "recipe.json", "training.json"]


def test_a_network_of_the_same_kind_starts_with_the_weights_of_the_embedding_and_keeps_its_last_layer(embedding, clips):
    recipe = replace(clips.recipe, glosses=("A", "B", "C"))
    model = build("attention_lstm", recipe)
    last = model.layers[-1].get_weights()
    embedding.transfer(model)
    for before, after in zip(last, model.layers[-1].get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    X = clips.encode(slice(0, 5))
    features = np.asarray(embedding.networks[0](X)) @ last[0] + last[1]
    shares = np.exp(features) / np.exp(features).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(model(X)), shares, atol=1e-5)


def test_weights_for_another_network_or_other_features_are_refused(embedding, tmp_path):
    recipe = replace(embedding.recipe, glosses=("A", "B", "C"))
    others = [build("attention_tcn", recipe), build("attention_lstm", replace(recipe, velocities=False))]
    for model in others:
        with pytest.raises(TrainingError, match=r"layers of attention_lstm.*pretrain\(network=...\)"):
            embedding.transfer(model)
    described = pretrain(**SMALL | {"networks": 0}, folder=tmp_path)
    with pytest.raises(TrainingError, match="has no network"):
        described.transfer(build("attention_lstm", recipe))


@pytest.mark.parametrize(("network", "loss"), [("attention_tcn", "cosine"), ("attention_transformer", "softmax")])
def test_another_network_is_pretrained_with_another_loss_and_starts_in_the_same_way(network, loss, tmp_path):
    made = pretrain(**SMALL | {"network": network, "loss": loss, "steps": 2}, folder=tmp_path)
    assert np.isfinite(made.background).all()
    model = build(network, replace(made.recipe, glosses=("A", "B", "C")))
    made.transfer(model)
    first = model.get_weights()[0]
    np.testing.assert_array_equal(first, made.networks[0].get_weights()[0])


def test_two_processes_that_need_the_same_embedding_train_it_once(tmp_path, monkeypatch):
    options = SMALL | {"signs": 12, "signers": 2, "networks": 0}
    made, make = [], pretraining.pseudo_clips
    monkeypatch.setattr(
        pretraining, "pseudo_clips", lambda *args, **kwargs: made.append(args[0]) or make(*args, **kwargs)
    )
    with ThreadPoolExecutor(2) as pool:
        both = [*pool.map(lambda _: pretrain(**options, folder=tmp_path), range(2))]
    assert both[0].fingerprint == both[1].fingerprint
    assert made.count(options["signs"]) == 1


def test_the_background_is_unit_vectors_of_signs_that_were_not_trained_on(embedding):
    assert embedding.background.shape == (240, embedding.size)
    np.testing.assert_allclose(np.linalg.norm(embedding.background, axis=1), 1, atol=1e-5)


def test_missing_and_damaged_embeddings_are_refused_with_a_remedy(embedding, tmp_path, monkeypatch):
    monkeypatch.setenv("ASL_HOME", str(tmp_path))
    with pytest.raises(TrainingError, match="asl pretrain"):
        load_embedding()
    with pytest.raises(TrainingError, match="asl pretrain"):
        load_embedding(tmp_path)
    made = embedding_folder() / "made"
    embedding.save(made)
    assert load_embedding().fingerprint == embedding.fingerprint
    data = (made / FILE).read_bytes()
    for damaged in (b"", data[:2000], data.replace(b"network_0_00", b"network_0_0x")):
        (made / FILE).write_bytes(damaged)
        with pytest.raises(TrainingError, match="no sign embedding.*asl pretrain"):
            load_embedding(made)
    (made / FILE).write_bytes(data)
    (made / "recipe.json").write_text("{}")
    with pytest.raises(RecipeError):
        load_embedding(made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "triplet"}, "contrastive, cosine, softmax"),
        ({"signs": 1}, "at least 2"),
        ({"signers": 1}, "2 to 200"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_an_impossible_option_is_refused_before_anything_is_computed(change, words, tmp_path):
    with pytest.raises(TrainingError, match=words):
        pretrain(**SMALL | change, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_whitening_finds_the_direction_in_which_signs_differ():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 8)
    signs = rng.normal(0, 1, (30, 3))
    # Three numbers of the sign, and three much louder ones of the signer.
    described = np.concatenate([signs[y] + rng.normal(0, 0.2, (240, 3)), rng.normal(0, 30, (240, 3))], axis=1)

    def found(vectors):
        apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1) + 1e9 * np.eye(240)
        return (y[apart.argmin(axis=1)] == y).mean()

    assert found(Whitening.fit(described, y, size=3)(described)) > 0.7
    assert found((described - described.mean(axis=0)) / described.std(axis=0)) < 0.5
