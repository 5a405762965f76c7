"""A model is one file: `asl batch --models` trains it, tests it and adds it to the report, without its own notebook."""

import shutil
from itertools import product

import cv2
import nbformat
import numpy as np
import pandas as pd
import pytest

from asl_lib._util.files import read_json
from asl_lib.course.notebooks import ANY_MODEL, model_notebook
from asl_lib.data.clips import make_clips, write_clips
from asl_lib.evaluation.results import has_results
from asl_lib.features.recipe import load_recipe
from tests.conftest import ROOT, make_landmarks
from tests.course.commands import asl_in
from tests.landmarks.test_arrays import keypoints, save_frames

TINY = '''
"""A linear network: one file, found by its name."""

from asl_lib.models.registry import register


@register("tiny")
def build_tiny(*, frames, features, classes):
    import keras
    from keras import layers

    body = [layers.Flatten(), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([layers.Input((frames, features)), *body])


@register("tiny_photograph", input="photographs")
def build_tiny_photograph(*, size, classes):
    return tiny_pictures((size, size, 3), classes)


@register("tiny_video", input="video")
def build_tiny_video(*, frames, size, channels, classes):
    return tiny_pictures((frames, size, size, channels), classes)


def tiny_pictures(shape, classes):
    import keras
    from keras import layers

    body = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([layers.Input(shape), *body])
'''
PICTURES = """
from asl_lib.data.dataset import Dataset


class Photographs(Dataset):
    name = title = "made_photographs"
    licence = size = homepage = notice = obtain = holds = ""
    kind = "photographs"

    def list_clips(self, source_dir, subset):
        for path in source_dir.glob("*.png"):
            signer, gloss, number = path.stem.split("-")
            yield {"clip_id": path.stem, "path": path.name, "gloss": gloss, "signer": signer}


class Films(Photographs):
    name = title = "made"
    kind = "videos"

    def photographs(self):
        return Photographs()
"""
PREPARE = """
import numpy as np
from asl_lib.course.params import read_parameters
from asl_lib.data.clips import make_clips, write_clips
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet

params = read_parameters(globals())
rows = [
    {"clip_id": f"{signer}-{gloss}-{take}", "path": "a.mp4", "gloss": gloss, "signer": signer}
    for signer in ("ana", "ben", "eli") for gloss in ("BOOK", "HELP") for take in range(3)
]
clips = make_clips(rows)
write_clips(clips, params.dataset_dir / "clips.csv")
recipe = FeatureRecipe(frames=6, glosses=("BOOK", "HELP"))
y = (clips.gloss == "HELP").to_numpy(np.int64)
shape = (len(y), recipe.frames, recipe.num_landmarks, recipe.num_coordinates)
points = np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32) + y[:, None, None, None].astype(np.float32)
names = {name: clips[name].to_numpy(str) for name in ("signer", "clip_id", "split")}
ClipSet(recipe=recipe, values=points, y=y, **names).save(params.run_dir)
"""
OWN = """
from asl_lib import FeatureRecipe, get_dataset, load_features
from asl_lib.course.params import read_parameters
from asl_lib.landmarks.store import load_landmarks

params = read_parameters(globals())
data = get_dataset(params.dataset)
clips = data.prepare(params.dataset_dir)
recipe = FeatureRecipe(frames=6)
found = load_landmarks(data, params.dataset_dir, clips, recipe.tracked_parts, tracker=recipe.tracker)
load_features(clips, recipe, landmarks=found).save(params.run_dir)
"""
REPORT = """
from asl_lib.course.params import read_parameters
from asl_lib.evaluation.results import collect_results

params = read_parameters(globals())
(params.run_dir / "report").mkdir(exist_ok=True)
collect_results(params.run_dir).to_csv(params.run_dir / "report" / "results.csv", index=False)
"""
COURSE = {
    "03_features": ("prepare", ["{run_dir}/features.npz", "{dataset_dir}/clips.csv"], PREPARE),
    "11_report": ("report", ["{run_dir}/report/results.csv"], REPORT),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A folder with a copy of asl_lib that has two files more."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "asl_lib", folder / "asl_lib", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "asl_lib" / "models" / "tiny.py").write_text(TINY)
    (folder / "asl_lib" / "data" / "sets" / "made.py").write_text(PICTURES)
    return folder


@pytest.fixture
def package(copied):
    """The copy of asl_lib, beside a new course that only makes features and a report."""
    for name in ("notebooks", "data", "outputs"):
        shutil.rmtree(copied / name, ignore_errors=True)
    (copied / "notebooks").mkdir()
    for name, (stage, results, cell) in COURSE.items():
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata["asl"] = {"stage": stage, "results": results}
        parameters = nbformat.v4.new_code_cell("run = 'demo'  # name", metadata={"tags": ["parameters"]})
        notebook.cells = [parameters, nbformat.v4.new_code_cell(cell)]
        nbformat.write(notebook, copied / "notebooks" / f"{name}.ipynb")
    (copied / "tiny.yaml").write_text("run: tiny\nown_epochs: 8\nbatch_size: 4\n")
    return copied


@pytest.fixture(scope="module")
def asl(copied):
    """A function that calls `asl` with the copy: TensorFlow is imported once for all tests."""
    with asl_in(copied) as call:
        yield call


def test_a_model_defined_in_one_file_is_trained_and_listed_in_the_report(package, asl):
    options = ["--jobs", "1", "--models", "tiny", "--only", "ben"]
    code, printed, errors = asl("batch", "tiny.yaml", *options)
    assert code == 0, errors
    table = pd.read_csv(package / "outputs/tiny/report/results.csv")
    assert table[["protocol", "model", "held_out"]].to_numpy().tolist() == [
        ["known signers", "tiny", "all"],
        ["new signer", "tiny", "ben"],
    ]
    assert (table["accuracy"] == 1).all()
    assert "tiny" in printed
    folder = package / "outputs/tiny/tiny/held_out_ben"
    assert {"model.keras", "recipe.json", "metrics.json", "predictions.csv"} <= {path.name for path in folder.iterdir()}
    executed = package / "outputs/tiny/notebooks"
    assert {path.name for path in executed.glob("model_tiny*.ipynb")} == {
        "model_tiny.held_out_ben.ipynb",
        "model_tiny.split_random.ipynb",
    }
    assert asl("batch", "tiny.yaml", *options)[1].count("is done already") == 3


def test_an_ablation_trains_with_and_without_each_part_on_one_split_and_resumes(package, asl):
    for number, (signer, gloss, take) in enumerate(product(("ana", "ben", "eli"), ("BOOK", "HELP"), range(2))):
        folder = package / "data" / "own_landmarks" / signer / gloss
        folder.mkdir(parents=True, exist_ok=True)
        save_frames(folder / str(take), keypoints(make_landmarks(frames=6, seed=number)))
    (package / "tiny.yaml").write_text(
        "run: tiny\ndataset: own_landmarks\nown_epochs: 2\nepochs: 2\nseeds: [1, 2]\ntest_signers: [ben]\n"
    )
    notebook = nbformat.read(package / "notebooks" / "03_features.ipynb", as_version=4)
    notebook.cells[0].source += "\ndataset = 'demo'  # name"
    notebook.cells[1].source = OWN
    nbformat.write(notebook, package / "notebooks" / "03_features.ipynb")
    options = ["--jobs", "1", "--models", "tiny", "--over", "body_frame,features"]
    code, printed, errors = asl("ablate", "tiny.yaml", *options)
    assert code == 0, errors
    table = pd.read_csv(package / "outputs/tiny/ablation/own/tiny.csv")
    assert table.variant.tolist() == ["tiny", "tiny, without body_frame", "tiny, without features"]
    assert table[["seeds", "clips", "cells"]].to_numpy().tolist() == [[2, 4, 2]] * 3
    assert "n = 4 clips, 2 cells; seeds: 2\n  tiny  " in printed
    recipes = [
        load_recipe(package / f"outputs/tiny/ablation/own/{name}/held_out_ben.seed_2/recipe.json")
        for name in ("tiny", "tiny.body_frame", "tiny.features")
    ]
    assert [(one.body_frame, one.velocities) for one in recipes] == [
        ("shoulders", True),
        ("image", True),
        ("shoulders", False),
    ]
    assert not has_results(package / "outputs/tiny"), "an ablation is no part of the report"

    shutil.rmtree(package / "outputs/tiny/ablation/own/tiny.features")
    _, printed, _ = asl("ablate", "tiny.yaml", *options)
    assert (printed.count("is done already"), printed.count("done in")) == (1 + 4, 2)

    _, printed, errors = asl("ablate", "tiny.yaml", *options[:4], "--over", "mirrored,mirrored", "--from", "published")
    assert printed.count("tiny, with mirrored") == 1, printed + errors
    training = read_json(package / "outputs/tiny/ablation/published/tiny/held_out_ben.seed_1/training.json")
    assert training["validation_signers"] == ["eli"]

    for wrong, told in (
        (("--over", "mirored"), "asl: There is no part 'mirored' of a training. There are: body_frame,"),
        (
            ("--models", "ridge", "--over", "mirrored,mask"),
            "of ridge, which is no network, does not have mirrored. Its",
        ),
        (("--models", "tiny_video"), "Only the training of models for landmarks has parts to change; got tiny_video."),
        (("--set", "dataset=asl_alphabet"), "asl: An ablation needs clips of landmarks; asl_alphabet has photographs."),
    ):
        assert told in asl("ablate", "tiny.yaml", *wrong)[2]


def test_models_for_photographs_and_videos_defined_in_one_file_are_listed_in_the_report(package, asl):
    for folder in ("made", "made_photographs"):
        (package / "data" / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in (f"{signer}-{gloss}-{take}" for signer in ("ana", "ben", "eli") for gloss in "AB" for take in (1, 2)):
        picture = rng.integers(*((0, 60) if "-A-" in name else (180, 255)), (48, 48, 3)).astype(np.uint8)
        cv2.imwrite(str(package / "data" / "made_photographs" / f"{name}.png"), picture)
        film = cv2.VideoWriter(str(package / f"data/made/{name}.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (48, 48))
        for _ in range(9):
            film.write(picture)
        film.release()
    (package / "notebooks" / "03_features.ipynb").unlink()  # which makes landmarks
    rows = [
        {"clip_id": path.stem, "path": path.name, "gloss": path.stem.split("-")[1], "signer": path.stem.split("-")[0]}
        for path in sorted((package / "data" / "made").iterdir())
    ]
    write_clips(make_clips(rows), package / "data" / "made" / "clips.csv")
    (package / "tiny.yaml").write_text("run: tiny\ndataset: made\nimage_size: 32\nvideo_size: 32\nvideo_frames: 8\n")
    options = ["--only", "ben", "--no-known-signers", "--models"]
    code, printed, errors = asl("batch", "tiny.yaml", *options, "tiny_photograph")
    assert code == 0, errors
    assert "11_report  is left out: this run has no results of signs yet" in printed
    code, printed, errors = asl("batch", "tiny.yaml", *options, "tiny_photograph,tiny_video")
    assert code == 0, errors
    assert "model_tiny_photograph, held out: ben  is done already" in printed
    for folder in ("letters/tiny_photograph", "tiny_video"):
        made = {path.name for path in (package / "outputs" / "tiny" / folder / "held_out_ben").iterdir()}
        assert {"model.keras", "recipe.json", "metrics.json", "predictions.csv"} <= made
    assert "Letters and digits\nAccuracy on signers that the model had never seen:\n  tiny_photograph, ben: " in printed
    assert "Signs\nAccuracy on signers that the model had never seen:\n  tiny_video, ben: " in printed
    (package / "tiny.yaml").write_text("run: tiny\ndataset: fingerspelling\n")
    _, _, errors = asl("batch", "tiny.yaml", *options, "tiny_photograph")
    assert "There is no model 'tiny_photograph' to train on fingerspelling. There are: attention_" in errors


def test_the_notebook_for_any_model_explains_its_parameters_and_where_its_results_are():
    notebook = nbformat.read(ANY_MODEL, as_version=4)
    parameters, *cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all("  # " in line for line in parameters.source.splitlines())
    assert all(len(cell.source.splitlines()) <= 15 for cell in cells)
    trees, lstm = model_notebook("trees"), model_notebook("lstm")
    assert (trees.models, lstm.models) == (["trees"], ["lstm"])
    assert trees.name != lstm.name
