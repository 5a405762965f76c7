"""`asl` with a copy of the library: one process for all commands of a test, and no kernel.

`python -m tests.course.commands` reads arguments, and writes exit code, output and errors, as JSON, a line a command.
"""

import json
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO

from tests.conftest import ROOT


@contextmanager
def asl_in(folder):
    """Yield a function that calls `asl` with the library in `folder`, which is also the course's folder, and returns
    (exit code, output, errors)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "ASL_HOME": str(folder)}
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    command = [sys.executable, "-m", "tests.course.commands"]
    with subprocess.Popen(command, cwd=folder, env=environment, **options) as process:

        def call(*arguments):
            print(json.dumps(arguments), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield call
        process.stdin.close()


def main():
    from asl_lib.course import notebooks
    from asl_lib.course.cli import main as asl
    from tests.course.kernelless import run_without_kernel

    notebooks.subprocess.run = run_without_kernel
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = asl(json.loads(line))
        print(json.dumps([code, out.getvalue(), err.getvalue()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
