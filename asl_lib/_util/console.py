"""The console: progress bars for terminals, JupyterLab and batches, and silence while native libraries load."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm

_lock = threading.Lock()
_quiet_blocks, _real_stderr = 0, -1


def progress_bar(
    iterable: Iterable[Any] | None = None, *, total: float, description: str, unit: str, **options: Any
) -> Any:
    """Return tqdm's progress bar, to iterate over or to update by hand; stored notebooks hold none.

    It shows the rate and the time left, and disappears at the end.
    """
    return tqdm(
        iterable, total=total, desc=description, unit=unit, leave=False, disable=not progress_enabled(),
        dynamic_ncols=True, **options,
    )  # fmt: skip


def progress_enabled() -> bool:
    """Return whether progress bars are enabled: `ASL_PROGRESS=off` disables them, for batches and tests."""
    return os.environ.get("ASL_PROGRESS", "").lower() not in ("off", "0", "no")


def has_interactive_front_end() -> bool:
    """Return whether this kernel belongs to a notebook that is open in a browser or an editor.

    A kernel cannot ask, but interactive front ends leave a trace: Jupyter's server (JupyterLab, JupyterHub, Binder)
    sets JPY_SESSION_NAME, VS Code a variable of the notebook, and Colab loads its own module. Papermill, nbclient and
    nbval start bare kernels. Batches set `ASL_PROGRESS=off`.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None  # a kernel has loaded it
    if shell is None or not hasattr(shell, "kernel") or not progress_enabled():
        return False
    return "JPY_SESSION_NAME" in os.environ or "__vsc_ipynb_file__" in shell.user_ns or "google.colab" in sys.modules


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, for messages: "1 clip", "1,204 clips", "2 classes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


@contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Drop what C++ code writes to stderr inside the block; Python's exceptions pass through.

    TensorFlow and MediaPipe report at import which graphics card they did not find, before any setting of
    theirs is read. In a notebook that is a red page between a question and its answer. TensorFlow's warnings end with
    the block: where some networks predict, it takes them for one that is traced too often.

    File descriptor 2 belongs to the whole process: the first of several blocks in several threads redirects it, and
    the last one restores it.
    """
    global _quiet_blocks, _real_stderr
    with _lock:
        if not _quiet_blocks:
            try:
                _real_stderr = os.dup(2)
            except OSError:  # a process without stderr: there is nothing to drop
                _real_stderr = -1
            else:
                with open(os.devnull, "w") as devnull:
                    os.dup2(devnull.fileno(), 2)
        _quiet_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _quiet_blocks -= 1
            if not _quiet_blocks and _real_stderr >= 0:
                os.dup2(_real_stderr, 2)
                os.close(_real_stderr)
        if get_logger := getattr(sys.modules.get("tensorflow"), "get_logger", None):
            get_logger().setLevel("ERROR")
