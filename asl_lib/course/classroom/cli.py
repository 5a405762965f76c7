"""`asl classroom`."""

from __future__ import annotations

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the parsers of `asl`."""
    classroom = commands.add_parser("classroom", help="make the course's exercises assignments for a class (nbgrader)")
    actions = classroom.add_subparsers(title="actions", required=True, metavar="ACTION")
    build = actions.add_parser(
        "build", help="make or update nbgrader's course folder: with solutions for you, without for the class"
    )
    build.add_argument(
        "--to", default="classroom", metavar="FOLDER", help="where to, from the course's folder (default: classroom)"
    )
    build.add_argument(
        "--notebooks", nargs="+", default=[], metavar="05", help="only these, by number or name (default: all)"
    )
    build.set_defaults(command=_build)


def _build(options: argparse.Namespace) -> None:
    from asl_lib.course.classroom.build import build_classroom

    assignments = build_classroom(options.to, notebooks=options.notebooks)
    exercises, points = (sum(getattr(one, name) for one in assignments) for name in ("exercises", "points"))
    print(f"\n{len(assignments)} assignments, {exercises} exercises, {points} points.")
    print(f"What comes next: {options.to}/README.md")
