"""The parameters of a run: reading, checking, and messages about wrong ones.

Every notebook starts with a cell of flat variables tagged `parameters`; a YAML file overrides them. Both
are checked against the one list below, so a misspelt key or a wrong type is found before anything runs.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from asl_lib._util.paths import project_folder
from asl_lib.data.dataset import Options
from asl_lib.data.names import LONGEST_NAME_BYTES, clean_name
from asl_lib.data.registry import get_dataset


def _known(name: str) -> str:
    return get_dataset(name).name


DatasetName = Annotated[str, AfterValidator(_known)]
Name = Annotated[str, AfterValidator(clean_name)]
Part = Literal["pose", "upper_body", "face", "lips", "brows", "eyes", "left_hand", "right_hand"]


DEFAULT_SEED = 42
Seed = Annotated[int, Field(ge=0, lt=2**32)]


def _different(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"every seed must be there once; got {seeds}.")
    return seeds


LONGEST_LIST = 100
"""Most characters of a list of signers in the name of a folder."""
MOST = 10**9
"""The largest count of anything; a number of thousands of digits is valid YAML."""
LONGEST_REASON, LONGEST_SHOWN = 300, 200
"""Most characters of an error's reason, and of a value in it."""


class ParameterError(ValueError):
    """A parameter does not exist, or its value is not allowed."""


