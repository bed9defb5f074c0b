# Every target makes .venv ready first, which takes a second if it already is.
# ARGS is added to the command: `make run ARGS="--seed 7"`, `make test ARGS="tests/layers -k mask"`.
# STACK=modern takes the newest Python from 3.11 to 3.13, with TensorFlow 2.21, and makes .venv-modern.
ARGS ?=
WORKERS ?= 2
STACK ?=
export PERCEIVER_STACK := $(STACK)
VENV := .venv$(if $(filter modern,$(STACK)),-modern)
PYTHON := $(VENV)/bin/python
CALL := echo "Call it as $(VENV)/bin/perceiver, or as perceiver after: source $(VENV)/bin/activate"

.PHONY: help setup run bench engine-check test test-modern conformance lint format lock bazel wheel docs clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup:  ## find Python, create .venv, install the lock and the project (STACK=modern: .venv-modern)
	@scripts/setup.sh
	@$(if $(filter setup,$(MAKECMDGOALS)),$(CALL))

run: setup  ## the whole pipeline on real digits: data, training, evaluation, served model, report
	@$(VENV)/bin/perceiver run image_classification --preset tiny --run-dir runs/digits $(ARGS); \
	    code=$$?; $(CALL); exit $$code

bench: setup  ## speed and memory next to the peers, whose environments it makes (ARGS: cases, options)
	@$(VENV)/bin/perceiver benchmark --install $(ARGS)

engine-check: setup  ## Beam elsewhere gives the same (ENDPOINT=HOST:PORT, RUNNER=NAME; none: Beam's own server)
	@$(PYTHON) scripts/engine_check.py $(if $(ENDPOINT),--endpoint $(ENDPOINT)) \
	    $(if $(RUNNER),--runner $(RUNNER)) $(ARGS)

PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
test: setup  ## all tests
	@$(PYTHON) $(PYTEST) $(ARGS)

MODERN_TESTS := $(addprefix tests/,layers parity runtimes saved stacks tasks/contract_test.py \
    $(addsuffix _test.py,conformance decode encode export perceiver process query signatures stack) \
    client $(addprefix server/,$(addsuffix _test.py,conformance parameter_files rest_api)) \
    $(addprefix training/,$(addsuffix _test.py,adamw lamb optimizer per_shape workers)) \
    train_test.py::test_killed_at_any_moment_ends_as_if_never_killed \
    fresh_install_test.py::test_a_notebook_s_first_cells_install_the_wheel_that_is_uploaded)
test-modern:  ## the model, weights and what both stacks share, on TensorFlow 2.21, in .venv-modern
	@PERCEIVER_STACK=modern scripts/setup.sh
	@.venv-modern/bin/python $(PYTEST) $(or $(ARGS),$(MODERN_TESTS))

conformance: setup  ## TensorFlow Serving's documented replies, of a server (SERVER=host:port, GRPC=host:port)
	@$(PYTHON) -m tests.server.table $(if $(SERVER)$(GRPC),$(if $(SERVER),--rest $(SERVER)) $(if $(GRPC),--grpc $(GRPC)),--help)

lint: setup  ## ruff: rules and format
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

format: setup  ## let ruff fix what it can
	@$(VENV)/bin/ruff check --fix . && $(VENV)/bin/ruff format .

lock: setup  ## requirements.lock and Airflow's from setup.py (ARGS=--upgrade: the newest versions)
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

# Locked from: mkdocs<2, mkdocs-material<10, mkdocstrings[python], and pymdown-extensions<11, whose next highlighter
# mkdocstrings does not know. They need none of this project's packages: docstrings are read, not imported.
docs:  ## the documentation site in .build/site, strict; in an environment of its own, .docs_venv
	@test -x .docs_venv/bin/mkdocs || { python3 -m venv .docs_venv && \
	    .docs_venv/bin/pip install -q -r requirements-docs.lock; }
	@python3 scripts/build_site.py && NO_MKDOCS_2_WARNING=1 .docs_venv/bin/mkdocs build $(ARGS)

clean:  ## remove caches and build output (not .venv*, not runs/)
	@rm -rf .build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
