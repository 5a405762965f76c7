import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from asl_lib._util.paths import project_folder
from asl_lib.course.classroom.build import build_classroom, convert
from asl_lib.course.classroom.convert import convert_notebook
from asl_lib.course.cli import main
from asl_lib.course.notebooks import BatchError, choose_notebooks
from tests.conftest import ROOT

NAME = "01_numbers"
LESSON = "from asl_lib._util.paths import project_folder\n\nnumbers = [3, 1, 2]\nprint(project_folder())"
FIRST = ("largest", "max(numbers)", 'assert largest is not ..., "Put it into largest."\nassert largest == 3, "No."')
SECOND = ("ordered", "sorted(numbers)", 'import warnings\n\nwarnings.warn("noise")\nassert ordered == [1, 2, 3], "No."')
EXPLANATION = "It looks at each.\n\nOnce."
MODEL_ANSWER = "Because a list remembers its order."


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def code(source, *tags, output=""):
    cell = new_code_cell(source, metadata={"tags": list(tags)} if tags else {}, execution_count=1)
    if output:
        cell.outputs = [new_output("stream", text=output)]
    return cell


def exercise(number, effort, name, solution, check):
    return [
        text(f"## Exercise {number} · Name it\n\n*{effort}*\n\nPut it into `{name}`.", "exercise"),
        code(f"# Your code here.\n{name} = ...", "exercise"),
        code(f"{name} = {solution}", "solution", output="solved\n"),
        code(f'{check}\nprint("Right.")', "check", output="Right.\n"),
    ]


def small_notebook(cells=None):
    """Return a notebook of the course's form: a lesson, two exercises in code and one in words."""
    if cells is None:
        words = [
            text("## Exercise 3 · Why?\n\n*Half an hour.*\n\nWhy is it not a set?", "exercise"),
            text("*Your answer here.*", "exercise"),
            text(MODEL_ANSWER, "solution"),
        ]
        first = exercise(1, "One line.", *FIRST)
        first.insert(3, text(EXPLANATION, "solution"))
        cells = [
            text("# 01 · Numbers\n\nThe [glossary](../docs/glossary.md#gloss)."),
            code(LESSON, "parameters", output="stored with the lesson\n"),
            *first,
            *exercise(2, "Ten minutes.", *SECOND),
            *words,
            text("## What we learned"),
        ]
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number}"
    return notebook


def make_course(folder, notebook=None):
    """Make a course's folder with one small notebook and one page of docs."""
    for name in ("notebooks", "params", "docs"):
        (folder / name).mkdir(parents=True)
    nbformat.write(notebook or small_notebook(), folder / "notebooks" / f"{NAME}.ipynb")
    page = "# Glossary\n\n[here](../notebooks/02_next.ipynb) [a](other.md) ![hand](images/hand.png)\n"
    (folder / "docs" / "glossary.md").write_text(page)
    (folder / "docs" / "other.md").write_text("# Other")
    (folder / "docs" / "images").mkdir()
    (folder / "docs" / "images" / "hand.png").write_bytes(b"a picture")
    return folder


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of its own, in which paths are found as on a student's machine."""
    monkeypatch.delenv("ASL_HOME", raising=False)
    monkeypatch.chdir(make_course(tmp_path / "course"))
    return tmp_path / "course"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A course with its classroom, built once for the tests that start from there, and what was said."""
    folder, said = make_course(tmp_path_factory.mktemp("built") / "course"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASL_HOME", str(folder))
        build_classroom(log=said.append)
    return folder, said


@pytest.fixture
def classroom(built, tmp_path, monkeypatch):
    """A classroom of its own, in its course."""
    monkeypatch.delenv("ASL_HOME", raising=False)
    monkeypatch.chdir(shutil.copytree(built[0], tmp_path / "course"))
    return tmp_path / "course" / "classroom"


def silent(line):
    """Say nothing."""


def read(path):
    return nbformat.read(path, as_version=4)


def cells_of(notebook):
    """Return the cells that nbgrader knows, by the end of their names."""
    known = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {cell.metadata.nbgrader.grade_id.removeprefix(f"{NAME}-exercise-"): cell for cell in known}


def files_in(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def nbgrader(classroom, *arguments):
    """Run nbgrader itself, as a teacher does."""
    environment = {key: value for key, value in os.environ.items() if key not in ("ASL_HOME", "MPLBACKEND")}
    environment |= {"JUPYTER_CONFIG_DIR": str(classroom / "none"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(command, cwd=classroom, env=environment, capture_output=True, text=True, check=False)


def hand_in(classroom, student, notebook):
    folder = classroom / "submitted" / student / NAME
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")


def solve(notebook, **sources):
    """Return a student's notebook, with these answers under the given stubs."""
    for name, source in sources.items():
        cells_of(notebook)[name.replace("_", "-")].source += f"\n{source}"
    return notebook


