"""Each adapter on a small tree of exactly the form in which its data set is published."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.course.check import take_inventory
from asl_lib.data.clips import parse_box, read_clips, sample_clips
from asl_lib.data.dataset import Options
from asl_lib.data.errors import DatasetError
from asl_lib.data.registry import get_dataset
from asl_lib.data.sets.alphabet import blocks, persons_by_order
from asl_lib.data.video import write_video
from asl_lib.evaluation.splits import check_split
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.store import read_landmarks
from tests.conftest import make_clips, make_frames


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"a file")


def write_lines(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def paint(path, *, size=(20, 20)):
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 150, 120)).save(path)


# WLASL


def wlasl_instance(video_id, **changes):
    instance = {"bbox": [385, 37, 885, 720], "fps": 25, "frame_end": -1, "frame_start": 1, "instance_id": 0}
    instance |= {"signer_id": 118, "source": "aslbrick", "split": "train", "url": "http://a/b.mp4"}
    return instance | {"variation_id": 0, "video_id": video_id} | changes


@pytest.fixture
def wlasl(tmp_path):
    """Three glosses; one video is missing, one is uncut, one was cut and resized already."""
    index = [
        {
            "gloss": "book",
            "instances": [
                wlasl_instance("69241", bbox=[10, 20, 110, 120]),
                wlasl_instance("65225", split="val", signer_id=90),
                wlasl_instance("68011", split="test", signer_id=115, frame_start=3, frame_end=8, bbox=[0, 0, 150, 118]),
            ],
        },
        {
            "gloss": "drink",
            "instances": [wlasl_instance("70001", frame_start=30, frame_end=39, bbox=[500, 0, 900, 700])],
        },
        {"gloss": "computer", "instances": [wlasl_instance("12306")]},
    ]
    (tmp_path / "WLASL_v0.3.json").write_text(json.dumps(index), encoding="utf-8")
    for name, count in (("69241", 6), ("68011", 20), ("70001", 10), ("12306", 5)):
        write_video(tmp_path / "videos" / f"{name}.mp4", make_frames(count), fps=25)
    return tmp_path


def test_wlasl_lists_missing_videos_and_keeps_the_official_split_and_signers(wlasl):
    clips = get_dataset("wlasl").prepare(wlasl)
    assert clips.clip_id.tolist() == ["12306", "68011", "69241", "70001"]
    assert clips.split.tolist() == ["train", "test", "train", "train"]
    assert clips.signer.tolist() == ["118", "115", "118", "118"]
    assert pd.read_csv(wlasl / "missing.csv", dtype=str).clip_id.tolist() == ["65225"]
    assert "missing: 1 (videos/65225.mp4)" in str(take_inventory(get_dataset("wlasl"), wlasl))


def test_wlasl_cuts_only_uncut_videos(wlasl):
    clips = get_dataset("wlasl").prepare(wlasl).set_index("clip_id")
    assert clips.loc["68011", ["start", "end", "box"]].tolist() == [2, 8, "0 0 150 118"], "frames are counted from 1"
    assert clips.loc["70001", ["start", "end", "box"]].tolist() == [0, -1, ""], "ten frames were cut out already"
    assert clips.loc["69241", "box"] == "10 20 110 120"
    assert clips.loc["12306", "box"] == "", "a box that is larger than the picture belongs to another size"


def test_wlasl_frame_numbers_follow_the_rate_of_the_file(wlasl):
    write_video(wlasl / "videos" / "68011.mp4", make_frames(40), fps=50)
    clips = get_dataset("wlasl").prepare(wlasl).set_index("clip_id")
    assert clips.loc["68011", ["start", "end"]].tolist() == [4, 16]


def test_wlasl_subsets_come_from_their_lists_or_from_the_order_of_glosses(wlasl):
    dataset = get_dataset("wlasl")
    write_lines(wlasl / "wlasl_class_list.txt", "0\tbook", "1\tdrink")
    videos = {"69241": {"subset": "val", "action": [0, 1, 6]}, "99999": {"subset": "test", "action": [1, 1, 9]}}
    (wlasl / "nslt_100.json").write_text(json.dumps(videos))
    assert dataset.find_clips(wlasl, "100").clip_id.tolist() == ["69241", "99999"]
    assert dataset.prepare(wlasl, Options(subset="100"))[["split", "signer"]].to_numpy().tolist() == [
        ["validation", "118"]
    ]
    assert dataset.find_clips(wlasl, "300").gloss.nunique() == 3
    for action in ([0, None, 3], [[0], 1, 3], ["x", "y", "z"]):
        (wlasl / "nslt_100.json").write_text(json.dumps({"99999": {"subset": "test", "action": action}}))
        with pytest.raises(DatasetError, match=r"nslt_100\.json: '99999' has no usable subset and action"):
            dataset.find_clips(wlasl, "100")
    with pytest.raises(DatasetError, match="no subset '50'. It has: 100, 300, 1000, 2000"):
        dataset.prepare(wlasl, Options(subset="50"))


def test_wlasl_is_found_inside_the_folders_of_an_archive_and_a_damaged_list_is_named(wlasl, tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    shutil.copytree(wlasl, outer / "wlasl-processed" / "archive")
    assert len(get_dataset("wlasl").prepare(outer)) == 4
    (wlasl / "WLASL_v0.3.json").write_text('[{"gloss": "book"')
    with pytest.raises(DatasetError, match="not a whole JSON file"):
        get_dataset("wlasl").prepare(wlasl)
    (wlasl / "WLASL_v0.3.json").write_text('[{"gloss": "book", "instances": [{"bbox": [1, 2]}]}]')
    with pytest.raises(DatasetError, match="not of the form of WLASL"):
        get_dataset("wlasl").prepare(wlasl)


def test_the_published_list_of_wlasl_100_has_its_published_size(shared_data, tmp_path):
    shutil.copytree(shared_data / "wlasl", tmp_path / "wlasl")
    clips = get_dataset("wlasl").find_clips(tmp_path / "wlasl", "100")
    assert len(clips) == 2038
    assert clips.gloss.nunique() == 100
    assert clips.split.value_counts().to_dict() == {"train": 1442, "validation": 338, "test": 258}
    assert {"book", "drink", "computer"} <= set(clips.gloss)
    with pytest.raises(DatasetError, match="None of the 2038 clips"):
        get_dataset("wlasl").prepare(tmp_path / "wlasl", Options(subset="100"))


# KArSL


def test_karsl_is_read_from_folders_and_from_flat_names(tmp_path):
    touch(
        tmp_path,
        "01/train/0071/03_01_0071_(18_12_16_15_35_56)_c.mp4",
        "01/test/0072/a.mp4",
        "02/train/0171/b.mp4",
        "03_02_0170_(10_10_17_16_53_07)_c.mp4",
        "notes.mp4",
        "02/train/0171/.b.mp4",
    )
    karsl = get_dataset("karsl")
    clips = karsl.prepare(tmp_path)
    assert sorted(zip(clips.signer, clips.gloss, clips.split, strict=True)) == [
        ("01", "0071", "train"),
        ("01", "0072", "test"),
        ("02", "0171", "train"),
        ("03", "0170", ""),
    ]
    assert sorted(karsl.prepare(tmp_path, Options(subset="100")).gloss) == ["0070", "0071", "0072", "0170"][1:]
    assert sorted(karsl.find_clips(tmp_path, "190").gloss) == ["0071", "0072", "0170", "0171"]
    found = str(take_inventory(karsl, tmp_path, files="count"))
    assert "present: 4 clips, 4 signs, 3 signers" in found
    assert "sign 0071, signer 01: 1" in found
    assert "sign 0071, signer 02: 0" in found


def test_karsl_as_folders_of_frames_is_refused_with_the_command_that_makes_videos(tmp_path):
    touch(tmp_path, "01/01/train/0071/03_01_0071_(18_12_16_15_35_56)_c/frame_0001.jpg")
    with pytest.raises(DatasetError, match="each video is a folder of pictures.*docs/datasets/karsl.md"):
        get_dataset("karsl").prepare(tmp_path)


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_karsl_labels_are_read_in_both_languages(tmp_path, suffix):
    table = pd.DataFrame(
        {"SignID": [71, 72], "Sign-Arabic": ["هيكل عظمي", "جمجمة"], "Sign-English": ["Skeleton", "Skull"]}
    )
    path = tmp_path / f"KARSL-502_Labels{suffix}"
    table.to_excel(path, index=False) if suffix == ".xlsx" else table.to_csv(path, index=False)
    karsl = get_dataset("karsl")
    assert karsl.labels(tmp_path) == {"0071": "هيكل عظمي", "0072": "جمجمة"}
    assert karsl.labels(tmp_path, language="English") == {"0071": "Skeleton", "0072": "Skull"}
    with pytest.raises(DatasetError, match="no column 'Sign-French'"):
        karsl.labels(tmp_path, language="French")


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_labels_that_look_like_missing_values_stay_text(tmp_path, suffix):
    words = ["None", "N/A", "null", "nan", "NA", "TRUE", "1e3", "007"]
    table = pd.DataFrame({"SignID": range(71, 71 + len(words)), "Sign-Arabic": words, "Sign-English": words})
    path = tmp_path / f"KARSL-502_Labels{suffix}"
    table.to_excel(path, index=False) if suffix == ".xlsx" else table.to_csv(path, index=False)
    assert list(get_dataset("karsl").labels(tmp_path, language="English").values()) == words


def test_labels_like_null_stay_text_in_other_data_sets_too(tmp_path):
    write_lines(tmp_path / "SignList_ClassId_TR_EN.csv", "ClassId,TR,EN", "3,null,None", "41,N/A,NA")
    assert get_dataset("autsl").labels(tmp_path) == {"003": "None", "041": "NA"}
    write_lines(tmp_path / "class.csv", "sClass,sLong", "c1,None", "c2,null")
    assert get_dataset("isogd").labels(tmp_path) == {"001": "None", "002": "null"}
    assert "None" in get_dataset("lsa64").labels(tmp_path).values()


# Photographs


@given(st.integers(10, 3000))
def test_blocks_in_time_never_touch_each_other(count):
    sides = blocks(count)
    assert len(sides) == count
    kept = [side for side in sides if side != "gap"]
    assert kept == sorted(kept, key=["train", "validation", "test"].index), "each side must be one block"
    for one, other in pairwise(sides):
        assert one == other or "gap" in (one, other), "neighbouring pictures stand on two sides"
    assert sides.count("gap") <= 4 + 0.05 * count


def test_the_alphabet_is_found_in_its_doubled_folder_and_split_by_blocks(tmp_path):
    for letter in ("A", "B", "space"):
        for number in range(1, 41):
            touch(tmp_path, f"asl_alphabet_train/asl_alphabet_train/{letter}/{letter}{number}.jpg")
    touch(
        tmp_path, "asl_alphabet_test/asl_alphabet_test/A_test.jpg", "asl_alphabet_test/asl_alphabet_test/space_test.jpg"
    )
    clips = get_dataset("asl_alphabet").prepare(tmp_path)
    assert sorted(set(clips.gloss)) == ["A", "B", "space"]
    letter = clips[(clips.gloss == "A") & (clips.split != "")]
    number = letter.clip_id.str[1:].astype(int)
    last, first = number[letter.split == "train"].max(), number[letter.split == "test"].min()
    assert last < number[letter.split == "validation"].min() - 1
    assert first > number[letter.split == "validation"].max() + 1
    assert set(clips[clips.clip_id.str.endswith("_test")].split) == {""}, (
        "a neighbour of training pictures tests nothing"
    )
    assert set(clips[clips.clip_id.str.endswith("_test")].gloss) == {"A", "space"}


def test_a_sample_contains_each_picture_once_and_keeps_the_split_s_proportions(tmp_path):
    for number in range(1, 201):
        touch(tmp_path, f"A/A{number}.jpg")
    dataset = get_dataset("asl_alphabet")
    clips = dataset.prepare(tmp_path, Options(clips_per_sign=50, seed=1))
    assert len(clips) == clips.path.nunique() == 50
    assert 33 <= (clips.split == "train").sum() <= 37
    pd.testing.assert_frame_equal(clips, dataset.prepare(tmp_path, Options(clips_per_sign=50, seed=1)))
    assert clips.clip_id.tolist() != dataset.prepare(tmp_path, Options(clips_per_sign=50, seed=2)).clip_id.tolist()


@given(st.integers(1, 30), st.integers(0, 5))
def test_a_sample_is_never_larger_than_requested_and_has_no_duplicates(per_sign, seed):
    clips = make_clips([f"s{index % 3}" for index in range(40)], ["YES" if index % 4 else "NO" for index in range(40)])
    sample = sample_clips(clips, per_sign=per_sign, seed=seed)
    assert sample.clip_id.is_unique
    counts = sample.gloss.value_counts()
    assert counts["NO"] == min(10, per_sign)
    assert counts["YES"] == min(30, per_sign)


def test_persons_are_recovered_from_the_order_of_the_digits(tmp_path):
    order = [0, 1, 2, 5, 0, 3, 3, 9]
    assert persons_by_order(order) == [0, 0, 0, 0, 1, 1, 2, 2]
    for index, digit in enumerate(order):
        paint(tmp_path / str(digit) / f"IMG_{998 + index}.JPG")
    clips = get_dataset("asl_digits").prepare(tmp_path)
    assert dict(zip(clips.path, clips.signer, strict=True))["3/IMG_1003.JPG"] == "person001"
    assert clips.signer.nunique() == 3


def test_the_real_digits_come_from_some_218_persons(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("ASL_SHARED_DATA", str(shared_data))
    clips = get_dataset("asl_digits").find_clips(get_dataset("asl_digits").source_dir(tmp_path / "asl_digits"))
    assert len(clips) == 2062
    assert abs(clips.signer.nunique() - 218) <= 2
    assert clips.groupby("signer").gloss.agg(lambda digits: digits.is_unique).all(), "a person shows a digit once"


# ChaLearn IsoGD


def test_isogd_keeps_colour_and_depth_apart_under_the_same_ids(tmp_path):
    folder = tmp_path / "isogd"
    write_lines(
        folder / "train_list.txt",
        "train/001/M_00001.avi train/001/K_00001.avi 26",
        "train/001/M_00002.avi train/001/K_00002.avi 19",
    )
    write_lines(folder / "valid_list.txt", "valid/001/M_00001.avi valid/001/K_00001.avi 109")
    touch(folder, "train/001/M_00001.avi", "train/001/K_00001.avi", "train/001/K_00002.avi", "valid/001/M_00001.avi")
    colour = get_dataset("isogd").prepare(folder)
    depth = get_dataset("isogd_depth").prepare(tmp_path / "isogd_depth")
    assert colour.path.tolist() == ["train/001/M_00001.avi", "valid/001/M_00001.avi"]
    assert depth.path.tolist() == ["train/001/K_00001.avi", "train/001/K_00002.avi"]
    assert colour.clip_id[0] == depth.clip_id[0] == "train-00001"
    assert colour[["gloss", "split"]].to_numpy().tolist() == [["026", "train"], ["109", "validation"]]
    assert get_dataset("isogd").pose_path(folder, colour.iloc[0]) != get_dataset("isogd_depth").pose_path(
        tmp_path / "isogd_depth", depth.iloc[0]
    )
    write_lines(folder / "test_list.txt", "test/001/M_00001.avi 38")
    with pytest.raises(DatasetError, match="test_list.txt, line 1 must be"):
        get_dataset("isogd").prepare(folder)


def test_the_published_lists_of_isogd_are_read_with_their_class_names(shared_data):
    dataset = get_dataset("isogd")
    clips = dataset.find_clips(shared_data / "isogd")
    assert clips.split.value_counts().to_dict() == {"train": 300, "validation": 300, "test": 300}
    labels = dataset.labels(shared_data / "isogd")
    assert len(labels) == 249
    assert labels["001"] == "Mudra1/Ardhachandra"
    assert set(clips.gloss) <= set(labels)
    check_split(clips, **{side: np.flatnonzero(clips.split == side) for side in ("train", "validation", "test")})


# The others


def test_lsa64_is_read_from_its_file_names(tmp_path):
    touch(tmp_path, "all/001_001_001.mp4", "all/001_001_002.mp4", "all/064_010_005.mp4", "all/cover.mp4")
    lsa64 = get_dataset("lsa64")
    clips = lsa64.prepare(tmp_path)
    assert clips[["gloss", "signer"]].to_numpy().tolist() == [["001", "001"], ["001", "001"], ["064", "010"]]
    labels = lsa64.labels(tmp_path)
    assert len(labels) == len(set(labels.values())) == 64
    assert (labels["001"], labels["042"], labels["064"]) == ("Opaque", "Deaf", "Find")
    assert "sign 001, signer 001: 2" in str(take_inventory(lsa64, tmp_path, files="count"))


def test_autsl_reads_the_colour_videos_in_its_label_files(tmp_path):
    write_lines(tmp_path / "train_labels.csv", "signer0_sample1,41", "signer1_sample4,3")
    write_lines(tmp_path / "val" / "ground_truth.csv", "signer6_sample2,7")
    write_lines(tmp_path / "SignList_ClassId_TR_EN.csv", "ClassId,TR,EN", "3,acele,hurry", "41,bekar,single")
    touch(
        tmp_path,
        *(f"train/train/signer0_sample1_{stream}.mp4" for stream in ("color", "depth")),
        "val/signer6_sample2_color.mp4",
    )
    autsl = get_dataset("autsl")
    clips = autsl.prepare(tmp_path)
    assert clips.path.tolist() == ["train/train/signer0_sample1_color.mp4", "val/signer6_sample2_color.mp4"]
    assert clips[["gloss", "signer", "split"]].to_numpy().tolist() == [
        ["041", "00", "train"],
        ["007", "06", "validation"],
    ]
    assert pd.read_csv(tmp_path / "missing.csv").clip_id.tolist() == ["signer1_sample4"]
    assert autsl.labels(tmp_path) == {"003": "hurry", "041": "single"}
    write_lines(tmp_path / "test_labels.csv", "signer6;7")
    with pytest.raises(DatasetError, match="line 1 must be like 'signer0_sample1,41'"):
        autsl.prepare(tmp_path)


def test_asl_citizen_uses_its_lists_and_not_the_file_names(tmp_path):
    folder = tmp_path / "ASL_Citizen"
    header = "Participant ID,Video file,Gloss,ASL-LEX Code"
    write_lines(folder / "splits" / "train.csv", header, "P52,11562742429028061-REMEMBER.mp4,REMEMBER2,C_02_014")
    write_lines(folder / "splits" / "val.csv", header, "P49,4.729912950-seedCAT.mp4,CAT ,B_01_001")
    write_lines(folder / "splits" / "test.csv", header, "P6,0987-DOG.mp4,DOG1,B_01_002")
    touch(folder, "videos/11562742429028061-REMEMBER.mp4", "videos/4.729912950-seedCAT.mp4")
    clips = get_dataset("asl_citizen").prepare(tmp_path)
    assert clips[["gloss", "signer", "split"]].to_numpy().tolist() == [
        ["REMEMBER2", "P52", "train"],
        ["CAT", "P49", "validation"],
    ]
    write_lines(folder / "splits" / "test.csv", "Participant,Video file,Gloss", "P6,0987-DOG.mp4,DOG1")
    with pytest.raises(DatasetError, match=r"no column 'Participant ID' \(found: Participant, Video file, Gloss\)"):
        get_dataset("asl_citizen").prepare(tmp_path)


def google_parquet(path, *, frames=(20, 21, 22)):
    """Write landmarks of the competition's form: a row per frame, part and landmark; frames need not start at 0."""
    rows = []
    for frame in frames:
        for part, count in (("face", 468), ("left_hand", 21), ("pose", 33), ("right_hand", 21)):
            for index in range(count):
                seen = part != "left_hand" or frame == frames[0]
                xyz = (index / 1000, frame / 100, -0.5) if seen else (np.nan,) * 3
                rows.append((frame, f"{frame}-{part}-{index}", part, index, *xyz))
    columns = ["frame", "row_id", "type", "landmark_index", "x", "y", "z"]
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_parquet(path, index=False)


