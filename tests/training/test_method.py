"""The parts of a training: what it has, and what an ablation leaves out or adds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib import Augmentation, FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.training.method import METHOD_PARTS, OF_FIT, OF_RECIPE, PART_GROUPS, Method

RECIPE = FeatureRecipe(frames=12, glosses=("BOOK", "HELP"))


def values_of(method):
    return {part: method[part] for part in METHOD_PARTS}


def test_the_two_methods_are_those_of_notebook_05():
    own, published = Method.own(RECIPE), Method.published(RECIPE)
    assert own.augmentation == Augmentation(own.recipe, body=0.02, frames=0.05, mirrored=0.5)
    assert own.settings == {"schedule": "cosine", "weight_decay": 0.01, "label_smoothing": 0.1, "mixup": 0.0}
    assert (own.recipe.handshape, own.recipe.velocities, own.stops_early) == (True, True, False)
    assert (published.recipe, published.augmentation) == (RECIPE, Augmentation(RECIPE))
    assert published.settings == {"schedule": "constant", "weight_decay": 0.0, "label_smoothing": 0.0, "mixup": 0.0}
    assert published.stops_early
    assert (own.recipe.average_mirrored, own.change("mirrored").recipe.average_mirrored) == (True, False)
    assert published.change("mirrored").recipe.average_mirrored, "the answer is the mean over both, as the training"
    turned = Method.own(FeatureRecipe(mirror_left_handed=True))
    assert turned["mirrored"] == 0, "all clips are turned to one hand already"


@given(part=st.sampled_from(sorted(METHOD_PARTS)), start=st.sampled_from([Method.own, Method.published]))
def test_a_method_change_concerns_one_part_and_can_be_undone(part, start):
    method = start(RECIPE)
    changed = method.change(part)
    before, after = values_of(method), values_of(changed)
    assert {name for name in METHOD_PARTS if before[name] != after[name]} == {part}
    with_it, without = METHOD_PARTS[part]
    assert after[part] == (with_it if before[part] == without else without)
    assert changed.label == f"{'with' if before[part] == without else 'without'} {part}"
    there_and_back = values_of(changed.change(part))
    assert there_and_back == before
    assert method.change("") == method


def test_parts_are_changed_together_by_the_name_of_their_group_or_joined():
    plain = Method.own(RECIPE).change("augmentation")
    assert set(plain.augmentation.steps()) == {"mirroring"}
    assert plain.label == "without augmentation"
    rich = Method.published(RECIPE).change("features+mirrored")
    assert (rich.recipe.handshape, rich.recipe.velocities, rich["mirrored"]) == (True, True, 0.5)
    assert rich.label == "with features+mirrored"
    assert Method.own(RECIPE).change("regularisation").settings["weight_decay"] == 0
    assert set().union(*PART_GROUPS.values()) <= set(METHOD_PARTS)


def test_a_part_takes_another_value_by_its_name():
    method = Method.own(RECIPE)
    assert method.change("body_frame=minmax").recipe.body_frame == "minmax"
    stronger = method.change("rotate=30")
    assert (stronger.augmentation.rotate, stronger.label) == (30.0, "rotate=30")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("rotation", "no part 'rotation'.* There are: body_frame, .*rotate.*regularisation"),
        ("mirrored+speed", "no part 'speed'"),
        ("rotate=far", "'rotate' cannot become 'far'"),
        ("mask=0", "'mask' cannot become '0': it can only be left out or added"),
        ("features=1", "can only be left out or added"),
        ("rotate=nan", "'rotate' cannot become 'nan': it must be at least 0 and finite"),
        ("shift=inf", "'shift' cannot become 'inf': it must be at least 0 and finite"),
        ("jitter=-1", "'jitter' cannot become '-1': it must be at least 0"),
        ("warp=1", "'warp' cannot become '1': it must be at least 0 and at most 0.99"),
        ("mask_time=2", "'mask_time' cannot become '2': it must be at least 0 and at most 1"),
        ("schedule=../../elsewhere", "'schedule' cannot become '../../elsewhere': it must be cosine or constant"),
        ("body_frame=chair", "body_frame must be one of shoulders, image, minmax; got 'chair'"),
    ],
)
def test_an_unknown_part_or_value_error_lists_the_known_ones(part, message):
    with pytest.raises(ValueError, match=message):
        Method.own(RECIPE).change(part)


def test_every_part_is_an_option_of_a_recipe_of_an_augmentation_or_of_a_training():
    import inspect

    from asl_lib.training.fit import fit

    taken = set(vars(RECIPE)), set(vars(Augmentation(RECIPE))), set(inspect.signature(fit).parameters)
    for names, options in zip(
        (set(OF_RECIPE), set(METHOD_PARTS) - set(OF_RECIPE) - set(OF_FIT), set(OF_FIT)), taken, strict=True
    ):
        assert names <= options
    assert issubclass(TrainingError, ValueError)
