# Every target makes .venv ready first; that takes a second when it already is.
# ARGS adds to the command: `make run ARGS="--seed 7"`, `make test ARGS="tests/layers -k mask"`.
ARGS ?=
WORKERS ?= 2
PYTHON := .venv/bin/python

.PHONY: help setup run test lint format lock bazel wheel clean

help:  ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup:  ## find Python 3.10, make .venv, install requirements.lock and the project
	@scripts/setup.sh

run: setup  ## the whole pipeline on real digits: data, training, evaluation, served model, report
	@.venv/bin/perceiver run image_classification --preset tiny --run-dir runs/digits $(ARGS)

test: setup  ## all tests
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup  ## ruff: rules and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

format: setup  ## let ruff mend what it can
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .

lock: setup  ## requirements.lock anew from setup.py (ARGS=--upgrade: the newest versions)
	@$(PYTHON) scripts/lock.py $(ARGS)

# Debian's Bazel wants three rule sets at start that nothing here uses. Where the network cannot give
# them, a folder beside this checkout stands in.
OFFLINE := $(realpath ../shared/bazel_offline)
STAND_INS := rules_cc rules_java remote_coverage_tools
bazel: setup  ## the same tests under Bazel, each with only what BUILD lets it import
	@bazel test //... $(ARGS) \
	    $(if $(OFFLINE),$(foreach r,$(STAND_INS),--override_repository=$(r)=$(OFFLINE)/$(r)))

wheel: setup  ## dist/perceiver_keras-*.whl
	@$(PYTHON) -m build --no-isolation --outdir dist .

clean:  ## remove caches and what was built (not .venv, not runs/)
	@rm -rf .build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
