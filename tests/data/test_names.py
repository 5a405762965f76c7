"""Names in any script: ids that differ and fit a file system, one gloss for one meaning, and what is left out."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.course.check import take_inventory
from asl_lib.data.clips import make_clips, read_clips, select_clips, write_clips
from asl_lib.data.dataset import Options
from asl_lib.data.errors import DatasetError
from asl_lib.data.names import LONGEST_NAME_BYTES, clean_name, clip_id_of, is_plain_name, walk
from asl_lib.data.registry import get_dataset
from tests.data.test_published_forms import touch

RECORDINGS = get_dataset("recordings")


def row(place, **changes):
    signer, gloss, name = place.split("/")
    return {"clip_id": clip_id_of(signer, gloss, name), "path": place, "gloss": gloss, "signer": signer, **changes}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("की", "का"),
        ("C", "C++"),
        ("👋", "🙏"),
        ("WHO", "WHO?"),
        ("كَتَبَ", "كُتُبُ"),
        ("A-B", "A B"),
        ("HELLO", "Hello"),
    ],
)
def test_glosses_of_any_script_or_symbol_have_ids_that_differ_even_where_a_file_system_ignores_case(
    tmp_path, first, second
):
    touch(tmp_path, f"ana/{first}/01.mp4", f"ana/{second}/01.mp4")
    clips = RECORDINGS.find_clips(tmp_path)
    assert set(clips.gloss) == {first, second}
    assert clips.clip_id.str.casefold().is_unique
    assert all(map(is_plain_name, clips.clip_id))


# No surrogates: a name that is not UTF-8 is left out, see below. NUL and "/" are in no file's name.
NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\\:\0"), min_size=1, max_size=60)
NAMES = NAMES.filter(lambda name: is_plain_name(clean_name(name)))


@given(st.sets(st.tuples(NAMES, NAMES), min_size=1, max_size=12))
def test_ids_of_any_names_are_distinct_plain_and_short_enough_for_a_file_system(names):
    clips = make_clips([row(f"{signer}/{gloss}/01.mp4") for signer, gloss in sorted(names)])
    assert len(clips) == len(names)
    assert clips.clip_id.str.casefold().is_unique
    assert all(len(os.fsencode(clip_id)) <= LONGEST_NAME_BYTES for clip_id in clips.clip_id)
    assert all(map(is_plain_name, clips.clip_id))


def test_a_signer_s_name_may_contain_the_joiners_of_its_script(tmp_path):
    persian, emoji = "علی\u200cرضا", "👩\u200d🏫"
    touch(tmp_path, f"{persian}/HELLO/01.mp4", f"{emoji}/HELLO/01.mp4")
    assert set(RECORDINGS.prepare(tmp_path).signer) == {persian, emoji}
    assert RECORDINGS.left_out(tmp_path) == {}


def test_a_long_name_in_a_script_of_two_bytes_a_letter_is_shortened_in_its_id_and_the_table_is_written(tmp_path):
    names = [f"{'م' * 20}/{'ك' * 60}/{'ن' * 60}{number}.mp4" for number in (1, 2)]
    touch(tmp_path, *names)
    clips = RECORDINGS.prepare(tmp_path)
    assert set(clips.path) == set(names)
    assert clips.clip_id.is_unique
    for clip_id in clips.clip_id:
        assert len(os.fsencode(f".{clip_id}.{'0' * 12}.part.pose")) <= 255
        (tmp_path / f"{clip_id}.pose").touch()


def test_valid_ids_are_unchanged(tmp_path):
    touch(tmp_path, "ana/GOOD MORNING/1.mp4", "ana/C/01.mp4", "ana/قلب/02.mp4", "é/WHO?/01.MOV")
    ids = set(RECORDINGS.find_clips(tmp_path).clip_id)
    assert ids == {"ana-GOOD_MORNING-1.mp4", "ana-C-01.mp4", "ana-قلب-02.mp4", "é-WHO-01.MOV"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CAFE\u0301", "CAFÉ"),
        ("HELLO ", "HELLO"),
        ("GOOD  MORNING", "GOOD MORNING"),
        ("GOOD\u00a0MORNING", "GOOD MORNING"),
        ("\ufeffHELLO", "HELLO"),
        ("HEL\u200bLO", "HELLO"),
        ("HEL\u00adLO", "HELLO"),
        ("HEL\u200dLO", "HELLO"),
        ("\u202bقلب\u202c", "قلب"),
        ("❤\ufe0f", "❤"),
        ("A\tB\nC", "A B C"),
    ],
)
def test_spaces_and_invisible_characters_do_not_create_a_second_gloss(written, meant):
    assert clean_name(written) == clean_name(meant) == meant


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cخواهم",  # Persian: a zero-width non-joiner inside the word
        "क्\u200dष",  # Hindi: half letters, with a joiner after the virama
        "র\u200d্য",  # Bengali: the joiner before the virama
        "അവന്\u200d",  # Malayalam: a chillu at the end
        "👩\u200d🏫",
        "👩🏽\u200d🚀",
        "THANK-YOU",
        "1'000",
    ],
)
def test_joiners_are_kept_where_a_script_or_an_emoji_needs_them(name):
    assert clean_name(name) == unicodedata.normalize("NFC", name)


@given(st.text(max_size=40))
def test_cleaning_a_name_twice_changes_nothing(text):
    once = clean_name(text)
    assert clean_name(once) == once == once.strip()
    assert unicodedata.is_normalized("NFC", once)


def test_two_unicode_normal_forms_of_a_gloss_are_one_gloss_everywhere(tmp_path):
    composed, decomposed = "CAFÉ", "CAFE\u0301"
    touch(tmp_path, f"ana/{composed}/01.mp4", f"ben/{decomposed}/01.mp4", f"ana/{decomposed}/01.mp4")
    clips = RECORDINGS.prepare(tmp_path)
    assert set(clips.gloss) == {composed}
    assert len(set(clips.clip_id)) == 3
    assert all((tmp_path / path).is_file() for path in clips.path), "a path stays as it is on the disk"
    assert len(select_clips(clips, signs=[decomposed])) == 3
    write_clips(clips.assign(gloss=decomposed), tmp_path / "clips.csv")
    assert set(read_clips(tmp_path / "clips.csv").gloss) == {composed}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("ana/HELLO/1.mp4", "ben/Hello/1.mp4"), "glosses differ only in upper and lower case: HELLO, Hello"),
        (("ana/HELLO/1.mp4", "ben/ＨＥＬＬＯ/1.mp4"), "glosses differ only in upper and lower case: HELLO, ＨＥＬＬＯ"),
        (("Ana/HELLO/1.mp4", "ana/HELLO/2.mp4"), "signers differ only in upper and lower case: Ana, ana"),
    ],
)
def test_names_that_differ_only_in_case_give_a_warning(tmp_path, names, words):
    touch(tmp_path, *names)
    with pytest.warns(UserWarning, match=words):
        RECORDINGS.prepare(tmp_path, Options())
    assert words in str(take_inventory(RECORDINGS, tmp_path, files="count"))


def test_a_recorded_gloss_that_differs_in_case_from_another_data_set_s_gives_a_warning(tmp_path):
    touch(tmp_path / "recordings", "zoe/hello/1.mp4")
    options = Options(signs=("HELLO",), signers=("ana",), repetitions=1, also=(get_dataset("demo"),), workers=1)
    with pytest.warns(UserWarning, match="case: HELLO, hello"):
        RECORDINGS.prepare(tmp_path / "recordings", options)


def test_skipped_files_are_counted_and_named_in_one_line(tmp_path):
    touch(tmp_path, "ana/HELLO/01.mp4", "ana/HELLO/takes/02.mp4", "ana/HELLO/takes/03.mp4", "ana/HELLO/04.3gp")
    touch(tmp_path, "ana/BOOK.mp4", ".Trash-1000/files/01.mp4", "ana/.Trash/01.mp4")
    touch(tmp_path, "clips.csv", "poses/a.pose", "preview/a.mp4", "ana/HELLO/.01.mp4")
    inventory = take_inventory(RECORDINGS, tmp_path, files="count")
    assert inventory.present.path.tolist() == ["ana/HELLO/01.mp4"]
    line = next(line for line in str(inventory).splitlines() if "left out" in line)
    assert line.strip() == (
        "files left out: 3 hidden or in hidden folders (.Trash-1000/files/01.mp4, …), 1 outside <signer>/<gloss>/ "
        "(ana/BOOK.mp4), 1 with other suffixes (ana/HELLO/04.3gp), 2 in nested folders (ana/HELLO/takes/02.mp4, …)"
    )


def test_videos_above_all_signers_or_of_a_signer_named_like_a_folder_of_the_course_are_named(tmp_path):
    touch(tmp_path, "top.mp4", "poses/HELLO/1.mp4", "poses/a.pose", "preview/a.mp4", "clips.csv")
    assert RECORDINGS.left_out(tmp_path) == {
        "in a folder that the course writes itself, poses: give the signer another name": ["poses/HELLO/1.mp4"],
        "outside <signer>/<gloss>/": ["top.mp4"],
    }


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_a_file_name_that_is_not_utf8_is_skipped_and_named(tmp_path):
    touch(tmp_path, "ana/HELLO/01.mp4")
    bad = tmp_path / "ana" / os.fsdecode(b"\xd1and\xfa")
    try:
        bad.mkdir()
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    (bad / "01.mp4").touch()
    assert len(RECORDINGS.prepare(tmp_path)) == 1
    assert "1 with unusable names (ana/\ufffdand\ufffd/01.mp4)" in str(
        take_inventory(RECORDINGS, tmp_path, files="count")
    )


@pytest.mark.parametrize("name", ["recordings", "karsl", "lsa64", "asl_digits"])
def test_linked_folders_are_followed_by_every_data_set_and_loops_end(tmp_path, name):
    files = {
        "recordings": "ana/HELLO/01.mp4",
        "karsl": "01/train/0071/a.mp4",
        "lsa64": "all/001_001_001.mp4",
        "asl_digits": "0/IMG_1.JPG",
    }
    touch(tmp_path / "elsewhere", files[name])
    folder = tmp_path / "here"
    folder.mkdir()
    top = files[name].split("/")[0]
    try:
        (folder / top).symlink_to(tmp_path / "elsewhere" / top, target_is_directory=True)
        (tmp_path / "elsewhere" / top / "loop").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("no links can be made here")
    assert get_dataset(name).find_clips(folder).path.tolist() == [files[name]]


def test_folders_that_link_to_each_other_do_not_loop_forever(tmp_path):
    for name, other in (("ana", "ben"), ("ben", "ana")):
        touch(tmp_path, f"{name}/1.mp4")
        (tmp_path / name / other).symlink_to(tmp_path / other, target_is_directory=True)
    found = [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path)]
    assert found == ["ana/1.mp4", "ana/ben/1.mp4", "ben/1.mp4", "ben/ana/1.mp4"]


def test_a_table_with_a_duplicate_clip_is_refused():
    with pytest.raises(DatasetError, match="occurs twice"):
        make_clips([row("ana/HELLO/01.mp4")] * 2)
