"""I3D as published: its size, its shapes, and the weights of the Keras port by layer name."""

import h5py
import numpy as np
import pytest

from asl_lib.models.errors import TrainingError
from asl_lib.models.i3d import MIXED, TOP, build_i3d, find_i3d_weights, fuse, load_i3d_weights, train_only_top

SMALL = {"frames": 8, "size": 32, "width": 0.125}


def write_port(path, model, *, nested=False, skip=(), change=None):
    """Write weights as the Keras port's files hold them: one group a layer, names of its weights as an attribute."""
    with h5py.File(path, "w") as file:
        groups = file.create_group("model_weights") if nested else file
        groups.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            if layer.name in skip:
                continue
            group = groups.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value[..., :-1] if layer.name == change else value
    return path


def test_the_network_has_the_published_size_and_shapes():
    model = build_i3d()
    assert model.input_shape == (None, 64, 224, 224, 3)
    assert model.get_layer("Mixed_5c").output.shape == (None, 8, 7, 7, 1024)
    assert model.get_layer(TOP).output.shape == (None, 7, 1, 1, 400)
    assert model.output_shape == (None, 400)
    # The sum of the published table: kernels without bias, and three numbers a filter of batch normalisation.
    convolutions = [(3, 64, 7), (64, 64, 1), (64, 192, 3)]
    seen = 192
    for single, (a, b), (c, d), pooled in MIXED.values():
        convolutions += [(seen, single, 1), (seen, a, 1), (a, b, 3), (seen, c, 1), (c, d, 3), (seen, pooled, 1)]
        seen = single + b + d + pooled
    assert seen == 1024
    total = sum(one * other * kernel**3 + 3 * other for one, other, kernel in convolutions) + 1024 * 400 + 400
    assert model.count_params() == total == 12_704_544


def test_a_flow_network_takes_two_channels_and_returns_probabilities():
    model = build_i3d(**SMALL, channels=2, classes=3)
    answers = model.predict(np.full((2, 8, 32, 32, 2), 128, np.uint8), verbose=0)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert model.name == "i3d_flow"


@pytest.mark.parametrize("nested", [False, True], ids=["weights", "whole model"])
def test_converted_weights_are_matched_by_layer_name_and_the_new_top_is_kept(tmp_path, nested):
    port = build_i3d(**SMALL, classes=7)
    path = write_port(tmp_path / "port.h5", port, nested=nested)
    same, other = build_i3d(**SMALL, classes=7), build_i3d(**SMALL, classes=3)
    assert load_i3d_weights(same, path) == []
    assert load_i3d_weights(other, path) == [TOP]
    clip = np.random.default_rng(0).integers(0, 255, (1, 8, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(same.predict(clip, verbose=0), port.predict(clip, verbose=0), atol=1e-6)
    for name in ("Conv3d_1a_7x7_conv", "Conv3d_5c_2b_3x3_bn"):
        for one, another in zip(other.get_layer(name).get_weights(), port.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(one, another)


def test_a_weights_file_without_a_top_can_be_loaded(tmp_path):
    path = write_port(tmp_path / "port.h5", build_i3d(**SMALL, classes=7), skip=[TOP])
    assert load_i3d_weights(build_i3d(**SMALL, classes=7), path) == [TOP]


def test_weights_of_another_network_are_refused_with_the_first_difference_and_change_nothing(tmp_path):
    port, model = build_i3d(**SMALL, classes=7), build_i3d(**SMALL, classes=7)
    before = model.get_weights()
    cases = {
        "lacks.h5": ({"skip": ["Conv3d_4b_0a_1x1_conv"]}, "must have a layer Conv3d_4b_0a_1x1_conv"),
        "differs.h5": ({"change": "Conv3d_2c_3x3_conv"}, r"Conv3d_2c_3x3_conv must have weights of shape .*; got "),
    }
    for name, (options, words) in cases.items():
        with pytest.raises(TrainingError, match=words):
            load_i3d_weights(model, write_port(tmp_path / name, port, **options))
    (tmp_path / "junk.h5").write_bytes(b"junk")
    with pytest.raises(TrainingError, match=r"not an \.h5 file"):
        load_i3d_weights(model, tmp_path / "junk.h5")
    with pytest.raises(TrainingError, match="no file of weights"):
        load_i3d_weights(model, tmp_path / "absent.h5")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_stream_s_weights_are_found_in_a_folder_and_ambiguity_is_reported(tmp_path):
    with pytest.raises(TrainingError, match=r"one file rgb\*\.h5.*it holds none"):
        find_i3d_weights(tmp_path, "rgb")
    for name in ("rgb_inception_i3d.h5", "flow_inception_i3d.h5"):
        (tmp_path / name).touch()
    assert find_i3d_weights(tmp_path, "flow").name == "flow_inception_i3d.h5"
    (tmp_path / "flow_other.h5").touch()
    with pytest.raises(TrainingError, match=r"it holds flow_inception_i3d\.h5, flow_other\.h5"):
        find_i3d_weights(tmp_path, "flow")


def test_only_the_top_is_trained_until_all_layers_are_unfrozen():
    model = build_i3d(**SMALL, classes=3)
    train_only_top(model, only_top=True)
    assert {weight.path.split("/")[0] for weight in model.trainable_weights} == {TOP}
    train_only_top(model, only_top=False)
    assert len(model.trainable_weights) > 100


def test_fusing_two_streams_averages_their_probabilities():
    rgb, flow = np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([[0.7, 0.3], [0.2, 0.8]])
    fused = fuse(rgb, flow)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert fused[0, 0] > 0.6
    assert 0.2 < fused[1, 0] < 0.9


@pytest.mark.parametrize("wrong", [{"frames": 4}, {"size": 16}, {"classes": 1}, {"width": 0}])
def test_impossible_network_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="I3D needs at least"):
        build_i3d(**{**SMALL, "classes": 3, **wrong})
