"""The course folder of nbgrader: assignments for the teacher, and their version for students.

`source/` and `release/` are made from the course's notebooks. All else in it belongs to the teacher and nbgrader.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from traitlets.config.loader import PyFileConfigLoader

from asl_lib._util.files import atomic_write, read_json, write_json
from asl_lib._util.paths import course_folder, project_folder
from asl_lib.course.batch import log_line
from asl_lib.course.classroom.convert import POINTS_UNKNOWN, convert_notebook
from asl_lib.course.notebooks import BatchError, choose_notebooks

LINK = re.compile(
    r"""(?P<before>!?\[(?P<text>[^\[\]]*)\]\(|(?:src|href)=")(?P<target>[^()\s"]+)(?P<after>(?:\s+"[^"]*")?\)|")"""
)
ELSEWHERE = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|#|//)")
WRITTEN = ".asl_classroom.json"
CONFIG = '''\
"""Settings of nbgrader for this course. They are yours: change them as you like, and they will be left alone."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "sign_recognition"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)

# Where data/ and outputs/ are when notebooks are graded. Grading executes the students' code, which writes there too:
# on a machine that matters, set ASL_HOME to a copy of these two folders before you call nbgrader.
os.environ.setdefault("ASL_HOME", str((Path(__file__).resolve().parent / "{course}").resolve()))
os.environ.setdefault("ASL_PROGRESS", "off")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# nbgrader calls alembic, which lies beside this very Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

# The text in place of a solution: the lines above it are the reader's own already.
c.ClearSolutions.code_stub = {{"python": ""}}
c.ClearSolutions.text_stub = "*Your answer here.*"

# A cell may train a network: half an hour is for slow machines.
c.Execute.timeout = 1800

