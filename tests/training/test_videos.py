"""Networks for clips: trained from a store, resumed, varied, in half precision, and brought back from their files."""

from dataclasses import replace

import numpy as np
import pytest

from asl_lib.data.video import write_video
from asl_lib.evaluation.splits import Split
from asl_lib.features.image_variations import ClipVariation
from asl_lib.features.recipe import VideoRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.i3d import TOP
from asl_lib.models.mobilenet import BACKBONE, HEAD, build_mobilenet, build_mobilenet_lstm
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.hardware import hardware
from asl_lib.training.saved import compile_predictor, load_model, predict
from asl_lib.training.videos import calibrate_batch_norm, fit_i3d, fit_lstm, frame_features
from tests.conftest import make_clip_set
from tests.training.test_fit import stopped_after

FRAMES, SIZE = 8, 32
FIRST = "Conv3d_1a_7x7_conv"
STILL = {"rotation": 0, "scale": 0, "shift": 0, "light": 0, "tempo": 0}


def make_set(count=12, *, channels=3):
    """Two classes: a bright spot that goes to the right, or to the left."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    images = rng.integers(40, 120, (count, 1, 1, 1, 1)) * np.ones((1, FRAMES, SIZE, SIZE, channels))
    for clip, label in zip(images, y, strict=True):
        for time, frame in enumerate(clip):
            left = 3 * (time if label else FRAMES - 1 - time)
            frame[10:20, left : left + 8] = 250
    recipe = VideoRecipe(size=SIZE, frames=FRAMES, flow="dis" if channels == 2 else "")
    return make_clip_set(images.astype(np.uint8), y, recipe)


def small_network(channels=3):
    """Two layers with the names of I3D's first and last: I3D itself takes a minute to compile."""
    import keras

    set_seeds(1)
    clip = keras.Input((FRAMES, SIZE, SIZE, channels))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(clip)
    x = keras.layers.Conv3D(4, 3, strides=(1, 4, 4), activation="relu", name=FIRST)(x)
    x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.GlobalAveragePooling3D()(keras.layers.Conv3D(2, 1, name=TOP)(x))
    return keras.Model(clip, keras.layers.Softmax(dtype="float32")(x), name="small")


def settings(**options):
    split = Split(np.arange(8), np.arange(8, 12), np.arange(0))
    return {
        "split": split,
        "epochs": 2,
        "monitor": "none",
        "batch_size": 4,
        "learning_rate": 1e-3,
        "seed": 1,
        **options,
    }


def test_a_network_is_restored_from_its_files_and_predicts_for_a_video(tmp_path):
    model, clips = small_network(), make_set()
    training = fit_i3d(model, clips, folder=tmp_path, **settings())
    assert {"epoch", "loss", "val_accuracy"} <= set(training.history.columns)
    loaded, recipe = load_model(tmp_path)
    assert recipe == clips.recipe == VideoRecipe(size=SIZE, frames=FRAMES, glosses=("A", "B"))
    np.testing.assert_allclose(predict(loaded, clips), predict(model, clips), atol=1e-5)
    write_video(tmp_path / "clip.mp4", list(clips.values[0]), fps=25)
    seen = recipe.transform(tmp_path / "clip.mp4")
    assert seen.shape == recipe.shape == (FRAMES, SIZE, SIZE, 3)
    assert np.abs(seen.astype(int) - clips.values[0]).mean() < 8


def test_an_interrupted_training_of_clips_ends_with_the_same_weights(tmp_path):
    def train(folder):
        model = small_network(channels=2)
        varied = ClipVariation(mirrored=0.5, flow=True)
        options = settings(augmentation=varied, checkpoint_s=0)
        fit(model, make_set(channels=2), folder=folder, **options)
        return model.get_weights()

    whole = train(tmp_path / "whole")
    with stopped_after(1):
        train(tmp_path / "parts")
    for one, other in zip(whole, train(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_top_is_trained_first_and_then_everything(tmp_path):
    model, clips = small_network(), make_set()
    layer = FIRST
    before, top = model.get_layer(layer).get_weights()[0], model.get_layer(TOP).get_weights()[0]
    training = fit_i3d(model, clips, folder=tmp_path, top_epochs=1, **settings(epochs=1))
    assert training.seconds > training.history.seconds.sum(), "both parts count"
    between, _ = load_model(tmp_path / "top")
    np.testing.assert_array_equal(between.get_layer(layer).get_weights()[0], before)
    assert np.abs(between.get_layer(TOP).get_weights()[0] - top).max() > 0
    assert np.abs(model.get_layer(layer).get_weights()[0] - before).max() > 0


def test_the_lstm_is_trained_on_features_that_are_computed_once_and_the_whole_network_is_kept(tmp_path):
    set_seeds(1)
    model, clips = build_mobilenet_lstm(frames=FRAMES, size=SIZE, classes=2, units=8), make_set()
    calibrate_batch_norm(model, clips, np.arange(8), seed=1, batches=12)
    features = frame_features(model, clips, folder=tmp_path)
    assert features.shape == (12, FRAMES, 576)
    assert features[0].std() > 1e-6, "an eye with random weights must not see all alike"
    training = fit_lstm(model, clips, features=features, folder=tmp_path / "m", **settings())
    assert (training.name, training.parameters) == ("mobilenet_lstm", model.count_params())
    assert len(training.history) == 2
    loaded, recipe = load_model(tmp_path / "m")
    assert recipe.shape == model.input_shape[1:]
    head = predict(model.get_layer(HEAD), replace(clips, values=features))
    np.testing.assert_allclose(predict(loaded, clips), head, atol=1e-3)
    np.testing.assert_allclose(compile_predictor(loaded, recipe)(clips.values[0]), head[0], atol=1e-3)
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("mobilenet-*.npy")}
    np.testing.assert_array_equal(frame_features(model, clips, folder=tmp_path)[:], features[:])
    assert files == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("mobilenet-*.npy")}


