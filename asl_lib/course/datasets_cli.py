"""`asl datasets`."""

from __future__ import annotations

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the parsers of `asl`."""
    datasets = commands.add_parser("datasets", help="list, check and download data sets")
    datasets.set_defaults(command=_datasets)
    actions = datasets.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="what there is, and what of it is on this disk (the default)")
    listing.set_defaults(command=_datasets)
    check = actions.add_parser("check", help="say what of a data set is present, missing and broken")
    check.add_argument("--subset", default="", help="only the clips of a published subset")
    check.add_argument("--quick", action="store_true", help="do not open every file")
    check.add_argument("--list", default="", metavar="FILE.csv", dest="problems", help="write every problem to a table")
    check.set_defaults(command=_check)
    download = actions.add_parser("download", help="download and unpack a data set, where that is allowed")
    download.set_defaults(command=_download)
    for action in (check, download):
        action.add_argument("name", help="name of the data set")
    for action in (datasets, listing, check, download):
        action.add_argument("--data-dir", default="data", help="folder of the data sets (default: data)")


def _datasets(options: argparse.Namespace) -> None:
    from asl_lib.data.download import describe
    from asl_lib.data.registry import find_datasets

    print(describe(list(find_datasets().values()), lambda dataset: _dataset_dir(options.data_dir, dataset.name)))


def _check(options: argparse.Namespace) -> int:
    from asl_lib._util.files import atomic_write
    from asl_lib.course.check import take_inventory
    from asl_lib.data.registry import get_dataset

    dataset = get_dataset(options.name)
    folder = _dataset_dir(options.data_dir, options.name)
    inventory = take_inventory(dataset, folder, subset=options.subset, look_inside=not options.quick)
    print(inventory)
    if options.problems:
        with atomic_write(options.problems) as tmp:
            inventory.problems().to_csv(tmp, index=False, lineterminator="\n")
        print(f"Every problem is in {options.problems}.")
    return 1 if inventory.present.empty else 0


def _download(options: argparse.Namespace) -> int:
    from asl_lib.data.download import obtain
    from asl_lib.data.registry import get_dataset

    dataset = get_dataset(options.name)
    folder = _dataset_dir(options.data_dir, options.name)
    obtain(dataset, folder)
    clips = dataset.prepare(folder)
    print(f"{len(clips):,} clips of {clips['gloss'].nunique():,} signs by {clips['signer'].nunique():,} signers.")
    return 0


def _dataset_dir(data_dir: str, name: str) -> Any:
    """Return a data set's folder: `data/<name>`, or the given folder itself where that is the data set's."""
    from asl_lib._util.paths import project_folder

    folder = project_folder() / data_dir
    if folder.name == name or (data_dir != "data" and folder.is_dir() and not (folder / name).is_dir()):
        return folder
    return folder / name
