"""The explorer of a clip: what its picture shows when a control moves, and what stands there where nobody moves one."""

import re
from dataclasses import fields

import nbclient
import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib import plots
from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.plots.explorer import PANEL_PX
from tests.conftest import ROOT, make_landmarks

RECIPE = FeatureRecipe(frames=12)
EVERY_VARIATION = Augmentation(RECIPE, **{each.name: 0.1 for each in fields(Augmentation) if each.name != "recipe"})


@pytest.fixture
def clip():
    """A clip whose left hand is missing in its second half."""
    return RECIPE.points(make_landmarks(missing=[("left_hand", 10, 20)]))


class Explorer:
    """An explorer as its reader meets it: controls by their labels, and a picture."""

    def __init__(self, points, recipe=RECIPE, **options):
        self.box = plots.explore_clip(points, recipe, interactive=True, **options)
        found = list(self._walk(self.box))
        self.controls = {widget.description: widget for widget in found if getattr(widget, "description", "")}
        (self._picture,) = [widget for widget in found if "<svg" in str(getattr(widget, "value", ""))]

    def _walk(self, widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from self._walk(child)

    def __setitem__(self, label, value):
        self.controls[label].value = value

    def __getitem__(self, label):
        return self.controls[label].value

    @property
    def picture(self):
        return self._picture.value

    def dots(self, part, *, about="shown"):
        """Return the places of a part's dots in the picture, (dots, 2)."""
        groups = re.findall(f'<g class="{about} {part}".*?</g>', self.picture)
        places = [place for group in groups for place in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', group)]
        return np.array(places, float).reshape(-1, 2)


def test_the_slider_selects_the_displayed_frame(clip):
    explorer = Explorer(clip, variation="none")
    assert explorer["Frame"] == 6
    explorer["Frame"] = 1
    first, wrist = explorer.dots("right_hand"), clip[:, RECIPE.columns("right_hand")][:, 0]
    explorer["Frame"] = 5
    moved = explorer.dots("right_hand") - first
    assert "Frame 5 of 12" in explorer.picture
    step = wrist[4] - wrist[0]
    np.testing.assert_allclose(moved[0] / moved[0, 0], step / step[0], atol=0.1)
    assert explorer.controls["Frame"].min == 1
    assert explorer.controls["Frame"].max == 12


def test_deselecting_a_part_removes_only_its_points(clip):
    explorer = Explorer(clip)
    assert len(explorer.dots("right_hand")) == len(explorer.dots("right_hand", about="before")) == 21
    explorer["right hand"] = False
    assert len(explorer.dots("right_hand")) == len(explorer.dots("right_hand", about="before")) == 0
    assert len(explorer.dots("left_hand")) == 21
    assert len(explorer.dots("pose")) == 25
    explorer["right hand"] = True
    assert len(explorer.dots("right_hand")) == 21


def test_the_face_has_a_box_where_the_recipe_has_a_face():
    recipe = FeatureRecipe(parts=("pose", "lips"), frames=12)
    points = recipe.points(make_landmarks(parts=("pose", "face")))
    explorer = Explorer(points, recipe)
    assert len(explorer.dots("lips")) == 40
    explorer["lips"] = False
    assert len(explorer.dots("lips")) == 0
    assert "left hand" not in explorer.controls


def test_an_undetected_hand_has_no_points_and_the_caption_says_so(clip):
    explorer = Explorer(clip, variation="none", title="HELLO & <ana>")
    assert "Not detected" not in explorer.picture
    explorer["Frame"] = 12
    assert len(explorer.dots("left_hand")) == 0
    assert "Not detected: left hand" in explorer.picture
    assert ">R</text>" in explorer.picture
    assert ">L</text>" not in explorer.picture
    assert 'aria-label="HELLO &amp; &lt;ana&gt;. Frame 12 of 12. Not detected: left hand.' in explorer.picture


@pytest.mark.parametrize("name", [*EVERY_VARIATION.steps(), "all together"])
def test_a_stronger_augmentation_changes_the_clip_more_and_zero_strength_not_at_all(clip, name):
    explorer = Explorer(clip, variation="none", seed=4)
    explorer["Variation"] = name
    changes = []
    for share in (0, 0.5, 1):
        explorer["Strength (%)"] = 100 * share
        changes.append(0)
        for frame in range(1, 13):
            explorer["Frame"] = frame
            for part in RECIPE.parts:
                before, after = explorer.dots(part, about="before"), explorer.dots(part)
                same = len(before) == len(after)
                changes[-1] += np.abs(before - after).sum() if same else 500
    assert changes[0] == 0
    assert changes[1] <= changes[2]
    assert changes[2] > 0


@given(seed=st.integers(0, 99))
@settings(max_examples=20)
def test_all_augmentations_at_full_strength_keep_time_running_forwards(seed):
    """Time is written into the distance from the origin, which rotation, scale and shear only stretch."""
    clip = np.zeros((12, RECIPE.num_landmarks, 2), np.float32)
    clip[..., 0] = 1000 * np.arange(1, 13)[:, None]
    explorer = Explorer(clip, variation="all together", seed=seed)
    explorer["Strength (%)"] = 100
    distances = []
    for frame in range(1, 13):
        explorer["Frame"] = frame
        distances.append(np.linalg.norm(explorer.dots("pose")[0] - PANEL_PX / 2))
    assert np.diff(distances).min() > -PANEL_PX


def test_the_original_clip_does_not_move_with_the_augmentation(clip):
    explorer = Explorer(clip, variation="shift")
    grey, coloured = explorer.dots("pose", about="before"), explorer.dots("pose")
    explorer["Strength (%)"] = 100
    np.testing.assert_array_equal(explorer.dots("pose", about="before"), grey)
    further = np.linalg.norm(explorer.dots("pose") - grey, axis=1)
    np.testing.assert_allclose(further, 2 * np.linalg.norm(coloured - grey, axis=1), atol=0.3)
    twice = explorer.picture
    explorer["Seed"] = 7
    assert explorer.picture != twice
    explorer["Seed"] = 42
    assert explorer.picture == twice


def test_side_by_side_and_overlaid_show_the_same_dots_in_two_panels_or_one(clip):
    explorer = Explorer(clip)
    dots, panels = explorer.dots("pose"), explorer.picture.count("<svg x=")
    explorer["View"] = "side by side"
    assert (panels, explorer.picture.count("<svg x=")) == (1, 2)
    np.testing.assert_array_equal(explorer.dots("pose"), dots)
    explorer["Variation"] = "none"
    assert explorer.picture.count("<svg x=") == 1
    assert len(explorer.dots("pose", about="before")) == 0
    assert explorer.controls["Strength (%)"].disabled


def test_without_a_front_end_a_still_figure_shows_six_moments_and_an_augmentation(clip):
    figure = plots.explore_clip(clip, RECIPE, title="HELLO, signed by ana")
    shown = [ax.get_title() for ax in figure.axes]
    assert shown[:6] == ["frame 1", "frame 3", "frame 5", "frame 8", "frame 10", "frame 12"]
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["original", "rotation"]
    assert plots.alt_text(figure).startswith("HELLO, signed by ana: six moments of one clip of 12 frames")
    assert "'rotation'" in plots.alt_text(figure)
    alone = plots.explore_clip(clip, RECIPE, variation="none")
    assert len(alone.axes) == 6
    assert "after" not in plots.alt_text(alone)


def test_the_still_figure_accepts_clips_without_a_body_or_any_point():
    recipe = FeatureRecipe(parts=("right_hand",), coordinates="xyz", frames=12)
    hand = recipe.points(make_landmarks())
    ax = plots.explore_clip(hand, recipe).axes[0]
    assert ax.get_xlim()[0] < np.nanmin(hand[..., 0])
    assert np.nanmax(hand[..., 0]) < ax.get_xlim()[1]
    explorer = Explorer(np.full_like(hand, np.nan), recipe)
    assert "Not detected: right hand" in explorer.picture
    assert len(explorer.dots("right_hand")) == 0


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda clip: clip[None], r"one clip .*\(frames, 75 landmarks, 2 coordinates\); got \(1, 12, 75, 2\)"),
        (lambda clip: clip[:, :42], r"got \(12, 42, 2\)"),
        (lambda clip: clip[:1], r"Choose one clip, such as clips\.values\[0\]"),
    ],
)  # fmt: skip
def test_an_array_that_is_not_one_clip_of_the_recipe_is_refused_with_a_reason(clip, spoil, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.explore_clip(spoil(clip), RECIPE)


def test_an_unknown_augmentation_error_lists_the_known_ones(clip):
    with pytest.raises(ValueError, match="must be one of none, mirroring, .*; got 'rotate'"):
        plots.explore_clip(clip, RECIPE, variation="rotate")


CELL = """
import os
os.environ.update({environment})
import numpy as np
from asl_lib import plots
from asl_lib.features.recipe import FeatureRecipe
plots.use_style()
plots.explore_clip(np.zeros((12, 75, 2), np.float32), FeatureRecipe(frames=12))
"""
PICTURE, WIDGETS = "image/png", "application/vnd.jupyter.widget-view+json"
# Each cell adds to the environment of those before it.
KERNELS = {
    "a bare kernel, as papermill starts it": ({}, PICTURE),
    "JupyterLab's kernel": ({"JPY_SESSION_NAME": "a.ipynb"}, WIDGETS),
    "a batch that was started in JupyterLab": ({"ASL_PROGRESS": "off"}, PICTURE),
}


def test_widgets_are_shown_only_in_an_interactive_kernel(monkeypatch):
    for name in ("JPY_SESSION_NAME", "ASL_PROGRESS", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    cells = [nbformat.v4.new_code_cell(CELL.format(environment=added)) for added, _ in KERNELS.values()]
    executed = nbclient.execute(nbformat.v4.new_notebook(cells=cells), kernel_name="python3")
    for (name, (_, shown)), cell in zip(KERNELS.items(), executed.cells, strict=True):
        (output,) = cell.outputs
        assert shown in output["data"], name
        if shown == PICTURE:
            assert output["metadata"]["image/png"]["alt"].startswith("Six moments"), name
