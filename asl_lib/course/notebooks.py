"""One notebook of the course, and one execution of it with papermill in a process of its own."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from asl_lib._util.files import atomic_write, read_json, write_json
from asl_lib._util.jobs import cores
from asl_lib._util.paths import course_folder, project_folder, relative
from asl_lib.course.fingerprint import PACKAGE, code_hash
from asl_lib.course.params import Params, check_parameters
from asl_lib.data.dataset import Dataset
from asl_lib.data.registry import get_dataset
from asl_lib.models.registry import find_model

# Kernels that start at the same moment sometimes choose the same port: such a run is tried once more.
KERNEL_START_ERRORS = ("Kernel died before replying", "Address already in use", "Kernel didn't respond")
EXECUTE = """import json, sys
sys.modules["rfc3987_syntax"] = None  # jsonschema does without; its import takes half of papermill's
import papermill
source, output, values, folder = sys.argv[1:]
papermill.execute_notebook(
    source, output, json.loads(values), cwd=folder, progress_bar=False, shutdown_kernel="immediate"
)"""
"""Program that executes a notebook. To end by itself, which nothing needs, a kernel with TensorFlow takes two s."""
STAGES = ("prepare", "model", "report", "live")
DRAWING = re.compile(r"!\[([^\]]*)\]\(([^)\s]+\.svg)\)")
EXERCISE_TAGS = frozenset({"exercise", "solution", "check"})
"""Tags of the cells of an exercise: its text and the reader's own code, the solution, the check of both."""


ANY_MODEL = Path(__file__).with_name("model.ipynb")
"""The notebook that trains any registered model."""
SUBJECTS = {"landmarks": "clips", "photographs": "photographs", "video": "videos"}
"""Input of a model -> `Notebook.subject` of the notebook that trains it."""


class BatchError(RuntimeError):
    """A notebook failed, or there is none of that name; the message has the traceback and the executed copy's path."""


@dataclass(frozen=True)
class Notebook:
    """One notebook of the course, with the contents of its metadata and of its `parameters` cell.

    Attributes:
        path: the notebook.
        stage: "prepare" (once per data set), "model" (once per held-out signer), "report" (after them) or "live" (last,
            and not in batches).
        parameters: names in its `parameters` cell.
        subject: what it needs: "clips", "videos" (clips that do not come as landmarks only), "photographs" or "any"
            data set.
        results: files that it writes, with {dataset_dir}, {run_dir} and {held_out} to fill in, or, for `model`,
            {model_dir}.
        needs: of a report or live notebook, the models whose results it takes, where not those of all (a report: all
            but those of photographs); {live_model} is filled in.
        minutes: about how long it takes with the demo, two notebooks at a time on two cores where they can be.
        model: name of the one model that it trains; empty for a numbered notebook, whose cells name its models.
    """

    path: Path
    stage: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    subject: str = "clips"
    needs: tuple[str, ...] = ()
    minutes: float = 0.0
    model: str = ""

    @property
    def name(self) -> str:
        return f"{self.path.stem}_{self.model}" if self.model else self.path.stem

    @property
    def prepares(self) -> bool:
        """Whether other notebooks take its results: one of the preparation that only shows has none."""
        return self.stage == "prepare" and bool(self.results)

    @property
    def models(self) -> list[str]:
        """The models that it trains: the folders of its results."""
        if self.model:
            return [self.model]
        places = (Path(pattern).parts for pattern in self.results)
        return list(dict.fromkeys(parts[parts.index("{held_out}") - 1] for parts in places if "{held_out}" in parts))

    def suits(self, dataset: Dataset) -> bool:
        """Return whether the data set has the kind of clips that this notebook needs."""
        if self.subject == "photographs":
            return dataset.photographs() is not None
        if self.subject == "videos":
            return dataset.has_videos
        return self.subject == "any" or dataset.kind != "photographs"


def find_notebooks(folder: str | Path | None = None, *, wanted: Sequence[str] = ()) -> list[Notebook]:
    """Return the numbered notebooks of a folder, in order; by default the course's.

    Args:
        folder: with the notebooks; None for the course's.
        wanted: numbers ("5", "05") or names; empty for all.

    Raises:
        BatchError: there are none, none of a wanted name, or one lacks its `parameters` cell or stage.
    """
    paths = choose_notebooks(Path(folder) if folder else course_folder() / "notebooks", wanted)
    return [_read_notebook(path) for path in paths]


