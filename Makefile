# SPDX-License-Identifier: Apache-2.0
# Each target does its set-up first, and only what has changed. PYTHON names another Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
RUN := .run

.DEFAULT_GOAL := help
.PHONY: help setup setup-tpm run test test-usb check bench soak lock reset clean
MAKEFLAGS += --no-print-directory

help:
	@echo "make setup   make .venv with everything, development tools included"
	@echo "make setup-tpm  build what keys in a TPM need (libtss2-dev, pkg-config, gcc)"
	@echo "make run     start a collector and this machine's agent, and say where to look (state is kept in $(RUN))"
	@echo "make reset   forget that state: the next run starts with a new school"
	@echo "make test    run every group of tests that this machine can run, and say which it cannot"
	@echo "make test-usb  the group rigs alone: sticks of every kind in a guest, which is built first (root)"
	@echo "make check   format, lint, types, import directions, generated code, rules"
	@echo "make bench   measure latency, throughput and the agent's weight"
	@echo "make soak    every fault under load, for about two hours, and count what is left (root; QUICK=1: few of each)"
	@echo "make lock    pin the requirements anew: make lock UPGRADE=1 takes newer versions"
	@echo "make clean   remove all that was made here, but $(RUN)"

setup:
	@$(PYTHON) -m installers.environment dev

setup-tpm: setup
	@$(BIN)/pip install --quiet --no-deps --require-hashes --only-binary :all: -r installers/requirements/tpm-build.txt
	@$(BIN)/pip install --quiet --no-deps --require-hashes --no-build-isolation --no-binary tpm2-pytss \
		-r installers/requirements/tpm.txt

run:
	@$(PYTHON) -m installers.environment run
	@$(BIN)/python -m installers.assets
	@$(BIN)/python -m installers.local --folder $(RUN)

test: setup
	@$(BIN)/python -m installers.assets
	@$(BIN)/python -m tests.run

test-usb: setup
	@$(BIN)/python -m tests.run rigs

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m proto.generate --check
	for pack in rules/packs/*/; do $(BIN)/schoolwarden-collector rules check $$pack || exit 1; done

bench: setup
	@$(BIN)/python -m tests.bench

soak: setup
	@$(BIN)/python -m tests.soak all $(if $(QUICK),--quick)

lock:
	@$(PYTHON) -m installers.lock $(if $(UPGRADE),--upgrade)

reset:
	@test ! -e $(RUN)/lock || flock --nonblock $(RUN)/lock true || { echo "it is running: stop it first"; exit 3; }
	@rm -rf $(RUN)
	@echo "forgotten: $(RUN)"

clean:
	rm -rf .venv .build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis collector/console/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
