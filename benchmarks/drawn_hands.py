"""Can joints of drawn hands teach a network to read hands of real people? And what makes them do so?

    python -m benchmarks.drawn_hands
    python -m benchmarks.drawn_hands --letters [--seeds 1 2 3] [--test asq,ise,sgg,swl]

A perceptron learns the digits 0 to 9 from the joints of 4,000 drawn hands (no picture is drawn, no tracker runs), and
reads the 2,062 photographs of asl_digits, of which it has seen none, through MediaPipe's hand tracker.

With `--letters`, drawn hands are only a start. The first layer of `attention_tcn`, which sees one frame, learns to name
the handshapes of 60,000 drawn hands. Then the network learns the letters of fingerspelling, once with this first layer
and once from random weights. Each group of signers in `--test` is held out, and all other signers train. It needs the
features of the run (`asl run params/fingerspelling.yaml --notebooks 01,03`). Trainings are kept in
`outputs/<run>_drawn_hands`, and a later call continues after the last finished one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.paths import project_folder
from asl_lib.data.demo import DIGITS, LETTERS, load_signers, random_signers
from asl_lib.data.registry import get_dataset
from asl_lib.data.sets.demo_letters import drawn_joints
from asl_lib.evaluation.metrics import difference, rate
from asl_lib.evaluation.splits import Split
from asl_lib.features.handshape import describe_photographs
from asl_lib.features.recipe import FeatureRecipe, PhotographRecipe
from asl_lib.features.sets import ENCODING, ClipSet, load_features
from asl_lib.landmarks.hands import find_hands
from asl_lib.models.hand_mlp import build_hand_mlp
from asl_lib.training.fit import set_seeds
from asl_lib.training.method import Method
from benchmarks.new_signers import read_clips

DEMO = "the demo's ten signers"
WAYS = {
    DEMO: {"variety": 1.0, "jitter": 0.0},
    "50 random people": {"variety": 1.0, "jitter": 0.0},
    "50 random people, a tracker that is a little off": {"variety": 1.0, "jitter": 0.01},
    "50 random people, more various, a tracker that is a little off": {"variety": 1.8, "jitter": 0.01},
}
STARTS = ("random weights", "drawn hands")
HANDSHAPES, PEOPLE, HANDS = (*LETTERS, *DIGITS), 98, 17
"""36 handshapes, 17 times by each of 98 people: 59,976 hands."""
EPOCHS = 10
FIRST_LAYERS = 5
"""Input, batch normalisation, noise, Dense and layer normalisation: `layers.stem` up to its activation."""


def read_photographs(seed: int) -> None:
    """Print how a perceptron reads photographs that has learned from drawn hands, one line for each of `WAYS`."""
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


@cache
def learn_drawn_hands(recipe: FeatureRecipe, *, seed: int) -> tuple[Any, np.ndarray]:
    """Return a network that names the handshapes of right hands, and which features differ between them: (F,) bool."""
    import keras
    from keras import layers

    from asl_lib.models.layers import stem

    set_seeds(seed)
    people = [replace(person, hand="right") for person in random_signers(PEOPLE, seed=seed)]
    hands, names = drawn_joints(HANDSHAPES, people, each=HANDS, seed=seed)
    points = np.full((len(hands), 1, *recipe.values_shape[1:]), np.nan, np.float32)  # clips of one frame
    points[:, 0, recipe.columns("right_hand")] = hands
    inputs = layers.Input((1, recipe.num_features))
    x = layers.Flatten()(stem(inputs, units=128, dropout=0.2))
    model = keras.Model(inputs, layers.Dense(len(HANDSHAPES), activation="softmax")(x))
    steps = EPOCHS * -(-len(hands) // 128)
    falling = keras.optimizers.schedules.CosineDecay(2.0e-3, steps, alpha=0.01)
    optimizer = keras.optimizers.AdamW(falling, weight_decay=1.0e-2)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    vary = replace(Method.own(recipe).augmentation, warp=0.0, crop=0.0, drop=0.0, frames=0.0)
    for epoch in range(EPOCHS):
        X = recipe.encode(vary(points, np.random.default_rng((seed, epoch))))
        history = model.fit(X, names, batch_size=128, verbose=0).history
    print(f"  drawn hands, seed {seed}: {history['accuracy'][0]:.1%} named in the last epoch", flush=True)
    return model, X.std(axis=(0, 1)) > 0


def transfer(model: Any, encoder: Any, known: np.ndarray) -> None:
    """Give a network the first layer of another one, for the features that are known; all other weights stay."""
    for layer, learned in zip(model.layers[:FIRST_LAYERS], encoder.layers[:FIRST_LAYERS], strict=True):
        for own, other in zip(layer.weights, learned.weights, strict=True):
            takes = known if own.shape[0] == len(known) else np.ones(own.shape[0], bool)
            own.assign(np.where(takes[(..., *[None] * (len(own.shape) - 1))], other, own))


def read_letters(options: argparse.Namespace) -> None:
    """Print how many letters of new signers a network reads after each of `STARTS`."""
    folder = project_folder() / options.run
    clips = ClipSet.load(folder)
    clips = clips.with_encoding(**{name: getattr(Method.own(clips.recipe).recipe, name) for name in ENCODING})
    found: dict[str, list[pd.DataFrame]] = {start: [] for start in STARTS}
    for group in options.test:
        new = np.isin(clips.signer, group.split(","))
        train, test = np.flatnonzero(~new), np.flatnonzero(new)
        for seed in options.seeds:

            def from_drawn_hands(model: Any, seed: int = seed) -> None:
                transfer(model, *learn_drawn_hands(replace(clips.recipe, glosses=()), seed=seed))
                set_seeds(seed)  # the letters' training is the same where the drawn hands were learned before

            starts: tuple[Callable[[Any], None] | None, ...] = (None, from_drawn_hands)
            for name, start in zip(STARTS, starts, strict=True):
                place = folder.with_name(f"{folder.name}_drawn_hands") / name.replace(" ", "_")
                place /= f"{group.replace(',', '+')}.epochs_{options.epochs}.seed_{seed}"
                settings: dict[str, Any] = {"seed": seed, "epochs": options.epochs, "folder": place, "start": start}
                split = Split(train, train[:0], test)
                read = read_clips("attention_tcn", clips, split, clips, test, **settings)
                found[name].append(read.table.assign(seed=seed))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    for name, table in tables.items():
        right = table["rank"] == 1
        seeds = ", ".join(f"{share:.1%}" for share in right.groupby(table["seed"]).mean())
        print(f"{name}: {rate(right.to_numpy(), table)}; seeds {seeds}")
        people = right.groupby(table["signer"]).mean()
        print("  " + ", ".join(f"{signer} {share:.0%}" for signer, share in people.items()))
    print(f"{STARTS[1]} more than {STARTS[0]}: {difference(*tables.values())}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=42, help="seed of the people, the hands and the perceptron")
    parser.add_argument("--letters", action="store_true", help="drawn hands as a start for letters")
    parser.add_argument("--run", default="outputs/fingerspelling", help="folder of the run")
    parser.add_argument("--test", nargs="+", default=["asq,ise,sgg,swl"], help="groups of signers held out together")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of hands and networks")
    parser.add_argument("--epochs", type=int, default=40, help="epochs on letters")
    options = parser.parse_args()
    if options.letters:
        read_letters(options)
    else:
        read_photographs(options.seed)


if __name__ == "__main__":
    main()
