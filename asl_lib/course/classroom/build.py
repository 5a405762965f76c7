"""The course folder of nbgrader: assignments for the teacher, and what students get of them.

`source/` and `release/` are made of the course's notebooks. All else in the folder belongs to the teacher and nbgrader.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from asl_lib._util.files import atomic_write, read_json, write_json
from asl_lib._util.paths import project_folder
from asl_lib.course.batch import log_line
from asl_lib.course.classroom.convert import Exercise, convert_notebook, grade_ids, problems
from asl_lib.course.classroom.links import Links
from asl_lib.course.classroom.texts import CONFIG, README
from asl_lib.course.notebooks import course_folder

NO_NBGRADER = (
    "The classroom needs nbgrader, which is not installed. In the course's folder: "
    "`.venv/bin/python -m pip install -c requirements.lock nbgrader`, or `make setup` for all that is in the lock."
)


class ClassroomError(RuntimeError):
    """The classroom could not be built; the sentence says why and what to do."""


@dataclass(frozen=True)
class Assignment:
    """One notebook as an assignment.

    Attributes:
        name: name of the notebook and of the assignment.
        exercises: how many it has.
        points: all that can be reached.
        problems: what is missing, or was left as it was, in sentences.
    """

    name: str
    exercises: int
    points: int
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.exercises} exercises, {self.points} points"


def build_classroom(
    to: str | Path = "classroom",
    *,
    notebooks: Sequence[str] = (),
    log: Callable[[str], None] = log_line,
) -> list[Assignment]:
    """Make the course folder of nbgrader, or bring it up to date.

    The same notebooks give the same files. Files that a teacher has changed stay as they are, and so does what
    nbgrader keeps: submissions, grades, the gradebook.

    Args:
        to: the folder, relative to the course's folder.
        notebooks: numbers or names, such as "05" or "05_lstm"; empty for all.
        log: called with each status message.

    Raises:
        ClassroomError: nbgrader is missing or refused, or there is no such notebook.
    """
    _require_nbgrader()
    home = project_folder()
    course = home if (home / "notebooks").is_dir() else course_folder()
    paths = choose_notebooks(course / "notebooks", notebooks)
    folder = (course / to).resolve()
    if folder == course or (folder / "asl_lib").is_dir():
        raise ClassroomError(f"{folder} is the course's own folder; name another one, such as classroom.")
    written = _Written(folder)
    written.write("nbgrader_config.py", CONFIG.format(course=_way(folder, course)).encode())
    written.write("README.md", README.encode())
    with _configured(folder) as (coursedir, config):
        assignments = [_build_one(path, course, written, coursedir, config) for path in paths]
    for assignment in assignments:
        log(str(assignment))
        for sentence in assignment.problems:
            log(f"  {sentence}")
    for name in written.kept:
        log(f"{name} was changed by hand and stays as it is. Remove it to have it made anew.")
    return assignments


def choose_notebooks(folder: Path, wanted: Sequence[str]) -> list[Path]:
    """Return the numbered notebooks of `folder` that are wanted, by number or name; all where none is named.

    Raises:
        ClassroomError: there is none, or none of that name.
    """
    there = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not there:
        raise ClassroomError(
            f"There are no notebooks in {folder}. Run this in the course's folder, where README.md is."
        )
    chosen = set()
    for name in wanted:
        stem = Path(name).name.removesuffix(".ipynb")
        found = [path for path in there if stem in (path.stem, path.stem[:2]) or stem.zfill(2) == path.stem[:2]]
        if not found:
            raise ClassroomError(f"There is no notebook '{name}'. There are: {', '.join(path.stem for path in there)}.")
        chosen.update(found)
    return sorted(chosen) if wanted else there


def convert(path: Path, course: Path) -> tuple[dict[str, bytes], list[Exercise], list[str]]:
    """Return an assignment's files in `source/`, its exercises, and what is wrong with it."""
    converted, exercises = convert_notebook(nbformat.read(path, as_version=4), path.stem)
    links = Links(course)
    for cell in converted.cells:
        if cell.cell_type == "markdown":
            cell.source = links.adapt(cell.source, origin="notebooks")
    files = {path.name: (nbformat.writes(converted) + "\n").encode(), **links.files()}
    wrong = problems(exercises)
    wrong += [f"{path.stem} links to {target}, which does not exist." for target in sorted(links.dead)]
    return files, exercises, wrong


