"""Every figure is drawn from data of the real form; what it shows is checked where it can be."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from asl_lib import plots
from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe
from tests.conftest import make_clips, make_frames, make_landmarks, timed
from tests.evaluation.test_metrics import independent_rate, make_evaluation

RECIPE = FeatureRecipe(frames=12)


@pytest.fixture(autouse=True)
def drawn():
    plots.use_style()
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


def test_frames_and_skeletons_keep_the_picture_s_proportions():
    frames = make_frames(8)
    figure = plots.plot_frames({"one": frames[0], "two": frames[1]})
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    landmarks = make_landmarks(frames=8, width=160, height=120, parts=("pose", "face", "left_hand", "right_hand"))
    figure = plots.plot_skeletons(frames, landmarks, at=[0, 4, 7], title="HELLO")
    assert figure.axes[1].get_title() == "0.2 s"
    assert figure.axes[0].get_xlim() == (0, 160)
    assert figure.axes[0].get_ylim() == (120, 0)


def test_points_curves_and_augmentations_are_drawn_in_the_body_s_frame():
    clip = RECIPE.points(make_landmarks(missing=[("left_hand", 0, 20)]))
    raw = FeatureRecipe(frames=20, max_gap=0).points(make_landmarks())
    plots.plot_points({"ana": clip, "ben": clip}, RECIPE, at=5)
    figure = plots.plot_clip_curves(clip, RECIPE, title="HELLO", raw=raw)
    assert figure.axes[0].get_ylabel() == "wrist (shoulder widths)"
    after = {name: step(clip[None], np.random.default_rng(0))[0] for name, step in Augmentation(RECIPE).steps().items()}
    assert len(plots.plot_augmentations(clip, after, RECIPE).axes) >= len(after)
    alone = FeatureRecipe(parts=("right_hand",), frames=12)
    hand = alone.points(make_landmarks())
    left, right = plots.plot_clip_curves(hand, alone, title="a recipe without a body").axes
    assert np.isnan(left.lines[0].get_ydata()).all()
    np.testing.assert_allclose(right.lines[0].get_ydata(), hand[:, 0, 0])


def test_the_hands_of_a_stick_figure_are_labelled_with_letters():
    def letters(clip):
        return [text.get_text() for text in plots.plot_points({"ana": clip}, RECIPE, at=5).axes[0].texts]

    assert letters(RECIPE.points(make_landmarks())) == ["L", "R"]
    assert letters(RECIPE.points(make_landmarks(missing=[("left_hand", 0, 20)]))) == ["R"]


def test_detection_rates_count_frames_by_signer_and_by_sign():
    clips = make_clips(["ana", "ana", "ben"], ["YES", "NO", "YES"])
    found = {
        "ana-0": make_landmarks(frames=10, missing=[("left_hand", 0, 10)]),
        "ana-1": make_landmarks(frames=30),
        "ben-2": make_landmarks(frames=10, missing=[("right_hand", 0, 5)]),
    }
    rates = plots.detection_rates(found, clips)
    assert rates.columns.tolist() == ["pose", "left_hand", "right_hand"]
    assert rates.loc["ana"].tolist() == [1.0, 0.75, 1.0]
    assert rates.loc["ben", "right_hand"] == 0.5
    assert plots.detection_rates(found, clips, by="gloss").loc["NO", "left_hand"] == 1.0
    plots.plot_detection_rates(rates)


def test_a_hand_outside_the_picture_is_not_counted_as_missed():
    clips = make_clips(["ana"])
    landmarks = make_landmarks(frames=10, missing=[("left_hand", 4, 10), ("pose", 9, 10)])
    landmarks.points[5:9, 15, 1] = 1.2  # the left wrist of the body
    rates = plots.detection_rates({"ana-0": landmarks}, clips)
    assert rates.loc["ana"].round(2).tolist() == [0.9, 0.8, 1.0]
    landmarks.points[:, 15, 1] = 1.2
    assert np.isnan(plots.detection_rates({"ana-0": landmarks}, clips).loc["ana", "left_hand"])


def test_hands_are_counted_by_the_speed_of_their_wrist():
    landmarks = make_landmarks(frames=8, missing=[("right_hand", 5, 8)])
    landmarks.points[:, 15] = landmarks.points[:, 16] = 0.5
    landmarks.points[5:, 16, 0] = (0.55, 0.65, 0.66)  # 0.3 are a shoulder width
    landmarks.points[2:, 15, 0] = 1.5
    table = plots.hands_by_speed({"a": landmarks, "b": make_landmarks(frames=1)})
    assert table.frames.to_dict() == {"0 to 0.05": 6, "0.05 to 0.2": 1, "above 0.2": 1, "any": 8}
    assert table.found.round(2).to_dict() == {"0 to 0.05": 0.83, "0.05 to 0.2": 0, "above 0.2": 0, "any": 0.62}
    assert plots.hands_by_speed({}).frames.sum() == 0


def test_a_clip_without_detections_has_no_speed_and_does_not_affect_others():
    nobody = make_landmarks(frames=8, missing=[("pose", 0, 8)])
    table = plots.hands_by_speed({"a": make_landmarks(frames=8), "nobody": nobody})
    assert table.equals(plots.hands_by_speed({"a": make_landmarks(frames=8)}))


def test_a_numeric_gloss_is_shown_with_its_word():
    labels = {"0071": "هيكل عظمي", "0072": "Skull"}
    assert plots.shown_names(["0071", "0072", "0073"], labels) == [labels["0071"], "Skull", "0073"]
    assert plots.shown_names([0, 1]) == ["0", "1"]


def test_axes_by_gloss_show_the_words_of_numeric_glosses():
    evaluation = make_evaluation()
    words = {gloss: f"word {gloss}" for gloss in evaluation.glosses}
    ax = plots.plot_confusion(evaluation, labels=words).axes[0]
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == list(words.values())
    rates = pd.DataFrame({"pose": [1.0, 0.5]}, index=pd.Index(list(words)[:2], name="gloss"))
    ax = plots.plot_detection_rates(rates, labels=words).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(words.values())[:2]


def test_arabic_is_drawn_joined_and_right_to_left():
    def ink(text):
        figure = plt.figure(figsize=(3, 1), dpi=100, layout="none")
        figure.text(0.1, 0.4, text, fontsize=30)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., 0] < 128

    alif, ba = "\u0627", "\u0628"
    columns = np.flatnonzero(ink(ba + alif).any(axis=0))
    assert np.diff(columns).max() == 1, "The two letters of با join."
    height = ink(ba + alif).sum(axis=0)
    assert height.argmax() < columns.mean(), "Alif, the tall last letter, stands on the left."


def test_results_are_drawn_with_their_intervals():
    evaluation = make_evaluation()
    figure = plots.plot_confusion(evaluation, minimal_pairs=[("A", "B"), ("A", "not there")])
    assert len(figure.axes[0].patches) == 2
    plots.plot_accuracy_per_signer(evaluation)
    plots.plot_split_scores({"shuffled": independent_rate(9, 10), "new signer": independent_rate(4, 10)}, chance=0.1)
    table = pd.DataFrame(
        {"model": ["lstm", "lstm", "tcn"], "held_out": ["ana", "ben", "ana"], "accuracy": [0.5, 0.9, 1.0],
         "low": [0.3, 0.7, 0.9], "high": [0.7, 1.0, 1.0]}
    )  # fmt: skip
    figure = plots.plot_comparison(table, chance=0.1)
    assert figure.axes[0].get_xlabel() == "accuracy (%), with 95 % interval"
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "loss": [2, 1, 0.5],
            "val_loss": [2, 3, 90],
            "accuracy": [0.1, 0.5, 0.9],
            "val_accuracy": [0.1, 0.6, 0.5],
        }
    )
    figure = plots.plot_history(history)
    assert figure.axes[0].lines[2].get_xdata()[0] == 2, "The line marks the epoch whose weights were kept."


def test_among_epochs_of_equal_accuracy_the_lowest_loss_is_marked():
    history = a_history().assign(val_accuracy=[0.6, 0.5, 0.6])
    assert plots.plot_history(history).axes[0].lines[2].get_xdata()[0] == 3
    assert "epoch 3, at 60 %" in plots.alt_text(plots.plot_history(history))


def test_numbers_contrast_with_their_cells():
    figure = plots.plot_detection_rates(pd.DataFrame({"pose": [1.0, 0.02, np.nan], "left_hand": [0.16, 0.9, 0.5]}))
    ax = figure.axes[0]
    told = {number.get_text(): number.get_color() for number in ax.texts}
    assert told == {"100": "white", "16": "0.15", "2": "0.15", "90": "white", "50": "white"}


def test_reliability_gap_attention_and_mistakes_are_drawn():
    figure = plots.plot_reliability({"lstm": make_evaluation()})
    assert "lstm (error" in figure.legends[0].get_texts()[0].get_text()
    summary = pd.DataFrame({"model": ["lstm", "tcn"], "mean_accuracy": [0.5, 0.6], "known_signers": [0.9, np.nan]})
    figure = plots.plot_gap(summary, chance=0.1)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["lstm"]
    figure = plots.plot_attention({"A": np.full((12, 4), 1 / 12), "B": np.eye(12)[:, :4]})
    assert [ax.get_title() for ax in figure.axes[:3]] == ["A", "B", ""]
    assert figure.axes[-1].get_ylabel() == "weight (%; even: 8.3)"
    points = RECIPE.points(make_landmarks(frames=12))
    figure = plots.plot_mistakes([("A, ana", points, "B, ben", points)], RECIPE, at=[2, 6])
    assert len(figure.axes) == 4


def test_a_history_without_validation_shows_only_the_training():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.1, 0.5]})
    figure = plots.plot_history(history)
    assert len(figure.axes[0].get_legend().get_texts()) == 1


def legend_of(figure):
    """Return the title and the entries of a figure's first legend."""
    legend = (figure.legends or [figure.axes[0].get_legend()])[0]
    return [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({}, ""),
        ({"split": "signer"}, "split by signer"),
        ({"split": "random"}, "random split"),
        ({"split": "official"}, "official split"),
    ],
)
def test_the_legend_of_a_training_names_the_split_and_claims_no_signers(options, title):
    figure = plots.plot_history(a_history(), **options)
    assert legend_of(figure) == [title, "training", "validation"]
    assert "signer" not in plots.alt_text(figure).replace("by signer", "")
    assert title in plots.alt_text(figure)


