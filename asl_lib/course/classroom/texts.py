"""What `asl classroom build` writes for the teacher: the settings of nbgrader, and the next commands."""

CONFIG = '''\
"""Settings of nbgrader for this course. They are yours: change them as you like, and they will be left alone."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "sign_recognition"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)

# Where data/ and outputs/ are when notebooks are graded. Grading executes what students wrote, and writes there too:
# on a machine that matters, set ASL_HOME to a copy of these two folders before you call nbgrader.
os.environ.setdefault("ASL_HOME", str((Path(__file__).resolve().parent / "{course}").resolve()))
os.environ.setdefault("ASL_PROGRESS", "off")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# nbgrader calls alembic, which lies beside this very Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

# What stands where the solutions were: the lines above are the reader's own already.
c.ClearSolutions.code_stub = {{"python": ""}}
c.ClearSolutions.text_stub = "*Your answer here.*"

# The stored outputs of the lesson stay in what students get, so that it can be read before it is run.
from nbgrader.converters import GenerateAssignment  # noqa: E402
from nbgrader.preprocessors import ClearOutput  # noqa: E402

steps = GenerateAssignment.class_traits()["preprocessors"].default()
c.GenerateAssignment.preprocessors = [step for step in steps if step is not ClearOutput]

# A cell may train a network: half an hour is for slow machines.
c.Execute.timeout = 1800

# A library's warning is no wrong answer, though nbgrader would take it for one. Failed checks are errors, not warnings.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "^"
'''
README = """\
# The course for a class

Made by `asl classroom build` from the course's notebooks. The guide is `docs/teaching.md` in the course's folder.

| folder | what | made by |
|---|---|---|
| `source/` | assignments with solutions: yours alone | `asl classroom build` |
| `release/` | what students get | the same; after your own changes: `nbgrader generate_assignment NAME -f` |
| `submitted/STUDENT/NAME/` | what they hand in | `nbgrader collect`, `nbgrader zip_collect`, or you copy it there |
| `autograded/`, `feedback/` | graded, and commented for them | the commands below |
| `gradebook.db` | all points: back it up | nbgrader |

In this folder, with the course's environment active (`source ../.venv/bin/activate`):

    nbgrader validate source/NAME/NAME.ipynb   # the solutions pass every check: do this before class
    nbgrader release_assignment NAME           # on a JupyterHub with an exchange; else hand out release/NAME
    nbgrader collect NAME                      # likewise; else copy to submitted/STUDENT/NAME/NAME.ipynb
    nbgrader autograde NAME                    # answers in words: JupyterLab's menu, Nbgrader, Formgrader
    nbgrader generate_feedback NAME
    nbgrader export                            # grades.csv

NAME is the name of a notebook, such as `05_lstm`. Points: one line 1, ten minutes 2, half an hour 3, an evening 5.

A second `asl classroom build` brings changes of the course's notebooks here. What you have changed yourself in
`source/`, `nbgrader_config.py` or this file stays as it is (remove a file to have it made anew), and so does an
assignment that somebody has handed in, where exercises were added or taken away since.

Students put an assignment's folder anywhere inside their course's folder, or anywhere else once the course is set up.
"""
