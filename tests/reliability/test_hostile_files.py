"""Files from strangers: a valid value or the library's own sentence, in bounded memory, whatever the bytes."""

import io
import json
import struct
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from asl_lib._util.files import read_npz
from asl_lib.course.params import ParameterError, Params, check_parameters, read_yaml
from asl_lib.data.clips import make_clips, read_clips
from asl_lib.data.errors import DatasetError
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import MediaError, read_frames, video_info, write_video
from asl_lib.evaluation.metrics import Evaluation
from asl_lib.evaluation.results import collect_evaluation, collect_results
from asl_lib.features.photographs import read_photograph
from asl_lib.features.recipe import FeatureRecipe, PhotographRecipe, RecipeError, VideoRecipe, load_recipe
from asl_lib.features.sets import LABELS, ClipSet
from asl_lib.landmarks.extract import extract_clips, extraction_state
from asl_lib.landmarks.landmarks import PARTS, LandmarkError
from asl_lib.landmarks.parquet import read_parquet
from asl_lib.landmarks.pose_file import read_pose, write_pose
from asl_lib.landmarks.store import read_landmarks
from tests.conftest import make_clips as clips_table
from tests.conftest import make_frames, make_landmarks
from tests.reliability.hostile import answer, damaged, little_memory, little_python_memory, tries

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just(10**30), st.just("signer/../..")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
RECIPE = FeatureRecipe(frames=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one whole file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    landmarks = make_landmarks(frames=6)
    write_pose(folder / "clip.pose", landmarks)
    write_video(folder / "clip.mp4", make_frames(6, height=64, width=64), fps=25)
    features().save(folder)
    evaluation = Evaluation.from_arrays(
        np.eye(3), np.arange(3), glosses=("A", "B", "C"), signers=["a"] * 3, clip_ids=["a", "b", "c"]
    )
    evaluation.save(folder / "run" / "lstm" / "held_out_a", model="lstm")
    return folder


def features():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, 8, RECIPE.num_landmarks, 2)).astype(np.float32)
    names = np.array(["a", "b", "c"])
    return ClipSet(replace(RECIPE, glosses=("A", "B", "C")), points, np.arange(3), names, names, np.array(["", "", ""]))


@given(st.data())
@tries(150)
def test_damaged_landmarks_are_read_or_named_and_the_recipe_makes_numbers_of_them(folder, data):
    path = folder / "damaged.pose"
    path.write_bytes(data.draw(damaged((folder / "clip.pose").read_bytes())))
    with little_memory():
        landmarks = answer(lambda: read_pose(path), LandmarkError)
        if isinstance(landmarks, str):
            assert str(path) in landmarks
            return
        assert np.isfinite(landmarks.points[~np.isnan(landmarks.points)]).all()
        assert 0 < landmarks.fps < np.inf
        encoded = answer(lambda: RECIPE.transform(landmarks), RecipeError)
    assert isinstance(encoded, str) or np.isfinite(encoded).all()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@given(st.data())
@tries(150)
def test_damaged_arrays_of_landmarks_are_read_or_named(folder, suffix, data):
    content, values = io.BytesIO(), np.full((2, 126), 0.5, np.float16)
    np.save(content, values) if suffix == ".npy" else np.savez_compressed(content, values=values)
    path = folder / f"damaged{suffix}"
    path.write_bytes(data.draw(damaged(content.getvalue())))
    with little_memory():
        landmarks = answer(lambda: read_landmarks(path), LandmarkError)
    if isinstance(landmarks, str):
        assert str(path) in landmarks
    else:
        assert np.isfinite(landmarks.points[~np.isnan(landmarks.points)]).all()
        assert ((landmarks.confidence >= 0) & (landmarks.confidence <= 1)).all()


def pose_header(version, components, *, frames, people):
    body = struct.pack("<fHHHH", version, 640, 480, 0, len(components))
    for name, form, points in components:
        body += struct.pack("<H", len(name)) + name + struct.pack("<H", len(form)) + form
        body += struct.pack("<HHH", points, 0, 0) + b"\1\0a" * points
    size = struct.pack("<fI", 25, frames) if round(version, 1) == 0.2 else struct.pack("<HH", 25, frames & 0xFFFF)
    return body + size + struct.pack("<H", people)


