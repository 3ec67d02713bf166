# The commands of this repository; each builds .venv when needed.
PYTHON ?= python3
BIN := .venv/bin
# In a bundle, for a machine without a package index, the Python that is there runs the check.
BUNDLE := $(wildcard bundle.json)
GPU_PYTHON := $(if $(BUNDLE),$(PYTHON),$(BIN)/python)
GPU_PATHS = $(if $(PHOTOGRAPHS),--photographs "$(PHOTOGRAPHS)") $(if $(WEIGHTS),--weights "$(WEIGHTS)") \
	$(if $(SALIENCY_WEIGHTS),--saliency-weights "$(SALIENCY_WEIGHTS)")

.PHONY: demo test bench gpu gpu-bundle lint docs setup
demo: setup   ## the whole pipeline on generated scenes, one table at the end
	$(BIN)/python -m wsss_core.cli.demo

test: setup   ## all tests, a process for each core (4 at most)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

bench: setup  ## each claim of speed against its reference
	$(BIN)/python -m benchmarks

gpu: $(if $(BUNDLE),,setup)   ## one prepared check of a GPU; REHEARSE=1 on a CPU, PART=2 alone
	$(GPU_PYTHON) -m benchmarks.gpu $(if $(REHEARSE),--rehearse) $(if $(PART),--part $(PART)) $(GPU_PATHS)

gpu-bundle: setup  ## what must travel to a machine that nothing else reaches: OUT=gpu-bundle PYTHON_VERSION=3.12
	$(BIN)/python -m benchmarks.gpu.bundle $(if $(OUT),--out "$(OUT)") \
		$(if $(PYTHON_VERSION),--python-version $(PYTHON_VERSION)) $(GPU_PATHS)

lint: setup   ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: setup   ## the reference of all modules, from their docstrings: .reference/index.html
	$(BIN)/python -W error -W "ignore:Cannot determine where" -m pdoc --docformat google --output-directory .reference wsss_core stages

setup: .venv/.complete
.venv/.complete: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,export]"
	@# A copy without .git (a tarball) is no Git repository, and DVC must be told so.
	test -e .git || $(BIN)/dvc config --local core.no_scm true
	touch $@
