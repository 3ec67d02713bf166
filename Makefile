# The four commands of this repository; each builds .venv when needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench lint setup
demo: setup   ## the whole pipeline on generated scenes, one table at the end
	$(BIN)/python -m wsss_core.cli.demo

test: setup   ## all tests, a process for each core (4 at most)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

bench: setup  ## each claim of speed against its reference
	$(BIN)/python -m benchmarks

lint: setup   ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

setup: .venv/.complete
.venv/.complete: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,export]"
	@# A copy without .git (a tarball) is no Git repository, and DVC must be told so.
	test -e .git || $(BIN)/dvc config --local core.no_scm true
	touch $@