@pytest.mark.parametrize(
    "content",
    [
        pose_header(0.2, [(b"POSE_LANDMARKS", b"XYZC", 33)], frames=4_000_000_000, people=1),
        pose_header(0.2, [(b"POSE_LANDMARKS", b"XYZC", 33)], frames=4_000_000_000, people=60_000),
        pose_header(0.2, [(b"POSE_LANDMARKS", b"XYZC", 0)], frames=4_000_000_000, people=60_000),
        pose_header(0.2, [(b"POSE_LANDMARKS", b"C", 33)], frames=10, people=1) + bytes(4000),
        pose_header(0.1, [(b"POSE_LANDMARKS", b"XYZC", 0)], frames=60_000, people=0),
        pose_header(0.0, [(b"", b"XC", 0)] * 60_000, frames=60_000, people=60_000) + b"\xff" * 1000,
        pose_header(float("nan"), [], frames=1, people=1),
    ],
    ids=["frames", "people", "no points", "no coordinates", "nobody", "loops of version 0.0", "no version"],
)
def test_a_header_that_claims_billions_of_frames_is_refused_at_once_and_takes_no_memory(tmp_path, content):
    (tmp_path / "large.pose").write_bytes(content)
    with little_python_memory(60), pytest.raises(LandmarkError, match="large.pose"):
        read_pose(tmp_path / "large.pose")


@given(st.data())
@tries(120)
def test_damaged_features_are_read_or_named(folder, data):
    path = folder / "damaged" / "features.npz"
    path.parent.mkdir(exist_ok=True)
    RECIPE.save(path.with_name("recipe.json"))
    path.write_bytes(data.draw(damaged((folder / "features.npz").read_bytes())))
    with little_memory():
        found = answer(lambda: ClipSet.load(path.parent), RecipeError)
    if isinstance(found, str):
        assert str(path) in found
    else:
        assert found.values.shape[0] == len(found.y) == len(found.clip_id)


def npz_of(path, name, *, descr, shape, content=b"", level=zipfile.ZIP_STORED):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", level) as archive:
        archive.writestr(f"{name}.npy", header.getvalue() + content)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_objects_in_features_are_refused_and_do_not_run(folder, tmp_path):
    arrays = {"points": features().values, **{name: getattr(features(), name) for name in LABELS}}
    RECIPE.save(tmp_path / "recipe.json")
    arrays["glosses"] = np.array([Trap(tmp_path / "ran")] * 3, dtype=object)
    np.savez(tmp_path / "features.npz", **arrays)
    with pytest.raises(RecipeError, match="allow_pickle=False"):
        ClipSet.load(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("shape", [(10**12,), (2**40, 2**40), (-1,), (3 * 10**8,)])
def test_an_array_that_claims_more_than_the_file_holds_is_refused_before_there_is_room_for_it(tmp_path, shape):
    npz_of(tmp_path / "large.npz", "a", descr="<f4", shape=shape, content=b"1234")
    with little_python_memory(20), pytest.raises(ValueError, match="more than the file can hold"):
        read_npz(tmp_path / "large.npz", ["a"])


def test_arrays_that_do_not_belong_together_are_refused(tmp_path):
    whole = features()
    RECIPE.save(tmp_path / "recipe.json")
    for name, value, words in (
        ("y", np.array([0, 1, 3]), "numbers of the 3 glosses"),
        ("signer", np.array(["a"]), "one text a clip"),
        ("points", whole.values[:2], "values must be those of 3 clips; got 2"),
        ("points", whole.values[:, :7], r"points must be \(8, 75, 2\), as the recipe says; got \(7, 75, 2\)"),
        ("glosses", np.arange(3), "glosses must be a list of text"),
        ("y", np.float32(1), "one text a clip"),
    ):
        arrays = {"points": whole.values, **{name: getattr(whole, name) for name in LABELS}}
        np.savez(tmp_path / "features.npz", **{**arrays, name: value})
        with pytest.raises(RecipeError, match=words):
            ClipSet.load(tmp_path)


@given(st.data(), st.dictionaries(st.sampled_from([*FeatureRecipe.__dataclass_fields__, "version", "x"]), VALUES))
@tries(120)
def test_a_recipe_of_wrong_values_or_damaged_bytes_is_refused_in_a_sentence(folder, data, changed):
    path = folder / "damaged.json"
    whole = json.loads((folder / "recipe.json").read_text())
    path.write_bytes(data.draw(damaged(json.dumps({**whole, **changed}).encode())) if not changed else
                     json.dumps({**whole, **changed}).encode())  # fmt: skip
    recipe = answer(lambda: load_recipe(path, FeatureRecipe), RecipeError)
    if not isinstance(recipe, str):
        assert recipe.num_features > 0
        assert recipe.encode(np.zeros((recipe.frames, recipe.num_landmarks, recipe.num_coordinates))).size < 5e7


@given(st.dictionaries(st.sampled_from(["size", "glosses", "frames", "flow", "version", "x"]), VALUES))
@tries(60)
def test_a_recipe_for_pictures_of_wrong_values_is_refused_in_a_sentence(folder, changed):
    path = folder / "pictures.json"
    for whole in (PhotographRecipe(size=32), VideoRecipe(size=32, frames=8, flow="dis")):
        whole.save(path)
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
        recipe = answer(lambda: load_recipe(path), RecipeError)
        if isinstance(recipe, str):
            assert "pictures.json" in recipe
        else:
            assert all(isinstance(side, int) for side in recipe.shape)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "\ud800".encode("utf-8", "surrogatepass")]
)
def test_arbitrary_json_is_refused_with_a_reason(tmp_path, text):
    path = tmp_path / "recipe.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecipeError, match=r"recipe\.json"):
        load_recipe(path)
    (tmp_path / "lstm" / "held_out_a").mkdir(parents=True)
    path.rename(tmp_path / "lstm" / "held_out_a" / "metrics.json")
    with pytest.raises(ValueError, match=r"metrics\.json is not a table of results"):
        collect_results(tmp_path)


