#!/bin/sh
# Make a virtual environment with the locked versions: `sh scripts/setup.sh .venv`.
set -eu
venv=$1
python=${PYTHON:-python3.11}

command -v "$python" >/dev/null 2>&1 || python=python3
if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
    echo "This course needs Python 3.10, 3.11 or 3.12, because MediaPipe does; '$python' is another or is missing." >&2
    echo "Install one (Debian, Ubuntu: sudo apt-get install python3.11 python3.11-venv) or name it: make PYTHON=... demo" >&2
    exit 1
fi
"$python" scripts/check_system.py
if [ ! -x "$venv/bin/python" ] && ! "$python" -m venv "$venv"; then
    echo "The virtual environment could not be made. Debian, Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
fi
echo "Installing the locked packages into $venv (once, a few minutes) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
"$venv/bin/python" scripts/check_system.py --imports