def test_google_asl_signs_are_read_from_parquet_unchanged(tmp_path):
    path = "train_landmark_files/26734/1000035562.parquet"
    write_lines(
        tmp_path / "train.csv", "path,participant_id,sequence_id,sign", f"{path},26734,1000035562,blow",
        "train_landmark_files/28656/1000106739.parquet,28656,1000106739,wait",
    )  # fmt: skip
    google_parquet(tmp_path / path)
    dataset = get_dataset("google_asl_signs")
    clips = dataset.prepare(tmp_path)
    assert clips[["clip_id", "gloss", "signer"]].to_numpy().tolist() == [["26734-1000035562", "blow", "26734"]]
    landmarks = read_landmarks(dataset.pose_path(tmp_path, clips.iloc[0]))
    assert landmarks.points.shape == (3, 543, 3)
    assert landmarks.parts == ("pose", "face", "left_hand", "right_hand")
    assert landmarks.seen("left_hand").tolist() == [True, False, False]
    np.testing.assert_allclose(landmarks.part("right_hand")[1, 20], [0.020, 0.21, -0.5], rtol=1e-5)
    np.testing.assert_allclose(landmarks.part("pose")[2, 32], [0.032, 0.22, -0.5], rtol=1e-5)
    assert not list(tmp_path.rglob("*.pose"))

    (tmp_path / path).write_bytes(b"PAR1 damaged")
    with pytest.raises(LandmarkError, match="not a whole parquet file"):
        read_landmarks(dataset.pose_path(tmp_path, clips.iloc[0]))
    assert "broken:  1" in str(take_inventory(dataset, tmp_path))


@pytest.mark.parametrize(
    "name",
    ["recordings", "fingerspelling", "wlasl", "karsl", "asl_citizen", "autsl", "lsa64", "google_asl_signs", "isogd"],
)
def test_an_empty_folder_explains_how_to_get_the_data_set(name, tmp_path, monkeypatch):
    monkeypatch.delenv("ASL_SHARED_DATA", raising=False)
    folder = tmp_path / "a" / "data" / name
    with pytest.raises(DatasetError, match=f"{folder}.*docs/datasets/{name}.md"):
        get_dataset(name).prepare(folder)


def test_clips_and_boxes_are_unchanged_after_saving_and_loading(wlasl):
    clips = get_dataset("wlasl").prepare(wlasl)
    pd.testing.assert_frame_equal(read_clips(wlasl / "clips.csv"), clips)


@pytest.mark.parametrize("text", ["1 2 3", "a b c d", "5 5 5 9", "-1 0 4 4"])
def test_a_box_that_encloses_nothing_is_refused(text):
    with pytest.raises(DatasetError, match="left top right bottom"):
        parse_box(text)