@given(st.data(), st.sampled_from(["metrics.json", "predictions.csv", "probabilities.npz"]))
@tries(60)
def test_damaged_results_are_read_or_named(folder, tmp_path_factory, data, name):
    run = tmp_path_factory.mktemp("run")
    place = run / "lstm" / "held_out_a"
    place.mkdir(parents=True)
    for path in (folder / "run" / "lstm" / "held_out_a").iterdir():
        content = path.read_bytes()
        (place / path.name).write_bytes(data.draw(damaged(content)) if path.name == name else content)
    for answered in (
        answer(lambda: collect_results(run), ValueError),
        answer(lambda: collect_evaluation(run, "lstm"), ValueError),
    ):
        assert not isinstance(answered, str) or str(run) in answered


@given(st.data())
@tries(60)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_damaged_video_gives_frames_or_a_sentence_that_names_it(folder, data):
    path = folder / "damaged.mp4"
    path.write_bytes(data.draw(st.one_of(damaged((folder / "clip.mp4").read_bytes()), st.binary(max_size=300))))
    with little_memory():
        info = answer(lambda: video_info(path), MediaError)
        count = answer(lambda: sum(picture.size > 0 for _, picture in read_frames(path)), MediaError)
    for answered in (info, count):
        assert not isinstance(answered, str) or str(path) in answered


def test_a_playlist_named_like_a_video_is_not_followed(folder, tmp_path):
    """FFmpeg knows files by their content: a text that names other files would be played as these."""
    (tmp_path / "real.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    path = tmp_path / "video.mp4"
    for text in (
        "ffconcat version 1.0\nfile real.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nreal.mp4\n#EXT-X-ENDLIST\n",
        "\ufeff#EXTM3U\n",
        '<?xml version="1.0"?><MPD></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\n",
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(MediaError, match="not a video"):
            [picture for _, picture in read_frames(path)]


def test_a_series_of_pictures_is_not_a_video(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"secret{number}.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "secret%d.png").write_bytes(b"not a picture itself")
    with pytest.raises(MediaError, match="not a video"):
        [picture for _, picture in read_frames(tmp_path / "secret%d.png")]


def test_pictures_larger_than_any_camera_s_are_refused_by_the_header(tmp_path):
    write_video(tmp_path / "wide.mp4", [np.zeros((16, 8194, 3), np.uint8)], fps=25)
    with pytest.raises(MediaError, match=r"wide\.mp4 must have pictures of at most 8192 px a side; .* 8194x16"):
        video_info(tmp_path / "wide.mp4")


def picture_of(form):
    file = io.BytesIO()
    colours = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    Image.fromarray(colours).save(file, form)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore")
@given(st.data(), st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]))
@tries(150)
def test_a_damaged_photograph_is_read_or_named(folder, data, form):
    path = folder / "damaged.picture"
    path.write_bytes(data.draw(damaged(picture_of(form))))
    with little_memory():
        image = answer(lambda: read_photograph(path, size=32), MediaError)
    if isinstance(image, str):
        assert str(path) in image
    else:
        assert image.shape == (32, 32, 3)
        assert image.dtype == np.uint8


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(60_000, 60_000), (10_000, 9_000)])
def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header(tmp_path, size):
    header = bytearray(picture_of("PNG"))
    header[16:24] = struct.pack(">II", *size)
    header[29:33] = struct.pack(">I", __import__("zlib").crc32(bytes(header[12:29])))
    (tmp_path / "large.png").write_bytes(bytes(header))
    with little_memory(60), pytest.raises(MediaError, match=r"large\.png cannot be read .* pixels|are more than"):
        read_photograph(tmp_path / "large.png", size=32)


