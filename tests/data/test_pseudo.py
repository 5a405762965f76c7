"""Pseudo-signs: random signs within the constraints of real ones, by random people."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.data.demo import load_lexicon, load_signers, perform
from asl_lib.data.demo.hand import HANDSHAPES
from asl_lib.data.demo.lexicon import FreeSign
from asl_lib.data.demo.motion import FINGERS, LOCATIONS, PALMS
from asl_lib.data.demo.pseudo import BASES, random_sign, random_signer

seeds = st.integers(0, 10_000)


@given(seeds)
@settings(max_examples=80)
def test_a_random_sign_keeps_the_symmetry_and_dominance_conditions(seed):
    sign = random_sign(np.random.default_rng(seed), "X")
    assert set(sign.handshapes()) <= set(HANDSHAPES)
    assert (sign.hands == "both") == (sign.symmetry != "none")
    assert (sign.support in BASES) if sign.symmetry == "support" else sign.support == ""
    if sign.other_waves:  # hands that move in turn make the same movement, one half a cycle behind
        assert sign.symmetry == "mirrored"
        assert np.allclose(np.array(sign.other_waves)[:, 0], -np.array(sign.waves)[:, 0])
        assert np.allclose(np.array(sign.other_waves)[:, 1:], np.array(sign.waves)[:, 1:])


@given(seeds)
@settings(max_examples=25)
def test_both_hands_move_in_a_random_two_handed_sign(seed):
    rng = np.random.default_rng(seed)
    sign, signer = random_sign(rng, "X"), random_signer(rng, "anybody")
    performance = perform(sign, signer, repetition=0, seed=1)
    assert performance.joints.shape[1:] == (2, 21, 3)
    assert np.isfinite(performance.joints).all()
    assert np.isfinite(performance.arms).all()
    moves = np.ptp(performance.arms[:, :, 2], axis=0).max(axis=-1) > 0  # wrists that leave their place
    assert moves["lr".index(signer.hand[0])]
    assert moves.all() == (sign.hands == "both")


def test_the_seed_determines_the_random_sign_and_signer():
    def drawn(seed):
        rng = np.random.default_rng(seed)
        return random_sign(rng, "X"), random_signer(rng, "anybody")

    assert drawn(1) == drawn(1)
    signs = [drawn(seed)[0] for seed in range(40)]
    assert len({(sign.handshape, sign.place, sign.waves) for sign in signs}) == len(signs)
    assert len({sign.symmetry for sign in signs}) == 3
    assert {drawn(seed)[1].hand for seed in range(40)} == {"left", "right"}


def test_a_free_sign_with_the_parameters_of_a_lexicon_sign_is_performed_like_it():
    please = load_lexicon()["PLEASE"]
    still = ((0.0, 1.0, 0.0, 0.0),) * 6
    free = FreeSign(
        gloss="PLEASE",
        hands="one",
        handshape=please.handshape,
        place=LOCATIONS[please.location],
        pointing=FINGERS[please.fingers],
        facing=PALMS[please.palm],
        waves=still,
    )
    held = FreeSign(**{**vars(free), "waves": ((0.0, 1.0, 0.0, 0.4), *still[1:])})
    signer = load_signers()["ana"]
    lexical = perform(please, signer, repetition=0, seed=42)
    numbers = perform(free, signer, repetition=0, seed=42)
    drifted = perform(held, signer, repetition=0, seed=42)
    # At rest, before and after, all three are the same; and in between a circle, a hold and a way outwards.
    np.testing.assert_array_equal(lexical.joints[0], numbers.joints[0])
    middle = len(lexical.joints) // 2
    assert np.linalg.norm(lexical.joints[middle, 1, 0] - numbers.joints[middle, 1, 0]) < 60
    assert drifted.joints[middle + 4, 1, 0, 0] < numbers.joints[middle + 4, 1, 0, 0] - 20