class Params(BaseModel):
    """All parameters of the course. A notebook uses the ones that its `parameters` cell names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    # Where things are
    run: str = Field("demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the run: outputs/<run>/")
    data_dir: str = Field("data", description="folder of the data sets, relative to the course's folder")
    output_dir: str = Field("outputs", description="folder of the results, relative to the course's folder")
    # Which clips
    dataset: DatasetName = Field("demo", description="name of the data set")
    download: bool = Field(False, description="download the data set if it is not here and may be downloaded")
    subset: str = Field("", description="published subset, such as 100 of wlasl and karsl; empty for all")
    clips_per_sign: int = Field(0, ge=0, le=MOST, description="at most so many random clips of each sign; 0 for all")
    also: list[DatasetName] = Field([], description="data sets of videos beside your own recordings, such as demo")
    signs: list[Name] = Field([], description="glosses to use; empty for all")
    signers: list[Name] = Field([], description="signers to use; empty for all")
    repetitions: int = Field(2, ge=1, le=100, description="how often each demo signer repeats each sign")
    # Landmarks and features
    tracker: Literal["litert", "mediapipe"] = Field(
        "litert", description="litert: the course's own; mediapipe: MediaPipe's Tasks, which send metrics to Google"
    )
    incomplete: Literal["leave out", "keep"] = Field(
        "leave out", description="keep: also use videos that were cut off or are damaged, as far as they go"
    )
    landmarks: list[Part] = Field(["pose", "left_hand", "right_hand"], min_length=1, description="parts to use")
    coordinates: Literal["xy", "xyz"] = Field("xy", description="coordinates of each landmark")
    body_frame: Literal["shoulders", "image", "minmax"] = Field("shoulders", description="origin and unit")
    hand_frame: Literal["wrist", "body", "both"] = Field("wrist", description="origin and unit of the hands' landmarks")
    handshape: bool = Field(False, description="append joint angles, distances and directions of the fingers")
    velocities: bool = Field(False, description="append the change of every coordinate from frame to frame")
    mirror_left_handed: bool = Field(False, description="mirror clips signed with the left hand")
    timing: Literal["resample", "pad", "window"] = Field("resample", description="how a clip becomes `frames` long")
    frames: int = Field(30, ge=2, le=1000, description="frames of every clip")
    max_gap: int = Field(5, ge=0, le=MOST, description="longest gap, in frames, that is filled by interpolation")
    mask: bool = Field(True, description="tell the model which parts were seen in each frame")
    # Split
    split: Literal["signer", "official", "random"] = Field(
        "signer", description="signer: hold test_signers out; official: the data set's own; random: all signers known"
    )
    test_signers: list[Name] = Field(
        ["ben", "eli", "hana"], min_length=1, description="signers that are held out for the test"
    )
    validation_signers: list[Name] = Field([], description="signers for early stopping; empty to choose one")
    validation_share: float = Field(0.0, ge=0, le=0.5, description="or a share of the clips for early stopping")
    # Training
    augment: bool = Field(True, description="vary the training clips anew in every epoch")
    epochs: int = Field(100, ge=1, le=MOST, description="most passes over the training clips")
    own_epochs: int = Field(30, ge=1, le=MOST, description="the same for the course's own networks")
    patience: int = Field(20, ge=1, le=MOST, description="epochs without improvement before training stops")
    ablation: Literal["", "own", "published"] = Field(
        "", description="asl ablate sets it: whose training is changed, that of the course's own or published networks"
    )
    change: str = Field("", description="asl ablate sets it: the part that is left out or added; empty for none")
    groups: int = Field(4, ge=2, le=MOST, description="groups of glosses of the hierarchical network")
    image_size: int = Field(64, ge=32, le=1024, description="side of the photographs, in px")
    published_size: int = Field(32, ge=32, le=1024, description="side of the photographs for the published CNN, in px")
    image_epochs: int = Field(20, ge=1, le=MOST, description="passes over the photographs for the course's own CNN")
    transfer_epochs: int = Field(0, ge=0, le=MOST, description="the same, weights transferred; 0: image_epochs or none")
    transfer_weights: str = Field("", description="weights to transfer: a .weights.h5 file or imagenet")
    rendered: int = Field(0, ge=0, le=MOST, description="rendered pictures of each class to train on besides")
    source: str = Field("", description="video to recognise signs in; empty for test clips one after the other")
    live_model: str = Field("attention_lstm", description="network of this run for the live demo")
    threshold: float = Field(0.4, ge=0, le=1, description="least probability of a sign that is named")
    pseudo_signs: int = Field(400, ge=2, le=MOST, description="signs that nobody signs, to train the sign embedding")
    pseudo_steps: int = Field(300, ge=1, le=MOST, description="steps of its training")
    video_frames: int = Field(16, ge=8, le=1000, description="frames of every clip for the video networks")
    video_size: int = Field(64, ge=32, le=1024, description="side of their frames, in px")
    video_width: float = Field(0.25, gt=0, le=1, description="share of I3D's published filters; 1 for all")
    video_epochs: int = Field(6, ge=1, le=MOST, description="passes over the training clips for the video networks")
    video_batch: int = Field(8, ge=1, le=MOST, description="clips in one training step of the video networks")
    video_rate: float = Field(2.0e-3, gt=0, description="step size of Adam for the video networks")
    flow_method: Literal["dis", "farneback", "tvl1"] = Field("dis", description="method of the optical flow")
    i3d_weights: str = Field("", description="folder with the weights of I3D's Keras port; empty: random ones")
    top_epochs: int = Field(5, ge=1, le=MOST, description="epochs of I3D's new top alone, where i3d_weights are given")
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field("float32", description="of the numbers")
    gpus: int = Field(0, ge=0, le=1024, description="GPUs that share each batch; 0 leaves it to TensorFlow")
    batch_size: int = Field(32, ge=1, le=MOST, description="clips in one training step")
    learning_rate: float = Field(1.0e-4, gt=0, description="step size of Adam")
    seed: int = Field(DEFAULT_SEED, ge=0, lt=2**32, description="where all randomness starts")
    seeds: Annotated[list[Seed], AfterValidator(_different)] = Field(
        [], description="train every model once with each of these seeds; empty for `seed` alone"
    )
    workers: int = Field(0, ge=0, le=256, description="processes for rendering and extraction; 0 for one per core")
    scheduler: str = Field("", description="address of a Dask scheduler whose workers extract; empty for this machine")

    @property
    def dataset_dir(self) -> Path:
        """`data/<dataset>/`: the clips table, the videos and their landmarks."""
        return project_folder() / self.data_dir / self.dataset

    @property
    def run_dir(self) -> Path:
        """`outputs/<run>/`: the features, models and reports of this run."""
        return project_folder() / self.output_dir / self.run

    def dataset_options(self) -> Options:
        """Return which clips of the data set to prepare."""
        return Options(
            signs=tuple(self.signs),
            signers=tuple(self.signers),
            repetitions=self.repetitions,
            subset=self.subset,
            clips_per_sign=self.clips_per_sign,
            also=tuple(get_dataset(name) for name in self.also),
            seed=self.seed,
            workers=self.workers,
        )

    @property
    def held_out(self) -> str:
        """Name of a model's folder, which tells the clips that it is tested on, such as "held_out_ana+ben".

        A seed other than the default is in the name as well, "held_out_ana+ben.seed_2": no training replaces another's.
        """
        seed = f".seed_{self.seed}" if self.seed != DEFAULT_SEED else ""
        if self.split != "signer":
            return f"split_{self.split}{seed}"
        names = "+".join(self.test_signers)
        if len(names) > LONGEST_LIST or len(names.encode()) > LONGEST_NAME_BYTES:
            names = f"{len(self.test_signers)}+signers+{hashlib.sha256(names.encode()).hexdigest()[:8]}"
        return f"held_out_{names}{seed}"

    def letters_dir(self, model: str) -> Path:
        """`outputs/<run>/letters/<model>/held_out_<signers>/`: one network for photographs of handshapes."""
        return self.run_dir / "letters" / model / self.held_out

    def model_dir(self, model: str) -> Path:
        """`outputs/<run>/<model>/held_out_<signers>/`: one trained model with its recipe and results.

        In an ablation it is `outputs/<run>/ablation/<own or published>/<model>.<change>/held_out_<signers>/`.
        """
        folder = self.run_dir / "ablation" / self.ablation if self.ablation else self.run_dir
        return folder / (f"{model}.{self.change}" if self.change else model) / self.held_out


def read_parameters(variables: Mapping[str, Any]) -> Params:
    """Check the variables of a notebook's `parameters` cell; call it as `read_parameters(globals())`.

    Other variables of the notebook are ignored.

    Raises:
        ParameterError: the value of a parameter is not allowed; the message names those that are.
    """
    return check_parameters({name: variables[name] for name in Params.model_fields if name in variables})


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, unchecked."""
    path = Path(path)
    if not path.is_file():
        raise ParameterError(f"There is no parameter file {path}. The course's own are in params/.")
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ParameterError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParameterError(f"{path} must hold lines of the form 'key: value'; got a {type(values).__name__}.")
    return values


