"""The `asl` command."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

SHARD_HELP = "do only this part of the work, the same part every time: for array jobs on a cluster"
MOST_LINES = 20
MOST_SIGNERS = 50
"""With more, only the mean over them is printed."""
EPILOGUE = """\
examples:
  asl run params/demo.yaml                             the whole course, from rendered clips to the comparison
  asl run params/recordings.yaml --set epochs=300      your own recordings, one parameter changed
  asl batch params/fingerspelling.yaml --each test_signers   every signer held out in turn
  asl datasets                                         what there is to train on
  asl live --web                                       sign into your browser's camera, and see it recognised
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 1 after a sentence that says what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options) or 0)
    except KeyboardInterrupt:
        print("\nInterrupted. What was finished is kept: the same command goes on from there.", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f"asl: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asl",
        description="Run the sign language recognition course: its notebooks, batches of them, and its data sets.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"asl_lib {version('asl_lib')}, {platform.platform()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="execute all notebooks with one parameter file")
    _add_parameters(run)
    run.add_argument("--models", default="", metavar="A,B", help="train only these models (default: all)")
    run.add_argument("--jobs", type=int, default=0, help="model notebooks at a time (default: one per core)")
    run.set_defaults(command=_run)

    batch = commands.add_parser("batch", help="execute the model notebooks once per held-out signer")
    _add_parameters(batch)
    batch.add_argument(
        "--each", default="test_signers", metavar="PARAMETER", help="what to vary (default: test_signers)"
    )
    batch.add_argument("--only", default="", metavar="A,B", help="hold out only these signers (default: all, in turn)")
    batch.add_argument(
        "--folds", type=int, default=0, metavar="K", help="hold out K groups of signers instead of one at a time"
    )
    batch.add_argument("--models", default="", metavar="A,B", help="train only these models (default: all)")
    batch.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="use the workers of a Dask cluster")
    batch.add_argument(
        "--no-known-signers",
        action="store_true",
        help="leave out the run in which all signers are known, which the report compares with",
    )
    batch.add_argument("--jobs", type=int, default=0, help="notebooks at a time (default: one per core)")
    batch.set_defaults(command=_batch)

    batch.add_argument("--shard", default="", metavar="3/11", help=SHARD_HELP + "; 0/11 only prepares")

    extract = commands.add_parser("extract", help="extract the landmarks of a data set, without a notebook")
    _add_parameters(extract, force=False)
    extract.add_argument("--shard", default="", metavar="3/100", help=SHARD_HELP + "; 0/100 only makes the clips table")
    extract.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="use the workers of a Dask cluster")
    extract.add_argument(
        "--preview", default="", metavar="CLIP_ID", help="write a video of one clip with its landmarks drawn, and stop"
    )
    extract.set_defaults(command=_extract)

    export = commands.add_parser("export", help="write a trained model as model.tflite, for phones and browsers")
    export.add_argument("folder", help="folder of the model, for example outputs/demo/attention_tcn/held_out_ben+eli")
    export.set_defaults(command=_export)

    predict = commands.add_parser("predict", help="name the handshape in a photograph")
    predict.add_argument("photograph", nargs="+", help="picture files")
    predict.add_argument(
        "--model", default="", metavar="FOLDER", help="folder of the network (default: the newest letter_cnn)"
    )
    predict.add_argument(
        "--picture", default="", metavar="FILE.png", help="where to draw the (last) photograph with its answers"
    )
    predict.set_defaults(command=_predict)

    from asl_lib.live import cli as live_cli

    live_cli.add_commands(commands)

    from asl_lib.course import datasets_cli
    from asl_lib.course.classroom import cli as classroom_cli

    datasets_cli.add_commands(commands)
    classroom_cli.add_commands(commands)
    return parser


