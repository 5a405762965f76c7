#!/bin/sh
# Install the course into the Python that `python` is, where no virtual environment is needed: in the image of
# Dockerfile and on Binder. Arguments: further packages, such as jupyterhub.
set -eu
cd "$(dirname "$0")/.."
python scripts/check_system.py
python -m pip install --quiet --no-cache-dir -r requirements.lock
python -m pip install --quiet --no-cache-dir --no-deps --no-build-isolation -e .
if [ $# -gt 0 ]; then
    python -m pip install --quiet --no-cache-dir -c requirements.lock "$@"
fi
python -m asl_lib.landmarks.model_files
python -c "from asl_lib.live.web.packages import fetch_packages; fetch_packages()" || echo "The page fetches LiteRT.js when it is first made."
python scripts/check_system.py --imports
