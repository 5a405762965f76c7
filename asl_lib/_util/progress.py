"""One progress bar for terminals, JupyterLab and batches."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any


def progress(iterable: Iterable[Any], *, total: int, description: str, unit: str) -> Iterable[Any]:
    """Show a bar while `iterable` runs. It vanishes at the end, so stored notebooks hold none.

    `ASL_PROGRESS=off` shows nothing: batch runs and tests set it, because a bar in a log is noise.
    """
    return progress_bar(iterable, total=total, description=description, unit=unit)


def progress_bar(
    iterable: Iterable[Any] | None = None, *, total: float, description: str, unit: str, **options: Any
) -> Any:
    """Return tqdm's bar itself, to update by hand; the bar shows time left and rate."""
    from tqdm.auto import tqdm

    return tqdm(
        iterable, total=total, desc=description, unit=unit, leave=False, disable=not progress_is_shown(),
        dynamic_ncols=True, **options,
    )  # fmt: skip


def progress_is_shown() -> bool:
    """Say whether somebody looks on: not where `ASL_PROGRESS=off`, as batches and tests set it."""
    return os.environ.get("ASL_PROGRESS", "").lower() not in ("off", "0", "no")