def test_results_of_an_official_split_are_not_called_new_signers():
    rows = {
        "protocol": "official split",
        "model": ["lstm"],
        "held_out": "all",
        "accuracy": 0.5,
        "low": 0.4,
        "high": 0.6,
    }
    figure = plots.plot_comparison(pd.DataFrame(rows), chance=0.1)
    assert legend_of(figure)[0] == "official split"
    assert "held-out" not in plots.alt_text(figure)
    assert "lstm 50 %" in plots.alt_text(figure)
    figure = plots.plot_gap(a_gap().assign(protocol="official split"), chance=0.1)
    assert legend_of(figure)[1:] == ["known signers", "official split"]
    assert "new" not in plots.alt_text(figure)
    assert legend_of(plots.plot_gap(a_gap(), chance=0.1))[1:] == ["known signers", "new signers (mean)"]


def test_flow_is_drawn_as_arrows_and_colours_and_clips_as_strips():
    flow = np.zeros((48, 48, 2), np.float32)
    flow[10:40, 10:40] = (6, 0)
    figure = plots.plot_flow(np.zeros((48, 48, 3), np.uint8), flow)
    assert len(figure.axes) == 3
    arrows = figure.axes[0].collections[0]
    assert set(arrows.U.tolist()) == {6.0}
    figure = plots.plot_filmstrips({"one": np.zeros((16, 8, 8, 3)), "two": np.zeros((3, 8, 8, 3))})
    assert [ax.images[0].get_array().shape[1] for ax in figure.axes] == [64, 24]


