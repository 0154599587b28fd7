# Each target does its own set-up. Another interpreter: make PYTHON=python3.12 install
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SHELL := /bin/bash

# Tests start Python hundreds of times: without kept bytecode each start would compile PyTorch's sources again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Set up .venv with the locked packages and livergrade itself

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit(f"livergrade needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}; try make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(READY) ## Train SENet on the embedded cohort (minutes on two cores) and say where to look
	$(BIN)/python -m livergrade.train model=senet
	@echo "Open report.html in the folder above, or: $(BIN)/tensorboard --logdir outputs"

test: $(READY) ## Run the fast tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test-all: $(READY) ## Run all tests, the slow ones too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m ""

lint: $(READY) ## Check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Put the code in style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the set-up and caches of tools, not your runs
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info dist
	find . -name __pycache__ -prune -exec rm -rf {} +
