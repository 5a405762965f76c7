import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from asl_lib.data.clips import read_clips
from asl_lib.data.dataset import Options
from asl_lib.data.demo import load_signers
from asl_lib.data.errors import DatasetError
from asl_lib.data.registry import find_datasets, get_dataset
from asl_lib.data.video import read_frames, write_video
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.features.sets import ClipSet, load_features
from asl_lib.landmarks.pose_file import write_pose
from asl_lib.landmarks.store import load_landmarks, read_landmarks
from tests.conftest import ROOT, make_clip_set, make_clips, make_frames, make_landmarks

TINY = Options(signs=("YES", "BOOK"), signers=("ana", "eli"), repetitions=1, workers=1)


def test_an_unknown_data_set_error_lists_the_known_ones():
    with pytest.raises(DatasetError, match="'deom'.*'demo'.*demo, demo_letters, fingerspelling,.*recordings"):
        get_dataset("deom")


def test_every_data_set_states_its_licence_and_its_caveats():
    for name, dataset in find_datasets().items():
        assert dataset.name == name
        assert dataset.title
        assert dataset.licence
        assert len(dataset.notice) > 30


SECTIONS = ["Size", "Layout", "How to get it", "Licence", "Citation", "What is unusual"]


@pytest.mark.parametrize("dataset", find_datasets().values(), ids=list(find_datasets()))
def test_every_data_set_has_a_complete_page(dataset):
    text = (ROOT / dataset.page).read_text(encoding="utf-8")
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    assert list(parts) == SECTIONS
    assert all(part.strip() for part in parts.values())
    assert re.match(rf"# (.+, )?{dataset.name}[:,]", text)
    assert f"data/{'isogd' if dataset.name == 'isogd_depth' else dataset.name}/" in parts["Layout"]
    assert dataset.homepage in parts["How to get it"] or dataset.kaggle in parts["How to get it"]
    if dataset.published.clips:
        assert f"{dataset.published.signs:,}" in text
        assert f"{dataset.published.clips:,}" in text or dataset.name == "asl_alphabet"
    assert f"]({dataset.page.rpartition('/')[2]})" in (ROOT / "docs" / "datasets" / "README.md").read_text("utf-8")


