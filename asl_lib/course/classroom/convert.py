"""The exercises of a notebook as nbgrader's cells: what a reader answers, what grades it, and for how many points."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat

from asl_lib.course.notebooks import EXERCISE_TAGS

POINTS = {"One line.": 1, "Ten minutes.": 2, "Half an hour.": 3, "An evening.": 5}
"""The line under an exercise's heading that says what it takes -> its points."""
POINTS_UNKNOWN = 2
ANSWER_HERE = "*Your answer here.*"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HEADING = re.compile(r"^#+ Exercise (\d+)\b.*$", re.MULTILINE)


@dataclass
class _Answer:
    """A cell for a reader's answer, and the solution that belongs into it."""

    cell: Any
    solutions: list[str] = field(default_factory=list)

    @property
    def is_code(self) -> bool:
        return bool(self.cell.cell_type == "code")

    def source(self) -> str:
        """Return the reader's lines, and the solution between the marks that nbgrader cuts at."""
        if self.is_code:
            lines = [self.cell.source.rstrip(), BEGIN, *(text.rstrip() for text in self.solutions), END]
        else:
            asked = self.cell.source.replace(ANSWER_HERE, "").strip()
            model = "\n\n".join(text.strip() for text in self.solutions)
            lines = [*([asked, ""] if asked else []), f"<!-- {BEGIN} -->", model, f"<!-- {END} -->"]
        return "\n".join(lines).lstrip("\n")


@dataclass
class Exercise:
    """One exercise, as its cells say it.

    Attributes:
        number: as in its heading.
        points: by its effort line.
        problems: what keeps it from being graded, in sentences.
    """

    number: int
    points: int = POINTS_UNKNOWN
    problems: list[str] = field(default_factory=list)
    _effort: str = ""
    _answers: list[_Answer] = field(default_factory=list)
    _checks: list[Any] = field(default_factory=list)

    @property
    def _graded(self) -> list[Any]:
        """The cells that carry its points: its checks and answers in words; without a check its code, too."""
        by_hand = [answer.cell for answer in self._answers if not (answer.is_code and self._checks)]
        return [*self._checks, *by_hand]

    def _read_effort(self, text: str) -> None:
        found = next((effort for effort in POINTS if f"*{effort}*" in text.splitlines()), "")
        if found and not self._effort:
            self._effort, self.points = found, POINTS[found]

    def _add_solution(self, cell: Any) -> Any:
        """Take a solution to the answer it belongs to; return a new cell for the answer where there is none yet."""
        code = cell.cell_type == "code"
        if self._answers and (self._answers[-1].is_code or not code):
            text = cell.source if code or not self._answers[-1].is_code else _commented(cell.source)
            self._answers[-1].solutions.append(text)
            return None
        new = nbformat.from_dict({**cell, "source": "" if code else ANSWER_HERE})
        self._answers.append(_Answer(new, [cell.source]))
        return new

    def _complete(self, name: str) -> None:
        """Give the cells their nbgrader metadata, and note what is missing."""
        where = f"Exercise {self.number} of {name}"
        if not self._effort:
            self.problems.append(
                f"{where} does not say what it takes ({', '.join(POINTS)}): it counts {self.points} points."
            )
        if not self._answers:
            self.problems.append(f"{where} has neither a cell for an answer nor a solution.")
        elif not all(answer.solutions for answer in self._answers):
            self.problems.append(f"{where} has no solution.")
        if any(answer.is_code for answer in self._answers) and not self._checks:
            self.problems.append(f"{where} has no check: its code has to be graded by hand.")
        graded = self._graded
        share = self.points / len(graded) if graded else 0
        share = int(share) if share == int(share) else share
        ids: Counter[str] = Counter()

        def mark(cell: Any, kind: str, *, tag: str, solution: bool) -> None:
            ids[kind] += 1
            number = f"-{ids[kind]}" if ids[kind] > 1 else ""
            grade = any(cell is other for other in graded)
            about: dict[str, Any] = {"grade": grade, "grade_id": f"{name}-exercise-{self.number}-{kind}{number}"}
            about |= {"locked": not solution, "schema_version": 3, "solution": solution, "task": False}
            if grade:
                about["points"] = share
            cell.metadata = nbformat.from_dict({"nbgrader": about, "tags": [tag]})

        for answer in self._answers:
            mark(answer.cell, "answer" if answer.is_code else "words", tag="exercise", solution=True)
            answer.cell.source = answer.source()
        for check in self._checks:
            if _shows_a_value(check.source):
                self.problems.append(
                    f"The check of {where[0].lower()}{where[1:]} ends with a value, which nbgrader would take for the "
                    "points: let it print a sentence instead."
                )
            mark(check, "check", tag="check", solution=False)


def convert_notebook(notebook: Any, name: str) -> tuple[Any, list[Exercise]]:
    """Return a copy of `notebook` for a teacher's `source/` folder, and its exercises.

    Own cell and solution become one answer cell, the solution between nbgrader's marks; a check becomes an autograded
    cell, an answer in words one that is graded by hand. The points of an exercise are shared out evenly among
    its graded cells. Stored outputs of exercises are dropped, those of the lesson stay.

    Args:
        notebook: a notebook with exercises in the course's form.
        name: name of the assignment, the first part of every `grade_id`.
    """
    converted = nbformat.from_dict({**notebook, "cells": []})
    exercises: list[Exercise] = []
    current: Exercise | None = None
    for original in notebook.cells:
        cell = nbformat.from_dict(original)
        tags = EXERCISE_TAGS.intersection(cell.metadata.get("tags", []))
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            current = Exercise(int(heading[1]))
            exercises.append(current)
        elif tags and current is None:
            current = Exercise(1 + max((exercise.number for exercise in exercises), default=0))
            current.problems.append(f"Exercise {current.number} of {name} has no heading '## Exercise N · Title'.")
            exercises.append(current)
        elif not tags:
            current = None
        if current is None:
            converted.cells.append(cell)
            continue
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "solution" in tags:
            cell = current._add_solution(cell)
        elif "check" in tags and cell.cell_type == "code":
            current._checks.append(cell)
        elif cell.cell_type == "code" or (not heading and ANSWER_HERE in cell.source):
            current._answers.append(_Answer(cell))
        else:
            current._read_effort(cell.source)
        if cell is not None:
            converted.cells.append(cell)
    for exercise in exercises:
        exercise._complete(name)
    return converted, exercises


def grade_ids(notebook: Any) -> list[str]:
    """Return the names that nbgrader knows the cells of a converted notebook by, in order."""
    return [cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if "nbgrader" in cell.metadata]


def problems(exercises: Sequence[Exercise]) -> list[str]:
    """Return what keeps exercises from being graded, in sentences."""
    return [sentence for exercise in exercises for sentence in exercise.problems]


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.strip().splitlines())


def _shows_a_value(source: str) -> bool:
    """Say whether the last line of a cell is a bare value; a call may well return nothing."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic; nbgrader will tell
        return False
    return bool(body) and isinstance(body[-1], ast.Expr) and not isinstance(body[-1].value, ast.Call)
