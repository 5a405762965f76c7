import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from asl_lib.data.registry import get_dataset
from asl_lib.evaluation.metrics import evaluate
from asl_lib.evaluation.splits import Split, make_split, split_by_signer
from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import load_features
from asl_lib.landmarks.store import load_landmarks
from asl_lib.models.errors import TrainingError
from asl_lib.models.lstm import build_lstm
from asl_lib.models.registry import build
from asl_lib.models.transformer import build_transformer
from asl_lib.models.trees import HandTrees
from asl_lib.training.batches import training_batches, validation_batches
from asl_lib.training.checkpoint import Checkpoint, Progress
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.saved import compile_predictor, load_model, measure_latencies, predict, save_model
from tests.conftest import ROOT, make_clip_set, make_landmarks, wait_until

RECIPE = FeatureRecipe(frames=8, parts=("right_hand",), body_frame="image")


def make_set(count=24, recipe=RECIPE):
    """Two classes that differ in the shape of the hand."""
    values = np.stack([recipe.points(make_landmarks(seed=seed)) for seed in range(count)])
    y = np.arange(count) % 2
    values[y == 1, :, 12] += 0.8
    return make_clip_set(values, y, recipe)


def halves(middle=16, end=24):
    """Return a split whose clips from `middle` on validate."""
    return Split(np.arange(middle), np.arange(middle, end), np.arange(0))


def build_small():
    """A network with dropout that is ready at once: for tests of the training, not of what it learns."""
    import keras
    from keras import layers

    body = [layers.Conv1D(16, 3, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dropout(0.2)]
    return keras.Sequential([keras.Input((RECIPE.frames, RECIPE.num_features)), *body, layers.Dense(2, "softmax")])


def build_grouped():
    """The same with a second output, for two groups of glosses."""
    import keras
    from keras import layers

    small = build_small()
    group = layers.Dense(2, "softmax", name="group")(small.layers[-2].output)
    return keras.Model(small.inputs, {"gloss": small.outputs[0], "group": group})


def train(folder, *, network="small", **options):
    set_seeds(1)
    sizes = {"frames": 8, "features": RECIPE.num_features, "classes": 2}
    networks = {
        "small": build_small,
        "lstm": lambda: build_lstm(**sizes),
        "transformer": lambda: build_transformer(**sizes, blocks=1, heads=2, head_size=8, feed_forward=16),
        "grouped": build_grouped,
    }
    model = networks[network]()
    options = {"split": halves(), "epochs": 12, "learning_rate": 3e-3, "seed": 1, **options}
    return model, fit(model, make_set(), folder=folder, **options).history


def test_the_reference_lstm_has_the_published_size():
    model = build_lstm(frames=30, features=150, classes=100)
    assert model.count_params() == 212_804
    assert [layer.units for layer in model.layers] == [64, 128, 64, 64, 32, 100]
    assert model.output_shape == (None, 100)


def test_a_model_of_no_classes_is_refused():
    with pytest.raises(ValueError, match="2 classes"):
        build_lstm(frames=30, features=150, classes=1)


@pytest.mark.parametrize(("network", "outputs"), [("small", 1), ("grouped", 2)])
def test_a_training_step_is_traced_once(network, outputs, tmp_path, monkeypatch):
    import keras

    call, traces = keras.layers.Dense.call, []

    def traced(self, inputs, training=None):
        traces.extend([self.name] * bool(training))
        return call(self, inputs, training=training)

    monkeypatch.setattr(keras.layers.Dense, "call", traced)
    train(tmp_path, network=network, epochs=2)
    assert len(traces) == len(set(traces)) == outputs, "Some variables were made in the first step."


def test_training_learns_and_writes_all_its_files(tmp_path):
    model, history = train(tmp_path, network="lstm", augmentation=Augmentation(RECIPE, shift=0))
    assert history.val_accuracy.max() > 0.85
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert {"model.keras", "recipe.json", "history.csv", "tensorboard"} <= {path.name for path in tmp_path.iterdir()}
    assert pd.read_csv(tmp_path / "history.csv").epoch.tolist() == list(range(1, len(history) + 1))

    loaded, recipe = load_model(tmp_path)
    assert recipe == make_set().recipe
    assert recipe.glosses == ("A", "B")
    np.testing.assert_allclose(predict(loaded, make_set()), predict(model, make_set()), atol=1e-5)


def test_a_training_s_name_size_and_split_are_stored_with_its_evaluation(tmp_path):
    clips = make_clip_set(
        make_set().values,
        np.arange(24) % 2,
        RECIPE,
        signers=[name for name in ("ana", "ben", "cem", "dan") for _ in range(6)],
    )
    split = make_split(clips.table(), test_signers=["ana"], validation_signers=["cem"])
    set_seeds(1)
    training = fit(build_small(), clips, split, folder=tmp_path, name="small", epochs=2, seed=7)
    assert (training.name, training.parameters, len(training.history)) == ("small", 2114, 2)
    assert training.seconds == pytest.approx(training.history.seconds.sum())
    told = {"model": "small", "parameters": 2114, "epochs": 2, "seed": 7, "split": "signer"}
    told |= {"test_signers": ["ana"], "validation_signers": ["cem"], "validation_share": 0.0}
    kept = json.loads((tmp_path / "training.json").read_text())
    assert {**kept, "minutes": 0} == {**told, "minutes": 0}
    evaluate(predict(load_model(tmp_path)[0], clips, split.test), clips, split.test).save(tmp_path, model="other")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {key: metrics[key] for key in told} == {**told, "model": "other"}
    assert metrics["n"] == 6


def test_the_same_seed_gives_the_same_training(tmp_path):
    options = {"epochs": 3, "augmentation": Augmentation(RECIPE)}
    one, same = (train(tmp_path / name, **options)[1].drop(columns="seconds") for name in "ab")
    other = train(tmp_path / "c", **{**options, "seed": 2})[1].drop(columns="seconds")
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_a_training_has_the_losses_that_keras_itself_has_with_the_same_batches(tmp_path):
    import keras

    _, history = train(tmp_path, monitor="none", epochs=3, batch_size=4)
    set_seeds(1)
    model, clips, split = build_small(), make_set(), halves()
    batches = training_batches(clips, split.train, batch_size=4, seed=1)
    validation = validation_batches(clips, split.validation, batch_size=len(clips))
    model.compile(keras.optimizers.AdamW(3e-3, weight_decay=0), loss="categorical_crossentropy")
    count = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch))
    losses = model.fit(batches, validation_data=validation, epochs=3, callbacks=[count], verbose=0).history
    assert history[["loss", "val_loss"]].to_dict("list") == losses


