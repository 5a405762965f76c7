#!/bin/sh
# Resolve pyproject.toml into requirements.lock: `sh scripts/lock.sh .venv/bin/python [--upgrade]`.
# uv keeps the versions that the file has where they still fit; with --upgrade it takes the newest.
# (`uv lock` and `uv export` forget them unless uv.lock is committed, which holds a registry's address in every entry.)
set -eu
python=$1
shift
"$python" -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-annotate \
    --no-emit-index-url --custom-compile-command "make lock" --quiet "$@" --output-file requirements.lock
# uv repeats the four platforms of the course in every line: packages for all of them need no marker.
platforms="\(platform_machine == 'arm64' and sys_platform == 'darwin'\) or \(platform_machine == 'aarch64' and sys_platform == 'linux'\) or \(platform_machine == 'x86_64' and sys_platform == 'linux'\) or \(platform_machine == 'AMD64' and sys_platform == 'win32'\)"
sed -E -i.old \
    -e "s/ and python_full_version < '3.14'//g" -e "s/python_full_version < '3.14' and //g" \
    -e "s/ ; $platforms$//" -e "s/ ; \($platforms\)$//" -e "s/ and \($platforms\)$//" \
    -e "s/\((.*) and platform_machine == 'arm64' and sys_platform == 'darwin'\) or \(\1 and platform_machine == 'aarch64' and sys_platform == 'linux'\) or \(\1 and platform_machine == 'x86_64' and sys_platform == 'linux'\) or \(\1 and platform_machine == 'AMD64' and sys_platform == 'win32'\)/\1/" requirements.lock
rm requirements.lock.old
