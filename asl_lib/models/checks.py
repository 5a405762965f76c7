"""What every network needs: the one check that its builder shares."""

from __future__ import annotations


def check_sizes(frames: int, features: int, classes: int) -> None:
    """Raise where no network can be built.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    if frames < 1 or features < 1 or classes < 2:
        raise ValueError(
            f"A model needs at least 1 frame, 1 feature and 2 classes; got {frames}, {features} and {classes}. "
            "Choose at least two signs."
        )
