# Two commands are all a newcomer needs: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# once for all processes, also where PYTHONDONTWRITEBYTECODE would have each of them compile everything anew
COMPILE := $(BIN)/python -m compileall -q conformance simulator reports tests

.DEFAULT_GOAL := help
.PHONY: help install demo test lint lock wheel bench clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1 \t/' | expand -t 16

install: $(STAMP)  ## install the suite and its tools into .venv
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "margo-conformance needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "creating $(VENV) failed: on Debian and Ubuntu install the package python3-venv"; exit 2; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(COMPILE)
	@touch $@

demo: $(STAMP)  ## both reference implementations against each other, with a report in compliance-report/
	$(BIN)/margo-conformance demo

test: $(STAMP) lint  ## the project's own tests
	@$(COMPILE)
	$(BIN)/pytest -q -n auto --dist loadfile --no-loadscope-reorder

lint: $(STAMP)  ## format, rules, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## measurements against named alternatives, in one run
	$(BIN)/python -m benchmarks.conditional_gets
	$(BIN)/python -m benchmarks.status_writes
	$(BIN)/python -m benchmarks.signatures
	$(BIN)/python -m benchmarks.live_driver
	$(BIN)/python -m benchmarks.fleet_shards
	$(BIN)/python -m benchmarks.fleet_engines

lock:  ## renew requirements.lock from pyproject.toml
	$(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  --group dev --group build --extra postgres --extra fleet --extra scale --extra calibrate pyproject.toml -o requirements.lock

wheel: $(STAMP)  ## build the wheel into dist/
	$(BIN)/python -m build --no-isolation --wheel --outdir dist

clean:  ## remove what was built and installed
	rm -rf $(VENV) dist build compliance-report .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
