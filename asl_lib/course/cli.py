"""The `asl` command: its parser, and one function for each command.

The functions import what they use: `asl --help` would take seconds with pandas, OpenCV and TensorFlow.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from asl_lib._util.paths import project_folder, relative, split_names

SHARD_HELP = "do only this part of the work, the same part every time: for array jobs on a cluster"
SOURCE_HELP = "number of a camera, path of a video or address of a stream (default: 0, the first camera)"
VOCABULARY_HELP = "file of the signs that were taught (default: outputs/vocabulary.npz)"
MOST_LINES = 20
MOST_SIGNERS = 50
"""With more, only the mean over them is printed."""
EPILOGUE = """\
examples:
  asl run params/demo.yaml                             the whole course, from rendered clips to the comparison
  asl run params/recordings.yaml --set epochs=300      your own recordings, one parameter changed
  asl batch params/fingerspelling.yaml                 every signer held out in turn
  asl ablate params/demo.yaml --over mirrored,masks    what two parts of the training are worth
  asl datasets                                         what there is to train on
  asl teach HELLO --source clip.mp4                    teach a sign from one clip, without a training
  asl live --web                                       sign into your browser's camera, and see it recognised
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 after an error message, or 130 after Ctrl-C or SIGTERM."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe on Windows cannot write every name
    options = _parser().parse_args(arguments)
    in_main = threading.current_thread() is threading.main_thread()
    # Schedulers and containers end a program with SIGTERM: what was found until then is kept as after Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if in_main else None
    try:
        status = int(options.command(options) or 0)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python's own last flush would complain
        return 0
    except KeyboardInterrupt:
        print("\nInterrupted. What was finished is kept: the same command goes on from there.", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f"asl: {error}", file=sys.stderr)
        return 1
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asl",
        description="Run the sign language recognition course: its notebooks, batches of them, and its data sets.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"asl_lib {version('asl_lib')}, {platform.platform()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[argparse.Namespace], int | None], about: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(name, help=about)
        added.set_defaults(command=function)
        return added

    _add_notebooks(command)
    _add_models(command)
    _add_live(command("live", _live, "recognise signs in a camera's picture or a video"))
    _add_record(command("record", _record, "record your own signs, prompted one by one, for params/recordings.yaml"))
    _add_teaching(command)
    _add_datasets(command("datasets", _list_datasets, "list, check and download data sets"))

    classroom = commands.add_parser("classroom", help="make the course's exercises assignments for a class (nbgrader)")
    build = classroom.add_subparsers(title="actions", required=True, metavar="ACTION").add_parser(
        "build", help="make or update nbgrader's course folder: with solutions for you, without for the class"
    )
    build.add_argument("--to", default="classroom", metavar="FOLDER", help="the folder to make (default: classroom)")
    build.add_argument("--notebooks", nargs="+", default=[], metavar="05", help="only these, by number or name")
    build.set_defaults(command=_build_classroom)
    return parser


