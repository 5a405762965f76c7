"""The time of one clip is measured for every model that left a network."""

import keras

from asl_lib.evaluation.latency import measure_latencies


def test_networks_of_a_run_are_timed_and_models_without_one_left_out(tmp_path):
    clip = keras.Input((4, 3))
    gloss = keras.layers.Softmax()(keras.layers.Flatten()(clip))
    for name, outputs in (("plain", gloss), ("grouped", {"gloss": gloss, "group": gloss})):
        folder = tmp_path / name / "held_out_ben"
        folder.mkdir(parents=True)
        keras.Model(clip, outputs).save(folder / "model.keras")
    (tmp_path / "trees" / "held_out_ben").mkdir(parents=True)
    times = measure_latencies(tmp_path, ["plain", "grouped", "trees"], repeat=3)
    assert set(times) == {"plain", "grouped"}
    assert all(ms > 0 for ms in times.values())
