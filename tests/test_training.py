import numpy as np
import pandas as pd
import pytest

from asl_lib.augment import Augmentation
from asl_lib.datasets import get_dataset
from asl_lib.features import FeatureRecipe
from asl_lib.featureset import build_features
from asl_lib.models import build_lstm
from asl_lib.splits import split_by_signer
from asl_lib.training import TrainingError, fit, load_model, set_seeds
from tests.conftest import make_landmarks

RECIPE = FeatureRecipe(frames=8, parts=("right_hand",), body_frame="image")


def make_points(count=24):
    """Two classes that differ in the shape of the hand."""
    points = np.stack([RECIPE.points(make_landmarks(seed=seed)) for seed in range(count)])
    y = np.arange(count) % 2
    points[y == 1, :, 12] += 0.8
    return points, y


def train(folder, **options):
    points, y = make_points()
    set_seeds(1)
    model = build_lstm(frames=8, features=RECIPE.num_features, classes=2)
    history = fit(
        model, points=points[:16], y=y[:16], validation=(points[16:], y[16:]), recipe=RECIPE, folder=folder,
        **{"epochs": 12, "learning_rate": 3e-3, "seed": 1, **options},
    )  # fmt: skip
    return model, history


def test_the_reference_lstm_has_the_published_size():
    model = build_lstm(frames=30, features=150, classes=100)
    assert model.count_params() == 212_804
    assert [layer.units for layer in model.layers] == [64, 128, 64, 64, 32, 100]
    assert model.output_shape == (None, 100)


def test_a_model_of_no_classes_is_refused():
    with pytest.raises(ValueError, match="2 classes"):
        build_lstm(frames=30, features=150, classes=1)


def test_training_learns_and_leaves_all_its_files(tmp_path):
    model, history = train(tmp_path, augmentation=Augmentation(RECIPE, shift=0))
    assert history.val_accuracy.max() > 0.85
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert {"model.keras", "recipe.json", "history.csv", "tensorboard"} <= {path.name for path in tmp_path.iterdir()}
    assert pd.read_csv(tmp_path / "history.csv").epoch.tolist() == list(range(1, len(history) + 1))

    loaded, recipe = load_model(tmp_path)
    assert recipe == RECIPE
    X = RECIPE.encode(make_points()[0])
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-5)


def test_the_same_seed_gives_the_same_training(tmp_path):
    options = {"epochs": 3, "augmentation": Augmentation(RECIPE)}
    one, same = (train(tmp_path / name, **options)[1].drop(columns="seconds") for name in "ab")
    other = train(tmp_path / "c", **{**options, "seed": 2})[1].drop(columns="seconds")
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_training_stops_when_validation_stops_improving_and_keeps_the_best(tmp_path):
    model, history = train(tmp_path, epochs=60, patience=3)
    assert len(history) < 60
    points, y = make_points()
    accuracy = (model.predict(RECIPE.encode(points[16:]), verbose=0).argmax(axis=1) == y[16:]).mean()
    assert accuracy == pytest.approx(history.val_accuracy.max())


def test_nothing_to_train_on_is_refused(tmp_path):
    points, y = make_points()
    model = build_lstm(frames=8, features=RECIPE.num_features, classes=2)
    with pytest.raises(TrainingError, match="training part"):
        fit(model, points=points[:0], y=y[:0], validation=(points, y), recipe=RECIPE, folder=tmp_path)
    with pytest.raises(TrainingError, match="validation part"):
        fit(model, points=points, y=y, validation=(points, y[:3]), recipe=RECIPE, folder=tmp_path)


def test_a_loss_that_is_no_number_is_named_with_the_learning_rate(tmp_path):
    points, y = make_points()
    set_seeds(1)
    model = build_lstm(frames=8, features=RECIPE.num_features, classes=2)
    options = {"recipe": RECIPE, "folder": tmp_path, "epochs": 3, "learning_rate": 1e30}
    with pytest.raises(TrainingError, match=r"stay finite.*learning rate"):
        fit(model, points=points, y=y, validation=(points, y), **options)


def test_a_missing_a_damaged_and_a_foreign_model_are_told_apart(tmp_path):
    with pytest.raises(TrainingError, match=r"no .*model\.keras"):
        load_model(tmp_path)
    train(tmp_path, epochs=1)
    FeatureRecipe(frames=9, parts=("right_hand",)).save(tmp_path / "recipe.json")
    with pytest.raises(TrainingError, match="Model and recipe must come from the same training"):
        load_model(tmp_path)
    (tmp_path / "model.keras").write_bytes(b"no model")
    with pytest.raises(TrainingError, match="cannot be loaded"):
        load_model(tmp_path)


def test_the_lstm_trains_on_real_landmarks_with_a_signer_held_out(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("ASL_SHARED_DATA", str(shared_data))
    dataset, recipe = get_dataset("fingerspelling"), FeatureRecipe(mirror_left_handed=True)
    clips = dataset.prepare(tmp_path / "fingerspelling")
    clips = clips[clips.gloss.isin(["A", "B", "C", "L", "Y"])]
    landmarks = dataset.load_landmarks(tmp_path / "fingerspelling", clips, recipe.tracked_parts)
    features, _ = build_features(clips, landmarks=landmarks, recipe=recipe)
    split = split_by_signer(features.clips(), test_signers=["asq"])
    set_seeds(1)
    model = build_lstm(frames=recipe.frames, features=recipe.num_features, classes=5)
    history = fit(
        model,
        points=features.points[split.train],
        y=features.y[split.train],
        validation=(features.points[split.validation], features.y[split.validation]),
        recipe=recipe,
        folder=tmp_path / "model",
        epochs=12,
        learning_rate=1e-3,
        augmentation=Augmentation(recipe),
    )
    assert history.loss.min() < 0.9 * history.loss.iloc[0]
    loaded, loaded_recipe = load_model(tmp_path / "model")
    probabilities = loaded.predict(loaded_recipe.encode(features.points[split.test]), verbose=0)
    assert probabilities.shape == (5, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