def _add_notebooks(command: Callable[..., argparse.ArgumentParser]) -> None:
    run = command("run", _run, "execute all notebooks with one parameter file")
    run.add_argument("--notebooks", default="", metavar="01,02", help="only these, by number or name (default: all)")
    run.add_argument("--jobs", type=int, default=0, help="notebooks at a time (default: one per core)")

    batch = command("batch", _batch, "execute the model notebooks once per held-out signer")
    batch.add_argument("--only", default="", metavar="A,B", help="hold out only these signers (default: all, in turn)")
    batch.add_argument("--folds", type=int, default=0, metavar="K", help="hold out K groups of signers in turn")
    batch.add_argument("--no-known-signers", action="store_true", help="leave out the run with all signers known")
    batch.add_argument("--jobs", type=int, default=0, help="notebooks at a time (default: one per core)")
    batch.add_argument("--shard", default="", metavar="3/11", help=SHARD_HELP + "; 0/11 only prepares")

    ablate = command("ablate", _ablate, "train with one part of the method left out or added, and compare")
    ablate.add_argument(
        "--over", default="", metavar="A,B", help="these parts, such as mirrored,body_frame (default: all)"
    )
    ablate.add_argument(
        "--from", default="own", choices=["own", "published"], dest="start",
        help="change the training of the course's own networks (the default) or that of published ones",
    )  # fmt: skip
    ablate.add_argument("--jobs", type=int, default=0, help="trainings at a time (default: one per core)")

    extract = command("extract", _extract, "extract the landmarks of a data set, without a notebook")
    extract.add_argument("--shard", default="", metavar="3/100", help=SHARD_HELP + "; 0/100 only makes the clips table")
    extract.add_argument(
        "--preview", default="", metavar="CLIP_ID", help="only draw the landmarks of one clip, as a video"
    )
    for parser in (run, batch, ablate, extract):
        parser.add_argument("parameters", help="YAML file of parameters, for example params/demo.yaml")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="changes",
            help="change one parameter (YAML)",
        )
    for parser in (run, batch, ablate):
        parser.add_argument("--models", default="", metavar="A,B", help="train only these (default: the course's own)")
        parser.add_argument("--force", action="store_true", help="execute notebooks whose results are there already")
    for parser in (batch, ablate, extract):
        parser.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="use a Dask cluster's workers")


def _add_models(command: Callable[..., argparse.ArgumentParser]) -> None:
    pretrain = command("pretrain", _pretrain, "train a sign embedding on drawn signs, to recognise signs from examples")
    for name, default, about in (
        ("signs", 400, "pseudo-signs"),
        ("signers", 6, "random people who sign each of them"),
        ("networks", 2, "networks, which differ in their first weights"),
        ("steps", 300, "steps of each training, of 128 clips"),
        ("seed", 42, "seed of all random numbers"),
    ):
        pretrain.add_argument(f"--{name}", type=int, default=default, help=f"{about} (default: {default})")

    export = command("export", _export, "write a trained network and its recipe as one file, for phones and browsers")
    export.add_argument(
        "folder", help="folder of the model, for example outputs/demo/attention_tcn/held_out_ben+eli+hana"
    )
    export.add_argument(
        "--to", default="", metavar="FOLDER", help="write here (default: export/ in the model's folder)"
    )
    export.add_argument("--zip", action="store_true", help="write the folder as one zip, too, beside it")

    predict = command("predict", _predict, "name the handshape in a photograph")
    predict.add_argument("photograph", nargs="+", help="picture files")
    predict.add_argument(
        "--model", default="", metavar="FOLDER", help="folder of a network (default: newest letter_cnn)"
    )
    predict.add_argument(
        "--picture", default="", metavar="FILE.png", help="draw the (last) photograph with its answers"
    )


def _add_live(live: argparse.ArgumentParser) -> None:
    live.add_argument("--source", default="0", help=SOURCE_HELP)
    live.add_argument("--model", default="", metavar="FOLDER", help="folder of a trained model (default: the newest)")
    live.add_argument("--vocabulary", default="", metavar="FILE", help="know the signs of asl teach, and no others")
    live.add_argument("--letters", action="store_true", help="recognise letters in a box (notebook 08)")
    live.add_argument("--left-handed", action="store_true", help="put the box for letters on the other side")
    live.add_argument("--press", type=float, default=0.0, metavar="SECONDS", help="press-and-sign: capture this long")
    live.add_argument("--threshold", type=float, help="least probability of a named sign (default: 0.4, letters 0.6)")
    live.add_argument("--record", default="", metavar="FILE.mp4", help="save the annotated video")
    live.add_argument("--no-window", action="store_true", help="only print the words, and record")
    live.add_argument("--no-mirror", action="store_true", help="show a camera's picture unmirrored")
    live.add_argument("--fast", action="store_true", help="take every frame of a file, as --no-window does")
    live.add_argument("--loop", action="store_true", help="play a file again when it ends")
    web = live.add_argument_group("in a browser, with the browser's camera")
    web.add_argument("--web", action="store_true", help="serve a page to this computer instead of opening a window")
    web.add_argument("--to", default="", metavar="FOLDER", help="only write the page, for any web server with https")
    web.add_argument("--port", type=int, help="port to listen at (default: 7860, or the next free one)")
    web.add_argument(
        "--allowed-hosts", default="", metavar="A,B", help="further names under which a proxy shows the page"
    )