def test_an_exercise_becomes_an_answer_with_its_solution_between_the_marks_and_a_locked_check():
    converted, exercises = convert_notebook(small_notebook(), NAME)
    cells = cells_of(converted)
    assert list(cells) == ["1-answer", "1-check", "2-answer", "2-check", "3-words"]
    answer = cells["1-answer"]
    marked = "### BEGIN SOLUTION\nlargest = max(numbers)\n# It looks at each.\n#\n# Once.\n### END SOLUTION"
    assert answer.source == f"# Your code here.\nlargest = ...\n{marked}"
    assert (answer.metadata.nbgrader.grade, answer.metadata.nbgrader.solution) == (False, True)
    check = cells["1-check"].metadata.nbgrader
    assert (check.grade, check.solution, check.locked, check.points) == (True, False, True, 1)
    words = cells["3-words"].metadata.nbgrader
    assert (words.grade, words.solution, words.points) == (True, True, 3)
    assert [exercise.points for exercise in exercises] == [1, 2, 3]
    assert [problem for exercise in exercises for problem in exercise.problems(NAME)] == []


def test_converting_leaves_the_lesson_with_its_outputs_and_the_notebook_itself_as_they_are():
    notebook = small_notebook()
    before = nbformat.writes(notebook)
    converted, _ = convert_notebook(notebook, NAME)
    assert nbformat.writes(notebook) == before
    assert converted.cells[1] == notebook.cells[1]
    assert not any(cell.get("outputs") for cell in cells_of(converted).values())
    assert "source_hidden" not in nbformat.writes(converted)
    assert {tag for cell in converted.cells for tag in cell.metadata.get("tags", [])} == {
        "parameters",
        "exercise",
        "check",
    }


def test_an_exercise_of_an_evening_is_worth_five_points_shared_by_its_graded_cells():
    heading = text("## Exercise 1 · Both\n\n*An evening.*", "exercise")
    cells = [
        heading,
        *exercise(1, "", *FIRST)[1:],
        text("Why?\n\n*Your answer here.*", "exercise"),
        text("So.", "solution"),
    ]
    converted, (one,) = convert_notebook(small_notebook(cells), NAME)
    graded = cells_of(converted)
    assert one.points == 5
    assert graded["1-check"].metadata.nbgrader.points + graded["1-words"].metadata.nbgrader.points == 5
    assert graded["1-words"].source == "Why?\n\n<!-- ### BEGIN SOLUTION -->\nSo.\n<!-- ### END SOLUTION -->"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda cells: cells[:-1], "Exercise 1 of 01_numbers has no check: its code has to be graded by hand."),
        (lambda cells: [*cells[:2], cells[3]], "Exercise 1 of 01_numbers has no solution."),
        (lambda cells: cells[:1], "Exercise 1 of 01_numbers has neither a cell for an answer nor a solution."),
        (lambda cells: cells[1:], "An exercise of 01_numbers has no heading"),
        (lambda cells: [text("## Exercise 1 · X", "exercise"), *cells[1:]], "names no effort (One line., "),
        (
            lambda cells: [*cells[:3], code("largest", "check")],
            "Exercise 1 of 01_numbers has a check that ends with a value",
        ),
    ],
)
def test_an_exercise_that_cannot_be_graded_is_refused_with_a_reason(change, sentence):
    from nbgrader.nbgraderformat import MetadataValidator

    converted, exercises = convert_notebook(small_notebook(change(exercise(1, "One line.", *FIRST))), NAME)
    assert any(sentence in problem for exercise in exercises for problem in exercise.problems(NAME))
    MetadataValidator().validate_nb(converted)


