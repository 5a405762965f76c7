import os
import re
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement

from scripts import wheelhouse
from scripts.check_system import LIBRARIES, explain, missing_libraries
from scripts.lock import CONDA_PYTHON, direct_dependencies, simplify, tomllib
from tests.conftest import ROOT

TARGET = {
    "python_version": CONDA_PYTHON,
    "python_full_version": f"{CONDA_PYTHON}.0",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}


def locked():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {pin.name.lower(): str(pin.specifier) for pin in pins if not pin.marker or pin.marker.evaluate(TARGET)}


def test_conda_and_pip_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    packages = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert packages[0] == "-c requirements.lock"
    pins = {Requirement(text).name.lower(): str(Requirement(text).specifier) for text in packages[1:]}
    assert sorted(pins) == direct_dependencies(), "Run `make lock`."
    assert pins == {name: locked()[name] for name in pins}


def test_the_lock_pins_everything_exactly_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|index-url|find-links|file:", text)
    assert all(specifier.startswith("==") for specifier in locked().values())
    assert locked()["mediapipe"] == "==0.10.21"
    assert "opencv-python" not in locked(), "opencv-contrib-python contains it; both together break each other."


def test_the_locked_versions_satisfy_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        asked = Requirement(text)
        assert asked.specifier.contains(locked()[asked.name.lower()].removeprefix("==")), text


def test_a_marker_that_holds_on_every_platform_is_dropped():
    everywhere = " or ".join(
        f"(python_full_version < '3.11' and platform_machine == '{machine}' and sys_platform == '{system}')"
        for machine, system in [("arm64", "darwin"), ("x86_64", "linux"), ("AMD64", "win32")]
    )
    assert simplify(f"av==1.0 ; {everywhere}") == "av==1.0 ; python_full_version < '3.11'"
    assert simplify("six==1.0") == "six==1.0"


def test_missing_system_libraries_are_named_with_their_packages():
    assert missing_libraries() == []
    text = explain(["libGL.so.1"])
    assert "libGL.so.1 is missing: OpenCV needs it" in text
    assert "apt-get install -y libgl1" in text
    assert set(LIBRARIES) >= {"libGL.so.1", "libglib-2.0.so.0"}


def test_binder_gets_the_python_and_the_system_libraries_of_the_course():
    folder = ROOT / ".binder"
    assert (folder / "runtime.txt").read_text().strip() == f"python-{CONDA_PYTHON}"
    assert set((folder / "apt.txt").read_text().split()) == {debian for _, debian, _ in LIBRARIES.values()}
    script = folder / "postBuild"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert "-r requirements.lock" in script.read_text()


def test_setup_names_a_wheelhouse_that_is_not_complete(tmp_path):
    environment = {**os.environ, "WHEELHOUSE": str(tmp_path), "PYTHON": sys.executable}
    command = ["sh", "scripts/setup.sh", str(tmp_path / "venv")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"no complete wheelhouse in '{tmp_path}'" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_wheelhouse_that_was_interrupted_does_not_pass_for_a_complete_one(tmp_path, monkeypatch):
    asked = []

    def interrupted(*arguments):
        asked.append(arguments)
        if "--dry-run" in arguments:
            raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(wheelhouse, "pip", interrupted)
    (tmp_path / "README.txt").write_text("of an earlier one")
    with pytest.raises(subprocess.CalledProcessError):
        wheelhouse.fill(tmp_path)
    assert not (tmp_path / "README.txt").exists()
    monkeypatch.setattr(wheelhouse, "pip", lambda *arguments: asked.append(arguments))
    wheelhouse.fill(tmp_path)
    assert f"make WHEELHOUSE=path/to/{tmp_path.name} setup" in (tmp_path / "README.txt").read_text()
    assert {"requirements.lock"} <= {part.rpartition("/")[2] for arguments in asked for part in arguments}
    assert any("setuptools>=77" in arguments for arguments in asked), "What the project itself is built with."
