# Aisle's errands. Every target makes the environment .venv first, if it is not there.

# The first of these that is Python 3.11; another can be named: make PYTHON=/path/to/python3.11
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c $(IS_3_11) 2>/dev/null && echo $$p && break; done)
IS_3_11 := 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'
VENV := .venv
# Processes that share the tests; each takes up to 4 GiB of memory.
TEST_WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := UV_HTTP_TIMEOUT=$${UV_HTTP_TIMEOUT:-180} $(BIN)/uv pip
DEMO := .demo
AIRFLOW_LOCKED = --require-hashes --no-deps --only-binary :all: -r airflow.lock
AIRFLOW := .venv-airflow
# What the environment of the scheduler needs, as setup.py says it.
AIRFLOW_NEEDS := import setuptools; setuptools.setup = lambda **k: print(*k["extras_require"]["airflow"], sep="\n"); import runpy; runpy.run_path("setup.py")
PRISM := v2.77.0

# Packages without a wheel are built by the pinned tools below, never by whatever is newest today.
BUILD_TOOLS := pybind11 setuptools wheel
LOCKED := --require-hashes --no-deps --no-build-isolation --only-binary :all:
# uv downloads side by side and takes half the time; pip knows of mirrors that uv is not told of.
install = $(UV) install --quiet --python $(BIN)/python --compile-bytecode $(LOCKED) $(1) 2> $(VENV)/uv.log || { \
	echo "uv did not succeed (see $(VENV)/uv.log); trying pip"; $(PIP) $(LOCKED) $(1); }
# The pins of the packages named in the variable `names`, with their hashes; all others with only=0.
PINS := awk -v names="$$names" -v only="$${only:-1}" \
	'BEGIN { split(names, n, " "); for (i in n) want[n[i]] = 1 } \
	/^[^ \#]/ { split($$0, part, "=="); on = ((part[1] in want) == only) } on' requirements.lock

.DEFAULT_GOAL := help
.PHONY: help demo flink flink-demo flink-lock prism test test-systems retest lint bench airflow lock clean

ifneq ($(and $(filter bench,$(MAKECMDGOALS)),$(if $(INPUT),,missing)),)
$(error bench needs a folder of category files: make bench INPUT=DIR [ROWS=N])
endif

help: ## say what there is
	@awk -F ' ## ' '/^[a-z-]+:.* ## / { sub(/:.*/, "", $$1); printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed ## write a sample catalogue, learn from it, label a dump, show the table
	@echo "Running the whole chain on a sample catalogue in $(DEMO)"
	@$(BIN)/aisle sample --folder $(DEMO)
	@$(BIN)/aisle run --input $(DEMO)/catalogue --dump $(DEMO)/dump.csv --dump-id new-products \
		--prefix $(DEMO)/out --run-id demo

flink: $(VENV)/.installed ## start a Flink cluster on this machine until Ctrl-C (needs java, mvn)
	@$(BIN)/python -m cluster $(if $(PORT),--port $(PORT))

flink-demo: $(VENV)/.installed ## the demo on such a cluster
	@echo "Running the whole chain on a sample catalogue in $(DEMO), on Flink"
	@$(BIN)/aisle sample --folder $(DEMO)
	@$(BIN)/python -m cluster $(if $(PORT),--port $(PORT)) -- $(BIN)/aisle run --input $(DEMO)/catalogue \
		--dump $(DEMO)/dump.csv --dump-id new-products --prefix $(DEMO)/out --run-id flink

prism: ## build Beam's runner Prism into cluster/target (needs Go)
	@echo "Building Prism $(PRISM)"
	@GOBIN=$(CURDIR)/cluster/target go install github.com/apache/beam/sdks/v2/go/cmd/prism@$(PRISM)

flink-lock: $(VENV)/.installed ## pin the jars of cluster/pom.xml anew
	@$(BIN)/python -m cluster --lock

# A file is one worker's from its first test to its last: what its tests share is made once.
PYTEST = $(BIN)/python -m pytest -q --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed $(AIRFLOW)/.installed ## run the tests, but for those of whole systems (11 minutes on two cores)
	@echo "Running the tests ($(TEST_WORKERS) processes)"
	@$(PYTEST) -m 'not system'

test-systems: $(VENV)/.installed $(AIRFLOW)/.installed ## run the tests of whole systems: scheduler, Flink, buckets, devices, real data (11 to 13 minutes)
	@echo "Running the tests of whole systems ($(TEST_WORKERS) processes)"
	@$(PYTEST) -m system

