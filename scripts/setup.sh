#!/bin/sh
# Make a virtual environment with the locked versions: `sh scripts/setup.sh .venv`.
# Where there is a complete wheelhouse (made by `make wheelhouse`; $WHEELHOUSE names another folder than wheelhouse/),
# everything comes from there and no network is needed.
set -eu
venv=$1
wheels=${WHEELHOUSE:-}
bin=$venv/bin
if [ "${OS:-}" = Windows_NT ]; then
    bin=$venv/Scripts
fi

# The newest Python that the course supports and that runs: a version manager may have a name for one that it hides.
python=
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "This course needs Python 3.11, 3.12 or 3.13; ${PYTHON:-python3} is another or is missing." >&2
    echo "Install one (Debian, Ubuntu: sudo apt-get install python3 python3-venv; macOS: brew install python@3.13;" >&2
    echo "Windows: winget install Python.Python.3.13) or name it: make PYTHON=path/to/python demo" >&2
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
"$bin/python" -m asl_lib.landmarks.model_files "$@"
if [ -n "$wheels" ]; then
    "$bin/python" -m asl_lib.live.web.packages "$wheels" || echo "Everything else runs without the live page." >&2
fi
"$bin/python" scripts/check_system.py --imports
