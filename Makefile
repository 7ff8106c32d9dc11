# The three commands of the README, and small ones. PYTHON names another interpreter: make run PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
BENCH ?=
ARGS ?=

.PHONY: run setup test lint typecheck test-python test-frontend test-e2e bench format clean

run:
	@exec $(PYTHON) -m annotator.launcher run

setup:
	@$(PYTHON) -m annotator.launcher setup

# pytest comes last, so that its closing line closes the whole.
test: setup lint typecheck test-frontend test-python

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd frontend && npm run --silent lint

typecheck:
	$(BIN)/mypy
	cd frontend && npm run --silent typecheck

test-frontend:
	cd frontend && npm run --silent test

# Two processes, as browsers mostly wait. Each has its own databases and, for the browser's tests, its own product.
test-python:
	$(BIN)/pytest -q -n 2

test-e2e:
	$(BIN)/pytest -q tests/e2e

# make bench, or one of them at its full size: make bench BENCH=decoder ARGS="--memory"
bench: setup
	@$(BIN)/python -m tests.bench $(BENCH) $(ARGS)

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd frontend && npm run --silent format

# What was built, never what people made: data/ stays.
clean:
	rm -rf static/dist frontend/kernels/dist frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
