# make reproduce   Table 1 on the simulated cohort, published | reproduced, in runs/
# make test        the whole test suite, with the share of lines that it runs; COVER= leaves that out
# make lint        style and types
# make notebooks   runs all notebooks anew, outputs included; PRESET=quick takes minutes each
# make docs        the documentation as a site, in build/site
# Each makes .venv and installs what it needs when that is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ARGS ?=
# Test processes side by side; each keeps to whole files, whose tests share what they made. Files are begun in the
# order of tests/conftest.py, the longest first; by itself, the plugin begins with those of most tests.
JOBS ?= 2
# Printed, no gate: a line that ran is not yet a line that is tested.
COVER ?= --cov --cov-report=term
PRESET ?= smoke

.PHONY: reproduce test lint docs notebooks format clean
.DEFAULT_GOAL := reproduce

$(INSTALLED): setup.cfg setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lus-keras needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[test,docs]"
	touch $@

reproduce: $(INSTALLED)
	$(BIN)/lus-keras reproduce table1 --preset quick $(ARGS)

test: $(INSTALLED)
	mkdir -p build
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(COVER) $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file .ci/mkdocs.yml

notebooks: $(INSTALLED)
	LUS_KERAS_PRESET=$(PRESET) $(BIN)/python .ci/notebooks.py notebooks/*.ipynb

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info
