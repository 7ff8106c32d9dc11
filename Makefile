# The three commands of the README, and small ones. PYTHON names another interpreter: make run PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
BENCH ?=
ARGS ?=

.PHONY: run setup test lint typecheck test-python test-slow test-postgresql test-frontend test-e2e coverage readers bench format
.PHONY: wire docs pictures lock clean

run:
	@exec $(PYTHON) -m annotator.launcher run

setup:
	@$(PYTHON) -m annotator.launcher setup

# What needs one processor runs beside the rest; pytest comes last, so that its closing line closes the whole.
test: setup
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint typecheck test-frontend
	@$(MAKE) --no-print-directory test-postgresql
	@$(MAKE) --no-print-directory test-python

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd frontend && npm run --silent lint && npm run --silent rooms

typecheck:
	$(BIN)/mypy
	cd frontend && npm run --silent typecheck

test-frontend:
	cd frontend && npm run --silent test

# Three processes, also on two processors: browsers and servers mostly wait for each other. Each has its own databases
# and, for the browser's tests, its own product.
TESTERS ?= 3
test-python:
	$(BIN)/pytest -q -n $(TESTERS)

# The server's tests once more, on PostgreSQL, where TEST_POSTGRESQL_URL names a server that may make databases.
# What drives processes or browsers and never looks at the database's kind runs on SQLite alone.
test-postgresql:
ifdef TEST_POSTGRESQL_URL
	DATABASE_URL=$(TEST_POSTGRESQL_URL) $(BIN)/pytest -q -n $(TESTERS) tests/annotator --ignore=tests/annotator/launcher --ignore=tests/annotator/words
else
	@echo "PostgreSQL: skipped, TEST_POSTGRESQL_URL names no server (for example postgres://postgres@127.0.0.1/postgres)"
endif

# What takes long and lies close to tests that always run.
test-slow:
	$(BIN)/pytest -q -n $(TESTERS) -m slow

test-e2e:
	$(BIN)/pytest -q tests/e2e

# Which lines the tests run, of sam_core and annotator; some of them alone: make coverage ARGS=tests/sam_core
coverage:
	$(BIN)/pytest -q -n 2 --cov --cov-report=term:skip-covered $(ARGS)

readers: # other people's readers of our exports, for the tests that are skipped without them
	@$(PYTHON) -m venv .venv-readers && .venv-readers/bin/pip install -q -r tests/readers/requirements.txt

# make bench, or one of them at its full size: make bench BENCH=decoder ARGS="--memory"
bench: setup
	@$(BIN)/python -m tests.bench $(BENCH) $(ARGS)

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd frontend && npm run --silent format

# The front end's types of all JSON, from what the server says of it: after each change of a request, an answer or a hint.
wire:
	cd frontend && npm run --silent wire

# The documentation as a site, in site/; every link is checked.
docs:
	@$(PYTHON) -m venv .venv-docs && .venv-docs/bin/pip install -q -r docs/requirements.txt
	.venv-docs/bin/mkdocs build --quiet --strict --config-file docs/mkdocs/mkdocs.yml

# The pictures of README and guides anew, from the demo; some of them alone: make pictures ARGS="click masks"
pictures: setup
	$(BIN)/python -m tests.pictures $(ARGS)

# Every package with the digests of its files, for all supported systems and Pythons (docs/adr/0010).
lock:
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install -q uv==0.13.9
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" requirements.txt --output-file requirements.lock

# What was built, never what people made: data/ stays.
clean:
	rm -rf build site static/dist frontend/kernels/dist frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
