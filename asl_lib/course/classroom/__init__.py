"""The course for a class: assignments that nbgrader hands out, collects and grades.

`convert` turns the exercises of one notebook into nbgrader's cells, `links` keeps its links alive where an assignment
lies, `build` makes the course folder, with `texts` in it for the teacher; `cli` is `asl classroom`. Only `build` needs
nbgrader, and only when it is asked for.
"""
