#!/usr/bin/env bash
# Try the wheel as users get it: each extra in a new environment outside this checkout, with the newest
# and with the oldest versions that setup.py allows. Takes about a quarter of an hour, and the index.
#
#   scripts/try_wheel.sh                      all
#   scripts/try_wheel.sh highest pipeline     one resolution, one list of extras ("" for none)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
uv=$root/.venv/bin/uv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TF_CPP_MIN_LOG_LEVEL=3 TFDS_DATA_DIR=$work/data UV_NO_PROGRESS=1
failed=()

make --silent -C "$root" wheel ARGS= >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
wheel=$(ls -t "$root"/dist/*.whl | head -1)
# A repository of one's own, with packages that have the names of ours.
mkdir -p "$work/mine/pipeline" "$work/mine/components"
touch "$work/mine/pipeline/__init__.py" "$work/mine/components/__init__.py"
cd "$work/mine"
export PYTHONPATH=$work/mine

try() {
    local resolution=$1 extras=$2 venv=$work/venv runs=$work/runs
    local bin=$venv/bin small="--set train.steps=20 --set data.max_examples=200"
    local wanted=$work/requirements.txt options=() extra
    for extra in ${extras//,/ }; do options+=(--extra "$extra"); done
    rm -rf "$venv" "$runs"
    # Of the wheel's own requirements `lowest-direct` would take the newest: the wheel is what is direct then.
    "$uv" venv --quiet --python "$root/.venv/bin/python" "$venv" &&
        "$uv" pip compile --quiet --python "$bin/python" --resolution "$resolution" "${options[@]}" \
            --output-file "$wanted" "$root/setup.py" >/dev/null &&
        "$uv" pip install --quiet --python "$bin/python" -r "$wanted" "$wheel${extras:+[$extras]}" &&
        "$bin/perceiver" doctor --run-dir "$runs" &&
        "$bin/perceiver" train image_classification $small --run-dir "$runs/train" &&
        "$bin/tensorboard" --inspect --logdir "$runs/train/logs" >/dev/null || return 1
    if [[ $extras == *pipeline* ]]; then
        # Enough steps to beat the trivial guess, which the gate asks of every model.
        "$bin/perceiver" run image_classification --set train.steps=400 \
            --set evaluate.thresholds.accuracy=0.5 --run-dir "$runs/run" || return 1
    fi
}

for resolution in ${1:-highest lowest-direct}; do
    while IFS= read -r extras; do
        echo "=== $resolution [$extras]"
        try "$resolution" "$extras" </dev/null || failed+=("$resolution [$extras]")
    done < <(if [ $# -gt 1 ]; then echo "$2"; else printf '%s\n' "" text video serve onnx pipeline pipeline,serve,text,onnx,video; fi)
done
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
echo "all work"
