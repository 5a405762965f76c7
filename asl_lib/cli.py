"""The `asl` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

EPILOGUE = """\
examples:
  asl run params/demo.yaml                             the whole course, from rendered clips to the comparison
  asl run params/recordings.yaml --set epochs=300      your own recordings, one parameter changed
  asl batch params/fingerspelling.yaml --each test_signers   every signer held out in turn
  asl datasets                                         what there is to train on
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
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="execute all notebooks in order with one parameter file")
    _add_parameters(run)
    run.set_defaults(command=_run)

    batch = commands.add_parser("batch", help="execute the model notebooks once per held-out signer")
    _add_parameters(batch)
    batch.add_argument(
        "--each", default="test_signers", metavar="PARAMETER", help="what to vary (default: test_signers)"
    )
    batch.add_argument("--only", default="", metavar="A,B", help="hold out only these signers (default: all, in turn)")
    batch.add_argument("--jobs", type=int, default=0, help="notebooks at a time (default: one per core)")
    batch.set_defaults(command=_batch)

    extract = commands.add_parser("extract", help="extract the landmarks of a data set, without a notebook")
    _add_parameters(extract, force=False)
    extract.set_defaults(command=_extract)

    datasets = commands.add_parser("datasets", help="list the data sets")
    datasets.set_defaults(command=_datasets)
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
    import yaml

    from asl_lib.params import ParameterError, check_parameters, read_yaml

    values = read_yaml(options.parameters)
    for change in options.changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise ParameterError(f"--set must be given as KEY=VALUE; got {change!r}.")
        values[key.strip()] = yaml.safe_load(value)
    check_parameters(values, source=options.parameters)
    return values


def _run(options: argparse.Namespace) -> None:
    from asl_lib.batch import run_course

    _conclude(run_course(_values(options), force=options.force))


def _batch(options: argparse.Namespace) -> None:
    from asl_lib.batch import run_each

    only = [name.strip() for name in options.only.split(",") if name.strip()]
    params = run_each(_values(options), each=options.each, choices=only, jobs=options.jobs, force=options.force)
    _conclude(params)


def _conclude(params: Any) -> None:
    """Say where the results are and how good the models are on people they have never seen."""
    from asl_lib.evaluation import rate
    from asl_lib.params import relative
    from asl_lib.report import collect_results, summarise

    print(f"\nExecuted notebooks: {relative(params.run_dir / 'notebooks')}/")
    results = collect_results(params.run_dir)
    print("Accuracy on signers that the model had never seen:")
    for row in results.itertuples():
        print(f"  {row.model}, {row.held_out}: {rate(round(row.accuracy * row.n), row.n)}")
    for row in summarise(results).itertuples():
        spread = "95 % interval over signers" if row.signers > 2 else "range"
        spread += f" {row.low:.0%} to {row.high:.0%}"
        print(f"  {row.model}, mean over {row.signers} signers: {row.mean_accuracy:.1%} ({spread})")


def _extract(options: argparse.Namespace) -> int:
    from asl_lib.clips import read_clips, select_clips
    from asl_lib.datasets import get_dataset
    from asl_lib.extract import extract_clips, write_failures
    from asl_lib.features import FeatureRecipe
    from asl_lib.params import check_parameters, relative

    params = check_parameters(_values(options), source=options.parameters)
    dataset, folder = get_dataset(params.dataset), params.dataset_dir
    if not dataset.has_videos:
        print(f"{dataset.title} comes as landmarks: there is nothing to extract.")
        return 0
    clips = select_clips(read_clips(folder / "clips.csv"), signs=params.signs, signers=params.signers)
    extraction = extract_clips(
        clips,
        source_dir=dataset.source_dir(folder),
        pose_path=lambda clip: dataset.pose_path(folder, clip),
        parts=FeatureRecipe(parts=tuple(params.landmarks)).tracked_parts,
        workers=params.workers,
    )
    write_failures(extraction, folder / "failures.csv")
    print(extraction)
    for clip_id, _, reason in extraction.failures.itertuples(index=False):
        print(f"  {clip_id}: {reason}")
    if len(extraction.failures):
        print(f"The list is in {relative(folder / 'failures.csv')}.")
    return 0


def _datasets(options: argparse.Namespace) -> None:
    from asl_lib.datasets import DATASETS

    for name, dataset in DATASETS.items():
        print(f"{name:16s}{dataset.title} (licence: {dataset.licence})\n{'':16s}{dataset.notice}")


if __name__ == "__main__":
    sys.exit(main())
