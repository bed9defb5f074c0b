#!/bin/sh
# Make .venv ready; if it already is, this takes about a second.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$("$here/find_python.sh")
exec "$python" "$here/setup_venv.py" "$@"
