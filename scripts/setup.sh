#!/bin/sh
# Make a virtual environment with the locked versions: `sh scripts/setup.sh .venv`.
# Where there is a complete wheelhouse (made by `make wheelhouse`; $WHEELHOUSE names another folder than wheelhouse/),
# everything comes from there and no network is needed.
set -eu
venv=$1
python=${PYTHON:-python3.11}
wheels=${WHEELHOUSE:-}
bin=$venv/bin
if [ "${OS:-}" = Windows_NT ]; then
    bin=$venv/Scripts
fi

command -v "$python" >/dev/null 2>&1 || python=python3
if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
    echo "This course needs Python 3.10, 3.11 or 3.12, because MediaPipe does; '$python' is another or is missing." >&2
    echo "Install one (Debian, Ubuntu: sudo apt-get install python3.11 python3.11-venv) or name it: make PYTHON=... demo" >&2
    exit 1
fi
if [ -n "$wheels" ] && [ ! -f "$wheels/README.txt" ]; then
    echo "There is no complete wheelhouse in '$wheels': make one with a network by: make WHEELHOUSE='$wheels' wheelhouse" >&2
    exit 1
fi
if [ -z "$wheels" ] && [ -f wheelhouse/README.txt ]; then
    wheels=wheelhouse
fi
"$python" scripts/check_system.py
if [ ! -x "$bin/python" ] && ! "$python" -m venv "$venv"; then
    echo "The virtual environment could not be made. Debian, Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
fi
set -- --quiet --disable-pip-version-check
if [ -n "$wheels" ]; then
    set -- "$@" --no-index --find-links "$wheels"
fi
echo "Installing the locked packages into $venv (once, a few minutes${wheels:+, from $wheels}) ..."
if ! "$bin/python" -m pip install "$@" -r requirements.lock; then
    if [ -n "$wheels" ]; then
        echo "The wheels in '$wheels' do not suit this machine's system and Python, or an older requirements.lock: see its" >&2
        echo "README.txt. To install over the network instead, move that folder away." >&2
    fi
    exit 1
fi
"$bin/python" -m pip install "$@" --no-deps --no-build-isolation -e .
"$bin/python" scripts/check_system.py --imports
