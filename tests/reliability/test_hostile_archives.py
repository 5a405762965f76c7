"""Archives from strangers: nothing outside the folder, no bomb, no other error than the library's own."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.data.errors import DatasetError
from asl_lib.data.unpack import unpack
from tests.reliability.hostile import answer, damaged, little_memory, little_python_memory, tries

NAMES = st.one_of(
    st.sampled_from(
        ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil", "a", "a/b", "a/", ".", "", "a/./b", "//evil",
         "a\0b", "\u202egpj.exe", "é/ü", "x" * 300, ".a.part", "CON", "a" + "/b" * 400]
    ),
    st.text(alphabet="ab./\\:\0é", max_size=12),
)  # fmt: skip
TYPES = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
ENTRIES = st.lists(st.tuples(NAMES, st.binary(max_size=40), st.sampled_from(TYPES), NAMES), min_size=1, max_size=5)


def zip_of(entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, kind, target in entries:
            info = zipfile.ZipInfo("a")
            info.filename = name  # as it is: the constructor would clean it
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.external_attr, content = (stat.S_IFLNK | 0o777) << 16, target.encode("utf-8", "replace")
            archive.writestr(info, content)
    return file.getvalue()


def tar_of(entries, mode="w:gz"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content, kind, target in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
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
@given(ENTRIES, st.sampled_from(["zip", "tar", "tar.gz", "tar.xz"]))
@tries(60)
def test_whatever_names_links_and_devices_an_archive_holds_nothing_leaves_the_folder(tmp_path_factory, entries, kind):
    folder = tmp_path_factory.mktemp("archive")
    try:
        made = zip_of(entries) if kind == "zip" else tar_of(entries, {"tar": "w", "tar.gz": "w:gz"}.get(kind, "w:xz"))
    except (ValueError, UnicodeError):
        return  # Python's own writer refuses it
    archive = folder / f"set.{kind}"
    archive.write_bytes(made)
    look(folder, archive)


WHOLE = [("videos/1.mp4", bytes(range(256)) * 4, tarfile.REGTYPE, ""), ("list.json", b"{}" * 50, tarfile.REGTYPE, "")]


@given(st.data(), st.sampled_from(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]))
@tries(150)
def test_a_damaged_archive_is_unpacked_or_named_in_a_sentence(tmp_path_factory, data, kind):
    folder = tmp_path_factory.mktemp("archive")
    modes = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    whole = zip_of(WHOLE) if kind == "zip" else tar_of(WHOLE, modes[kind])
    archive = folder / f"set.{kind}"
    archive.write_bytes(data.draw(damaged(whole)))
    with little_memory():
        answered = look(folder, archive)
    assert isinstance(answered, Path) or str(archive) in answered, "the sentence must name the archive"


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_bomb_in_the_note_on_a_file_is_refused_before_it_is_read(tmp_path, kind):
    """The library reads such a note whole, into memory, while it only looks for the next name."""
    archive = tmp_path / "notes.tar.gz"
    info = tarfile.TarInfo("note")
    info.type, info.size = kind, 120 << 20
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(120):
            tar.fileobj.write(bytes(1 << 20))
    with little_python_memory(20), pytest.raises(DatasetError, match="a header of 125,829,120 bytes"):
        unpack(archive, tmp_path / "data")


@pytest.mark.parametrize("name", ["x" * 256, "x" * 250, "é" * 125, "/".join(["folder"] * 800)])
def test_a_name_that_no_file_system_takes_is_refused_before_anything_is_written(tmp_path, name):
    content = zip_of([("a", b"first", tarfile.REGTYPE, ""), (name, b"second", tarfile.REGTYPE, "")])
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(DatasetError, match=r"set\.zip has a name that is too long: '\w.*Nothing was unpacked"):
        unpack(tmp_path / "set.zip", tmp_path)
    assert [path.name for path in everything(tmp_path)] == ["set.zip"]


def test_names_that_stand_twice_give_one_file_with_the_content_of_one_of_them(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zip_of([("a", b"first", tarfile.REGTYPE, ""), ("a", b"second!", tarfile.REGTYPE, "")])
    (tmp_path / "set.zip").write_bytes(content)
    assert [path.read_bytes() for path in everything(unpack(tmp_path / "set.zip", tmp_path))] == [b"second!"]


def test_what_is_left_of_an_older_archive_is_not_mixed_into_a_newer_one(tmp_path, monkeypatch):
    """An interrupted call, then a corrected archive of the same name whose files have the same sizes."""
    archive = tmp_path / "set.zip"
    archive.write_bytes(zip_of([(name, b"old", tarfile.REGTYPE, "") for name in "abc"]))
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
    archive.write_bytes(zip_of([(name, b"new", tarfile.REGTYPE, "") for name in "abc"]))
    assert {path.read_bytes() for path in everything(unpack(archive, tmp_path))} == {b"new"}
