"""What the code never does: read from the syntax tree, so that neither a comment nor an alias fools it."""

import ast
import re

import nbformat
import pytest

from tests.conftest import ROOT

FOLDERS = ("asl_lib", "scripts", "benchmarks")
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "_pickle", "xmlrpc", "telnetlib"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "yaml.unsafe_load",
         "yaml.full_load", "yaml.load_all", "pandas.read_pickle", "torch.load", "tarfile.extractall",
         "keras.config.enable_unsafe_deserialization", "keras.models.load_model", "tensorflow.keras.models.load_model",
         "subprocess.getoutput", "subprocess.getstatusoutput"}  # fmt: skip
METHODS = {"extractall", "to_pickle", "read_pickle", "enable_unsafe_deserialization"}
ALLOWED = {
    # The plain loader is a subclass of PyYAML's safe one: see the test below.
    ("asl_lib/course/params.py", "yaml.load"),
}


def sources():
    """Yield (name, syntax tree) of every module and every notebook's code."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        plain = "\n".join(line for line in "\n".join(cells).splitlines() if not line.lstrip().startswith(("%", "!")))
        assert not any(line.startswith("!") for line in "\n".join(cells).splitlines()), f"{path} calls a shell"
        yield path.relative_to(ROOT).as_posix(), ast.parse(plain)


def names_of(tree):
    """Return what each name in a module stands for: `np` -> numpy, `load` -> joblib.load."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def dotted(node, names):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ".".join(["?", *reversed(parts)])
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def faults(name, tree):
    """Yield (line, what) of everything in a module that could run a stranger's code."""
    names = names_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for module in modules:
                if module.partition(".")[0] in MODULES:
                    yield node.lineno, f"import {module}"
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func, names)
        given = {keyword.arg: keyword.value for keyword in node.keywords}

        def says(option, value, given=given):
            return isinstance(given.get(option), ast.Constant) and given[option].value is value

        if called in CALLS:
            yield node.lineno, called
        if called == "yaml.load" and (name, called) not in ALLOWED:
            yield node.lineno, called
        # Python's own filter of tar archives refuses names, links and devices outside the folder.
        filtered = called.endswith(".extractall") and getattr(given.get("filter"), "value", "") == "data"
        if called.rpartition(".")[2] in METHODS and not filtered:
            yield node.lineno, called
        if "shell" in given and not says("shell", False):
            yield node.lineno, f"{called}(shell=...)"
        # Benchmarks measure the usual loop, which leaves it to NumPy: that refuses pickles by itself.
        if called in ("numpy.load", "np.load") and not (says("allow_pickle", False) or name.startswith("benchmarks/")):
            yield node.lineno, "numpy.load without allow_pickle=False"
        if "allow_pickle" in given and not says("allow_pickle", False):
            yield node.lineno, f"{called}(allow_pickle=...)"
        loads = called.endswith(("load_model", "model_from_json", "deserialize_keras_object")) and "keras" in called
        if loads and not says("safe_mode", True):
            yield node.lineno, f"{called} without safe_mode=True"
        if "safe_mode" in given and not says("safe_mode", True):
            yield node.lineno, f"{called}(safe_mode=...)"
        if "verify" in given and says("verify", False):
            yield node.lineno, f"{called}(verify=False)"
        first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
        if called in ("open", "io.open") and str(first).startswith("/tmp"):
            yield node.lineno, "a temporary file with a name that others can guess"


ATTACKS = """
import pickle
import numpy as np, yaml, keras, subprocess, os
from os import system as run
from joblib import load
eval("1")
run("ls")
os.popen("ls")
np.load("a.npy")
np.load("a.npy", allow_pickle=True)
yaml.unsafe_load("a")
yaml.load("a", Loader=yaml.Loader)
keras.saving.load_model("a")
keras.saving.load_model("a", safe_mode=False)
subprocess.run("ls", shell=True)
archive.extractall("a")
archive.extractall("a", filter="fully_trusted")
open("/tmp/guess.txt", "w")
"""


def test_the_search_finds_every_attack():
    found = {line for line, _ in faults("asl_lib/attack.py", ast.parse(ATTACKS))}
    expected = {number for number, line in enumerate(ATTACKS.splitlines(), 1) if line} - {3, 4}
    assert found == expected


def test_no_code_pickles_calls_a_shell_or_loads_what_could_run():
    found = [f"{name}, line {line}: {what}" for name, tree in sources() for line, what in faults(name, tree)]
    assert not found, "\n".join(found)


def test_what_is_allowed_is_used_and_safe():
    import yaml

    from asl_lib.course.params import _PlainLoader

    tree = ast.parse((ROOT / "asl_lib" / "course" / "params.py").read_text(encoding="utf-8"))
    names = names_of(tree)
    used = {
        ("asl_lib/course/params.py", dotted(node.func, names)) for node in ast.walk(tree) if isinstance(node, ast.Call)
    }
    assert used >= ALLOWED
    assert issubclass(_PlainLoader, yaml.SafeLoader)
    assert not issubclass(_PlainLoader, yaml.FullLoader)


def test_no_code_uses_a_predictable_temporary_file_name():
    """Temporary folders are the system's own; unfinished files lie beside the finished ones, under random names."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"[\"']/(var/)?tmp/|gettempdir|mktemp\(", text), path


def test_servers_listen_on_the_loopback_address_only():
    for name, tree in sources():
        defaults = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert "0.0.0.0" not in defaults, f"{name} listens to everybody"


@pytest.mark.parametrize("rule", ["S301", "S602", "BLE"])
def test_the_linter_checks_security_rules_too(rule):
    assert f'"{rule}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_test_that_the_page_on_reliability_names_exists():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 30
    assert named <= there, sorted(named - there)
