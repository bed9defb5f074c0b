#!/bin/sh
# Print the path of a Python that runs and can create a virtual environment.
#
#   find_python.sh           Python 3.10, fetched by uv if it must be. Where it can't be had, a newer one on which
#                            all can be installed, which is said.
#   find_python.sh --here    fetch nothing
#
# PERCEIVER_STACK=classic: Python 3.10 and no other; =modern: the newest of 3.11 to 3.13.
#
# Order: this checkout's own environment, `python3.10` (or a `python3` of that version) on PATH, pyenv's
# versions, `uv python find`, `uv python install`. A name on PATH is not enough: it may be a shim of
# pyenv that fails, so every candidate is run. Messages go to stderr.
set -u
classic=${PERCEIVER_PYTHON_VERSION:-3.10}
modern="3.13 3.12 3.11"
root=$(cd "$(dirname "$0")/.." && pwd)
stack=${PERCEIVER_STACK:-}
say() { echo "[setup] $*" >&2; }

usable() {
    [ -n "$1" ] && "$1" -c "
import ensurepip, sys, venv
sys.exit('%d.%d' % sys.version_info[:2] != '$2')" >/dev/null 2>&1
}
take() {
    if usable "$1" "$2"; then
        echo "$1"
        exit 0
    fi
}
# Each of the next three prints a path and succeeds, or fails silently. It ends a subshell, not this script.
installed() (
    want=$1
    for name in "python$want" python3 python; do
        take "$(command -v "$name" 2>/dev/null)" "$want"
    done
    pyenv_root=${PYENV_ROOT:-}
    if command -v pyenv >/dev/null 2>&1; then pyenv_root=$(pyenv root 2>/dev/null); fi
    for folder in "${pyenv_root:-$HOME/.pyenv}"/versions/"$want".*; do
        take "$folder/bin/python$want" "$want"
    done
    if uv=$(command -v uv 2>/dev/null); then
        take "$("$uv" python find "$want" 2>/dev/null)" "$want"
    fi
    exit 1
)
fetched() (
    want=$1
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
    [ -n "$uv" ] || exit 1
    take "$("$uv" python find "$want" 2>/dev/null)" "$want"
    say "asking uv for Python $want (a download of about 30 MB)"
    "$uv" python install "$want" >&2 || exit 1
    take "$("$uv" python find "$want" 2>/dev/null)" "$want"
    exit 1
)
any_modern() (
    for want in $modern; do
        installed "$want" && exit 0
    done
    exit 1
)

case $stack in
"" | classic) ;;
modern)
    for want in $modern; do take "$root/.venv-modern/bin/python" "$want"; done
    any_modern && exit 0
    [ "${1:-}" != --here ] && fetched 3.12 && exit 0
    say "no Python from 3.11 to 3.13 found${1:+ here}; \`uv python install 3.12\` installs one."
    exit 1
    ;;
*)
    say "STACK is '$stack'; write classic or modern."
    exit 1
    ;;
esac

take "$root/.venv/bin/python" "$classic"
if [ -z "$stack" ]; then
    for want in $modern; do take "$root/.venv/bin/python" "$want"; done
fi
installed "$classic" && exit 0
[ "${1:-}" != --here ] && fetched "$classic" && exit 0

say "no Python $classic found, and none could be installed."
if [ -z "$stack" ] && newer=$(any_modern); then
    why=$("$newer" "$root/perceiver_keras/stack.py")
    if [ -z "$why" ]; then
        say "taking $newer, and the modern stack: TensorFlow 2.21 and TFX 1.21 (docs/stacks.md)"
        echo "$newer"
        exit 0
    fi
    say "$newer is no substitute for the pipeline: $why."
    say "\`make STACK=modern setup\` installs all but \`perceiver run\` with it, into .venv-modern (docs/stacks.md)."
fi
say "TensorFlow 2.15 with TFX 1.15 needs exactly this version. Install it with one of"
say "    apt-get install python$classic python$classic-venv        (Debian, Ubuntu)"
say "    brew install python@$classic                       (macOS)"
say "    pyenv install $classic"
say "    uv python install $classic"
say "and run the same command again."
exit 1
