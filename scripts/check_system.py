"""Find missing system libraries before a notebook does, and name the package that has them.

`python scripts/check_system.py` looks for the shared libraries that pip cannot install;
with `--imports` it also imports the packages that need them.
"""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

# Shared library -> the package that needs it, and its name on Debian and Ubuntu, and on Fedora.
LIBRARIES = {
    "libGL.so.1": ("OpenCV", "libgl1", "mesa-libGL"),
    "libglib-2.0.so.0": ("OpenCV", "libglib2.0-0", "glib2"),
}
PACKAGES = ("cv2", "ai_edge_litert.interpreter", "av", "pose_format")
INTEL_MAC = (
    "This Python is made for Macs with an Intel processor, for which TensorFlow has no release. On a newer Mac install "
    "a Python for its own processor (arm64); on an Intel Mac use Binder or Colab (docs/teaching.md), or Linux."
)


def missing_libraries() -> list[str]:
    """Return the names of the shared libraries that cannot be loaded (on Linux; elsewhere wheels carry all)."""
    missing = []
    for name in LIBRARIES if sys.platform.startswith("linux") else ():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def explain(missing: list[str]) -> str:
    """Return a message with the missing libraries, the packages that need them, and the command that installs them."""
    lines = [f"{name} is missing: {LIBRARIES[name][0]} needs it." for name in missing]
    debian = " ".join(LIBRARIES[name][1] for name in missing)
    fedora = " ".join(LIBRARIES[name][2] for name in missing)
    return "\n".join(
        [*lines, f"Debian, Ubuntu:  sudo apt-get install -y {debian}", f"Fedora:          sudo dnf install -y {fedora}"]
    )


def main() -> int:
    if (sys.platform, platform.machine()) == ("darwin", "x86_64"):
        print(INTEL_MAC, file=sys.stderr)
        return 1
    if missing := missing_libraries():
        print(explain(missing), file=sys.stderr)
        return 1
    for name in PACKAGES if "--imports" in sys.argv[1:] else ():
        # In a separate process: some print a page to stderr while they load, and a crash in one is a finding too.
        done = subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            print(f"{name} cannot be imported: {reason}", file=sys.stderr)
            print("If the message names a .so file, install the system package that has it.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
