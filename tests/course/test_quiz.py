"""Quizzes: every file is one that teaches, and a form, a page and a text say the same of an answer."""

import html
import re
from collections import Counter
from html.parser import HTMLParser

import ipywidgets as widgets
import nbformat
import pytest

from asl_lib import quiz
from asl_lib.course.params import ParameterError
from asl_lib.course.quiz import WIDGET, read_quiz
from tests.conftest import ROOT

FILES = sorted((ROOT / "notebooks" / "quizzes").glob("*.yaml"))
SMALL = """
- question: Is 1 < 2 & 2 > 1?
  answers:
  - text: <b>yes</b>
    says: '"One" is less than "two" & <i>two</i> is more.'
    right: true
  - text: no
    says: Count again.
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "05.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_quiz_has_about_six_questions_and_no_place_or_length_gives_the_right_answer_away(path):
    questions = quiz(path.stem).questions
    assert 5 <= len(questions) <= 8
    assert len({question.question for question in questions}) == len(questions)
    places = Counter([answer.right for answer in question.answers].index(True) for question in questions)
    assert max(places.values()) <= len(questions) / 2, f"The right answer stands too often at one place: {places}."
    longest = [max(question.answers, key=lambda answer: len(answer.text)).right for question in questions]
    assert sum(longest) <= 2 * len(questions) / 3, "Whoever chooses the longest answer is mostly right."
    for question in questions:
        assert len(question.answers) >= 3, question.question
        words = [answer.says for answer in question.answers]
        assert len(set(words)) == len(words), f"Two answers say the same: {question.question}"


def quiz_cells():
    """Yield the name of each notebook that shows a quiz, with the cell."""
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for number, cell in enumerate(cells):
            if cell.cell_type == "code" and re.search(r"^quiz\(", cell.source, re.MULTILINE):
                yield pytest.param(path.name, cells, number, id=path.stem)


@pytest.mark.parametrize(("name", "cells", "number"), quiz_cells())
def test_a_notebook_stores_its_own_quiz_as_text_before_the_exercises(name, cells, number):
    cell = cells[number]
    assert f'quiz("{name[:2]}")' in cell.source
    assert "quiz" in cell.metadata.tags, "Without the tag, an edited quiz would make a batch train again."
    assert cells[number - 1].source.startswith("## Quiz")
    assert "exercise" in cells[number + 1].metadata.tags
    (output,) = cell.outputs
    now = quiz(name[:2])
    stale = f"The quiz was edited: run `python scripts/store_outputs.py {name[:2]}`."
    assert output.data == {"text/plain": repr(now), "text/html": now._repr_html_()}, stale


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_form_comments_on_every_answer_as_soon_as_it_is_chosen(path):
    questions = quiz(path.stem).questions
    parts = quiz(path.stem).form().children
    choices = [number for number, part in enumerate(parts) if isinstance(part, widgets.RadioButtons)]
    assert len(choices) == len(questions)
    for number, question in zip(choices, questions, strict=True):
        choice, comment = parts[number], parts[number + 1]
        assert question.question in html.unescape(parts[number - 1].value)
        assert choice.index is None, "No answer is chosen at first."
        assert comment.value == ""
        for index, answer in enumerate(question.answers):
            choice.index = index
            assert choice.value == answer.text
            said = html.unescape(re.sub("<[^>]*>", "", comment.value))
            assert said == f"{'Right.' if answer.right else 'No.'} {answer.says}"


def test_a_browser_is_given_the_form_and_the_text_and_a_stored_output_the_text_alone(monkeypatch):
    assert set(quiz("03")._repr_mimebundle_()) == {"text/plain", "text/html"}
    monkeypatch.setattr("asl_lib.course.quiz.has_interactive_front_end", lambda: True)
    assert set(quiz("03")._repr_mimebundle_()) == {"text/plain", "text/html", WIDGET}


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def test_the_page_folds_each_word_under_its_answer_and_takes_no_text_for_markup(write):
    small = read_quiz(write(SMALL))
    page = Reader(small._repr_html_())
    assert page.tags == {"p", "strong", "details", "summary"}
    assert "1. Is 1 < 2 & 2 > 1?" in page.text
    assert '<b>yes</b>Right. "One" is less than "two" & <i>two</i> is more.' in page.text
    assert "noNo. Count again." in page.text
    form = small.form().children
    form[2].index = 0
    assert Reader(form[1].value).tags == {"strong"}
    assert Reader(form[3].value).tags == {"div", "strong"}
    assert repr(small).splitlines() == [
        "1. Is 1 < 2 & 2 > 1?",
        "   a) <b>yes</b>",
        "   b) no",
        "Answers:",
        '1a: Right. "One" is less than "two" & <i>two</i> is more.',
        "1b: No. Count again.",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SMALL.replace("    right: true\n", ""), "0.answers: .*one answer must have 'right: true'; 0 have"),
        (SMALL + "    right: true\n", "one answer must have 'right: true'; 2 have"),
        (SMALL.replace("text: no", "text: <b>yes</b>"), "two answers are equal"),
        (SMALL.replace("    says: Count again.\n", ""), "0.answers.1.says"),
        (SMALL.replace("says: Count again.", "why: Count again."), "0.answers.1.why"),
        (SMALL.replace("text: no", "text: 12"), "0.answers.1.text"),
        ("question: one", "is no quiz"),
        ("- [", "is not valid YAML"),
    ],
)
def test_an_invalid_quiz_file_is_named_with_its_error(write, text, complaint):
    with pytest.raises(ParameterError, match=rf"05\.yaml .*{complaint}"):
        read_quiz(write(text))


def test_a_missing_quiz_is_named():
    with pytest.raises(ParameterError, match=r"There is no quiz .*notebooks.quizzes.99\.yaml"):
        quiz("99")