def test_models_are_compared_in_rows_the_highest_mean_first_with_the_range_of_their_seeds():
    rows = [
        {"model": model, "held_out": signer, "accuracy": np.mean(by_seed), "low": 0.1, "high": 1.0, "by_seed": by_seed}
        for model, by_seed in (("lstm", (0.3, 0.5)), ("trees", (0.9, 0.9)), ("ridge", (0.6, 0.7)))
        for signer in ("ana", "ben")
    ]
    figure = plots.plot_comparison(pd.DataFrame(rows).assign(seeds=2), chance=0.1)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["trees", "ridge", "lstm"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"
    bands = [band.get_paths()[0].get_extents() for band in ax.collections if band.get_label() != "_child"]
    assert [(round(band.x0), round(band.x1)) for band in bands[-3:]] == [(90, 90), (60, 70), (30, 50)]
    assert "trees 90 %, seeds 90 to 90 %, ridge 65 %, seeds 60 to 70 %" in plots.alt_text(figure)
    assert {"ana", "ben", "mean", "range of the seeds' means"} <= set(legend_of(figure))


@pytest.mark.parametrize(("signers", "bars"), [(2, 2), (4, 4), (5, 0)])
def test_few_signers_are_shown_with_intervals_and_many_as_their_mean(signers, bars):
    accuracies = np.linspace(0.2, 0.8, signers)
    rows = [
        {"model": "m", "held_out": f"s{i}", "accuracy": a, "low": 0.1, "high": 0.9} for i, a in enumerate(accuracies)
    ]
    ax = plots.plot_comparison(pd.DataFrame(rows), chance=0.1).axes[0]
    assert sum(bar.has_xerr for bar in ax.containers) == bars
    horizontal = [line for line in ax.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2]
    assert len(horizontal) == (bars == 0)


def test_signers_in_a_comparison_have_different_markers_up_to_a_limit():
    def drawn(signers):
        rows = [
            {"model": "m", "held_out": f"s{i:02}", "accuracy": 0.5, "low": 0.4, "high": 0.6} for i in range(signers)
        ]
        figure = plots.plot_comparison(pd.DataFrame(rows), chance=0.1)
        return {bar.lines[0].get_marker() for bar in figure.axes[0].containers}, legend_of(figure)

    assert len(drawn(12)[0]) == 12
    markers, legend = drawn(13)
    assert (len(markers), "one of 13" in legend, "s03" in legend) == (1, True, False)


def a_clip(**about):
    return RECIPE.points(make_landmarks(frames=12, **about))


def tracked_clip():
    """Landmarks of a clip whose left hand is lost for a while."""
    return make_landmarks(frames=25, width=160, height=120, missing=[("left_hand", 8, 15)])


def worst_of_two():
    clips = make_clips(["ana", "ben"], ["HELLO", "BOOK"])
    found = {"ana-0": tracked_clip(), "ben-1": make_landmarks(frames=25, width=160, height=120)}
    return plots.plot_worst_clips(plots.worst_clips(found, clips), found, lambda clip: timed(make_frames(25)))


def a_history():
    return pd.DataFrame({"epoch": [1, 2, 3], "loss": [2, 1, 0.5], "val_loss": [2, 1, 1.5],
                         "accuracy": [0.1, 0.5, 0.9], "val_accuracy": [0.1, 0.6, 0.5]})  # fmt: skip


def a_comparison():
    return pd.DataFrame({"model": ["lstm", "lstm", "tcn"], "held_out": ["ana", "ben", "ana"],
                         "accuracy": [0.5, 0.9, 1.0], "low": [0.3, 0.7, 0.9], "high": [0.7, 1.0, 1.0]})  # fmt: skip


def some_seen():
    """Return 50 outputs of a recogniser that says HELLO after 30 frames."""
    return [
        SimpleNamespace(
            time_s=0.04 * i,
            signing=i > 5,
            top=(("HELLO", i / 50),) if i > 5 else (),
            committed="HELLO" if i == 30 else "",
        )
        for i in range(50)
    ]


def a_sign(gloss, start_s, end_s):
    return SimpleNamespace(gloss=gloss, start_s=start_s, end_s=end_s)


def a_gap():
    return pd.DataFrame({"model": ["lstm", "tcn"], "mean_accuracy": [0.5, 0.6], "known_signers": [0.9, np.nan]})


def a_flow():
    flow = np.zeros((40, 40, 2), np.float32)
    flow[10:30, 10:30] = (-6, 2)
    return flow


def some_rates():
    return pd.DataFrame({"pose": [1.0, 1.0], "left_hand": [0.5, 0.998]}, index=["ana", "ben"])


BLACK = np.zeros((40, 60, 3), np.uint8)
ONE_HAND = np.full((2, 21, 3), [[[0.5]], [[np.nan]]])
FIGURES = {
    "plot_accuracy_per_signer": (lambda: plots.plot_accuracy_per_signer(make_evaluation()), ["ana 50 %", "e 33 %"]),
    "plot_answer": (lambda: plots.plot_answer(BLACK, ["B", "A"], np.array([0.9, 0.1])), ["B 90 % and A 10 %"]),
    "plot_attention": (lambda: plots.plot_attention({"BOOK": np.eye(12)[:, 3:5]}), ["BOOK frame 3", "2 heads"]),
    "plot_augmentations": (
        lambda: plots.plot_augmentations(a_clip(), {"shifted": a_clip() + np.float32(0.25)}, RECIPE),
        ["shifted 0.35", "shoulder widths"],
    ),
    "plot_clip_curves": (
        lambda: plots.plot_clip_curves(a_clip(missing=[("left_hand", 0, 12)]), RECIPE, title="HELLO, ana"),
        ["HELLO, ana", "left hand is not detected in 12 and the right hand is not detected in 0 of 12 frames"],
    ),
    "plot_comparison": (lambda: plots.plot_comparison(a_comparison(), chance=0.1), ["tcn 100 % and lstm 70 %"]),
    "plot_confusion": (
        lambda: plots.plot_confusion(make_evaluation()),
        ["3 signs", "2 of 4 clips", "B taken for A (1) and C taken for A (1)"],
    ),
    "plot_detection_rates": (
        lambda: plots.plot_detection_rates(some_rates()),
        ["pose 100 %", "left hand 50 % (ana) to over 99 %"],
    ),
    "plot_filmstrips": (lambda: plots.plot_filmstrips({"BOOK": np.zeros((16, 8, 8, 3))}), ["8 of BOOK"]),
    "plot_flow": (lambda: plots.plot_flow(np.zeros((40, 40, 3), np.uint8), a_flow()), ["25 %", "6.0 px to the left"]),
    "plot_frames": (lambda: plots.plot_frames({"ana": BLACK, "ben": BLACK}), ["2 pictures", "ana and ben"]),
    "plot_gap": (lambda: plots.plot_gap(a_gap(), chance=0.1), ["lstm 90 % and 50 %"]),
    "plot_history": (lambda: plots.plot_history(a_history()), ["3 epochs", "10 % to 90 %", "epoch 2, at 60 %"]),
    "plot_mistakes": (
        lambda: plots.plot_mistakes([("A, ana", a_clip(), "B, ben", a_clip())], RECIPE, at=[2, 6]),
        ["A, ana beside B, ben", "2 moments"],
    ),
    "plot_photographs": (
        lambda: plots.plot_photographs([BLACK[:, :40]] * 2, ["A", "B"], hands=ONE_HAND, heat=[np.eye(40)] * 2),
        ["titled A and B", "found: in 1", "50 % of it"],
    ),
    "plot_points": (
        lambda: plots.plot_points({"ana": a_clip(), "ben": a_clip(missing=[("right_hand", 0, 12)])}, RECIPE, at=5),
        ["ana and ben", "missing in ben"],
    ),
    "plot_recognition": (
        lambda: plots.plot_recognition(some_seen(), [a_sign("BOOK", 0.0, 0.5)], threshold=0.4),
        ["Signed: BOOK", "HELLO (wrong)", "threshold is 40 %"],
    ),
    "plot_reliability": (lambda: plots.plot_reliability({"lstm": make_evaluation()}), ["lstm (error 0."]),
    "plot_screens": (lambda: plots.plot_screens([BLACK] * 2, ["1.0 s", "2.0 s"]), ["2 pictures", "1.0 s and 2.0 s"]),
    "plot_skeletons": (
        lambda: plots.plot_skeletons(make_frames(25), tracked_clip(), at=[0, 10, 24], title="HELLO by ana"),
        ["HELLO by ana", "at 0.0, 0.4 and 1.0 s", "Not detected: left hand at 0.4 s"],
    ),
    "plot_split_scores": (
        lambda: plots.plot_split_scores(
            {"shuffled": independent_rate(9, 10), "new signer": independent_rate(4, 10)}, chance=0.1
        ),
        ["shuffled 90 %", "new signer 40 % (10 % to 70 %, n = 10 clips, 10 cells)", "chance 10 %"],
    ),
    "plot_worst_clips": (worst_of_two, ["HELLO by ana (left hand found in 72 %", "BOOK by ben"]),
}  # fmt: skip
"""Every public plotting function: how a figure of it is drawn, and what its alt text must say about these data."""


@pytest.mark.parametrize("name", sorted(name for name in dir(plots) if name.startswith("plot_")))
def test_every_figure_has_a_description_of_its_data(name):
    assert name in FIGURES, f"{name} is new: draw it in FIGURES, and say what its description must hold."
    draw, facts = FIGURES[name]
    text = plots.alt_text(draw())
    assert 30 <= len(text) <= 600, text
    assert not [fact for fact in facts if fact not in text], text
    assert "nan" not in text.lower().replace("dominant", ""), text


def test_a_title_set_later_precedes_the_description():
    figure = plots.plot_frames({"ana": BLACK})
    figure.suptitle("HELLO")
    assert plots.alt_text(figure) == "HELLO. 1 picture in a grid, titled ana."
    bare, ax = plt.subplots()
    ax.set(title="Speed", xlabel="time (s)")
    assert plots.alt_text(bare) == "Figure: Speed; time (s)."


def test_models_are_distinguishable_without_colour():
    lines = plots.plot_reliability({m: make_evaluation() for m in "abc"}).axes[0].containers
    assert len({(bar.lines[0].get_marker(), bar.lines[0].get_linestyle()) for bar in lines}) == 3
    known, new = plots.plot_gap(a_gap(), chance=0.1).axes[0].lines[-3:-1]
    assert known.get_marker() != new.get_marker()