def parse_yaml(text: str) -> Any:
    """Return the plain values in a YAML text.

    Raises:
        ValueError: it is no YAML, or has an alias (a few lines of them would fill any memory), or a tag that makes
            objects.
    """
    try:
        # A subclass of PyYAML's safe loader.
        return yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, AttributeError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())[:LONGEST_REASON]) from error


class _PlainLoader(yaml.SafeLoader):
    """Reads names as they are spelled: 01, NO, NULL and 2024-01-01 are text, which YAML 1.1 takes for other things."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not taken: write the value out", mark)
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {}
for _kind, _form, _first in (
    ("bool", r"true|True|false|False", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"null|~|", ["n", "~", ""]),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"({_form})$"), _first)


def check_parameters(values: Mapping[str, Any], *, source: str = "The parameters cell") -> Params:
    """Return the checked parameters.

    Raises:
        ParameterError: some do not exist or have wrong values; the message lists them all.
    """
    try:
        return Params(**{_shown(key) if not isinstance(key, str) else key: value for key, value in values.items()})
    except ValidationError as error:
        sentences = [_sentence(problem) for problem in error.errors()]
        raise ParameterError(f"{source}: " + " ".join(dict.fromkeys(sentences))) from None


RULES = {  # pydantic's name of an error -> what the value must be
    "literal_error": "must be one of ",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list, like [a, b]",
    "too_short": "must not be empty",
    "string_pattern_mismatch": "must be made of letters, digits, '.', '_' and '-'",
}


def _sentence(problem: Any) -> str:
    key, kind, value = str(problem["loc"][0]), problem["type"], problem["input"]
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(key, Params.model_fields, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else f" Known parameters: {', '.join(Params.model_fields)}."
        return f"There is no parameter '{key}'.{hint}"
    if kind == "value_error":  # raised by a validator of ours
        return f"'{key}': {problem['ctx']['error']}"
    rule = RULES.get(kind, "must be: " + problem["msg"].removeprefix("Input should be "))
    if kind == "literal_error":
        rule += problem["ctx"]["expected"]
    sentence = f"'{key}' {rule}; got {_shown(value)}."
    if kind in ("float_type", "int_type") and isinstance(value, str) and re.fullmatch(r"[-+.\deE]+", value):
        sentence += " It is text: write it without quotes."
    if kind == "string_type" and len(problem["loc"]) > 1:
        sentence += " Write it in quotes, as it is spelled: papermill reads 01 as 1, 010 as 8, YES as true."
    if kind == "list_type" and isinstance(value, str):
        sentence += f" It is text; with papermill write -y '{key}: {value if value[:1] == '[' else f'[{value}]'}'."
    return sentence


def _shown(value: Any) -> str:
    """Return the text of a value for a message, shortened."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"