def test_training_stops_when_validation_stops_improving_and_keeps_the_best(tmp_path):
    model, history = train(tmp_path, epochs=60, patience=3)
    assert len(history) < 60
    clips, rows = make_set(), np.arange(16, 24)
    accuracy = (predict(model, clips, rows).argmax(axis=1) == clips.y[rows]).mean()
    assert accuracy == pytest.approx(history.val_accuracy.max())


@contextmanager
def stopped_after(epoch):
    """Interrupt a training as soon as its checkpoint of this epoch is written."""
    keep = Checkpoint.keep

    def keep_and_stop(self, model, progress):
        keep(self, model, progress)
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "keep", keep_and_stop)
        with pytest.raises(KeyboardInterrupt):
            yield


KILLED_TRAINING = """
import sys, time
from pathlib import Path
from tests.training.test_fit import RECIPE, Augmentation, Checkpoint, train

keep = Checkpoint.keep
def keep_and_wait(self, model, progress):
    keep(self, model, progress)
    if progress.epoch == 3:
        time.sleep(600)  # a busy machine sends the signal late
Checkpoint.keep = keep_and_wait
train(Path(sys.argv[1]), augmentation=Augmentation(RECIPE), **eval(sys.argv[2]))
"""


def test_a_training_killed_from_outside_ends_with_the_same_weights(tmp_path):
    """The transformer has dropout in many places, and Keras shuffles batches: both random states must come back too."""
    options = {
        "epochs": 6,
        "checkpoint_s": 0,
        "batch_size": 4,
        "schedule": "cosine",
        "mixup": 0.2,
        "network": "transformer",
    }
    whole, expected = train(tmp_path / "whole", augmentation=Augmentation(RECIPE), **options)
    command = [sys.executable, "-c", KILLED_TRAINING, str(tmp_path / "killed"), repr(options)]
    state = tmp_path / "killed" / "training.npz"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        wait_until(lambda: state.is_file() or process.poll() is not None)
        process.kill()  # at any moment of an epoch
        output, _ = process.communicate()
    assert state.is_file(), output
    assert not (tmp_path / "killed" / "model.keras").exists(), "half a training must not look like a whole one"
    with stopped_after(4):
        train(tmp_path / "killed", augmentation=Augmentation(RECIPE), **options)
    assert state.is_file()
    resumed, history = train(tmp_path / "killed", augmentation=Augmentation(RECIPE), **options)
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), expected.drop(columns="seconds"))
    for one, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not state.exists(), "a finished training leaves no state"


