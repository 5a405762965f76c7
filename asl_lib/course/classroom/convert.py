"""The exercises of a notebook as nbgrader's cells: what a reader answers, what grades it, and for how many points."""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from asl_lib.course.notebooks import is_exercise

POINTS = {"One line.": 1, "Ten minutes.": 2, "Half an hour.": 3, "An evening.": 5}
"""The line under an exercise's heading that gives its effort -> its points."""
POINTS_UNKNOWN = 2
ANSWER_HERE = "*Your answer here.*"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HEADING = re.compile(r"^#+ Exercise (\d+)\b", re.MULTILINE)


@dataclass
class Exercise:
    """One exercise.

    Attributes:
        number: as in its heading; 0 without one.
        points: by its effort line; 0 without one.
        answers: each cell for a reader's answer, with the sources of its solutions.
        checks: cells that test an answer.
    """

    number: int
    points: int = 0
    answers: list[tuple[Any, list[str]]] = field(default_factory=list)
    checks: list[Any] = field(default_factory=list)

    def problems(self, name: str) -> list[str]:
        """Return sentences on what hinders the automatic grading of the exercise in assignment `name`."""
        about = f"Exercise {self.number} of {name}"
        found = []
        if not self.number:
            found.append(f"An exercise of {name} has no heading '## Exercise N · Title'.")
        if not self.points:
            found.append(f"{about} names no effort ({', '.join(POINTS)}): it counts {POINTS_UNKNOWN} points.")
        if not self.answers:
            found.append(f"{about} has neither a cell for an answer nor a solution.")
        elif not all(solutions for _, solutions in self.answers):
            found.append(f"{about} has no solution.")
        if any(cell.cell_type == "code" for cell, _ in self.answers) and not self.checks:
            found.append(f"{about} has no check: its code has to be graded by hand.")
        if any(_shows_a_value(check.source) for check in self.checks):
            found.append(
                f"{about} has a check that ends with a value, which nbgrader takes for points: print a sentence."
            )
        return found


def convert_notebook(notebook: Any, name: str) -> tuple[Any, list[Exercise]]:
    """Return a copy of `notebook` for a teacher's `source/` folder, and its exercises.

    The cell for an answer and its solution become one cell, the solution between nbgrader's marks; a check becomes an
    autograded cell, an answer in words a cell that is graded by hand. The graded cells of an exercise share its points.
    Stored outputs of exercises are dropped, those of the lesson stay.

    Args:
        notebook: a notebook with exercises in the course's form.
        name: name of the assignment, the first part of every `grade_id`.
    """
    converted = copy.deepcopy(notebook)
    cells, converted.cells = converted.cells, []
    exercises: list[Exercise] = []
    inside = False
    for cell in cells:
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading or (is_exercise(cell) and not inside):
            exercises.append(Exercise(int(heading[1]) if heading else 0))
        inside = bool(heading) or is_exercise(cell)
        if not inside or _add(cell, exercises[-1]):
            converted.cells.append(cell)
    for exercise in exercises:
        _mark_cells(exercise, name)
    return converted, exercises


def _add(cell: Any, exercise: Exercise) -> bool:
    """Add a cell to its exercise; return whether it stays a cell of its own."""
    code, tags = cell.cell_type == "code", cell.metadata.get("tags", [])
    if code:
        cell.outputs, cell.execution_count = [], None
    if "solution" in tags:
        after_code = bool(exercise.answers) and exercise.answers[-1][0].cell_type == "code"
        if after_code or (exercise.answers and not code):
            exercise.answers[-1][1].append(_commented(cell.source) if after_code and not code else cell.source)
            return False
        exercise.answers.append((cell, [cell.source]))
        cell.source = "" if code else ANSWER_HERE
    elif "check" in tags and code:
        exercise.checks.append(cell)
    elif code or (ANSWER_HERE in cell.source and not HEADING.search(cell.source)):
        exercise.answers.append((cell, []))
    elif not exercise.points:
        exercise.points = next((POINTS[effort] for effort in POINTS if f"*{effort}*" in cell.source.splitlines()), 0)
    return True


def _mark_cells(exercise: Exercise, name: str) -> None:
    """Put the solutions into the cells for answers, and nbgrader's metadata on all cells that it needs to know."""
    by_hand = [cell for cell, _ in exercise.answers if cell.cell_type == "markdown" or not exercise.checks]
    share = (exercise.points or POINTS_UNKNOWN) / max(1, len(exercise.checks) + len(by_hand))
    ids: Counter[str] = Counter()

    def mark(cell: Any, kind: str, *, graded: bool) -> None:
        ids[kind] += 1
        grade_id = f"{name}-exercise-{exercise.number}-{kind}" + (f"-{ids[kind]}" if ids[kind] > 1 else "")
        about = {"grade": graded, "grade_id": grade_id, "locked": kind == "check", "solution": kind != "check"}
        about |= {"schema_version": 3, "task": False}
        if graded:
            about["points"] = int(share) if share == int(share) else share
        cell.metadata.clear()
        cell.metadata.update({"nbgrader": about, "tags": ["check" if kind == "check" else "exercise"]})

    for cell, solutions in exercise.answers:
        if cell.cell_type == "code":
            mark(cell, "answer", graded=not exercise.checks)
            lines = [cell.source.rstrip(), BEGIN, *(text.rstrip() for text in solutions), END]
        else:
            mark(cell, "words", graded=True)
            question = cell.source.replace(ANSWER_HERE, "").strip()
            model_answer = "\n\n".join(text.strip() for text in solutions)
            lines = [*([question, ""] if question else []), f"<!-- {BEGIN} -->", model_answer, f"<!-- {END} -->"]
        cell.source = "\n".join(lines).lstrip("\n")
    for check in exercise.checks:
        mark(check, "check", graded=True)


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.strip().splitlines())


def _shows_a_value(source: str) -> bool:
    """Return whether the last line of a cell is a bare value; a call may well return nothing."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic; nbgrader reports it
        return False
    return bool(body) and isinstance(body[-1], ast.Expr) and not isinstance(body[-1].value, ast.Call)
