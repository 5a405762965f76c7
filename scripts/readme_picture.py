"""Draw the picture of README and docs/index.md: `python -m scripts.readme_picture` after `make demo`.

demo.png shows some of the demo's signers with their landmarks.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from asl_lib import plots
from asl_lib.course.params import Params
from asl_lib.data.video import read_frames
from asl_lib.landmarks.pose_file import read_pose

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CHOSEN = ("ana-HELLO-01", "dara-FATHER-01", "chen-BOOK-01", "eli-WHERE-01", "fay-THANK-YOU-01", "ben-WANT-01")


def draw_signers() -> None:
    import matplotlib.pyplot as plt

    plots.use_style()
    figure, axes = plt.subplots(1, len(CHOSEN), figsize=(12, 2.1))
    folder = Params().dataset_dir
    for ax, clip_id in zip(axes, CHOSEN, strict=True):
        signer, _, name = clip_id.partition("-")
        frames = [picture for _, picture in read_frames(folder / "videos" / signer / f"{name}.mp4")]
        landmarks = read_pose(folder / "poses" / f"{clip_id}.pose")
        # The frame nearest to the middle in which a hand was found.
        seen = [i for i in range(len(frames)) if landmarks.seen("left_hand")[i] or landmarks.seen("right_hand")[i]]
        index = min(seen, key=lambda i: abs(i - 0.55 * len(frames)))
        ax.imshow(frames[index])
        height, width = frames[index].shape[:2]
        for part in landmarks.parts:
            plots.draw_part(ax, landmarks.part(part)[index] * (width, height, 1), part)
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_title(name.rsplit("-", 1)[0], fontsize="small")
        ax.axis("off")
    figure.savefig(IMAGES / "demo.png", dpi=100)


if __name__ == "__main__":
    draw_signers()