def test_the_state_of_another_training_and_a_damaged_one_are_ignored(tmp_path):
    model = build_small()
    model.compile("adam", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    row = {"epoch": 1, "val_accuracy": 0.5, "val_loss": 1.0}
    Checkpoint(tmp_path / "s.npz", key="one", every_s=0).keep(model, Progress(1, [row], 1, model.get_weights()))
    assert Checkpoint(tmp_path / "s.npz", key="one", every_s=0).restore(model).epoch == 1
    assert Checkpoint(tmp_path / "s.npz", key="other", every_s=0).restore(model).epoch == 0
    (tmp_path / "s.npz").write_bytes(b"damaged")
    assert Checkpoint(tmp_path / "s.npz", key="one", every_s=0).restore(model).epoch == 0


def test_ties_in_accuracy_are_broken_by_loss_and_loss_alone_can_be_monitored():
    progress = Progress(1, [{"val_accuracy": 0.5, "val_loss": 1.0}], 1)
    assert progress.is_better({"val_accuracy": 0.5, "val_loss": 0.9}, "accuracy")
    assert not progress.is_better({"val_accuracy": 0.4, "val_loss": 0.1}, "accuracy")
    assert progress.is_better({"val_accuracy": 0.4, "val_loss": 0.1}, "loss")
    assert Progress().is_better({"val_accuracy": 0.0, "val_loss": 9.0}, "loss")


def test_the_cosine_schedule_rises_falls_and_ends_near_zero(tmp_path):
    rates = train(tmp_path, epochs=40, schedule="cosine", patience=99)[1].learning_rate
    assert rates.idxmax() in (1, 2)
    assert rates.max() == pytest.approx(3e-3, rel=0.01)
    assert (np.diff(rates[2:]) < 0).all()
    assert rates.iloc[-1] < 0.05 * 3e-3


@pytest.mark.parametrize("wrong", [{"monitor": "f1"}, {"schedule": "steps"}])
def test_an_unknown_monitor_or_schedule_is_refused(wrong, tmp_path):
    with pytest.raises(TrainingError, match="monitor must be accuracy, loss or none, and schedule constant or cosine"):
        train(tmp_path, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"patience": 0}, {"batch_size": 0}, {"learning_rate": -1.0}, {"learning_rate": np.nan}]
)
def test_a_number_that_no_training_can_have_is_refused(wrong, tmp_path):
    with pytest.raises(
        TrainingError, match=r"learning_rate must be above 0, and epochs, patience, batch_size at least"
    ):
        train(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())


def test_without_validation_the_weights_of_the_last_epoch_are_kept(tmp_path):
    everyone = halves().without_validation()
    model, history = train(tmp_path, split=everyone, monitor="none", patience=1, schedule="cosine")
    assert len(history) == 12
    assert "val_loss" not in history
    np.testing.assert_array_equal(load_model(tmp_path)[0].get_weights()[0], model.get_weights()[0])
    with pytest.raises(TrainingError, match="Validation needs at least one clip; got none.*monitor='none'"):
        train(tmp_path, split=everyone, monitor="loss")


def test_predictions_for_a_clip_and_its_mirror_image_are_averaged():
    both = FeatureRecipe(frames=8, parts=("left_hand", "right_hand"), body_frame="image")
    clips = make_set(4, both)
    in_mirror = replace(clips, values=both.mirror(clips.values))
    set_seeds(1)
    model = build_lstm(frames=8, features=both.num_features, classes=2)
    seen, mirrored = predict(model, clips), predict(model, in_mirror)
    twice, turned = (one.with_encoding(average_mirrored=True) for one in (clips, in_mirror))
    np.testing.assert_allclose(predict(model, twice), (seen + mirrored) / 2, atol=1e-5)
    np.testing.assert_allclose(predict(model, turned), (seen + mirrored) / 2, atol=1e-5)
    one_hand = replace(twice, recipe=replace(twice.recipe, mirror_left_handed=True))
    np.testing.assert_array_equal(predict(model, one_hand), seen)


def test_predictions_are_those_of_the_rows_in_their_order():
    clips = make_set(10)
    set_seeds(1)
    model = build_small()
    rows = np.array([7, 2, 2, 9])
    np.testing.assert_allclose(predict(model, clips, rows), predict(model, clips)[rows], atol=1e-6)
    assert predict(model, clips, rows[:0]).shape == (0, 2)


def test_empty_training_data_and_mismatched_networks_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="Training needs at least one clip; got none"):
        train(tmp_path, split=Split(np.arange(0), np.arange(4), np.arange(0)))
    model = build_lstm(frames=9, features=RECIPE.num_features, classes=2)
    with pytest.raises(TrainingError, match=r"must take clips and classes as they are, \(8, 43, 2\); got \(9, 43, 2\)"):
        fit(model, make_set(), halves(), folder=tmp_path)


def test_a_gloss_without_a_training_clip_is_named_before_training_and_the_others_are_learned(tmp_path):
    split = Split(np.arange(0, 16, 2), np.arange(16, 20), np.arange(20, 24))
    with pytest.warns(UserWarning, match="No training clip shows B, so no model can learn it: 2 of 4 test clips are"):
        _, history = train(tmp_path, split=split, epochs=1)
    assert len(history) == 1
    assert json.loads((tmp_path / "training.json").read_text())["untrained_glosses"] == ["B"]