def choose_notebooks(folder: Path, wanted: Sequence[str]) -> list[Path]:
    """Return the numbered notebooks of `folder` with the wanted numbers or names; all where none is named.

    Raises:
        BatchError: there is none, or none of that name.
    """
    there = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not there:
        raise BatchError(f"There are no notebooks in {folder}. Run this in the course's folder, where README.md is.")
    chosen = set()
    for name in wanted:
        stem = Path(name).name.removesuffix(".ipynb")
        found = [path for path in there if stem in (path.stem, path.stem[:2]) or stem.zfill(2) == path.stem[:2]]
        if not found:
            raise BatchError(f"There is no notebook '{name}'. There are: {', '.join(path.stem for path in there)}.")
        chosen.update(found)
    return sorted(chosen) if wanted else there


def model_notebook(model: str) -> Notebook:
    """Return the notebook that trains one registered model which has no numbered notebook."""
    return replace(_read_notebook(ANY_MODEL), subject=SUBJECTS[find_model(model).input], model=model)


def _read_notebook(path: Path) -> Notebook:
    notebook = nbformat.read(path, as_version=4)
    about = notebook.metadata.get("asl", {})
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1 or about.get("stage") not in STAGES:
        raise BatchError(
            f"{path} must have one cell tagged 'parameters' and, in its metadata, asl.stage: one of "
            f"{', '.join(STAGES)}."
        )
    names = [
        target.id
        for statement in ast.parse(cells[0].source).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    ]
    results, needs = (tuple(about.get(key, ())) for key in ("results", "needs"))
    subject, minutes = about.get("subject", "clips"), float(about.get("minutes", 0))
    return Notebook(path, about["stage"], tuple(names), results, subject, needs, minutes)


@dataclass(frozen=True, eq=False)
class Run:
    """One notebook with the parameters of one execution, without its exercises, which are the reader's.

    Attributes:
        notebook: the notebook.
        values: parameters; the notebook gets those that its `parameters` cell has.
        suffix: added to the name of the executed copy.
        needs: the runs whose results it takes, which must be done before.
    """

    notebook: Notebook
    values: Mapping[str, Any]
    suffix: str = ""
    needs: tuple[Run, ...] = ()

    @property
    def params(self) -> Params:
        return check_parameters(self.values)

    @property
    def own_values(self) -> dict[str, Any]:
        """The given parameters that this notebook has, and the model that it trains."""
        values = {key: value for key, value in self.values.items() if key in self.notebook.parameters}
        return {**values, "model": self.notebook.model} if self.notebook.model else values

    @property
    def output(self) -> Path:
        return self.params.run_dir / "notebooks" / f"{self.notebook.name}{self.suffix}.ipynb"

    @property
    def marker(self) -> Path:
        return self.output.with_suffix(".done.json")

    def results(self) -> list[Path]:
        params, model = self.params, self.notebook.model
        places = {"dataset_dir": params.dataset_dir, "run_dir": params.run_dir, "held_out": params.held_out}
        letters = self.notebook.subject == "photographs"
        places["model_dir"] = params.letters_dir(model) if letters else params.model_dir(model)
        return [Path(pattern.format(**places)) for pattern in self.notebook.results]

    @cached_property
    def key(self) -> str:
        """A hash of all that the result depends on: cells, their code in asl_lib, parameters, the runs that it needs.

        It depends neither on the exercises nor on the quiz, the cell with that tag.
        """
        code = [cell for cell in self._content().cells if cell.cell_type == "code"]
        cells = [cell.source for cell in code if "quiz" not in cell.metadata.get("tags", [])]
        effective = {name: getattr(self.params, name, None) for name in self.notebook.parameters}
        if self.notebook.model:
            effective["model"] = self.notebook.model
        needs = sorted(run.key for run in self.needs)
        text = json.dumps([cells, effective, needs, self._code_hash(cells)], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _code_hash(self, cells: list[str]) -> str:
        lines = (line for cell in cells for line in cell.splitlines())
        source = "\n".join(line for line in lines if not line.startswith(("%", "!")))
        names = [self.params.dataset, *self.params.also] if "dataset" in self.notebook.parameters else []
        modules = [type(get_dataset(name)).__module__ for name in names]
        modules += [find_model(self.notebook.model).builder.__module__] if self.notebook.model else []
        plots = self.notebook.stage in ("report", "live")
        return code_hash(source, modules=modules, plots=plots, package=PACKAGE)

    def _content(self) -> nbformat.NotebookNode:
        """Return the notebook to execute."""
        notebook = nbformat.read(self.notebook.path, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if not is_exercise(cell)]
        return notebook

    def is_done(self) -> bool:
        """Return whether an earlier execution left this result."""
        if not self.marker.is_file() or not self.output.is_file() or not all(path.exists() for path in self.results()):
            return False
        try:
            return bool(read_json(self.marker)["key"] == self.key)
        except (ValueError, KeyError, TypeError):
            return False

    def execute(self, *, threads: int | None = None) -> None:
        """Execute the notebook with papermill in a process of its own.

        Raises:
            BatchError: a cell failed.
        """
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.marker.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / self.notebook.path.name
            nbformat.write(self._content(), source)
            command = [sys.executable, "-c", EXECUTE, str(source), str(self.output)]
            command += [json.dumps(self.own_values), str(self.notebook.path.parent)]
            for attempt in (1, 2):
                done = subprocess.run(
                    command, capture_output=True, text=True, env=execution_environment(threads), check=False
                )
                if done.returncode == 0:
                    break
                if attempt == 2 or not any(sign in done.stderr for sign in KERNEL_START_ERRORS):
                    raise BatchError(_failure(self, done.stderr))
        write_json(self.marker, {"key": self.key, "parameters": self.own_values})


def is_exercise(cell: nbformat.NotebookNode) -> bool:
    """Return whether a cell belongs to an exercise."""
    return not EXERCISE_TAGS.isdisjoint(cell.metadata.get("tags", []))


def _failure(run: Run, stderr: str) -> str:
    """Return the traceback of the cell that failed, and the path of the executed copy."""
    lines = stderr.strip().splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("Exception encountered at")]
    excerpt = "\n".join(lines[starts[0] :] if starts else lines[-30:])
    return f"{run.notebook.name} failed. The executed copy, with the error in it: {relative(run.output)}\n\n{excerpt}"