def _add_record(record: argparse.ArgumentParser) -> None:
    record.add_argument("--signer", required=True, help="a number or an invented name: the signer's folder")
    record.add_argument("--glosses", required=True, metavar="A,B", help="the signs to record")
    record.add_argument("--repetitions", type=int, default=3, help="recordings of each sign (default: 3)")
    record.add_argument("--countdown", type=float, default=3.0, metavar="SECONDS", help="before each sign (default: 3)")
    record.add_argument("--seconds", type=float, default=2.5, help="length of a recording (default: 2.5)")
    record.add_argument("--source", default="0", help=SOURCE_HELP)
    record.add_argument("--folder", default="", help="folder of the recordings (default: data/recordings)")


def _add_teaching(command: Callable[..., argparse.ArgumentParser]) -> None:
    teach = command("teach", _teach, "teach a sign by showing it, once or more often, without a training")
    teach.add_argument("gloss", help="name of the sign")
    teach.add_argument("--source", nargs="+", default=["0"], metavar="SOURCE", help="clips of it, or: " + SOURCE_HELP)
    teach.add_argument("--clips", type=int, default=1, metavar="N", help="how often to sign for a camera (default: 1)")
    teach.add_argument("--forget", action="store_true", help="forget the sign instead")

    lookup = command("lookup", _lookup, "list the signs that are most similar to the one in a clip")
    lookup.add_argument("clip", help="path of a video")
    lookup.add_argument("--top", type=int, default=10, metavar="N", help="length of the list (default: 10)")
    lookup.add_argument("--model", default="", metavar="FOLDER", help="also its signs (default: those of the newest)")
    for parser in (teach, lookup):
        parser.add_argument("--vocabulary", default="", metavar="FILE", help=VOCABULARY_HELP)


def _add_datasets(datasets: argparse.ArgumentParser) -> None:
    actions = datasets.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="what there is, and what of it is on this disk (the default)")
    check = actions.add_parser("check", help="list what of a data set is present, missing, incomplete and broken")
    check.add_argument("--subset", default="", help="only the clips of a published subset")
    check.add_argument("--quick", action="store_true", help="open every file only, instead of decoding all of it")
    check.add_argument("--list", default="", metavar="FILE.csv", dest="problems", help="write every problem to a table")
    download = actions.add_parser("download", help="download and unpack a data set, where that is allowed")
    for action, function in ((listing, _list_datasets), (check, _check_dataset), (download, _download_dataset)):
        action.set_defaults(command=function)
        if action is not listing:
            action.add_argument("name", help="name of the data set")
    # Of the two parsers that read one command, the second must not put its default in the place of a value.
    for action, default in ((datasets, "data"), *((one, argparse.SUPPRESS) for one in (listing, check, download))):
        action.add_argument("--data-dir", default=default, help="folder of the data sets (default: data)")


