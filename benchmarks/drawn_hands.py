"""Can joints of drawn hands teach a network to read photographs of real ones? And what makes them do so?

    python -m benchmarks.drawn_hands

A perceptron learns the digits 0 to 9 from the joints of 4,000 drawn hands (no picture is drawn, no tracker runs), and
reads the 2,062 photographs of asl_digits, of which it has seen none, through MediaPipe's hand tracker.
"""

from __future__ import annotations

import argparse
import tempfile

from asl_lib._util.paths import project_folder
from asl_lib.data.demo import load_signers, random_signers
from asl_lib.data.registry import get_dataset
from asl_lib.data.sets.demo_letters import drawn_joints
from asl_lib.evaluation.metrics import rate
from asl_lib.features.handshape import describe_photographs
from asl_lib.features.recipe import PhotographRecipe
from asl_lib.features.sets import load_features
from asl_lib.landmarks.hands import find_hands
from asl_lib.models.hand_mlp import build_hand_mlp

DEMO = "the demo's ten signers"
WAYS = {
    DEMO: {"variety": 1.0, "jitter": 0.0},
    "50 random people": {"variety": 1.0, "jitter": 0.0},
    "50 random people, a tracker that is a little off": {"variety": 1.0, "jitter": 0.01},
    "50 random people, more various, a tracker that is a little off": {"variety": 1.8, "jitter": 0.01},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=42, help="seed of the people, the hands and the perceptron")
    seed = parser.parse_args().seed
    data, folder = get_dataset("asl_digits"), project_folder() / "data" / "asl_digits"
    clips = data.prepare(folder)
    with tempfile.TemporaryDirectory() as place:
        photos = load_features(clips, PhotographRecipe(size=96), source_dir=data.source_dir(folder), folder=place)
        found = find_hands(photos.values)
    names, described = photos.glosses.tolist(), describe_photographs(found)
    print(f"{len(photos)} photographs, hands found in {(found[:, 0, 0] == found[:, 0, 0]).mean():.1%}")
    for name, how in WAYS.items():
        people = list(load_signers().values()) if name == DEMO else random_signers(50, seed=seed)
        hands, labels = drawn_joints(names, people, each=400 // len(people), seed=seed, **how)
        answers = build_hand_mlp(seed=seed).fit(describe_photographs(hands), labels).predict(described)
        print(f"  {name}: {rate(answers == photos.y, photos.table())}")


if __name__ == "__main__":
    main()
