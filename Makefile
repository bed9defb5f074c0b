# Every target makes .venv ready first, which takes a second if it already is.
# ARGS is added to the command: `make run ARGS="--seed 7"`, `make test ARGS="tests/layers -k mask"`.
ARGS ?=
WORKERS ?= 2
PYTHON := .venv/bin/python
CALL := echo "Call it as .venv/bin/perceiver, or as perceiver after: source .venv/bin/activate"

.PHONY: help setup run bench test lint format lock bazel wheel clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup:  ## find Python 3.10, create .venv, install requirements.lock and the project
	@scripts/setup.sh
	@$(if $(filter setup,$(MAKECMDGOALS)),$(CALL))

run: setup  ## the whole pipeline on real digits: data, training, evaluation, served model, report
	@.venv/bin/perceiver run image_classification --preset tiny --run-dir runs/digits $(ARGS); \
	    code=$$?; $(CALL); exit $$code

bench: setup  ## speed and memory next to the peers, whose environments it makes (ARGS: cases, options)
	@.venv/bin/perceiver benchmark --install $(ARGS)

test: setup  ## all tests
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup  ## ruff: rules and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

format: setup  ## let ruff fix what it can
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .

lock: setup  ## requirements.lock from setup.py (ARGS=--upgrade: the newest versions)
	@$(PYTHON) scripts/lock.py $(ARGS)

# Debian's Bazel loads three rule sets at start that nothing here uses. If the network does not have
# them, a folder next to this checkout replaces them.
OFFLINE := $(realpath ../shared/bazel_offline)
STAND_INS := rules_cc rules_java remote_coverage_tools
bazel: setup  ## the same tests under Bazel, each with only the imports that BUILD allows
	@bazel test //... $(ARGS) \
	    $(if $(OFFLINE),$(foreach r,$(STAND_INS),--override_repository=$(r)=$(OFFLINE)/$(r)))

wheel: setup  ## dist/perceiver_keras-*.whl
	@$(PYTHON) -m build --no-isolation --outdir dist .

clean:  ## remove caches and build output (not .venv, not runs/)
	@rm -rf .build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
