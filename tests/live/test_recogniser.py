"""The recogniser: the offline numbers, signs found by themselves, words, press-and-sign."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from asl_lib.evaluation.metrics import evaluate
from asl_lib.features.recipe import FeatureRecipe, RecipeError, VideoRecipe
from asl_lib.features.resampling import resample_in_time
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import Classifier, choose_model, find_models, model_of_run
from asl_lib.live.recogniser import LiveSettings, SignRecogniser, hand_raised
from asl_lib.models.rivals import Chance, Ridge
from asl_lib.models.trees import HandTrees
from asl_lib.training.saved import predict, save_model
from tests.conftest import make_clip_set, make_landmarks
from tests.live.conftest import GLOSSES, signing, strong_network

SIZE = (640, 480)


def values_of(landmarks):
    return np.concatenate([landmarks.points, landmarks.confidence[..., None]], axis=-1)


def parts_of(values):
    return {"pose": values[:33], "left_hand": values[33:54], "right_hand": values[54:75]}


def follow_all(recogniser, stream, size=SIZE):
    seen = [recogniser.process_landmarks(values, time_s, size=size) for time_s, values in stream]
    return [*seen, recogniser.finish()]


def body():
    return make_landmarks(frames=1, seed=3)


class Oracle:
    """Says that every clip is HELLO, and keeps the clips."""

    recipe, glosses = FeatureRecipe(frames=16), GLOSSES

    def __init__(self):
        self.clips = []

    def __call__(self, landmarks):
        self.clips.append(landmarks)
        return np.array([0.05, 0.9, 0.05])


@pytest.mark.parametrize("average_mirrored", [False, True])
def test_a_clip_that_is_replayed_gives_the_probabilities_that_the_notebook_wrote(average_mirrored, tmp_path):
    recipe = FeatureRecipe(frames=16, handshape=True, average_mirrored=average_mirrored)
    clips = [make_landmarks(frames=40, seed=seed, missing=[("right_hand", 5, 9)]) for seed in range(3)]
    features = make_clip_set(np.stack([recipe.points(clip) for clip in clips]), [0, 1, 2], recipe)
    model = strong_network(recipe)
    save_model(model, features.recipe, pd.DataFrame(), tmp_path)
    evaluate(predict(model, features), features, np.arange(3)).save(tmp_path)

    kept, replayed = np.load(tmp_path / "probabilities.npz"), Classifier.load(tmp_path)
    for landmarks, offline in zip(clips, kept["probabilities"], strict=True):
        recogniser = SignRecogniser(replayed, settings=LiveSettings(threshold=0.0, fps=landmarks.fps))
        recogniser.start(100.0, countdown_s=0, capture_s=60)
        stream = [(100 + index / landmarks.fps, values) for index, values in enumerate(values_of(landmarks))]
        last = follow_all(recogniser, stream)[-1]
        assert last.phase == "done"
        assert dict(last.top) == pytest.approx(dict(zip(kept["glosses"], offline.tolist(), strict=True)), abs=1e-5)
        assert last.committed == kept["glosses"][int(offline.argmax())]


@pytest.mark.parametrize("name", ["conversation_sign", "thumb_up"])
def test_real_video_that_is_replayed_frame_by_frame_gives_the_offline_probabilities(classifier, shared_data, name):
    from itertools import islice

    from asl_lib.data.video import read_frames, video_info
    from asl_lib.landmarks.tracker import HolisticTracker

    path = shared_data / "video" / f"{name}.mp4"
    info, frames = video_info(path), 58
    with HolisticTracker(classifier.recipe.tracked_parts) as tracker:
        pictures = (picture for _, picture in islice(read_frames(path), frames))
        offline = classifier(tracker.detect(pictures, fps=info.fps))
    with SignRecogniser(classifier, settings=LiveSettings(threshold=0.0, fps=info.fps)) as recogniser:
        recogniser.start(0.0, countdown_s=0, capture_s=60)
        for time_s, picture in islice(read_frames(path), frames):
            recogniser.process(picture, time_s)
        top = dict(recogniser.finish().top)
    assert top == pytest.approx(dict(zip(GLOSSES, offline.tolist(), strict=True)), abs=1e-5)


def test_a_sign_is_found_by_itself_and_becomes_one_word_when_the_hand_comes_down():
    oracle = Oracle()
    recogniser = SignRecogniser(oracle)
    stream = [*signing(body()), *signing(body(), start_s=2.0)]
    rest = [(1.2 + index / 25, stream[0][1]) for index in range(20)]
    seen = follow_all(recogniser, [*stream[:30], *rest, *stream[30:]])
    assert [one.committed for one in seen if one.committed] == ["HELLO", "HELLO"]
    assert any(one.signing for one in seen[:30])
    assert not seen[-1].signing


def test_the_word_comes_at_most_half_a_second_after_the_hand_is_down():
    recogniser = SignRecogniser(Oracle())
    stream = list(signing(body(), seconds=1.5))
    rest = [(1.5 + index / 25, stream[0][1]) for index in range(25)]
    up = [time_s for time_s, values in stream if hand_raised(parts_of(values), SIZE)]
    seen = follow_all(recogniser, [*stream, *rest])
    committed = next(one.time_s for one in seen if one.committed)
    assert 0 < committed - up[-1] <= 0.5


@pytest.mark.parametrize("side", [15, 16])
def test_either_hand_can_sign(side):
    assert [s.committed for s in follow_all(SignRecogniser(Oracle()), signing(body(), side=side)) if s.committed] == [
        "HELLO"
    ]


def test_lowered_hands_give_no_word():
    still = [(index / 25, next(signing(body()))[1]) for index in range(60)]
    seen = follow_all(SignRecogniser(Oracle()), still)
    assert not any(one.signing or one.committed or one.top for one in seen)


def test_an_empty_picture_gives_no_word(classifier):
    empty = np.full((75, 4), np.nan, np.float32)
    seen = follow_all(SignRecogniser(classifier), [(index / 25, empty) for index in range(30)])
    assert not any(one.signing or one.committed for one in seen)


def test_below_the_threshold_a_sign_gives_no_word():
    settings = LiveSettings(threshold=0.95)
    seen = follow_all(SignRecogniser(Oracle(), settings=settings), signing(body()))
    assert not any(one.committed or one.shown for one in seen)
    assert any(one.top for one in seen)


def test_signing_without_a_pause_gives_words_too_and_never_the_same_one_twice():
    lifted = next(values for time_s, values in signing(body(), seconds=1.2) if time_s > 0.5)
    seen = follow_all(SignRecogniser(Oracle()), [(index / 25, lifted) for index in range(200)])
    assert [one.committed for one in seen if one.committed] == ["HELLO"]


def test_a_word_has_at_least_the_threshold_while_a_sign_goes_on():
    """Hysteresis shows a gloss a little below the threshold; it must not make a word of it."""

    class Fading(Oracle):
        def __call__(self, landmarks):
            self.clips.append(landmarks)
            return np.array([0.04, 0.92, 0.04]) if len(self.clips) < 12 else np.array([0.37, 0.26, 0.37])

    lifted = next(values for time_s, values in signing(body(), seconds=1.2) if time_s > 0.5)
    settings = LiveSettings(threshold=0.4, margin=0.15, memory_s=0.01)
    recogniser = SignRecogniser(Fading(), settings=settings)
    results = follow_all(recogniser, [(index / 25, lifted) for index in range(120)])
    assert any(result.shown == "HELLO" for result in results)
    for result in results:
        assert not result.committed or dict(result.top)[result.committed] >= settings.threshold


def test_no_more_frames_are_kept_than_are_needed():
    recogniser = SignRecogniser(Oracle(), settings=LiveSettings(window_s=2.0))
    lifted = next(values for time_s, values in signing(body(), seconds=1.2) if time_s > 0.5)
    follow_all(recogniser, [(index / 25, lifted) for index in range(1000)])
    assert len(recogniser._frames) <= 2.0 * 25 + 2


@pytest.mark.parametrize("fps", [15, 25, 30])
def test_cameras_of_different_speed_give_the_same_clip(fps):
    oracle = Oracle()
    recogniser = SignRecogniser(oracle)
    recogniser.start(0.0, countdown_s=0, capture_s=1.6)
    follow_all(recogniser, signing(body(), fps=fps, seconds=2.0))
    [clip] = oracle.clips
    wrist = clip.part("pose")[:, 15, 1]
    exact = 0.95 - 0.5 * np.clip(np.sin(np.pi * np.arange(len(wrist)) / 25 / 2.0) * 2.2 - 0.6, 0, 1)
    assert clip.fps == 25
    assert abs(len(wrist) - 40) <= 2
    assert np.abs(wrist - exact).max() < 0.02


def test_frames_at_the_wanted_rate_stay_as_they_are():
    values = values_of(make_landmarks(frames=23, missing=[("left_hand", 3, 4)]))
    even = resample_in_time(values, 7.3 + np.arange(23) / 25, fps=25)
    np.testing.assert_array_equal(even, values)


def test_a_point_missing_in_one_of_two_frames_is_missing_between_them():
    values = values_of(make_landmarks(frames=3, missing=[("left_hand", 1, 2)]))
    even = resample_in_time(values, np.array([0.0, 0.1, 0.2]), fps=20)
    assert np.isnan(even[1:4, 33:54, 0]).all()
    assert not np.isnan(even[[0, 4], 33:54, 0]).any()


def test_press_and_sign_counts_down_captures_and_names_one_sign():
    oracle = Oracle()
    recogniser = SignRecogniser(oracle)
    recogniser.start(10.0, countdown_s=1.0, capture_s=2.0)
    still = next(signing(body()))[1]
    seen = [recogniser.process_landmarks(still, 10 + index / 25, size=SIZE) for index in range(100)]
    phases = list(dict.fromkeys(one.phase for one in seen))
    assert phases == ["countdown", "capture", "done"]
    assert [one.committed for one in seen if one.committed] == ["HELLO"]
    assert len(oracle.clips) == 1
    assert len(oracle.clips[0].points) == 51


def test_settings_may_change_while_it_runs():
    recogniser = SignRecogniser(Oracle())
    recogniser.settings = replace(recogniser.settings, threshold=0.99)
    assert not any(one.committed for one in follow_all(recogniser, signing(body())))


def test_a_change_of_picture_size_restarts_the_recogniser(classifier):
    with SignRecogniser(classifier) as recogniser:
        recogniser.process(np.zeros((48, 64, 3), np.uint8), 0.0)
        recogniser.process(np.zeros((64, 48, 3), np.uint8), 0.1)
        assert len(recogniser._frames) <= 1


def test_control_characters_in_glosses_never_reach_the_terminal(classifier):
    model = strong_network(classifier.recipe)
    glosses = Classifier(model, classifier.recipe, ("\x1b[2JBOOK", "HEL\u202eLO", "नमस्ते")).glosses
    assert glosses == ("[2JBOOK", "HELLO", "नमस्ते")


def test_the_tracker_s_filters_use_the_camera_s_true_times(monkeypatch):
    steps = []

    class Tracker:
        def track(self, _, *, seconds):
            steps.append(seconds)
            return np.full((75, 4), np.nan, np.float32)

    monkeypatch.setattr("asl_lib.live.recogniser.open_tracker", lambda *_, **__: Tracker())
    recogniser = SignRecogniser(Oracle())
    for time_s in (7.0, 7.04, 7.14, 7.16):
        recogniser.process(np.zeros((48, 64, 3), np.uint8), time_s)
    assert steps[1:] == pytest.approx([1 / 30, 0.1, 0.02])  # 25 frames a second are those of a clip


def test_invalid_settings_are_refused():
    with pytest.raises(LiveError, match="threshold must be between 0 and 1"):
        LiveSettings(threshold=1.5)


def test_a_network_is_loaded_with_its_recipe_and_its_glosses(tmp_path):
    from asl_lib.evaluation.metrics import Evaluation
    from asl_lib.models.lstm import build_lstm

    recipe = FeatureRecipe(frames=8)
    model = build_lstm(frames=8, features=recipe.num_features, classes=3)
    folder = tmp_path / "run" / "lstm" / "held_out_ana"
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    recipe.save(folder / "recipe.json")
    with pytest.raises(LiveError, match="glosses"):
        Classifier.load(folder)
    with pytest.raises(RecipeError, match="must be a recipe for video; it is one for landmarks"):
        Classifier.load(folder, VideoRecipe)
    assert find_models(tmp_path) == {}  # its glosses are not known
    Evaluation.from_arrays(np.eye(3), np.arange(3), glosses=GLOSSES, signers=["a"] * 3, clip_ids="abc").save(folder)
    loaded = Classifier.load(folder)
    assert loaded.glosses == GLOSSES
    assert find_models(tmp_path) == {"run · lstm · held_out_ana": folder}
    landmarks = make_landmarks(frames=12)
    offline = model.predict(recipe.transform(landmarks)[None], verbose=0)[0]
    np.testing.assert_allclose(loaded(landmarks), offline, atol=1e-5)
    (folder / "recipe.json").write_text('{"version": 9}')
    with pytest.raises(RecipeError, match="recipe.json must be a recipe of version 3 or earlier.*update this one"):
        Classifier.load(folder)


def trained(outputs, name, *, day):
    """Leave the files by which a trained network is found, as old as asked for."""
    folder = outputs / name
    folder.mkdir(parents=True)
    for file in ("model.keras", "probabilities.npz"):
        (folder / file).write_bytes(b"")
    FeatureRecipe().save(folder / "recipe.json")
    os.utime(folder / "recipe.json", (day * 86_400, day * 86_400))
    return folder


def test_the_newest_training_is_the_default_whatever_its_name(home):
    names = {"demo/attention_lstm/held_out_ben": 1, "demo/lstm/held_out_ben": 3, "old/tcn/held_out_ana": 2}
    folders = {name: trained(home / "outputs", name, day=day) for name, day in names.items()}
    newest_first = [folders[name] for name in sorted(names, key=lambda name: -names[name])]
    assert list(find_models().values()) == newest_first
    folder, reason = choose_model()
    assert folder == newest_first[0]
    assert reason == "network: outputs/demo/lstm/held_out_ben, the newest of 3 under outputs/ (--model chooses another)"


def test_the_simplest_rivals_are_never_the_live_demo_s_default(home):
    network = trained(home / "outputs", "demo/lstm/held_out_ben", day=1)
    for kind in (Chance, Ridge):
        folder = trained(home / "outputs", f"demo/{kind.name}/held_out_ben", day=2)
        (folder / "model.keras").rename(folder / kind.file)
    assert choose_model()[0] == network


def test_notebook_12_uses_its_network_or_the_newest_of_the_same_run_and_signers(tmp_path):
    lstm = trained(tmp_path, "demo/lstm/held_out_ben", day=1)
    tcn = trained(tmp_path, "demo/tcn/held_out_ben", day=2)
    trained(tmp_path, "demo/tcn/held_out_ana", day=3)
    trained(tmp_path, "other/lstm/held_out_ben", day=4)
    assert model_of_run(tmp_path / "demo", "held_out_ben", prefer="lstm") == lstm
    assert model_of_run(tmp_path / "demo", "held_out_ben", prefer="attention_lstm") == tcn
    with pytest.raises(LiveError, match="no trained network in .*demo for held_out_eli"):
        model_of_run(tmp_path / "demo", "held_out_eli", prefer="lstm")


def test_trees_recognise_signs_too():
    recipe = FeatureRecipe(frames=8)
    points = np.stack([recipe.points(make_landmarks(frames=12, seed=seed)) for seed in range(6)])
    trees = HandTrees(recipe, classes=3, trees=5).fit(points, np.arange(6) % 3)
    landmarks = make_landmarks(frames=12, seed=7)
    offline = trees.predict(recipe.points(landmarks)[None])[0]
    np.testing.assert_array_equal(Classifier(trees, recipe, GLOSSES)(landmarks), offline)
    results = follow_all(SignRecogniser(Classifier(trees, recipe, GLOSSES)), signing(body()))
    assert any(result.top for result in results)


def test_glosses_that_do_not_fit_the_network_are_refused():
    from asl_lib.models.lstm import build_lstm

    recipe = FeatureRecipe(frames=8)
    with pytest.raises(LiveError, match="must have 2 classes; it has 3"):
        Classifier(build_lstm(frames=8, features=recipe.num_features, classes=3), recipe, ("A", "B"))


def test_without_shoulders_a_visible_hand_counts_as_raised():
    landmarks = make_landmarks(frames=1)
    assert isinstance(landmarks, Landmarks)
    hand = {"right_hand": landmarks.part("right_hand")[0]}
    assert hand_raised(hand, SIZE)
    assert not hand_raised({"right_hand": hand["right_hand"] * np.nan}, SIZE)