def _add_parameters(parser: argparse.ArgumentParser, *, force: bool = True) -> None:
    parser.add_argument("parameters", help="YAML file of parameters, for example params/demo.yaml")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change one parameter (YAML value)",
    )
    if force:
        parser.add_argument("--force", action="store_true", help="execute notebooks whose results are there already")


def _values(options: argparse.Namespace) -> dict[str, Any]:
    from asl_lib.course.params import ParameterError, check_parameters, parse_yaml, read_yaml

    values = read_yaml(options.parameters)
    for change in options.changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise ParameterError(f"--set must be given as KEY=VALUE; got {change!r}.")
        try:
            values[key.strip()] = parse_yaml(value)
        except ValueError as error:
            raise ParameterError(f"--set {key.strip()} must have a YAML value; got {value!r} ({error}).") from error
    check_parameters(values, source=options.parameters)
    return values


def _run(options: argparse.Namespace) -> None:
    from asl_lib._util.paths import split_names
    from asl_lib.course.batch import run_course

    models = split_names(options.models)
    _conclude(run_course(_values(options), models=models, jobs=options.jobs, force=options.force))


def _batch(options: argparse.Namespace) -> None:
    from asl_lib._util.paths import split_names
    from asl_lib.course.batch import run_each

    params = run_each(
        _values(options),
        each=options.each,
        choices=split_names(options.only),
        folds=options.folds,
        models=split_names(options.models),
        jobs=options.jobs,
        shard=options.shard,
        scheduler=options.scheduler,
        known_signers=not options.no_known_signers,
        force=options.force,
    )
    if not options.shard:
        _conclude(params)


def _conclude(params: Any) -> None:
    """Say where the results are and how good the models are on people they have never seen."""
    from asl_lib._util.paths import relative
    from asl_lib.course.notebooks import find_notebooks
    from asl_lib.evaluation.results import collect_results, has_results, write_page

    print(f"\nExecuted notebooks: {relative(params.run_dir / 'notebooks')}/")
    for folder, subject in ((params.run_dir, "Signs"), (params.run_dir / "letters", "Letters and digits")):
        if has_results(folder):
            print(f"\n{subject}")
            _print_results(collect_results(folder))
    for notebook in (notebook for notebook in find_notebooks() if notebook.stage == "report"):
        executed = params.run_dir / "notebooks" / notebook.path.name
        if executed.is_file():
            print(f"\nThe report: {write_page(executed, params.run_dir / 'report').resolve().as_uri()}")


def _print_results(results: Any) -> None:
    from asl_lib.evaluation.metrics import FEWEST_SIGNERS, rate
    from asl_lib.evaluation.results import summarise

    new_signers = results["protocol"] == "new signer"
    for row in results[~new_signers].itertuples():
        print(f"Accuracy, {row.protocol}: {row.model} {rate(round(row.accuracy * row.n), row.n)}")
    several = new_signers & (results["held_out"].nunique() <= MOST_SIGNERS)
    if new_signers.any():
        print("Accuracy on signers that the model had never seen:")
    for row in results[several].itertuples():
        print(f"  {row.model}, {row.held_out}: {rate(round(row.accuracy * row.n), row.n)}")
    means = summarise(results)
    for row in means[means["signers"] > 1].itertuples():
        spread = "95 % interval over signers" if row.signers >= FEWEST_SIGNERS else "range"
        spread += f" {row.low:.0%} to {row.high:.0%}"
        print(f"  {row.model}, mean over {row.signers} signers: {row.mean_accuracy:.1%} ({spread})")


def _predict(options: argparse.Namespace) -> int:
    import numpy as np

    from asl_lib._util.paths import relative
    from asl_lib.features.photographs import PhotographError
    from asl_lib.training.images import load_image_model, newest_letters, predict_images

    folder = options.model or newest_letters()
    model, recipe = load_image_model(folder)
    print(f"network: {relative(folder)}")
    bad = 0
    for path in options.photograph:
        try:
            image = recipe.transform(path)
        except PhotographError as error:
            print(f"asl: {error}", file=sys.stderr)
            bad += 1
            continue
        probabilities = predict_images(model, image[None])[0]
        best = np.argsort(-probabilities)[:3]
        print(f"{path}: " + ", ".join(f"{recipe.glosses[i]} {probabilities[i]:.0%}" for i in best))
        if options.picture:
            from asl_lib import plots

            plots.use_style()
            plots.plot_answer(image, [recipe.glosses[i] for i in best], probabilities[best]).savefig(options.picture)
    return 1 if bad else 0


