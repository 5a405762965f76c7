"""Archives from strangers: nothing outside the folder, no bomb, no other error than the library's own."""

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.data.errors import DatasetError
from asl_lib.data.unpack import unpack
from tests.reliability.hostile import answer, damaged, little_memory, tries

NAMES = st.one_of(
    st.sampled_from(
        ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil", "a", "a/b", "a/", ".", "", "a/./b", "//evil",
         "a\0b", "\u202egpj.exe", "é/ü", "x" * 300, ".a.part", "CON", "a" + "/b" * 400]
    ),
    st.text(alphabet="ab./\\:\0é", max_size=12),
)  # fmt: skip
KINDS = [stat.S_IFREG, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR]
ENTRIES = st.lists(st.tuples(NAMES, st.binary(max_size=40), st.sampled_from(KINDS)), min_size=1, max_size=5)


def zip_of(entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, kind in entries:
            info = zipfile.ZipInfo("a")
            info.filename = name  # as it is: the constructor would clean it
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, content)
    return file.getvalue()


def everything(folder):
    return {path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def look(folder, archive):
    """Unpack and assert that nothing but regular files lies in the archive's own folder."""
    answered = answer(lambda: unpack(archive, folder / "data"), DatasetError)
    inside = folder / "data"
    assert all(path == archive or inside in path.parents for path in everything(folder)), "a file outside the folder"
    assert not any(path.is_symlink() for path in folder.rglob("*")), "a link"
    if isinstance(answered, Path):
        assert answered.is_dir()
    return answered


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(ENTRIES)
@tries(60)
def test_no_archive_writes_outside_its_folder(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("archive")
    try:
        made = zip_of(entries)
    except (ValueError, UnicodeError):
        return  # Python's own writer refuses it
    archive = folder / "set.zip"
    archive.write_bytes(made)
    look(folder, archive)


WHOLE = [("videos/1.mp4", bytes(range(256)) * 4, stat.S_IFREG), ("list.json", b"{}" * 50, stat.S_IFREG)]


@given(st.data())
@tries(400)
def test_a_damaged_archive_is_unpacked_or_named_in_a_sentence(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("archive")
    archive = folder / "set.zip"
    archive.write_bytes(data.draw(damaged(zip_of(WHOLE))))
    with little_memory():
        answered = look(folder, archive)
    assert isinstance(answered, Path) or str(archive) in answered, "the sentence must name the archive"


@pytest.mark.parametrize("name", ["x" * 256, "x" * 250, "é" * 125, "/".join(["folder"] * 800)])
def test_a_name_that_no_file_system_takes_is_refused_before_anything_is_written(tmp_path, name):
    content = zip_of([("a", b"first", stat.S_IFREG), (name, b"second", stat.S_IFREG)])
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(DatasetError, match=r"set\.zip has a name that is too long: '\w.*Nothing was unpacked"):
        unpack(tmp_path / "set.zip", tmp_path)
    assert [path.name for path in everything(tmp_path)] == ["set.zip"]


def test_duplicate_names_give_one_file_with_the_content_of_one_of_them(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zip_of([("a", b"first", stat.S_IFREG), ("a", b"second!", stat.S_IFREG)])
    (tmp_path / "set.zip").write_bytes(content)
    assert [path.read_bytes() for path in everything(unpack(tmp_path / "set.zip", tmp_path))] == [b"second!"]


def test_files_of_an_older_archive_are_not_mixed_into_a_newer_one(tmp_path, monkeypatch):
    """An interrupted call, then a corrected archive of the same name whose files have the same sizes."""
    archive = tmp_path / "set.zip"
    archive.write_bytes(zip_of([(name, b"old", stat.S_IFREG) for name in "abc"]))
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path)
    monkeypatch.setattr(os, "replace", replace)
    assert len(everything(tmp_path / ".set.unpacking")) == 2
    archive.unlink()
    archive.write_bytes(zip_of([(name, b"new", stat.S_IFREG) for name in "abc"]))
    assert {path.read_bytes() for path in everything(unpack(archive, tmp_path))} == {b"new"}