def test_a_postscript_picture_is_not_opened(tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n")
    with pytest.raises(MediaError, match="cannot identify"):
        read_photograph(tmp_path / "page.jpg", size=32)


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)) + "signs: *a59\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, r"aliases \(\*name\) are not taken"),
        ("run: !!python/object/apply:os.system ['touch {ran}']", "could not determine a constructor"),
        ("run: !!python/name:os.system", "could not determine a constructor"),
        ("run: !!python/object/new:subprocess.Popen [['touch', '{ran}']]", "could not determine a constructor"),
        ("epochs: " + "9" * 5000, "4300|whole number"),
        ("epochs: 0x" + "f" * 9000, "must be a whole number; got '0xfff"),
        ("signs: " + "[" * 1500 + "]" * 1500, "recursion|must be"),
        ("seed: 99999999999999999999", "less than 4294967296"),
        ("learning_rate: .inf", "must be a number; got '.inf'"),
        ("threshold: .nan", "must be"),
        ("test_signers: 2024-99-99", "must be a list"),
        ("? [a, b]\n: c", "unhashable|There is no parameter"),
        ("run: !!binary '@'", "must be text|base64|valid YAML"),
        ("run: ../../elsewhere", "must be made of letters"),
        ("signs: [" + "[" * 50 + "x" * 9000 + "]" * 50 + "]", "must be text"),
        ("\0", "not valid YAML"),
    ],
)
def test_a_hostile_parameter_file_is_refused_in_a_sentence_of_bearable_length(tmp_path, text, words):
    path = tmp_path / "p.yaml"
    path.write_text(text.replace("{ran}", str(tmp_path / "ran")))
    with little_memory(100), pytest.raises(ParameterError, match=words) as caught:
        check_parameters(read_yaml(path), source=str(path))
    assert len(str(caught.value)) < 3000
    assert not (tmp_path / "ran").exists()


@given(st.dictionaries(st.sampled_from([*Params.model_fields, "x", ""]), VALUES, max_size=4), st.data())
@tries(120)
def test_any_parameter_file_is_checked_or_refused_in_a_sentence(folder, values, data):
    import yaml

    path = folder / "damaged.yaml"
    path.write_bytes(
        data.draw(st.one_of(st.just(yaml.safe_dump(values).encode()), damaged(yaml.safe_dump(values).encode())))
    )
    answer(lambda: check_parameters(read_yaml(path), source=str(path)), ParameterError)


NAMES = st.one_of(
    st.sampled_from(["../evil", "/etc/passwd", "..", "a\0", "C:\\a", "a" * 300, "é", ""]), st.text(max_size=8)
)