# A library's warning is no wrong answer, though nbgrader would take it for one. Failed checks are errors, not warnings.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "^"
'''


@dataclass(frozen=True)
class Assignment:
    """One notebook as an assignment: how many exercises and points it has, and its problems in sentences."""

    name: str
    exercises: int
    points: int
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.exercises} exercises, {self.points} points"


def build_classroom(
    to: str | Path = "classroom", *, notebooks: Sequence[str] = (), log: Callable[[str], None] = log_line
) -> list[Assignment]:
    """Make the course folder of nbgrader, or bring it up to date.

    The same notebooks give the same files. Files that a teacher has changed stay as they are, and so does all that
    belongs to nbgrader (submissions, grades, the gradebook) and an assignment that somebody has handed in.

    Args:
        to: the folder, relative to the course's folder.
        notebooks: numbers or names, such as "05" or "05_lstm"; empty for all.
        log: called with each status message.

    Raises:
        BatchError: nbgrader is missing or refused, or there is no such notebook.
    """
    try:
        from nbgrader import converters, coursedir, utils
    except ImportError:
        raise BatchError(
            "The classroom needs nbgrader, which is not installed. In the course's folder: "
            "`.venv/bin/python -m pip install -c requirements.lock nbgrader`, or `make setup` for all of the lock."
        ) from None
    home = project_folder()
    course = home if (home / "notebooks").is_dir() else course_folder()
    paths = choose_notebooks(course / "notebooks", notebooks)
    folder = (course / to).resolve()
    if folder == course or (folder / "asl_lib").is_dir():
        raise BatchError(f"{folder} is the course's own folder; name another one, such as classroom.")
    # A relative path where both folders may move together.
    way = Path(os.path.relpath(course, folder)) if folder.is_relative_to(course) else course
    readme = Path(__file__).with_name("README.md").read_bytes()
    kept = _write(folder, {"nbgrader_config.py": CONFIG.format(course=way.as_posix()).encode(), "README.md": readme})
    assignments = []
    environment = dict(os.environ)
    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
        config.CourseDirectory.root = str(folder)
        directory = coursedir.CourseDirectory(config=config)
        for path in paths:
            assignment, files = convert(path, course)
            log(str(assignment))
            for problem in assignment.problems:
                log(f"  {problem}")
            if submissions := len(list(folder.glob(f"submitted/*/{path.stem}"))):
                log(
                    f"  {path.stem} stays as it is: {submissions} handed in. To hand out the course's present version, "
                    "build into another folder (--to)."
                )
            else:
                kept += _write(folder, {f"source/{path.stem}/{name}": content for name, content in files.items()})
                directory.assignment_id = path.stem
                # NbGraderAPI would do the same, and complain that there is no exchange for handing out.
                release = converters.GenerateAssignment(coursedir=directory, config=config, force=True)
                result = utils.capture_log(release)
                if not result["success"]:
                    raise BatchError(
                        f"nbgrader could not release {path.stem}:\n\n{result.get('log') or result['error']}"
                    )
            assignments.append(assignment)
    finally:  # the settings change the environment for nbgrader
        os.environ.clear()
        os.environ.update(environment)
    for name in kept:
        log(f"{name} was changed by hand and stays as it is. Remove it to have it made anew.")
    return assignments


def convert(path: Path, course: Path) -> tuple[Assignment, dict[str, bytes]]:
    """Return a notebook as an assignment, and the files of the assignment's folder in `source/`.

    Links are adapted to that folder: one to another notebook leads to that assignment, one to a page or picture in
    `docs/` to a copy in the assignment's own `docs/`; of any other only the text stays.
    """
    import nbformat

    converted, exercises = convert_notebook(nbformat.read(path, as_version=4), path.stem)
    wanted: set[str] = set()
    for cell in (cell for cell in converted.cells if cell.cell_type == "markdown"):
        cell.source = adapt_links(cell.source, "notebooks", "", wanted)
    dead = sorted(name for name in wanted if not (course / name).is_file())
    files = {path.name: (nbformat.writes(converted) + "\n").encode()}
    for page in sorted(wanted.difference(dead)):
        if page.endswith(".md"):
            folder, pictures = posixpath.dirname(page), set[str]()
            text = adapt_links((course / page).read_text(encoding="utf-8"), folder, folder, pictures, pages=wanted)
            files[page] = text.encode()
            wanted |= pictures
    files |= {name: (course / name).read_bytes() for name in wanted.difference(files, dead)}
    problems = [problem for exercise in exercises for problem in exercise.problems(path.stem)]
    problems += [f"{path.stem} links to {target}, which does not exist." for target in dead]
    points = sum(exercise.points or POINTS_UNKNOWN for exercise in exercises)
    return Assignment(path.stem, len(exercises), points, tuple(problems)), files


def adapt_links(text: str, origin: str, place: str, wanted: set[str], *, pages: set[str] | None = None) -> str:
    """Return Markdown with its links adapted to an assignment's folder.

    Args:
        text: Markdown.
        origin: folder it came from, relative to the course's folder, such as "notebooks".
        place: folder it goes to, relative to the assignment's folder.
        wanted: gets the files of `docs/` that `text` leads to, relative to the course's folder.
        pages: the only pages that may be linked to; None for all.
    """

    def adapted(match: re.Match[str]) -> str:
        if ELSEWHERE.match(match["target"]):
            return match[0]
        path, hash_, fragment = match["target"].partition("#")
        found = posixpath.normpath(posixpath.join(origin, path))
        if found.startswith("notebooks/") and found.endswith(".ipynb"):
            name = posixpath.basename(found)
            target = f"../{name.removesuffix('.ipynb')}/{name}"
        elif found.startswith("docs/") and (pages is None or found in pages or not found.endswith(".md")):
            wanted.add(found)
            target = found
        else:
            return match["text"] or match[0]
        return f"{match['before']}{posixpath.relpath(target, place or '.')}{hash_}{fragment}{match['after']}"

    return LINK.sub(adapted, text)


def _write(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Write files; return the names of those that somebody has changed since the last build, which stay as they are."""
    try:
        hashes = read_json(folder / WRITTEN)
    except (OSError, ValueError):
        hashes = {}
    kept = []
    for name, content in files.items():
        path, new = folder / name, hashlib.sha256(content).hexdigest()
        old = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        if old not in (None, new, hashes.get(name)):
            kept.append(name)
            continue
        if old != new:
            with atomic_write(path) as tmp:
                tmp.write_bytes(content)
        hashes[name] = new
    write_json(folder / WRITTEN, dict(sorted(hashes.items())))
    return kept
