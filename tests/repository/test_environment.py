import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from asl_lib.landmarks.model_files import IN_WHEEL, WHEEL
from scripts import check_system, wheelhouse
from scripts.check_system import LIBRARIES, explain, missing_libraries
from tests.conftest import LONGEST, ROOT

PYTHONS = ("3.11", "3.12", "3.13")
CONDA_PYTHON = PYTHONS[-1]
TARGET = {
    "python_version": CONDA_PYTHON,
    "python_full_version": f"{CONDA_PYTHON}.0",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}


def locked(**target):
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    target = {**TARGET, **target}
    return {pin.name.lower(): str(pin.specifier) for pin in pins if not pin.marker or pin.marker.evaluate(target)}


def test_conda_and_pip_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"] == [f"python={CONDA_PYTHON}", "pip", {"pip": ["-r requirements.lock"]}]


def test_the_lock_pins_everything_exactly_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|index-url|find-links|file:", text)
    assert all(specifier.startswith("==") for specifier in locked().values())
    assert not (ROOT / "uv.lock").exists(), "uv.lock holds the address of a registry in every entry."
    assert "gradio" not in locked(), "The live page is static files: no server sees a frame, a film or a session."
    assert "opencv-python" not in locked(), "opencv-contrib-python contains it; both together break each other."


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux x86_64", "linux aarch64", "darwin arm64", "win32 AMD64"])
def test_the_locked_versions_satisfy_pyproject(python, platform):
    system, machine = platform.split()
    target = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system}
    pins = locked(**target, platform_machine=machine)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        asked = Requirement(text)
        assert asked.name.lower() in pins, f"{asked.name} is not in the lock: run `make lock`."
        assert asked.specifier.contains(pins[asked.name.lower()].removeprefix("==")), text


def test_ci_set_up_and_pyproject_name_the_same_pythons():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == list(PYTHONS)
    newest_first = " ".join(f"python{python}" for python in reversed(PYTHONS))
    assert newest_first in (ROOT / "scripts/setup.sh").read_text()
    for name in ("README.md", "docs/setup.md"):
        assert "3.11, 3.12 or 3.13" in (ROOT / name).read_text()


