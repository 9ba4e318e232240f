# Everything runs in .venv, which is made on demand. `make` sets up and runs the demo.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: demo setup test sim regress mutate lint verilog report bench clean
.DEFAULT_GOAL := demo

demo: setup
	$(BIN)/brickwork demo

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python must be 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

test: setup
	$(BIN)/pytest -n $(JOBS)

sim: setup
	$(BIN)/pytest -n $(JOBS) -m smoke --junitxml=out/sim/results.xml

# Slow tests, too.
regress: setup
	$(BIN)/pytest -n $(JOBS) -m "slow or not slow"

# An interrupted run goes on where it was.
mutate: setup
	$(BIN)/brickwork mutate

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/brickwork lint

verilog: setup
	$(BIN)/brickwork emit gemm_ws
	$(BIN)/brickwork emit gemm_os

# Results of an earlier program are not gone on with; what has not changed comes from the cache.
report: setup
	rm -f out/sweep/small.jsonl
	$(BIN)/brickwork sweep small
	$(BIN)/brickwork report out/sweep/small.jsonl

bench: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/brickwork bench

clean:
	rm -rf out $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find hdl gen sim tests -name __pycache__ -prune -exec rm -rf {} +
