"""The quiz at the end of a notebook: a form in JupyterLab, and folded text in the book and in stored outputs."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import ipywidgets as widgets
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from asl_lib._util.console import has_interactive_front_end
from asl_lib._util.paths import course_folder
from asl_lib.course.params import ParameterError, parse_yaml

WIDGET = "application/vnd.jupyter.widget-view+json"
# ipywidgets cuts an answer off after one line, and sets lines far apart.
STYLE = """<style>
.asl-quiz .widget-html-content { line-height: 1.4 }
.asl-quiz .widget-radio-box label { display: flex; flex-direction: row-reverse; justify-content: flex-end; gap: .5em;
  height: auto; white-space: normal; line-height: 1.4; margin-bottom: .4em }
.asl-quiz .widget-radio-box input { flex: none; margin: .2em 0 0 }
</style>"""


class Answer(BaseModel):
    """One answer of a question: its text, the comment that is shown when it is chosen, and whether it is right."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    text: str = Field(min_length=1)
    says: str = Field(min_length=1)
    right: bool = False

    @property
    def verdict(self) -> str:
        return "Right." if self.right else "No."


class Question(BaseModel):
    """One question, with at least two answers, one of them right."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    question: str = Field(min_length=1)
    answers: list[Answer] = Field(min_length=2)

    @field_validator("answers")
    @classmethod
    def _one_is_right(cls, answers: list[Answer]) -> list[Answer]:
        if (right := sum(answer.right for answer in answers)) != 1:
            raise ValueError(f"one answer must have 'right: true'; {right} have")
        if len({answer.text for answer in answers}) < len(answers):
            raise ValueError("two answers are equal")
        return answers


@dataclass(frozen=True)
class Quiz:
    """The questions of one notebook. As the last line of a cell it shows itself."""

    questions: tuple[Question, ...]

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, start=1):
            lines.append(f"{number}. {question.question}")
            lines += [
                f"   {letter}) {answer.text}" for letter, answer in zip(ascii_lowercase, question.answers, strict=False)
            ]
        lines.append("Answers:")
        for number, question in enumerate(self.questions, start=1):
            for letter, answer in zip(ascii_lowercase, question.answers, strict=False):
                lines.append(f"{number}{letter}: {answer.verdict} {answer.says}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, start=1):
            lines.append(f"<p><strong>{number}. {escape(question.question)}</strong></p>")
            for answer in question.answers:
                said = f"<p><strong>{answer.verdict}</strong> {escape(answer.says)}</p>"
                lines.append(f"<details><summary>{escape(answer.text)}</summary>{said}</details>")
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Return the quiz as text and as HTML and, for a notebook that is open in a browser, as a form."""
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if has_interactive_front_end():
            bundle[WIDGET] = self.form()._repr_mimebundle_()[WIDGET]
        return bundle

    def form(self) -> widgets.VBox:
        """Return a form of radio buttons that comments on an answer as soon as it is chosen."""
        parts = [widgets.HTML(STYLE)]
        for number, question in enumerate(self.questions, start=1):
            title = f"{number}. {question.question}"
            texts = [answer.text for answer in question.answers]
            choice = widgets.RadioButtons(options=texts, index=None, tooltip=title, layout={"width": "auto"})
            comment = widgets.HTML()
            choice.observe(_commenting(question, comment), "index")
            parts += [widgets.HTML(f"<strong>{escape(title)}</strong>"), choice, comment]
        form = widgets.VBox(parts)
        form.add_class("asl-quiz")
        return form


def _commenting(question: Question, comment: widgets.HTML) -> Any:
    """Return a callback that shows what the chosen answer says; screen readers read it out."""

    def show(change: Any) -> None:
        answer = question.answers[change["new"]]
        said = f"<strong>{answer.verdict}</strong> {escape(answer.says)}"
        comment.value = f'<div role="status">{said}</div>'

    return show


def quiz(number: str) -> Quiz:
    """Return the quiz of a notebook. Make the call the last line of a cell.

    Args:
        number: of the notebook, such as "03"; the questions are in notebooks/quizzes/03.yaml.

    Raises:
        ParameterError: there is no such file, or it is no quiz; the message names the file.
    """
    path = course_folder() / "notebooks" / "quizzes" / f"{number}.yaml"
    return read_quiz(path)


def read_quiz(path: Path) -> Quiz:
    """Read a quiz: a list of {question, answers: [{text, says, right}]}, with one right answer to each question.

    Raises:
        ParameterError: there is no such file, or it is no quiz.
    """
    if not path.is_file():
        raise ParameterError(f"There is no quiz {path}. A quiz has the number of its notebook: quiz('03').")
    try:
        questions = TypeAdapter(list[Question]).validate_python(parse_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ParameterError(f"{path} is no quiz: {'; '.join(problems)}.") from None
    except ValueError as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from error
    return Quiz(tuple(questions))