def test_the_pages_state_the_current_versions_and_coverage_limit():
    pages = [path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))]
    named = re.findall(r'"([\w-]+)(?:\[[\w-]+\])?==([\d.]+)"', "\n".join(pages))
    assert named
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    assert [pin for name, version in named if (pin := f"{name}=={version}") not in lock] == []
    limit = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["report"]["fail_under"]
    assert f"Below {limit} % the command fails." in (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


def test_on_intel_macs_the_error_says_that_tensorflow_has_no_release(monkeypatch, capsys):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert check_system.main() == 1
    assert "Intel processor, for which TensorFlow has no release" in capsys.readouterr().err
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr("sys.argv", ["check_system.py"])
    assert check_system.main() == 0


def test_every_way_to_set_up_fetches_the_models():
    command = "python -m asl_lib.landmarks.model_files"
    for name in ("environment.yml", "scripts/install.sh", "docs/setup.md", "docs/teaching.md"):
        assert command in (ROOT / name).read_text(), name
    assert '"$bin/python" -m asl_lib.landmarks.model_files "$@"' in (ROOT / "scripts/setup.sh").read_text()
    notice = (ROOT / "NOTICE").read_text()
    assert all(member.partition("/")[2] in notice for member in IN_WHEEL)
    assert "NOTICE" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license-files"]


def test_set_up_uses_the_newest_supported_python_or_says_what_to_install(tmp_path):
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("dirname", "sh"):
        (commands / name).symlink_to(shutil.which(name))

    def set_up():
        environment = {"PATH": str(commands), "WHEELHOUSE": str(tmp_path / "none")}
        command = ["sh", "scripts/setup.sh", str(tmp_path / "venv")]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    for name in ("python3", "python3.13"):  # one that is too old, and one that a version manager hides
        (commands / name).write_text("#!/bin/sh\nexit 1\n")
        (commands / name).chmod(0o755)
    done = set_up()
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "winget install Python.Python.3.13" in done.stderr
    (commands / "python3.12").symlink_to(sys.executable)
    assert "no complete wheelhouse" in set_up().stderr  # it went on with that Python


def test_a_package_for_every_platform_is_locked_without_a_marker():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    bare = [line for line in lines if line and not line.startswith(("#", " ")) and ";" not in line]
    assert len(bare) > len(lines) / 2, "Run `make lock`."


def test_the_mutation_check_and_the_order_of_the_tests_name_files_that_exist():
    mutmut = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    for name in [*mutmut["only_mutate"], *mutmut["pytest_add_cli_args_test_selection"], *LONGEST]:
        assert (ROOT / name).exists(), name


def test_missing_system_libraries_are_named_with_their_packages():
    assert missing_libraries() == []
    text = explain(["libGL.so.1"])
    assert "libGL.so.1 is missing: OpenCV needs it" in text
    assert "apt-get install -y libgl1" in text
    assert set(LIBRARIES) >= {"libGL.so.1", "libglib-2.0.so.0"}


def test_binder_gets_the_python_and_the_system_libraries_of_the_course():
    folder = ROOT / ".binder"
    assert (folder / "runtime.txt").read_text().strip() == f"python-{CONDA_PYTHON}"
    libraries = {debian for _, debian, _ in LIBRARIES.values()}
    assert set((folder / "apt.txt").read_text().split()) == libraries
    for name in (
        "docs/setup.md",
        "Dockerfile",
        ".devcontainer/devcontainer.json",
        ".ci/run",
        *(f".github/workflows/{job}.yml" for job in ("site", "test", "weekly")),
    ):
        assert " ".join(sorted(libraries)) in (ROOT / name).read_text(), name
    assert os.access(folder / "postBuild", os.X_OK)


def test_binder_and_the_image_install_the_course_by_the_same_script():
    for name in (".binder/postBuild", "Dockerfile"):
        assert "sh scripts/install.sh " in (ROOT / name).read_text(), name
    assert f"FROM python:{CONDA_PYTHON}-slim" in (ROOT / "Dockerfile").read_text()
    for name in (".binder/postBuild", "scripts/install.sh", "scripts/start.sh"):
        assert subprocess.run(["bash", "-n", ROOT / name], check=False).returncode == 0, name
    script = (ROOT / "scripts/install.sh").read_text()
    assert script.index("-r requirements.lock") < script.index("--no-deps --no-build-isolation -e .")


def test_the_image_leaves_out_what_git_ignores():
    def entries(name):
        lines = (ROOT / name).read_text().splitlines()
        return {line.strip("/").removeprefix("**/") for line in lines if line and line[0] != "!"}

    ignored = {re.sub(r"^\.\w+_cache$", ".*_cache", entry) for entry in entries(".gitignore")}
    assert ignored - {".coverage", ".coverage.*"} <= entries(".dockerignore")


def test_a_new_user_of_the_image_gets_a_copy_of_the_course_and_keeps_it(tmp_path):
    course, home = tmp_path / "image", tmp_path / "home"
    for folder in (course / "scripts", course / "notebooks", home):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "start.sh", course / "scripts")
    (course / "notebooks" / "01.ipynb").write_text("{}")

    def start(*command):
        command = ["sh", course / "scripts" / "start.sh", *command]
        environment = {**os.environ, "HOME": str(home)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert start("pwd") == f"{home / 'course'}\n"
    (home / "course" / "notebooks" / "01.ipynb").write_text('{"mine": 1}')
    assert start("cat", "notebooks/01.ipynb") == '{"mine": 1}'
    assert sorted(path.name for path in home.iterdir()) == ["course"]


def test_setup_names_an_incomplete_wheelhouse(tmp_path):
    environment = {**os.environ, "WHEELHOUSE": str(tmp_path), "PYTHON": sys.executable}
    command = ["sh", "scripts/setup.sh", str(tmp_path / "venv")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"no complete wheelhouse in '{tmp_path}'" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_an_interrupted_wheelhouse_is_not_taken_for_complete(tmp_path, monkeypatch):
    asked = []

    def interrupted(*arguments):
        asked.append(arguments)
        if "--dry-run" in arguments:
            raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(wheelhouse, "pip", interrupted)
    filled = []
    monkeypatch.setattr(wheelhouse, "download_packages", filled.append)
    (tmp_path / "README.txt").write_text("of an earlier one")
    with pytest.raises(subprocess.CalledProcessError):
        wheelhouse.fill(tmp_path)
    assert not (tmp_path / "README.txt").exists()
    monkeypatch.setattr(wheelhouse, "pip", lambda *arguments: asked.append(arguments))
    wheelhouse.fill(tmp_path)
    assert f"make WHEELHOUSE=path/to/{tmp_path.name} setup" in (tmp_path / "README.txt").read_text()
    assert filled == [tmp_path, tmp_path], "The packages of the live page."
    assert {"requirements.lock"} <= {part.rpartition("/")[2] for arguments in asked for part in arguments}
    assert any({"download", *WHEEL} <= set(arguments) for arguments in asked), "The wheel with the tracker's models."
    assert any("setuptools>=77" in arguments for arguments in asked), "What the project itself is built with."