retest: $(VENV)/.installed ## run again, one after the other, the tests of either kind that failed last
	@$(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none

lint: $(VENV)/.installed ## check style and types: ruff, mypy
	@echo "Checking style (ruff check, ruff format)"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --check .; exit 1; }
	@echo "Checking types (mypy)"
	@$(BIN)/mypy

bench: $(VENV)/.fasttext ## measure against other tools: make bench INPUT=DIR [ROWS=N]
	@for name in preprocess train predict; do \
		echo "Running benchmarks/$$name.py on $(INPUT)$(if $(ROWS), ($(ROWS) rows))"; \
		$(BIN)/python benchmarks/$$name.py --input "$(INPUT)" $(if $(ROWS),--rows $(ROWS)) || exit; \
	done

airflow: $(VENV)/.installed $(AIRFLOW)/.installed ## a scheduler, its page and the DAGs on this machine; Ctrl-C ends all
	@echo "Starting Airflow in .airflow (a minute)"
	@exec $(AIRFLOW)/bin/python -m airflow_dags.serve --folder .airflow --port $(or $(PORT),8080)

lock: $(BIN)/python ## pin what setup.py asks for in requirements.lock; UPGRADE=1 takes the newest
	@echo "Resolving setup.py into requirements.lock (Linux on x86-64, Python 3.11)"
	@test -x $(BIN)/uv || $(PIP) 'uv>=0.13,<0.14'
	@$(UV) compile setup.py --quiet --extra dev --extra bench \
		--python-version 3.11 --python-platform x86_64-unknown-linux-gnu \
		--generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock  (for Linux on x86-64, Python 3.11)" $(if $(UPGRADE),--upgrade) -o requirements.lock
	@$(BIN)/python -c '$(AIRFLOW_NEEDS)' | $(UV) compile - --quiet \
		--python-version 3.11 --python-platform x86_64-unknown-linux-gnu \
		--generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock  (for Linux on x86-64, Python 3.11)" $(if $(UPGRADE),--upgrade) -o airflow.lock

clean: ## remove the demo, caches and build leftovers; .venv stays
	@echo "Removing $(DEMO), caches and build leftovers"
	@rm -rf $(DEMO) build dist *.egg-info cluster/target .pytest_cache .mypy_cache .ruff_cache
	@find . \( -path ./$(VENV) -o -path ./$(AIRFLOW) \) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A stamp is written last: what was interrupted is taken up again. fastText is only what the
# benchmarks compare with, so a machine that cannot compile it does everything else.
$(VENV)/.installed: requirements.lock setup.py $(BIN)/python
	@$(BIN)/python -c $(IS_3_11) || { echo "$(VENV) is not of Python 3.11; remove it: rm -rf $(VENV)" >&2; exit 2; }
	@echo "Installing requirements.lock into $(VENV) (once; about two minutes)"
	@names="uv $(BUILD_TOOLS)"; $(PINS) > $(VENV)/tools.lock
	@names=fasttext only=0; $(PINS) > $(VENV)/rest.lock
	@$(PIP) $(LOCKED) -r $(VENV)/tools.lock
	@$(call install,--no-binary google-apitools -r $(VENV)/rest.lock)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.fasttext
	@touch $@
	@$(MAKE) --silent $(VENV)/.fasttext || echo "Going on without fastText: only make bench needs it"

# Airflow lives apart: its pins and those of TensorFlow need not agree.
$(AIRFLOW)/.installed: airflow.lock $(VENV)/.installed
	@echo "Installing airflow.lock into $(AIRFLOW) (once; about a minute)"
	@$(BIN)/python -m venv --clear $(AIRFLOW)
	@$(UV) install --quiet --python $(AIRFLOW)/bin/python $(AIRFLOW_LOCKED) 2> $(AIRFLOW)/uv.log || { \
		echo "uv did not succeed (see $(AIRFLOW)/uv.log); trying pip"; \
		$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check $(AIRFLOW_LOCKED); }
	@touch $@

$(VENV)/.fasttext: $(VENV)/.installed
	@names=fasttext; $(PINS) > $(VENV)/fasttext.lock
	@$(PIP) $(LOCKED) --no-binary fasttext -r $(VENV)/fasttext.lock > $(VENV)/fasttext.log 2>&1 || { \
		echo "fastText does not compile here (see $(VENV)/fasttext.log); on Debian: apt-get install g++ python3-dev" >&2; exit 1; }
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Aisle needs Python 3.11, and found none; name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c $(IS_3_11) 2>/dev/null || { echo "Aisle needs Python 3.11; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo no Python)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "Making the environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv --clear $(VENV)
