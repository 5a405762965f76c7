"""What `asl datasets check` finds: present, missing, broken."""

from asl_lib.course.check import take_inventory
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import write_video
from tests.conftest import make_frames
from tests.data.test_published_forms import paint, touch


def test_a_sign_and_a_signer_without_any_clip_are_named(tmp_path):
    for sign in range(71, 170):
        touch(tmp_path, *(f"{signer}/train/{sign:04d}/{n}.mp4" for signer in ("01", "03") for n in range(50)))
    inventory = take_inventory(get_dataset("karsl"), tmp_path, subset="100", look_inside=False)
    said = str(inventory)
    assert "published: 15,000 clips, 100 signs, 3 signers" in said
    assert "signs without any clip: 1 (0170)" in said
    assert "signers without any clip: 1; there are 01, 03" in said
    assert inventory.problems().problem.tolist() == ["sign 0170: no clip"]
    (tmp_path / "03" / "train" / "0080" / "7.mp4").unlink()
    problems = take_inventory(get_dataset("karsl"), tmp_path, subset="100", look_inside=False).problems()
    assert problems.problem.tolist() == ["sign 0080, signer 03: 49 of 50 clips", "sign 0170: no clip"]


def test_a_broken_picture_is_named_with_its_reason(tmp_path):
    paint(tmp_path / "0" / "IMG_1.JPG")
    paint(tmp_path / "1" / "IMG_2.JPG")
    whole = (tmp_path / "1" / "IMG_2.JPG").read_bytes()
    (tmp_path / "1" / "IMG_2.JPG").write_bytes(whole[:200])
    touch(tmp_path, "2/IMG_3.JPG")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "IMG_4.JPG").touch()
    inventory = take_inventory(get_dataset("asl_digits"), tmp_path)
    assert len(inventory.present) == 1
    problems = inventory.problems().set_index("path").problem
    assert list(problems.index) == ["1/IMG_2.JPG", "2/IMG_3.JPG", "3/IMG_4.JPG"]
    assert "cannot be read as a picture" in problems["1/IMG_2.JPG"]
    assert "0 bytes" in problems["3/IMG_4.JPG"]


def test_broken_videos_are_named_with_their_reason(tmp_path):
    write_video(tmp_path / "ana" / "HELLO" / "1.mp4", make_frames(3), fps=25)
    touch(tmp_path, "ana/HELLO/2.mp4")
    (tmp_path / "ana" / "HELLO" / "3.mp4").touch()
    inventory = take_inventory(get_dataset("recordings"), tmp_path)
    assert len(inventory.present) == 1
    text = str(inventory)
    assert "broken:  2" in text
    assert "ana/HELLO/2.mp4: is not a video" in text or "ana/HELLO/2.mp4: " in text


def test_a_folder_in_which_every_file_is_broken_has_no_clip_present(tmp_path):
    touch(tmp_path, "01/train/0071/a.mp4")
    inventory = take_inventory(get_dataset("karsl"), tmp_path)
    assert (len(inventory.present), len(inventory.broken), len(inventory.thin)) == (0, 1, 0)
    assert "signers without any clip: 3; there are none" in str(inventory)