@given(
    st.lists(
        st.fixed_dictionaries(dict.fromkeys(("clip_id", "path", "gloss", "signer", "start", "box"), NAMES)),
        max_size=3,
    )
)
@tries(80)
def test_no_name_in_a_clips_table_leads_out_of_a_folder(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("data")
    clips = answer(lambda: make_clips(rows), DatasetError)
    if isinstance(clips, str):
        return
    dataset = get_dataset("recordings")
    for clip in clips.to_dict("records"):
        for place in (dataset.pose_path(folder, clip), folder / clip["path"], folder / f"held_out_{clip['signer']}"):
            assert folder.resolve() in Path(place).resolve().parents or Path(place).resolve() == folder.resolve()


@given(st.data())
@tries(60)
def test_a_damaged_clips_table_is_read_or_named(folder, data):
    path = folder / "clips.csv"
    path.write_bytes(data.draw(damaged(clips_table(["ana", "ben"]).to_csv(index=False).encode())))
    clips = answer(lambda: read_clips(path), DatasetError)
    assert not isinstance(clips, str) or str(path) in clips


LISTS = {
    "wlasl": {
        "WLASL_v0.3.json": json.dumps([{"gloss": "book", "instances": [
            {"video_id": "1", "bbox": [1, 2, 3, 4], "signer_id": 1, "split": "train", "frame_start": 1,
             "frame_end": -1}]}]),
        "nslt_2000.json": json.dumps({"1": {"subset": "train", "action": [0, 1, 20]}}),
        "wlasl_class_list.txt": "0\tbook\n1\tdrink\n",
    },
    "isogd": {"train_list.txt": "train/001/M_00001.avi train/001/K_00001.avi 1\n", "class.csv": "sClass,sLong\nc1,a\n"},
    "autsl": {"train_labels.csv": "signer0_sample1,41\n", "SignList_ClassId_TR_EN.csv": "ClassId,TR,EN\n0,abla,a\n"},
    "asl_citizen": {"splits/train.csv": "Participant ID,Video file,Gloss,ASL-LEX Code\nP1,1-A.mp4,A,x\n"},
    "google_asl_signs": {"train.csv": "path,participant_id,sequence_id,sign\na/1.parquet,26,1,blow\n"},
    "fingerspelling": {"index.csv": "path,spoken_language,words\nase/a.pose,en,a\n"},
    "karsl": {"01/train/0071/a.mp4": "", "KARSL-502_Labels.csv": "SignID,Sign-Arabic,Sign-English\n1,a,b\n"},
}  # fmt: skip


@given(st.data(), st.sampled_from(sorted(LISTS)))
@tries(200)
def test_damaged_lists_of_a_data_set_are_read_or_named(tmp_path_factory, data, name):
    folder = tmp_path_factory.mktemp("data") / name
    bad = data.draw(st.sampled_from(sorted(LISTS[name])))
    for place, text in LISTS[name].items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(data.draw(damaged(text.encode())) if place == bad else text.encode())
    dataset = get_dataset(name)
    clips = answer(lambda: dataset.find_clips(folder), (DatasetError, DatasetError))
    labels = answer(lambda: dataset.labels(folder), DatasetError)
    assert isinstance(labels, str) or all(isinstance(word, str) for word in labels.values())
    if not isinstance(clips, str):
        for path in clips["path"]:
            assert folder.resolve() in (folder / path).resolve().parents


@cache  # it holds the time when it was made
def sheet_of_labels():
    sheet = io.BytesIO()
    pd.DataFrame({"SignID": [1], "Sign-Arabic": ["a"], "Sign-English": ["b"]}).to_excel(sheet, index=False)
    return sheet.getvalue()


@given(st.data())
@tries(40)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_sheet_of_labels_is_read_or_named(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("karsl")
    (folder / "KARSL-502_Labels.xlsx").write_bytes(data.draw(damaged(sheet_of_labels())))
    with little_memory():
        labels = answer(lambda: get_dataset("karsl").labels(folder), DatasetError)
    assert isinstance(labels, dict) or str(folder) in labels


@given(st.data())
@tries(60)
def test_a_damaged_parquet_of_landmarks_is_read_or_named(folder, data):
    path, file = folder / "damaged.parquet", io.BytesIO()
    rows = [(frame, part, index) for frame in (1, 2) for part in PARTS for index in range(3)]
    table = pd.DataFrame(rows, columns=["frame", "type", "landmark_index"]).assign(x=0.5, y=0.5, z=0.0)
    table.to_parquet(file)
    path.write_bytes(data.draw(damaged(file.getvalue())))
    with little_memory():
        landmarks = answer(lambda: read_parquet(path), LandmarkError)
    assert isinstance(landmarks, str) or np.isfinite(landmarks.points[~np.isnan(landmarks.points)]).all()


@given(st.data())
@tries(40)
def test_a_damaged_note_beside_landmarks_means_that_they_are_made_again(folder, data):
    note = json.dumps({"parts": ["pose"], "frames": 6, "pose_bytes": 1, "start": 0})
    clip, pose = {"path": "clip.mp4", "start": 0, "end": -1, "box": ""}, folder / "noted.pose"
    pose.write_bytes(b"1")
    pose.with_suffix(".json").write_bytes(data.draw(st.one_of(damaged(note.encode()), st.just(b"[" * 100_000))))
    assert extraction_state(clip, pose, source_dir=folder, parts=["pose"], tracker="litert", incomplete="keep") in (
        "new",
        "changed",
    )


def test_a_hostile_video_does_not_affect_the_landmarks_of_others(folder, tmp_path):
    """Through the worker processes, as it happens: random bytes, a playlist, a picture, half a file."""
    whole = (folder / "clip.mp4").read_bytes()
    contents = {"noise": np.random.default_rng(0).bytes(5000), "list": b"ffconcat version 1.0\nfile good.mp4\n",
                "picture": picture_of("PNG"), "half": whole[: len(whole) // 2], "good": whole}  # fmt: skip
    for name, content in contents.items():
        (tmp_path / f"{name}.mp4").write_bytes(content)
    clips = make_clips([{"clip_id": n, "path": f"{n}.mp4", "gloss": "A", "signer": "b"} for n in contents])
    extraction = extract_clips(get_dataset("recordings"), tmp_path, clips, ["pose"], workers=1)
    assert extraction.done == 1
    assert sorted(extraction.failures.clip_id) == ["half", "list", "noise", "picture"]
    assert all(len(reason) > 20 for reason in extraction.failures.reason)
