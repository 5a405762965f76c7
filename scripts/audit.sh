#!/bin/sh
# Look up every version of requirements.lock among the known vulnerabilities, with pip-audit in an environment of its own.
# usage: scripts/audit.sh .venv/bin/uv [osv|pypi]
set -eu
uv=${1:?usage: scripts/audit.sh path/to/uv [osv|pypi]}
service=${2:-osv}
# --strict: a package that cannot be looked up is a failure. Without it, a mirror that knows no advisories gives
# "No known vulnerabilities found".
if "$uv" tool run pip-audit==2.10.1 --requirement requirements.lock --no-deps --disable-pip --strict \
    --vulnerability-service "$service" --progress-spinner off --desc on; then
    exit 0
fi
echo "Either something was found (above: see docs/reliability.md on what to do), or the service could not be asked." >&2
exit 1
