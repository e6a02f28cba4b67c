# make demo: the whole pipeline on rendered videos.  make test: linters, types, tests, doctests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help install demo figures test test-lowest test-newest test-backbones check format clean

help:
	@echo "make demo | figures | test | test-lowest | test-newest | test-backbones | check | format | install | clean"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable ".[dev]"
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/aher demo --output runs/demo

# All pictures of README and docs; needs Chromium.
figures: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/figures.py

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Two test processes for two cores, one thread each. The one that finishes first takes over tests of the other, since
# slow tests are adjacent.
test: export OMP_NUM_THREADS = 1
test: check
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --cov --cov-report term:skip-covered

# PYTHON on the command line of make reaches them.
test-lowest test-newest test-backbones:
	.ci/$@

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest .venv-backbones build dist .mypy_cache .ruff_cache .pytest_cache .coverage*
