#!/bin/sh
# Make .venv ready, or find in about a second that it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$("$here/find_python.sh")
exec "$python" "$here/setup_venv.py" "$@"