def test_links_lead_to_the_next_assignment_and_to_pages_that_come_along(course):
    cases = {
        "[g](../docs/glossary.md#gloss)": "[g](docs/glossary.md#gloss)",
        "[next](02_next.ipynb#top)": "[next](../02_next/02_next.ipynb#top)",
        '![h](../docs/images/hand.png "a hand")': '![h](docs/images/hand.png "a hand")',
        '<img src="../docs/images/hand.png">': '<img src="docs/images/hand.png">',
        "[how](../README.md)": "how",
        "[web](https://example.org/a.md) [below](#here)": "[web](https://example.org/a.md) [below](#here)",
    }
    path = course / "notebooks" / f"{NAME}.ipynb"
    nbformat.write(small_notebook([text(before) for before in cases]), path)
    assignment, files = convert(path, course)
    converted = nbformat.reads(files[path.name].decode(), as_version=4)
    assert [cell.source for cell in converted.cells] == list(cases.values())
    assert assignment.problems == ()
    assert set(files) == {path.name, "docs/glossary.md", "docs/images/hand.png"}
    assert "[here](../../02_next/02_next.ipynb) a ![hand](images/hand.png)" in files["docs/glossary.md"].decode()
    nbformat.write(small_notebook([text("[gone](../docs/gone.md)")]), path)
    assert convert(path, course)[0].problems == (f"{NAME} links to docs/gone.md, which does not exist.",)


def test_the_release_has_checks_and_lesson_but_no_solution_and_no_output_that_answers_a_prediction(built):
    folder, said = built
    assert said == ["01_numbers: 3 exercises, 6 points"]
    release = folder / "classroom" / "release" / NAME
    released = read(release / f"{NAME}.ipynb")
    cells = cells_of(released)
    assert cells["1-answer"].source == "# Your code here.\nlargest = ...\n"
    assert cells["3-words"].source == "*Your answer here.*"
    assert cells["1-check"].source.startswith(FIRST[2])
    assert cells["1-check"].metadata.editable is False
    assert released.cells[1].source == LESSON
    assert not any(cell.get("outputs") for cell in released.cells)
    everything = nbformat.writes(released)
    for secret in ("max(numbers)", "SOLUTION", "looks at each", MODEL_ANSWER, "solved", "Right.\\n"):
        assert secret not in everything
    assert (release / "docs" / "images" / "hand.png").read_bytes() == b"a picture"


def test_a_second_build_gives_the_same_bytes_and_keeps_the_teacher_s_files(classroom):
    made = {name: files_in(classroom / name) for name in ("source", "release")}
    build_classroom(log=silent)
    assert {name: files_in(classroom / name) for name in ("source", "release")} == made

    (classroom / "source" / NAME / "hints.txt").write_text("mine")
    config = classroom / "nbgrader_config.py"
    config.write_text(config.read_text() + "c.Execute.timeout = 5\n")
    source = classroom / "source" / NAME / f"{NAME}.ipynb"
    source.write_text(source.read_text().replace("Name it", "Name it, please"))
    mine = source.read_bytes(), config.read_bytes()
    said = []
    build_classroom(log=said.append)
    assert (source.read_bytes(), config.read_bytes()) == mine
    assert [line.split(" was")[0] for line in said[1:]] == ["nbgrader_config.py", f"source/{NAME}/{NAME}.ipynb"]
    assert "Name it, please" in (classroom / "release" / NAME / f"{NAME}.ipynb").read_text()
    assert (classroom / "release" / NAME / "hints.txt").read_text() == "mine"


def test_nbgrader_grades_what_students_hand_in(classroom):
    from nbgrader.api import Gradebook

    course = classroom.parent
    release = classroom / "release" / NAME / f"{NAME}.ipynb"
    failing = nbgrader(classroom, "validate", str(release)).stdout
    assert "VALIDATION FAILED ON 3 CELL(S)" in failing
    assert "Put it into largest." in failing
    assert "You did not provide a response." in failing
    hand_in(classroom, "untouched", read(release))
    answers = {"1_answer": "largest = 3", "2_answer": "ordered = numbers", "3_words": "I do not know."}
    hand_in(classroom, "half", solve(read(release), **answers))
    hand_in(classroom, "full", read(classroom / "source" / NAME / f"{NAME}.ipynb"))
    graded = nbgrader(classroom, "autograde", NAME)
    assert graded.returncode == 0, graded.stderr
    with Gradebook(f"sqlite:///{classroom / 'gradebook.db'}", "sign_recognition") as gradebook:
        submissions = {student.id: gradebook.find_submission(NAME, student.id) for student in gradebook.students}
        scores = {student: submission.score for student, submission in submissions.items()}
        by_hand = {student: submission.needs_manual_grade for student, submission in submissions.items()}
        assert gradebook.find_assignment(NAME).max_score == 6
        assert scores == {"untouched": 0, "half": 1, "full": 3}
        assert by_hand == {"untouched": False, "half": True, "full": True}
        words = gradebook.find_grade(f"{NAME}-exercise-3-words", NAME, NAME, "full")
        words.manual_score = words.max_score
        gradebook.db.commit()
        assert gradebook.find_submission(NAME, "full").score == 6
    executed = read(classroom / "autograded" / "half" / NAME / f"{NAME}.ipynb")
    assert executed.cells[1].outputs[0].text == f"{course}\n", "Graded where data/ and outputs/ are."

    # The exercises change after that: what was handed in, graded and released stays as it was.
    notebook = small_notebook()
    notebook.cells[6:10] = []
    nbformat.write(notebook, course / "notebooks" / f"{NAME}.ipynb")
    before = {name: files_in(classroom / name) for name in ("source", "release", "submitted", "autograded")}
    said = []
    build_classroom(log=said.append)
    assert f"{NAME} stays as it is: 3 handed in" in said[-1]
    assert {name: files_in(classroom / name) for name in before} == before
    with Gradebook(f"sqlite:///{classroom / 'gradebook.db'}", "sign_recognition") as gradebook:
        assert gradebook.find_submission(NAME, "full").score == 6


