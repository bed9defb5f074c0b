#!/usr/bin/env bash
# Try the pipeline under a real Airflow, in a temporary folder: its scheduler drives the digits from ExampleGen to the
# push, the Trainer's process is killed while it trains and tried again, and a second scheduled run takes the cache.
# Says what was not as it should be, and ends with 1 then.
#
#   scripts/try_airflow.sh                          .airflow_venv, made from requirements-airflow.lock if it is missing
#   scripts/try_airflow.sh ENVIRONMENT              another environment
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
env=${1:-$root/.airflow_venv}
lock=$root/requirements-airflow.lock

if [ ! -e "$env/made" ] || ! cmp -s "$lock" "$env/made"; then
    echo "making $env: $(wc -l <"$lock") packages, 3 GB; some minutes" >&2
    python=$(PERCEIVER_STACK=classic "$root/scripts/find_python.sh")
    uv=$(command -v "$root/.venv/bin/uv" || command -v uv || true)
    [ -x "$env/bin/python" ] || "$python" -m venv "$env"
    if [ -z "$uv" ] || ! UV_COMPILE_BYTECODE=1 "$uv" pip install --quiet --python "$env/bin/python" \
        --no-deps -r "$lock"; then
        "$env/bin/python" -m pip install --quiet --no-deps -r "$lock"
    fi
    "$env/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable "$root"
    cp "$lock" "$env/made"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AIRFLOW_HOME=$work/airflow TFDS_DATA_DIR=$work/data TF_CPP_MIN_LOG_LEVEL=3
export AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS=False
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
export AIRFLOW__CORE__EXECUTOR=SequentialExecutor
export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:///$AIRFLOW_HOME/airflow.db
export PATH=$env/bin:$PATH PYTHONPATH=$root
python -m pytest -q -p no:cacheprovider --rootdir "$root" "$root/tests/pipeline/airflow_dag_test.py"
cd "$work"
python "$root/scripts/airflow_trial.py" "$work/run" || exit 1
