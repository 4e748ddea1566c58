# Every target sets up .venv by itself, with what it needs: requirements.lock is what a run needs, the
# other locks are what tests, lint and Spark add. Nothing is installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
LINT_STAMP := $(VENV)/.installed-lint
SPARK_STAMP := $(VENV)/.installed-spark
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
SUPERSET_VENV := .venv-superset
SUPERSET_STAMP := $(SUPERSET_VENV)/.installed
MUTMUT := .mutmut
AFTERHYPE_HOME ?= .afterhype
export AFTERHYPE_HOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install install-spark demo test test-services test-spark test-all proof mutants acceptance acceptance-spark bench bench-spark lint format docs questions lock clean

help:  ## Show this help.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: $(STAMP)  ## Create .venv from requirements.lock (done once; again when the lock changes).

# uv installs in seconds what takes pip minutes. Where it is not to be had, or finds no index because only
# pip is told of one, pip does it. --no-deps: the locks are complete, so that nothing is left to resolve.
define install_lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --no-deps --require-hashes -r $(1) 2>/dev/null || \
	  { echo "  ... with pip, which takes minutes"; $(BIN)/pip install -qq --no-deps --require-hashes -r $(1); }
endef

$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info < (3, 14)))' || \
	  { echo "afterhype needs Python 3.11 to 3.13; name one: make demo PYTHON=python3.12" >&2; exit 2; }
	@echo "Setting up $(VENV) (half a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --no-deps --require-hashes -r requirements-uv.lock || true
	$(call install_lock,requirements.lock)
	@$(BIN)/pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(TEST_STAMP): requirements-test.lock $(STAMP)
	$(call install_lock,requirements-test.lock)
	@touch $@

$(LINT_STAMP): requirements-lint.lock $(TEST_STAMP)
	$(call install_lock,requirements-lint.lock)
	@touch $@

install-spark: $(SPARK_STAMP)  ## Add to .venv what builds on Apache Spark (half a gigabyte; needs Java 17).

$(SPARK_STAMP): requirements-spark.lock $(STAMP)
	$(call install_lock,requirements-spark.lock)
	@touch $@

demo: install  ## Generate three simulated apps, run the pipeline on them, show the answer.
	@$(BIN)/afterhype demo

# three circles, told by markers (tests/circles.py): each begins by saying which program it lacks
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

test: $(TEST_STAMP)  ## Run the tests that need only Python, a file of them per core.
	@$(PYTEST) $(PARALLEL) -m "not services and not spark"

test-services: needs-services  ## Run those that need PostgreSQL, a browser, a Prefect server or an object store.
	@$(PYTEST) $(PARALLEL) -m services

test-spark: needs-spark install-spark  ## Build the demo on a Spark of two executors, compare it with DuckDB (needs Java 17).
	@$(PYTEST) -m spark

test-all: needs-services needs-spark test test-services test-spark  ## Run every test.

needs-%: $(TEST_STAMP)
	@$(BIN)/python -m tests.circles $*

proof: $(TEST_STAMP)  ## Try 2,000 careless exports and 5,000 random worlds: all lands as meant, all builds agree (40 minutes).
	@$(BIN)/python -m tests.inspect.proof $(EXPORTS_OPTIONS)
	@$(BIN)/python -m tests.engine.proof $(PROOF_OPTIONS)

mutants: $(MUTMUT)/.installed  ## Build mistakes into the engine's SQL and Python: which do the tests notice? (half an hour)
	@PYTHONPATH=$(MUTMUT) $(BIN)/python -m tests.engine.python_mutants
	@$(BIN)/python -m tests.engine.mutants $(MUTANTS_OPTIONS)

$(MUTMUT)/.installed: tests/engine/mutmut-requirements.txt $(TEST_STAMP)
	@$(BIN)/pip install -qq --no-deps --target $(MUTMUT) -r $<
	@touch $@