def test_an_assignment_finds_the_course_from_wherever_a_student_puts_it(course, tmp_path, monkeypatch):
    for place in ("classroom/release/05_lstm", "classroom/autograded/ana/05_lstm", "mine"):
        (course / place).mkdir(parents=True)
        monkeypatch.chdir(course / place)
        assert project_folder() == course
    (tmp_path / "far away").mkdir()
    monkeypatch.chdir(tmp_path / "far away")
    assert project_folder() == ROOT, "The course that asl_lib is installed from."


def test_without_nbgrader_the_error_says_how_to_install_it(course, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    assert main(["classroom", "build"]) == 1
    assert "pip install -c requirements.lock nbgrader" in capsys.readouterr().err
    assert not (course / "classroom").exists()


def test_the_command_builds_the_requested_notebooks(course, capsys):
    shutil.copy(course / "notebooks" / f"{NAME}.ipynb", course / "notebooks" / "02_next.ipynb")
    assert main(["classroom", "build", "--to", "elsewhere", "--notebooks", "2"]) == 0
    assert "1 assignments, 3 exercises, 6 points." in capsys.readouterr().out
    assert [path.name for path in (course / "elsewhere" / "release").iterdir()] == ["02_next"]
    assert main(["classroom", "build", "--notebooks", "13"]) == 1
    assert "There is no notebook '13'. There are: 01_numbers, 02_next." in capsys.readouterr().err
    assert main(["classroom", "build", "--to", "."]) == 1
    assert "the course's own folder" in capsys.readouterr().err


def test_notebooks_are_chosen_by_number_name_or_path_in_the_course_s_order(course):
    folder = course / "notebooks"
    for name in ("02_b.ipynb", "10_c.ipynb", "notes.ipynb"):
        (folder / name).touch()
    assert [path.stem for path in choose_notebooks(folder, [])] == [NAME, "02_b", "10_c"]
    wanted = ["10", "notebooks/02_b.ipynb", "1"]
    assert [path.stem for path in choose_notebooks(folder, wanted)] == [NAME, "02_b", "10_c"]
    with pytest.raises(BatchError, match="no notebooks in"):
        choose_notebooks(course / "docs", [])


def test_every_notebook_of_the_course_is_released_without_its_solutions(tmp_path, monkeypatch):
    from nbgrader.nbgraderformat import MetadataValidator

    monkeypatch.setenv("ASL_HOME", str(ROOT))
    assignments = build_classroom(tmp_path / "classroom", log=silent)
    originals = {path.stem: read(path) for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
    assert [assignment.name for assignment in assignments] == list(originals)
    for assignment in assignments:
        name = assignment.name
        assert 3 <= assignment.exercises <= 5
        assert not assignment.problems
        source = read(tmp_path / "classroom" / "source" / name / f"{name}.ipynb")
        release = read(tmp_path / "classroom" / "release" / name / f"{name}.ipynb")
        for notebook in (source, release):
            nbformat.validate(notebook)
            MetadataValidator().validate_nb(notebook)
        sources = "\n".join(cell.source for cell in release.cells)
        tagged = [cell for cell in originals[name].cells if "tags" in cell.metadata]
        solutions = [cell.source for cell in tagged if "solution" in cell.metadata.tags]
        checks = [cell.source for cell in tagged if "check" in cell.metadata.tags]
        assert len(solutions) >= assignment.exercises
        assert not [solution for solution in solutions if solution in sources]
        assert [cell.source for cell in release.cells if cell.metadata.get("nbgrader", {}).get("locked")] == checks
        assert "../docs/" not in sources
        for cell in release.cells:
            assert not cell.get("outputs")
    listed = json.loads((tmp_path / "classroom" / ".asl_classroom.json").read_text())
    assert len(listed) >= len(originals) + 2
