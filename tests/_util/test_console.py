"""Native messages are dropped while libraries load, and only then."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from asl_lib._util.console import quiet_native_stderr
from tests.conftest import ROOT


def test_two_simultaneous_loads_restore_stderr(capfd):
    first, second = quiet_native_stderr(), quiet_native_stderr()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    os.write(2, b"still loading\n")
    second.__exit__(None, None, None)
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"


def test_many_simultaneous_loads_restore_stderr(capfd):
    def load(_):
        for _ in range(50):
            with quiet_native_stderr():
                os.write(2, b"no graphics card\n")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(4)))
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"


def test_a_process_without_stderr_can_load():
    script = """
import os
from asl_lib._util.console import quiet_native_stderr
os.close(2)
with quiet_native_stderr():
    taken = os.open(os.devnull, os.O_RDONLY)  # a file that is opened meanwhile gets the free number
print(os.fstat(2) == os.fstat(taken), os.get_inheritable(2))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]  # it is that file still
