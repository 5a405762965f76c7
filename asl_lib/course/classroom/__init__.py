"""The course for a class: assignments that nbgrader hands out, collects and grades.

`convert` makes nbgrader's cells of a notebook's exercises, `build` the course folder. Only `build` needs nbgrader.
"""