def _build_one(path: Path, course: Path, written: _Written, coursedir: Any, config: Any) -> Assignment:
    name = path.stem
    files, exercises, wrong = convert(path, course)
    assignment = Assignment(name, len(exercises), sum(exercise.points for exercise in exercises), tuple(wrong))
    asked = set(grade_ids(nbformat.reads(files[path.name].decode(), as_version=4)))
    handed_in, known = _handed_in(coursedir, name)
    if handed_in and asked != known:
        students = f"{handed_in} student{'s have' if handed_in > 1 else ' has'}"
        sentence = (
            f"{name} stays as it was: {students} handed it in, and its exercises have changed since. To hand out "
            "the new ones, build into another folder (--to)."
        )
        return Assignment(name, assignment.exercises, assignment.points, (*assignment.problems, sentence))
    for file, content in files.items():
        written.write(f"source/{name}/{file}", content)
    _release(name, coursedir, config)
    return assignment


def _release(name: str, coursedir: Any, config: Any) -> None:
    """Let nbgrader make `release/<name>/`: first elsewhere, so that what is there stays whole if it fails.

    Raises:
        ClassroomError: nbgrader refused.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.utils import capture_log

    making = f".release-{uuid.uuid4().hex[:12]}"
    final = Path(coursedir.format_path(coursedir.release_directory, ".", name))
    kept, coursedir.release_directory = coursedir.release_directory, making
    coursedir.assignment_id = name
    try:
        result = capture_log(GenerateAssignment(coursedir=coursedir, config=config))
        if not result["success"]:
            said = (result.get("log") or "") + (result.get("error") or "")
            raise ClassroomError(f"nbgrader could not release {name}. It said:\n\n{said.strip()}")
        made = Path(coursedir.format_path(making, ".", name))
        for path in sorted(path for path in made.rglob("*") if path.is_file()):
            with atomic_write(final / path.relative_to(made)) as tmp:
                shutil.copyfile(path, tmp)
    finally:
        coursedir.release_directory = kept
        shutil.rmtree(Path(coursedir.root) / making, ignore_errors=True)


def _handed_in(coursedir: Any, name: str) -> tuple[int, set[str]]:
    """Return how many students have handed an assignment in, and which cells it had for them."""
    from nbgrader.api import Gradebook, MissingEntry

    address = coursedir.db_url
    if address.startswith("sqlite:///") and not Path(address.removeprefix("sqlite:///")).is_file():
        return 0, set()
    with Gradebook(address, coursedir.course_id) as gradebook:
        try:
            assignment = gradebook.find_assignment(name)
        except MissingEntry:
            return 0, set()
        cells = {cell.name for notebook in assignment.notebooks for cell in notebook.source_cells}
        return len(assignment.submissions), cells


class _Written:
    """The files that earlier builds have written, so that a file somebody has changed since is left alone."""

    LIST = ".asl_classroom.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[str] = []
        try:
            self._hashes: dict[str, str] = read_json(folder / self.LIST)
        except (OSError, ValueError):
            self._hashes = {}

    def write(self, name: str, content: bytes) -> None:
        """Write a file, unless what lies there is neither what we wrote nor what we would write."""
        path, new = self.folder / name, _hash(content)
        old = _hash(path.read_bytes()) if path.is_file() else None
        if old not in (None, new, self._hashes.get(name)):
            self.kept.append(name)
            return
        if old != new:
            with atomic_write(path) as tmp:
                tmp.write_bytes(content)
        if self._hashes.get(name) != new:
            self._hashes[name] = new
            write_json(self.folder / self.LIST, dict(sorted(self._hashes.items())))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _way(folder: Path, course: Path) -> str:
    """Return the way from the classroom to the course's folder: relative where both may move together."""
    return Path(os.path.relpath(course, folder)).as_posix() if folder.is_relative_to(course) else course.as_posix()


def _require_nbgrader() -> None:
    try:
        import nbgrader  # noqa: F401
    except ImportError:
        raise ClassroomError(NO_NBGRADER) from None


@contextmanager
def _configured(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Give nbgrader's course folder and the settings in `folder`, and undo what these do to the environment."""
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config.loader import PyFileConfigLoader

    before = dict(os.environ)
    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
        config.CourseDirectory.root = str(folder)
        yield CourseDirectory(config=config), config
    finally:
        for name in [name for name in os.environ if name not in before]:
            del os.environ[name]
        os.environ.update(before)