def test_every_parameter_file_named_on_a_page_exists():
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", *ROOT.glob("scripts/*.sbatch")]
    named = {name for page in pages for name in re.findall(r"params/\w+\.yaml", page.read_text(encoding="utf-8"))}
    assert "params/demo.yaml" in named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_demo_renders_only_missing_clips(tmp_path):
    demo = get_dataset("demo")
    clips = demo.prepare(tmp_path, TINY)
    assert len(clips) == 4
    pd.testing.assert_frame_equal(read_clips(tmp_path / "clips.csv"), clips)
    paths = [tmp_path / path for path in clips.path]
    times = [path.stat().st_mtime_ns for path in paths]
    lost = paths[2].read_bytes()
    paths[2].unlink()
    demo.prepare(tmp_path, TINY)
    assert [path.stat().st_mtime_ns == time for path, time in zip(paths, times, strict=True)] == [
        True,
        True,
        False,
        True,
    ]
    assert paths[2].read_bytes() == lost, "The same seed must give the same bytes."
    assert 20 <= len([picture for _, picture in read_frames(paths[0])]) <= 60


def test_the_demo_refuses_unknown_names_and_another_seed_in_the_same_folder(tmp_path):
    demo = get_dataset("demo")
    with pytest.raises(DatasetError, match=r"no demo signer 'zoe'.*ana"):
        demo.prepare(tmp_path, Options(signers=("zoe",)))
    with pytest.raises(DatasetError, match=r"no demo sign 'CAT'.*MOTHER"):
        demo.prepare(tmp_path, Options(signs=("CAT",)))
    demo.prepare(tmp_path, Options(signs=("YES",), signers=("ana",), repetitions=1, workers=1))
    with pytest.raises(DatasetError, match="seed 42; got seed 7"):
        demo.prepare(tmp_path, Options(signs=("YES",), signers=("ana",), repetitions=1, workers=1, seed=7))


def test_the_minimal_pairs_of_the_demo_are_signs_of_the_demo():
    pairs = get_dataset("demo").minimal_pairs()
    assert len(pairs) >= 3
    assert get_dataset("recordings").minimal_pairs() == []
    assert len(load_signers()) >= 10


def test_recordings_are_found_by_folder_and_other_files_are_left_alone(tmp_path):
    for name in ("ana/HELLO/01.mp4", "ana/HELLO/02.MOV", "ben/GOOD MORNING/1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("ana/HELLO/notes.txt", "ana/HELLO/.01.mp4", "loose.mp4", "ana/cover.mp4"):
        (tmp_path / name).touch()
    clips = get_dataset("recordings").prepare(tmp_path)
    assert clips.path.tolist() == ["ana/HELLO/01.mp4", "ana/HELLO/02.MOV", "ben/GOOD MORNING/1.mp4"]
    assert clips.gloss.tolist() == ["HELLO", "HELLO", "GOOD MORNING"]
    assert clips.signer.tolist() == ["ana", "ana", "ben"]
    assert clips.clip_id[2] == "ben-GOOD_MORNING-1.mp4"
    again = get_dataset("recordings").prepare(tmp_path)
    pd.testing.assert_frame_equal(again, clips)


def test_an_empty_folder_of_recordings_explains_the_layout(tmp_path):
    with pytest.raises(DatasetError, match="<signer>/<gloss>"):
        get_dataset("recordings").prepare(tmp_path)


def test_a_real_recording_goes_from_folder_to_features(tmp_path):
    from asl_lib.landmarks.extract import extract_clips

    write_video(tmp_path / "ana" / "HELLO" / "01.mp4", make_frames(5), fps=25)
    recordings = get_dataset("recordings")
    clips = recordings.prepare(tmp_path)

    extraction = extract_clips(recordings, tmp_path, clips, ("pose", "right_hand"), workers=1)
    assert extraction.done == 1
    assert recordings.pose_path(tmp_path, clips.iloc[0]).is_file()
    assert len(recordings.prepare(tmp_path)) == 1, "Landmarks must not be taken for recordings."


def test_the_fingerspelling_lexicon_has_eleven_signers_by_folder(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("ASL_SHARED_DATA", str(shared_data))
    dataset = get_dataset("fingerspelling")
    clips = dataset.prepare(tmp_path / "fingerspelling")
    assert len(clips) == 283
    assert sorted(set(clips.signer)) == ["asq", "bzs", "eso", "gsg", "ise", "mfs", "sgg", "ssp", "svk", "swl", "tsm"]
    assert sorted(set(clips.gloss)) == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert not dataset.has_videos
    landmarks = load_landmarks(dataset, tmp_path / "fingerspelling", clips, FeatureRecipe().tracked_parts)
    features = load_features(clips, FeatureRecipe(), landmarks=landmarks)
    assert features.left_out.empty
    assert features.values.shape == (283, 30, 75, 2)


def test_a_missing_lexicon_explains_how_to_download_it(tmp_path, monkeypatch):
    monkeypatch.delenv("ASL_SHARED_DATA", raising=False)
    with pytest.raises(DatasetError, match="ZurichNLP/spoken-to-signed-translation"):
        get_dataset("fingerspelling").prepare(tmp_path / "a" / "data" / "fingerspelling")


def test_features_are_loaded_from_their_file_and_an_unreadable_clip_is_listed(tmp_path):
    clips = make_clips(["ana", "ben", "cem"], ["YES", "NO", "YES"])
    for index, name in enumerate(clips.clip_id[:2]):
        write_pose(tmp_path / "poses" / f"{name}.pose", make_landmarks(seed=index))
    (tmp_path / "poses" / "cem-2.pose").write_bytes(b"damaged")
    recipe = FeatureRecipe()
    landmarks = load_landmarks(get_dataset("recordings"), tmp_path, clips, recipe.tracked_parts)
    features = load_features(clips, recipe, landmarks=landmarks)
    assert features.left_out.clip_id.tolist() == ["cem-2"]
    assert features.glosses.tolist() == ["NO", "YES"]
    assert features.y.tolist() == [1, 0]
    features.save(tmp_path)
    loaded = ClipSet.load(tmp_path)
    assert loaded.recipe == features.recipe == replace(recipe, glosses=("NO", "YES"))
    np.testing.assert_array_equal(loaded.values, features.values)
    assert loaded.table().equals(features.table())
    recipe.save(tmp_path / "recipe.json")  # of an earlier version: without glosses
    assert ClipSet.load(tmp_path).recipe == features.recipe
    (tmp_path / "features.npz").write_bytes(b"junk")
    with pytest.raises(RecipeError, match="not a file of features"):
        ClipSet.load(tmp_path)
    with pytest.raises(RecipeError, match="Run notebook 03"):
        ClipSet.load(tmp_path / "nowhere")


def test_a_clip_set_accepts_another_encoding_but_not_other_points():
    clips = make_clip_set(np.zeros((2, 30, 75, 2), np.float32), [0, 1], FeatureRecipe())
    richer = clips.with_encoding(handshape=True, velocities=True)
    assert richer.values is clips.values
    assert richer.encode(np.array([1])).shape == (1, *richer.recipe.shape) == (1, 30, 465)
    with pytest.raises(RecipeError, match="Only hand_frame, .*, average_mirrored can .* got frames, parts"):
        clips.with_encoding(frames=20, parts=("pose",), mask=False)


def test_demo_clips_and_recordings_keep_separate_landmarks_and_names(tmp_path):
    folder = tmp_path / "recordings"
    for signer in ("ana", "zoe"):
        path = folder / signer / "HELLO" / "01.mp4"
        path.parent.mkdir(parents=True)
        write_video(path, make_frames(4), fps=25)
    recordings = get_dataset("recordings")
    options = Options(signs=("HELLO",), signers=("ana",), repetitions=1, also=(get_dataset("demo"),))
    clips = recordings.prepare(folder, options)
    assert clips.signer.tolist() == ["ana", "zoe", "demo-ana"]
    assert clips.gloss.tolist() == ["HELLO"] * 3
    assert (folder / clips.path.iloc[2]).resolve() == (tmp_path / "demo/videos/ana/HELLO-01.mp4").resolve()
    poses = [recordings.pose_path(folder, clip).relative_to(tmp_path).as_posix() for _, clip in clips.iterrows()]
    assert poses == [
        "recordings/poses/ana-HELLO-01.mp4.pose",
        "recordings/poses/zoe-HELLO-01.mp4.pose",
        "demo/poses/ana-HELLO-01.pose",
    ]
    write_pose(tmp_path / poses[2], make_landmarks(frames=3))
    assert len(read_landmarks(recordings.pose_path(folder, clips.iloc[2])).points) == 3
    with pytest.raises(DatasetError, match="got asl_digits, photographs"):
        recordings.prepare(folder, Options(also=(get_dataset("asl_digits"),)))


def test_recordings_whose_names_differ_only_in_characters_a_file_name_cannot_hold_stay_separate(tmp_path):
    names = {("मा", "C"), ("मी", "C"), ("मी", "C++"), ("ana", "WHO"), ("ana", "WHO?"), ("ana", "🖐"), ("ana", "👋")}
    for signer, gloss in names:
        path = tmp_path / signer / gloss / "01.mp4"
        path.parent.mkdir(parents=True)
        path.touch()
    clips = get_dataset("recordings").find_clips(tmp_path)
    assert set(zip(clips.signer, clips.gloss, strict=True)) == names
    other = tmp_path / "ana" / "YES" / "01.mp4"
    other.parent.mkdir()
    other.touch()
    again = get_dataset("recordings").find_clips(tmp_path).set_index("path").clip_id
    assert (again[clips.path] == clips.clip_id.to_numpy()).all()
    assert again["ana/YES/01.mp4"] == "ana-YES-01.mp4"
