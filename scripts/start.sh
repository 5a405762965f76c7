#!/bin/sh
# In the image of Dockerfile: give a new user a copy of the course in their home folder, and start the given command there.
set -eu
if [ ! -e "$HOME/course" ]; then
    cp -r "$(dirname "$0")/.." "$HOME/course.part"
    mv "$HOME/course.part" "$HOME/course"
fi
cd "$HOME/course"
exec "$@"