def network_threads(*, jobs: int) -> int:
    """Return the number of threads for the networks of a notebook, where `jobs` are executed at a time.

    They share the cores: threads that wait for each other on a busy core take several times the time. The sums in a
    network, and so its last digits, depend on this number.
    """
    return max(1, cores() // jobs)


def execution_environment(threads: int | None) -> dict[str, str]:
    """Return the environment of a process that executes a notebook, with so many threads for networks; None for all."""
    environment = {**os.environ, "ASL_HOME": str(project_folder()), "ASL_PROGRESS": "off", "TF_CPP_MIN_LOG_LEVEL": "3"}
    # Without it, debuggers warn about frozen modules.
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    # A backend for scripts would leave the figures out of the notebooks.
    environment.pop("MPLBACKEND", None)
    # Several trainings share a graphics card: none may take all its memory at the start.
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if threads:
        environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
        environment |= {"OMP_NUM_THREADS": str(threads)}
    return environment


def write_page(notebook: str | Path, folder: str | Path) -> Path:
    """Write an executed notebook as a page that any browser opens: `index.html` in `folder`.

    Args:
        notebook: the executed copy, such as outputs/demo/notebooks/11_compare.ipynb.
        folder: folder of the page; created if missing.

    Returns:
        Path of the page. Pictures are embedded, and nothing is loaded from another host.

    Raises:
        ValueError: there is no such notebook, or it cannot be read.
    """
    from nbconvert import HTMLExporter

    notebook = Path(notebook)
    try:
        content = nbformat.read(notebook, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise ValueError(f"{notebook} cannot be read as a notebook ({error}). Run the course again.") from error
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    for cell in content.cells:
        cell.source = DRAWING.sub(_embed, cell.source) if cell.cell_type == "markdown" else cell.source
    body, _ = exporter.from_notebook_node(content, {"metadata": {"name": notebook.stem.replace("_", " ")}})
    page = Path(folder) / "index.html"
    with atomic_write(page) as tmp:
        Path(tmp).write_text(body, encoding="utf-8")
    return page


def _embed(drawing: re.Match[str]) -> str:
    """Return a drawing of the course as an image that needs no file; nbconvert embeds none from another folder."""
    path = course_folder() / "notebooks" / drawing[2]
    if not path.is_file():
        return drawing[0]
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(drawing[1])}" src="data:image/svg+xml;base64,{content}">'
