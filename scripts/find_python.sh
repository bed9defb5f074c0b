#!/bin/sh
# Print the path of a Python 3.10 that runs and can create a virtual environment.
#
# Order: this checkout's .venv, `python3.10` (or a `python3` of that version) on PATH, pyenv's
# versions, `uv python find`, `uv python install`. A name on PATH is not enough: it may be a shim of
# pyenv that fails, so every candidate is run. Messages go to stderr.
set -u
want=${PERCEIVER_PYTHON_VERSION:-3.10}
root=$(cd "$(dirname "$0")/.." && pwd)
say() { echo "[setup] $*" >&2; }

usable() {
    [ -n "$1" ] && "$1" -c "
import ensurepip, sys, venv
sys.exit('%d.%d' % sys.version_info[:2] != '$want')" >/dev/null 2>&1
}
take() {
    if usable "$1"; then
        echo "$1"
        exit 0
    fi
}

take "$root/.venv/bin/python"
for name in "python$want" python3 python; do
    take "$(command -v "$name" 2>/dev/null)"
done

pyenv_root=${PYENV_ROOT:-}
if command -v pyenv >/dev/null 2>&1; then pyenv_root=$(pyenv root 2>/dev/null); fi
for folder in "${pyenv_root:-$HOME/.pyenv}"/versions/"$want".*; do
    take "$folder/bin/python$want"
done

uv=$(command -v uv 2>/dev/null)
if [ -z "$uv" ]; then
    # No uv either: any Python 3 can install it into a separate folder.
    for name in python3 python; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            say "no Python $want here: fetching uv, which can install it"
            if "$name" -m venv "$root/.uv" && "$root/.uv/bin/pip" install --quiet uv >&2; then
                uv=$root/.uv/bin/uv
            fi
            break
        fi
    done
fi
if [ -n "$uv" ]; then
    take "$("$uv" python find "$want" 2>/dev/null)"
    say "asking uv for Python $want (a download of about 30 MB)"
    if "$uv" python install "$want" >&2; then
        take "$("$uv" python find "$want" 2>/dev/null)"
    fi
fi

say "no Python $want found, and none could be installed."
say "TensorFlow 2.15 with TFX 1.15 needs exactly this version. Install it with one of"
say "    apt-get install python$want python$want-venv        (Debian, Ubuntu)"
say "    brew install python@$want                       (macOS)"
say "    pyenv install $want"
say "    uv python install $want"
say "and run the same command again."
exit 1