def _values(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of a file with the changes of `--set`, checked."""
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
    from asl_lib.course.batch import run_course

    params = run_course(
        _values(options),
        models=split_names(options.models),
        notebooks=split_names(options.notebooks),
        jobs=options.jobs,
        force=options.force,
    )
    _print_summary(params)


def _batch(options: argparse.Namespace) -> None:
    from asl_lib.course.batch import run_batch

    params = run_batch(
        _values(options),
        held_out=split_names(options.only),
        folds=options.folds,
        models=split_names(options.models),
        jobs=options.jobs,
        shard=options.shard,
        scheduler=options.scheduler,
        known_signers=not options.no_known_signers,
        force=options.force,
    )
    if not options.shard:
        _print_summary(params)


def _ablate(options: argparse.Namespace) -> None:
    from asl_lib.course.batch import run_ablation
    from asl_lib.evaluation.metrics import describe_size
    from asl_lib.evaluation.results import describe_difference

    tables = run_ablation(
        _values(options),
        over=split_names(options.over),
        start=options.start,
        models=split_names(options.models),
        jobs=options.jobs,
        scheduler=options.scheduler,
        force=options.force,
    )
    for table in tables:
        first = next(table.itertuples())
        size = describe_size(first.clips, first.cells, first.signers)
        print("\nAccuracy, mean and range of the seeds; difference with its 95 % interval")
        print(f"  n = {size}; seeds: {first.seeds}")
        for row in table.itertuples():
            seeds = f"({row.seed_low:.0%} to {row.seed_high:.0%})"
            print(f"  {row.variant:45} {row.accuracy:6.1%} {seeds:15} {describe_difference(row) if row.Index else ''}")


def _print_summary(params: Any) -> None:
    """Print where the results are, and the accuracy of each model on known and new signers."""
    from asl_lib.course.notebooks import find_notebooks, write_page
    from asl_lib.evaluation.results import collect_results, has_results

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
    from asl_lib.evaluation.metrics import FEWEST_SIGNERS, describe_size
    from asl_lib.evaluation.results import row_rate, summarise

    new_signers = results["protocol"] == "new signer"
    for row in results[~new_signers].itertuples():
        print(f"Accuracy, {row.protocol}: {row.model} {row_rate(row)}{_apart(row)}")
    several = new_signers & (results["held_out"].nunique() <= MOST_SIGNERS)
    if new_signers.any():
        print("Accuracy on signers that the model had never seen:")
    for row in results[several].itertuples():
        print(f"  {row.model}, {row.held_out}: {row_rate(row)}{_apart(row)}")
    means = summarise(results).sort_values("mean_accuracy", ascending=False, kind="stable")
    for row in means[means["signers"] > 1].itertuples():
        spread = "95 % interval over signers" if row.signers >= FEWEST_SIGNERS else "range"
        spread += f" {row.low:.0%} to {row.high:.0%}"
        spread += f"; {row.seeds} seeds {row.seed_low:.0%} to {row.seed_high:.0%}" if row.seeds > 1 else ""
        spread += f"; n = {describe_size(row.clips, row.cells, row.signers)}"
        print(f"  {row.model}, mean over {row.signers} signers: {row.mean_accuracy:.1%} ({spread})")


def _apart(row: Any) -> str:
    """Return the end of a line of results: the range over seeds, and how many clips no model could name."""
    low, high = min(row.by_seed), max(row.by_seed)
    apart = f"; mean of {row.seeds} seeds, {low:.0%} to {high:.0%}" if row.seeds > 1 else ""
    apart += f"; {row.uncovered} clips are of signs without a training clip" if row.uncovered else ""
    return apart + (f", of the others {row.covered_accuracy:.1%} are right" if 0 < row.uncovered < row.n else "")


def _extract(options: argparse.Namespace) -> None:
    from asl_lib._util.jobs import parse_shard
    from asl_lib.course.params import check_parameters
    from asl_lib.data.clips import read_clips, select_clips
    from asl_lib.data.registry import get_dataset
    from asl_lib.features.recipe import FeatureRecipe
    from asl_lib.landmarks.extract import extract_clips

    params = check_parameters(_values(options), source=options.parameters)
    dataset, folder = get_dataset(params.dataset), params.dataset_dir
    if not dataset.has_videos:
        print(f"{dataset.title} comes as {dataset.kind}: there is nothing to extract.")
        return
    # The tasks of an array must all divide the same table, and need not make it a hundred times.
    preparing = bool(options.shard) and parse_shard(options.shard, least=0)[0] == 0
    if preparing or not ((options.shard or options.preview) and (folder / "clips.csv").is_file()):
        dataset.prepare(folder, params.dataset_options())
    clips = select_clips(read_clips(folder / "clips.csv"), signs=params.signs, signers=params.signers)
    parts = FeatureRecipe(parts=tuple(params.landmarks)).tracked_parts
    if preparing:
        print(f"{len(clips):,} clips to extract; now start the shards.")
        return
    if options.preview:
        _preview(options.preview, clips, dataset, folder, parts, params.tracker)
        return
    failures = folder / f"failures{'.' + options.shard.replace('/', '-of-') if options.shard else ''}.csv"
    extraction = extract_clips(
        dataset,
        folder,
        clips,
        parts,
        tracker=params.tracker,
        incomplete=params.incomplete,
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


def _preview(clip_id: str, clips: Any, dataset: Any, folder: Path, parts: Sequence[str], tracker: str) -> None:
    from asl_lib._util.console import quiet_native_stderr
    from asl_lib.data.errors import DatasetError
    from asl_lib.plots.overlay import write_preview

    chosen = clips[clips["clip_id"] == clip_id]
    if chosen.empty:
        some = ", ".join(clips["clip_id"].head(5))
        raise DatasetError(f"There is no clip '{clip_id}' in the clips table. It has, for example: {some}.")
    clip, path = chosen.iloc[0], folder / "preview" / f"{clip_id}.mp4"
    with quiet_native_stderr():
        frames = write_preview(dataset, folder, clip, path, parts=parts, tracker=tracker)
    print(f"{frames} frames with their landmarks: {relative(path)}")


def _pretrain(options: argparse.Namespace) -> None:
    from asl_lib.training.pretrain import pretrain

    values = {name: getattr(options, name) for name in ("signs", "signers", "networks", "steps", "seed")}
    embedding = pretrain(**values)
    print(f"A sign embedding of {embedding.size} numbers a clip, trained on {options.signs:,} signs that nobody signs.")


def _export(options: argparse.Namespace) -> None:
    from asl_lib.live.exported import export_model
    from asl_lib.training.export import pack

    folder = Path(options.folder)
    path = export_model(folder, options.to or folder / "export")
    if options.zip:
        path = pack(path.parent)
    print(
        f"{relative(path)}: {path.stat().st_size / 1e6:.1f} MB; recogniser.json says what goes in and what comes out."
    )


def _predict(options: argparse.Namespace) -> int:
    import numpy as np

    from asl_lib._util.files import atomic_write, is_same_file
    from asl_lib.data.video import MediaError
    from asl_lib.features.recipe import PhotographRecipe
    from asl_lib.live.networks import Classifier, choose_model

    if any(is_same_file(options.picture, path) for path in options.photograph):
        raise ValueError(f"{options.picture} is a photograph to name: choose another name with --picture.")
    folder = options.model or choose_model(letters=True)[0]
    classifier = Classifier.load(folder, PhotographRecipe)
    glosses = classifier.glosses
    print(f"network: {relative(folder)}")
    bad = 0
    for path in options.photograph:
        try:
            image = classifier.recipe.transform(path)
        except MediaError as error:
            print(f"asl: {error}", file=sys.stderr)
            bad += 1
            continue
        probabilities = classifier(image)
        best = np.argsort(-probabilities)[:3]
        print(f"{path}: " + ", ".join(f"{glosses[i]} {probabilities[i]:.0%}" for i in best))
        if options.picture:
            from asl_lib import plots

            plots.use_style()
            figure = plots.plot_answer(image, [glosses[i] for i in best], probabilities[best])
            with atomic_write(options.picture) as tmp:
                figure.savefig(tmp)
    return 1 if bad else 0


def _live(options: argparse.Namespace) -> None:
    if options.web:
        _serve(options)
        return
    from asl_lib.live.errors import LiveError
    from asl_lib.live.window import run_live

    if options.to or options.allowed_hosts:
        raise LiveError("--to and --allowed-hosts are options of the page: add --web.")

    run_live(
        options.source,
        model=options.model,
        vocabulary=options.vocabulary,
        letters=options.letters,
        left_handed=options.left_handed,
        press_s=options.press,
        threshold=options.threshold,
        record=options.record,
        window=not options.no_window,
        mirror=False if options.no_mirror else None,
        fast=options.fast,
        loop=options.loop,
    )


def _serve(options: argparse.Namespace) -> None:
    from asl_lib.live.errors import LiveError
    from asl_lib.live.web.build import build_page
    from asl_lib.live.web.server import serve_page

    if options.vocabulary:
        raise LiveError(
            f"The page learns signs in the browser: leave --vocabulary out, and open {options.vocabulary} in the page, "
            "under 'Teach a sign'."
        )
    models = {relative(options.model): Path(options.model)} if options.model else None
    if options.to:
        print(f"The page is in {build_page(options.to, models=models)}.")
        return
    hosts = split_names(options.allowed_hosts)
    with serve_page(models=models, port=options.port, allowed_hosts=hosts) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nThe page is closed.")


def _record(options: argparse.Namespace) -> None:
    from asl_lib.live.window import run_record

    run_record(
        options.source,
        signer=options.signer,
        glosses=split_names(options.glosses),
        repetitions=options.repetitions,
        countdown_s=options.countdown,
        capture_s=options.seconds,
        folder=options.folder,
    )


def _teach(options: argparse.Namespace) -> None:
    from asl_lib.live.teach import forget_sign, run_teach

    if options.forget:
        forget_sign(options.gloss, vocabulary=options.vocabulary)
    else:
        run_teach(options.gloss, options.source, clips=options.clips, vocabulary=options.vocabulary)


def _lookup(options: argparse.Namespace) -> None:
    from asl_lib.live.teach import run_lookup

    run_lookup(options.clip, top=options.top, model=options.model, vocabulary=options.vocabulary)


def _list_datasets(options: argparse.Namespace) -> None:
    from asl_lib.course.check import describe
    from asl_lib.data.registry import find_datasets

    root = project_folder() / options.data_dir
    for name, dataset in find_datasets().items():
        print(describe(dataset, root if root.name == name else root / name))


def _check_dataset(options: argparse.Namespace) -> int:
    from asl_lib._util.files import atomic_write
    from asl_lib.course.check import take_inventory
    from asl_lib.data.registry import get_dataset

    dataset = get_dataset(options.name)
    folder = _dataset_dir(options.data_dir, options.name)
    inventory = take_inventory(dataset, folder, subset=options.subset, files="open" if options.quick else "decode")
    print(inventory)
    if options.problems:
        with atomic_write(options.problems) as tmp:
            inventory.problems().to_csv(tmp, index=False, lineterminator="\n")
        print(f"Every problem is in {options.problems}.")
    return 1 if inventory.present.empty else 0


def _download_dataset(options: argparse.Namespace) -> None:
    from asl_lib._util.console import counted
    from asl_lib.data.download import obtain
    from asl_lib.data.registry import get_dataset

    dataset = get_dataset(options.name)
    folder = _dataset_dir(options.data_dir, options.name)
    obtain(dataset, folder)
    clips = dataset.prepare(folder)
    signs, signers = counted(clips["gloss"].nunique(), "sign"), counted(clips["signer"].nunique(), "signer")
    print(f"{counted(len(clips), 'clip')} of {signs} by {signers}.")


def _dataset_dir(data_dir: str, name: str) -> Path:
    """Return a data set's folder: `data/<name>`, or the given folder itself where that is the data set's."""
    folder = project_folder() / data_dir
    if folder.name == name or (data_dir != "data" and folder.is_dir() and not (folder / name).is_dir()):
        return folder
    return folder / name


def _build_classroom(options: argparse.Namespace) -> None:
    from asl_lib.course.classroom.build import build_classroom

    assignments = build_classroom(options.to, notebooks=options.notebooks)
    exercises, points = (sum(getattr(one, name) for one in assignments) for name in ("exercises", "points"))
    print(f"\n{len(assignments)} assignments, {exercises} exercises, {points} points.")
    print(f"What comes next: {options.to}/README.md")


if __name__ == "__main__":
    sys.exit(main())