def test_the_backbone_loads_weights_from_a_file_and_refuses_those_of_another_network(tmp_path):
    body = build_mobilenet(size=SIZE)
    body.save_weights(tmp_path / "body.weights.h5")
    model = build_mobilenet_lstm(frames=4, size=SIZE, classes=2, weights=tmp_path / "body.weights.h5")
    for one, other in zip(body.get_weights(), model.get_layer(BACKBONE).layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model.get_layer(HEAD).save_weights(tmp_path / "head.weights.h5")
    with pytest.raises(TrainingError, match=r"head\.weights\.h5 does not fit the network MobileNetV3Small"):
        build_mobilenet_lstm(frames=4, size=SIZE, classes=2, weights=tmp_path / "head.weights.h5")
    with pytest.raises(ValueError, match="2 frames of 32 px"):
        build_mobilenet_lstm(frames=1, size=SIZE, classes=2)


def test_classes_without_training_clips_and_mismatched_networks_are_refused(tmp_path):
    clips = make_set()
    one_class = Split(np.arange(0, 8, 2), np.arange(0), np.arange(0))
    with pytest.warns(UserWarning, match="No training clip shows B"):
        fit(small_network(), clips, folder=tmp_path, **settings(split=one_class, epochs=1))
    with pytest.raises(TrainingError, match=r"must take clips and classes as they are, .* got \(8, 32, 32, 2, 2\)"):
        fit(small_network(channels=2), clips, folder=tmp_path, **settings())


def test_half_precision_trains_returns_float32_and_restores_the_previous_policy(tmp_path):
    import keras

    clips = make_set()
    with hardware(precision="mixed_bfloat16"):
        model = small_network()
        assert model.get_layer(FIRST).compute_dtype == "bfloat16"
        history = fit(model, clips, folder=tmp_path, **settings(epochs=1)).history
    assert np.isfinite(history.loss).all()
    answers = predict(model, clips)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-3)
    assert keras.config.dtype_policy().name == "float32"


def test_training_on_several_devices_runs_and_missing_gpus_are_named(tmp_path, monkeypatch):
    import tensorflow as tf

    with pytest.raises(TrainingError, match="at most the number of GPUs"), hardware(gpus=99):
        pass
    mirrored = tf.distribute.MirroredStrategy
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda _: [tf.config.LogicalDevice("/cpu:0", "CPU")] * 2)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: mirrored(devices[:1]))
    with hardware(gpus=2):
        history = fit(small_network(), make_set(), folder=tmp_path, **settings(epochs=1)).history
    assert np.isfinite(history.loss).all()


def test_all_frames_of_a_clip_are_augmented_alike_without_changing_the_input():
    frame = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    clip = np.repeat(frame[None], FRAMES, axis=0)[None]
    before = clip.copy()
    varied = ClipVariation(mirrored=0.5)(clip, np.random.default_rng(3))
    assert varied.shape == clip.shape
    assert np.abs(varied - varied[:, :1]).max() == 0
    assert np.abs(varied - clip).mean() > 1
    np.testing.assert_array_equal(clip, before)
    np.testing.assert_array_equal(varied, ClipVariation(mirrored=0.5)(clip, np.random.default_rng(3)))
    still = ClipVariation(**STILL)(clip, np.random.default_rng(3))
    np.testing.assert_array_equal(still, clip)


def test_a_mirror_reverses_horizontal_flow():
    from asl_lib.features.optical_flow import quantise_flow, restore_flow

    flow = np.random.default_rng(0).uniform(-19, 19, (1, 4, SIZE, SIZE, 2))
    mirrored = ClipVariation(**STILL, mirrored=1.0, flow=True)(quantise_flow(flow), np.random.default_rng(0))
    np.testing.assert_allclose(restore_flow(mirrored), flow[:, :, :, ::-1] * [-1, 1], atol=2 * 20 / 128)


def test_another_tempo_keeps_order_and_length():
    clip = np.repeat(np.arange(20, dtype=np.uint8), SIZE * SIZE * 3).reshape(1, 20, SIZE, SIZE, 3)
    varied = ClipVariation(**{**STILL, "tempo": 0.3})(clip, np.random.default_rng(1))[0, :, 0, 0, 0]
    assert len(varied) == 20
    assert (np.diff(varied) >= 0).all()
    assert 0 <= varied[0] <= 6
    assert 13 <= varied[-1] <= 19