@pytest.mark.parametrize("name", ["trees", "description_mlp", "ridge", "ridge_mirrored"])
def test_models_without_a_network_are_trained_saved_loaded_and_used_like_networks(tmp_path, name):
    recipe = FeatureRecipe(frames=8, parts=("left_hand", "right_hand"), body_frame="image")
    clips = make_set(24, recipe)
    model = build(name, clips.recipe, seed=7, **({"epochs": 20} if name == "description_mlp" else {}))
    training = fit(model, clips, halves(), folder=tmp_path)
    assert training.parameters == model.count_params()
    kept = json.loads((tmp_path / "training.json").read_text())
    seed = 42 if name.startswith("ridge") else 7  # nothing of a ridge is random
    assert (kept["model"], kept["parameters"], kept["seed"]) == (name, training.parameters, seed)
    assert "epochs" not in kept
    loaded, loaded_recipe = load_model(tmp_path, FeatureRecipe)
    assert loaded_recipe == clips.recipe
    np.testing.assert_array_equal(predict(loaded, clips), predict(model, clips))
    compiled = compile_predictor(loaded, loaded_recipe)
    np.testing.assert_allclose(compiled(clips.values[3]), predict(model, clips)[3], rtol=1e-5)
    assert (predict(loaded, clips).argmax(axis=1)[:16] == clips.y[:16]).all()
    clips.recipe.__class__(**{**vars(clips.recipe), "glosses": ("A", "B", "C")}).save(tmp_path / "recipe.json")
    with pytest.raises(TrainingError, match="has 2 classes, but its recipe 3 glosses"):
        load_model(tmp_path)


def test_five_compiled_networks_in_one_program_give_no_warning_of_tensorflow(monkeypatch):
    import tensorflow as tf

    warnings = []
    monkeypatch.setattr(tf.get_logger(), "warning", lambda message, *rest: warnings.append(message))
    recipe = FeatureRecipe(frames=4, parts=("right_hand",), body_frame="image", glosses=("YES", "NO"))
    clip = np.zeros(recipe.values_shape, np.float32)
    for number in range(5):
        network = build("attention_lstm", recipe, units=4)
        compiled = compile_predictor(network, recipe)
        for _ in range(20 if number == 0 else 1):  # TensorFlow counts the calls between two traces
            compiled(clip)
    assert not warnings


def test_a_nan_loss_is_reported_with_the_learning_rate(tmp_path):
    with pytest.raises(TrainingError, match=r"stay finite.*learning rate"):
        train(tmp_path, epochs=3, learning_rate=1e30)


def test_missing_damaged_and_foreign_models_have_different_errors(tmp_path):
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
    landmarks = load_landmarks(dataset, tmp_path / "fingerspelling", clips, recipe.tracked_parts)
    features = load_features(clips, recipe, landmarks=landmarks)
    split = split_by_signer(features.table(), test_signers=["asq"])
    set_seeds(1)
    model = build_lstm(frames=recipe.frames, features=recipe.num_features, classes=5)
    options = {"epochs": 6, "learning_rate": 2e-3, "augmentation": Augmentation(recipe)}
    history = fit(model, features, split, folder=tmp_path / "model", **options).history
    assert history.loss.min() < 0.9 * history.loss.iloc[0]
    probabilities = predict(load_model(tmp_path / "model")[0], features, split.test)
    assert probabilities.shape == (5, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_models_of_a_run_are_timed_and_results_without_a_model_are_skipped(tmp_path):
    import keras

    recipe = FeatureRecipe(parts=("left_hand", "right_hand"), frames=4, glosses=("A", "B"))
    clip = keras.Input(recipe.shape)
    gloss = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(clip))
    models = {"plain": keras.Model(clip, gloss), "grouped": keras.Model(clip, {"gloss": gloss, "group": gloss})}
    points = np.random.default_rng(0).normal(size=(4, *recipe.values_shape)).astype(np.float32)
    models["trees"] = HandTrees(recipe, classes=2, trees=3).fit(points, np.array([0, 0, 1, 1]))
    models["ridge"] = build("ridge", recipe).fit(points, np.array([0, 0, 1, 1]))
    for name, model in models.items():
        save_model(model, recipe, pd.DataFrame(), tmp_path / name / "held_out_ben")
    (tmp_path / "ensemble" / "held_out_ben").mkdir(parents=True)
    times = measure_latencies(tmp_path, [*models, "ensemble", "absent"], repeat=3)
    assert set(times) == set(models)
    assert all(ms > 0 for ms in times.values())
