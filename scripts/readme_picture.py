"""Draw the pictures of README and docs/index.md: `python -m scripts.readme_picture` after `make demo`.

demo.png shows some of the demo's signers with their landmarks; live.webp moves: the live demo on a held-out signer.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib
from PIL import Image

matplotlib.use("Agg")

from asl_lib import plots
from asl_lib.course.params import Params
from asl_lib.data.video import read_frames
from asl_lib.landmarks.pose_file import read_pose
from asl_lib.live.networks import Classifier
from asl_lib.live.picture import compose
from asl_lib.live.recogniser import SignRecogniser
from asl_lib.live.replay import join_videos
from asl_lib.live.words import Transcript

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CHOSEN = ("ana-HELLO-01", "dara-FATHER-01", "chen-BOOK-01", "eli-WHERE-01", "fay-THANK-YOU-01", "ben-WANT-01")
SIGNED = ("APPLE", "CHILDREN", "GRANDFATHER", "HELP", "PLEASE", "THING", "YELLOW")
"""Every third sign of the demo, whether it is recognised or not."""
EVERY, WIDTH, ROUNDS = 2, 600, 2
"""Of the film: one frame in two, its width in px, and how often it plays before it stands still."""


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


def film_recognition() -> None:
    params = Params()
    clips = [params.dataset_dir / "videos" / params.test_signers[0] / f"{gloss}-01.mp4" for gloss in SIGNED]
    classifier, transcript, film = Classifier.load(params.model_dir(params.live_model)), Transcript(), []
    with tempfile.TemporaryDirectory() as folder:
        stream = Path(folder) / "stream.mp4"
        join_videos(stream, [(gloss, read_frames(clip)) for gloss, clip in zip(SIGNED, clips, strict=True)])
        with SignRecogniser(classifier) as recogniser:
            for number, (time_s, picture) in enumerate(read_frames(stream)):
                now = recogniser.process(picture, time_s)
                if now.committed:
                    transcript.add(now.committed)
                    print(f"{time_s:.1f} s: {now.committed}")
                if number % EVERY == 0:
                    shown = Image.fromarray(compose(picture, now, words=transcript.words, mirror=False))
                    film.append(
                        shown.resize((WIDTH, round(WIDTH * shown.height / shown.width)), Image.Resampling.LANCZOS)
                    )
    path = IMAGES / "live.webp"
    film[0].save(path, save_all=True, append_images=film[1:], duration=40 * EVERY, loop=ROUNDS, quality=50, method=6)
    print(f"{len(film)} frames, {path.stat().st_size // 1024} kB")


def main() -> None:
    draw_signers()
    film_recognition()


if __name__ == "__main__":
    main()
