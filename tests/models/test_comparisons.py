"""The benchmarks that compare models on signers that they have not seen."""

import numpy as np
import pytest

from asl_lib._util.files import read_json
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.tcn import build_attention_tcn
from benchmarks import architectures, drawn_hands, new_signers
from tests.conftest import make_clip_set


@pytest.fixture
def run(home):
    """The folder of a run with the features of twelve clips: three signs by four signers."""
    recipe = FeatureRecipe(frames=4)
    points = np.random.default_rng(0).normal(size=(12, 4, recipe.num_landmarks, recipe.num_coordinates))
    signers = ["ana"] * 3 + ["ben"] * 3 + ["chen"] * 3 + ["dara"] * 3
    make_clip_set(points.astype(np.float32), [0, 1, 2] * 4, recipe, signers=signers).save(home / "outputs" / "tiny")
    (home / "tiny.yaml").write_text("{run: tiny, split: official, test_signers: [ana]}")
    return home / "outputs" / "tiny"


def call(monkeypatch, capsys, benchmark, *options):
    monkeypatch.setattr("sys.argv", [benchmark.__name__, *map(str, options)])
    benchmark.main()
    return capsys.readouterr().out


def test_a_comparison_holds_every_signer_out_without_touching_the_run_s_results(run, monkeypatch, capsys):
    options = (run.parent.parent / "tiny.yaml", "--models", "chance", "ridge", "--seeds", 1, 2)
    before = sorted(path.name for path in run.iterdir())
    printed = call(monkeypatch, capsys, new_signers, *options)
    assert sorted(path.name for path in run.iterdir()) == before
    places = sorted(path.parent.name for path in run.with_name("tiny_new_signers").glob("ridge/*/metrics.json"))
    assert places == [f"held_out_{name}.seed_{seed}" for name in ("ana", "ben", "chen", "dara") for seed in (1, 2)]
    assert "chance                         33.3%" in printed
    assert "chance+ridge" in printed
    assert "n = 12 clips, 12 cells" in printed
    again = call(monkeypatch, capsys, new_signers, *options)
    assert again.splitlines() == [line for line in printed.splitlines() if "%" in line], "nothing was trained again"


def test_networks_of_published_size_do_not_reuse_the_results_of_small_ones(run, monkeypatch, capsys):
    monkeypatch.setitem(architectures.SMALL, "ridge", {"alpha": 5.0})
    options = (
        "--run",
        run,
        "--test",
        "ana",
        "--models",
        "ridge,trees,description_mlp",
        "--seeds",
        "1",
        "--epochs",
        "1",
    )
    printed = call(monkeypatch, capsys, architectures, *options)
    assert printed.count("more than trees") == 2, "trees are not compared with themselves"
    call(monkeypatch, capsys, architectures, *options, "--published")
    small, published = (
        read_json(run.with_name(f"tiny_architectures{ending}") / "held_out_ana" / "ridge" / "seed_1" / "metrics.json")
        for ending in ("", "_published")
    )
    assert small["n"] == published["n"] == 3


def test_results_of_one_group_of_signers_do_not_mix_with_those_of_another(run, monkeypatch, capsys):
    options = ("--run", run, "--models", "ridge", "--seeds", "1")
    call(monkeypatch, capsys, architectures, *options, "--test", "ana,ben")
    printed = call(monkeypatch, capsys, architectures, *options, "--test", "chen")
    assert printed.splitlines()[-1].startswith("ridge: ")
    assert "n = 3 clips, 3 cells" in printed.splitlines()[-1]


def test_a_network_keeps_its_own_weights_of_features_that_drawn_hands_do_not_have():
    network, encoder = (build_attention_tcn(frames=2, features=3, classes=2, units=4) for _ in range(2))
    before, learned = ([weights.numpy() for weights in model.weights] for model in (network, encoder))
    drawn_hands.transfer(network, encoder, np.array([True, False, True]))
    after = [weights.numpy() for weights in network.weights]
    kernel = [weights.shape for weights in network.weights].index((3, 4))  # from features to units
    np.testing.assert_array_equal(after[kernel][[0, 2]], learned[kernel][[0, 2]])
    np.testing.assert_array_equal(after[kernel][1], before[kernel][1])
    assert not (after[kernel][1] == learned[kernel][1]).any()
    np.testing.assert_array_equal(after[-2], before[-2], "the last layer names the letters")