def _export(options: argparse.Namespace) -> None:
    from pathlib import Path

    from asl_lib._util.paths import relative
    from asl_lib.training.export import export_tflite
    from asl_lib.training.fit import load_model

    folder = Path(options.folder)
    model, _ = load_model(folder)
    path = export_tflite(model, folder / "model.tflite")
    size = path.stat().st_size / 1e6
    print(f"{relative(path)}: {size:.1f} MB, for one clip at a time; recipe.json says how to encode it.")


def _extract(options: argparse.Namespace) -> int:
    from asl_lib._util.paths import relative
    from asl_lib.course.params import check_parameters
    from asl_lib.data.clips import read_clips, select_clips
    from asl_lib.data.registry import get_dataset
    from asl_lib.features.recipe import FeatureRecipe
    from asl_lib.landmarks.extract import extract_clips, parse_shard

    params = check_parameters(_values(options), source=options.parameters)
    dataset, folder = get_dataset(params.dataset), params.dataset_dir
    if not dataset.has_videos:
        print(f"{dataset.title} comes as {dataset.kind}: there is nothing to extract.")
        return 0
    # The tasks of an array must all divide the same table, and need not make it a hundred times.
    preparing = bool(options.shard) and parse_shard(options.shard, least=0)[0] == 0
    if preparing or not ((options.shard or options.preview) and (folder / "clips.csv").is_file()):
        dataset.prepare(folder, params.dataset_options())
    clips = select_clips(read_clips(folder / "clips.csv"), signs=params.signs, signers=params.signers)
    parts = FeatureRecipe(parts=tuple(params.landmarks)).tracked_parts
    if preparing:
        print(f"{len(clips):,} clips to extract; now start the shards.")
        return 0
    if options.preview:
        return _preview(options.preview, clips, dataset, folder, parts)
    failures = folder / f"failures{'.' + options.shard.replace('/', '-of-') if options.shard else ''}.csv"
    extraction = extract_clips(
        clips,
        source_dir=dataset.source_dir(folder),
        pose_path=lambda clip: dataset.pose_path(folder, clip),
        parts=parts,
        workers=params.workers,
        shard=options.shard,
        scheduler=options.scheduler or params.scheduler,
        failures_path=failures,
    )
    print(extraction)
    for clip_id, _, reason in extraction.failures.head(MOST_LINES).itertuples(index=False):
        print(f"  {clip_id}: {reason}")
    if len(extraction.failures):
        print(f"The list is in {relative(failures)}.")
    return 0


def _preview(clip_id: str, clips: Any, dataset: Any, folder: Any, parts: Sequence[str]) -> int:
    from asl_lib._util.paths import relative
    from asl_lib._util.quiet import quiet_native_stderr
    from asl_lib.data.errors import DatasetError
    from asl_lib.landmarks.extraction_job import write_preview

    chosen = clips[clips["clip_id"] == clip_id]
    if chosen.empty:
        some = ", ".join(clips["clip_id"].head(5))
        raise DatasetError(f"There is no clip '{clip_id}' in the clips table. It has, for example: {some}.")
    clip, path = chosen.iloc[0], folder / "preview" / f"{clip_id}.mp4"
    pose = dataset.pose_path(folder, clip)
    with quiet_native_stderr():
        frames = write_preview(clip, path, source_dir=dataset.source_dir(folder), parts=parts, pose=pose)
    print(f"{frames} frames with their landmarks: {relative(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