acceptance: $(TEST_STAMP) $(SUPERSET_STAMP)  ## Superset draws a chart while 15 publications go by (ten minutes; after make demo).
	@$(BIN)/python tests/acceptance/superset.py --superset-python $(SUPERSET_VENV)/bin/python --home $(AFTERHYPE_HOME)

$(SUPERSET_STAMP): tests/acceptance/superset-requirements.txt
	@$(PYTHON) -m venv $(SUPERSET_VENV)
	@$(SUPERSET_VENV)/bin/pip install -qq --no-deps -r $<
	@touch $@

acceptance-spark: install-spark $(TEST_STAMP)  ## A worker of a real Spark cluster is killed while it builds: no cell changes.
	@$(BIN)/python tests/acceptance/spark_cluster.py $(SPARK_CLUSTER_OPTIONS)

bench: install $(BENCH_STAMP)  ## Measure, hours long, and write docs/benchmarks.md (BENCH_SCALE=0.01: a trial).
	@BENCH_PYTHON=$(BENCH_VENV)/bin/python $(BIN)/python -m bench

# the tools that afterhype is compared with, apart from it: neither gets the other's versions
$(BENCH_STAMP): bench/requirements.txt
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/pip install -qq --no-deps -r bench/requirements.txt
	@touch $@

bench-spark: install-spark  ## Build the same events on DuckDB and Spark, write docs/spark-benchmarks.md (BENCH_SCALE=0.01: a trial).
	@$(BIN)/python -m bench.spark

lint: $(LINT_STAMP)  ## Check style, types and SQL.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project

format: $(LINT_STAMP)  ## Put Python and SQL into the house style.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar dbt_project

docs: install  ## Write the dbt docs page of the last run to $(AFTERHYPE_HOME)/dbt/target.
	@$(BIN)/afterhype docs

questions: demo  ## Write docs/questions.md: the SQL that people ask for, with the demo's answers.
	@$(BIN)/afterhype questions --page > docs/questions.md

# each layer is resolved with those below it, and keeps of it what they have not; what was pinned stays
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate --no-header -q
ADDED := awk '/^[a-z0-9]/ {mine = !seen[$$1]} FNR == NR {if (/^[a-z0-9]/) seen[$$1] = 1; next} mine'
LAYERS := $(VENV)/locks

lock: install  ## Resolve the locks anew from pyproject.toml (needs uv; LOCK_OPTIONS=--upgrade for newer versions).
	@mkdir -p $(LAYERS)
	@for layer in run test lint spark; do cat requirements.lock requirements-*.lock > $(LAYERS)/$$layer.lock; done
	@$(LOCK) $(LOCK_OPTIONS) --group install --group test --group lint --extra semantic -o $(LAYERS)/lint.lock
	@for layer in run test; do cp $(LAYERS)/lint.lock $(LAYERS)/$$layer.lock; done
	@$(LOCK) --group install -o $(LAYERS)/run.lock
	@$(LOCK) --group install --group test --extra semantic -o $(LAYERS)/test.lock
	@cat $(LAYERS)/lint.lock requirements-spark.lock > $(LAYERS)/spark.lock
	@$(LOCK) --extra spark -o $(LAYERS)/spark.lock
	@cp $(LAYERS)/run.lock requirements.lock
	@$(ADDED) $(LAYERS)/run.lock $(LAYERS)/test.lock > requirements-test.lock
	@$(ADDED) $(LAYERS)/test.lock $(LAYERS)/lint.lock > requirements-lint.lock
	@$(ADDED) $(LAYERS)/lint.lock $(LAYERS)/spark.lock > requirements-spark.lock
	@rm -r $(LAYERS)

clean:  ## Remove what the targets made: .venv, the demo's home, caches.
	@rm -rf $(VENV) $(BENCH_VENV) $(SUPERSET_VENV) $(MUTMUT) mutants $(AFTERHYPE_HOME) dbt_project/target dbt_project/logs \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
