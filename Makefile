# fencepost: `make check` runs the main job, `make test` the tests; both set themselves up in .venv.
# Options for the command go through ARGS:  make check ARGS="--seed 7 --time-limit 30"

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# The environment is as new as the lock and the entry points: both name it.
STAMP := $(VENV)/.set-up
# What these hold is compiled when it is first imported, and kept beside it.
COMPILED := fencepost.harness.history.compiled.load fencepost.checkers.kernel.compiled_least \
	fencepost.checkers.propose.compiled_tails fencepost.harness.history.s2_porcupine.scanner fencepost.checkers.kernel.hashing
# Without its own files for rewritten assertions, pytest rewrites them anew in every process: seconds each.
KEPT := PYTHONDONTWRITEBYTECODE=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup check test test-slow fuzz-checker lint format detect differential conform-s2-lite bench bench-server bench-checker lock clean

help: ## list the targets
	@echo "usage: make TARGET [ARGS=\"...\"]"; echo
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r t d; do printf "  %-15s %s\n" "$$t" "$$d"; done

setup: $(STAMP) ## make .venv from the hash-pinned lock (done by the other targets when needed)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "fencepost needs Python 3.11 or newer; set PYTHON=/path/to/python" >&2; exit 1; }
	@echo "setting up $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q src/fencepost harness checkers workloads
	@echo $(COMPILED) | xargs -n 1 -P 2 $(BIN)/python -c "import sys, importlib; importlib.import_module(sys.argv[1])"
	@touch $(STAMP)

check: $(STAMP) ## the main job: race writers on a real server, judge, draw; then catch a planted bug
	@$(BIN)/fencepost run regular match-seq-num fenced $(ARGS)
	@$(BIN)/fencepost run fenced --bug stale-fence-cache --expect stale-token-write $(ARGS)

test: $(STAMP) ## the default test suite (ARGS go to pytest)
	@$(KEPT) $(BIN)/pytest $(ARGS)

test-slow: $(STAMP) ## the long tests: more kills, more random histories
	@$(BIN)/pytest -m slow $(ARGS)

fuzz-checker: $(STAMP) ## the checker, its kernel, forged proofs and two oracles on 200,000 random histories (ARGS: --histories, --seed, --state, …)
	@$(BIN)/python -m tests.checkers.fuzz $(ARGS)

lint: $(STAMP) ## ruff (lint, format) and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

detect: $(STAMP) ## are the seeded bugs caught, and is the correct server left alone? (ARGS: --all, --seeds 3, …)
	@$(BIN)/python -m benchmarks.detect $(ARGS)

differential: $(STAMP) ## do s2-porcupine's verdicts agree with ours? Needs Go (ARGS: --number 20000, --seed 1)
	@$(BIN)/pytest -q -m go tests/differential
	@$(BIN)/python -m tests.differential $(ARGS)

conform-s2-lite: $(STAMP) ## is s2-lite what docs/conformance.md says? Needs the s2 command (S2_LITE=binary; ARGS for fencepost conform)
	@$(BIN)/python -m tests.conformance.s2_lite $(ARGS)

bench: $(STAMP) ## measure every figure anew and write docs/benchmarks.md (ARGS: names of some)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-server: $(STAMP) ## the bundled server's figures, beside s2-lite where s2 is installed, into docs/benchmarks.md
	@$(BIN)/python -m benchmarks server_appends server_tails server_sessions server_reads server_idle recovery

bench-checker: $(STAMP) ## the checker on easy and real histories, beside s2-porcupine (ARGS: --row NAME, …; S2_PORCUPINE=binary)
	@$(BIN)/python -m benchmarks checker $(ARGS)

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra conform --group dev pyproject.toml -o requirements.lock

clean: ## remove the environment, caches and stored runs
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name gallery -exec rm -rf {} +
