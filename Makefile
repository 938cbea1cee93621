# Every target sets up what it needs; `make setup` does nothing when no pyproject.toml changed.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2
MINUTES ?= 30
PYTEST_ARGS ?=
# The tests start hundreds of interpreters: that each compiles what it imports costs a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup serve test check static types style clients engines matrix format docs bench bench-full bench-soak dists clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with the core and every plugin
	@PYTHON="$(PYTHON)" scripts/setup.sh

serve: setup ## the gateway on 127.0.0.1:4000 with local models
	@exec $(BIN)/nova serve --config examples/quickstart.yaml --host 127.0.0.1 --port 4000

static: setup
	@$(MAKE) --no-print-directory -j2 types style

types:
	$(BIN)/mypy

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

check: static ## lint, types, layers, house rules, examples in the docs
	$(PYTEST) -q tests/house tests/deploy $(wildcard tests/docs)

test: static ## everything that check does, and the whole suite
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

clients: setup ## the client libraries that need another version of openai than the tests, from a folder of their own
	$(BIN)/python -m pip install -q --upgrade --target build/clients instructor llama-index-llms-openai-like anthropic
	PYTHONPATH=build/clients $(PYTEST) -q tests/clients/test_instructor.py tests/clients/test_llama_index.py

engines: setup ## plugins over the engines themselves that they run, which are installed into build/ for it (GBs)
	@for run in plugins/*/tests/itself/run.sh; do "$$run" || exit 1; done

matrix: setup ## every caller's dialect against every provider, as tables
	$(BIN)/python -m tests.matrix

format: setup ## put every file in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: setup ## this gateway beside nginx, in three minutes
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python -m benchmarks.full --short --with nginx,nova --rounds 3

bench-full: setup ## all goals beside all peers; writes docs/performance.md
	$(BIN)/python -m benchmarks.full --write

bench-soak: setup ## MINUTES of mixed calls: nothing may fail, leak or grow
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

dists: setup ## wheels and sdists of the core and every plugin into dist/
	@for project in . plugins/*/; do $(BIN)/python -m build --no-isolation --outdir dist "$$project" >/dev/null || exit 1; done
	@ls dist

clean: ## remove what was built, and .venv
	rm -rf .venv .tox dist build site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
