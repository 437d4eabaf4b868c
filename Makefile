# Everything a contributor types. `make` alone lists the targets. Needs: make, git and a Python 3.11 to 3.13 (or uv).
#
# Variables to set by hand, if at all:
#   PYTHON=python3.12       the Python that .venv is made from
#   UV=                     (empty) use plain pip though uv is on PATH
#   TORCH_INDEX=URL         an index that is asked for torch besides the usual one; empty: none
#   CONSTRAINTS=/dev/null   the newest versions that pyproject.toml allows, instead of the tested ones
#   ENGINE=cpu or gpu       which build of vLLM `make engine` installs; gpu where there is an NVIDIA driver

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
EXTRAS ?= flows,local,sft,dev
CONSTRAINTS ?= constraints.txt

UV ?= $(shell command -v uv 2>/dev/null)
# the first one that runs, has a version that pyproject.toml allows and can make an environment
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3 python; do \
	$$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && { echo $$candidate; break; }; done)

# on Linux the usual index holds the CUDA build of torch; without a GPU the much smaller CPU build will do
ifneq ($(UV),)
ifeq ($(shell uname -s),Linux)
ifeq ($(shell command -v nvidia-smi 2>/dev/null),)
TORCH_INDEX ?= $(CPU_TORCH_INDEX)
endif
endif
endif
TORCH_INDEX ?=

# vLLM has an environment of its own: it and Prefect want versions of fastapi that exclude each other
ENGINE ?= $(if $(shell command -v nvidia-smi 2>/dev/null),gpu,cpu)
ENGINE_VENV := .engine
ENGINE_STAMP := $(ENGINE_VENV)/.$(ENGINE)-done
ENGINE_FILE := $(if $(filter gpu,$(ENGINE)),pyproject.toml,docker/engine-cpu.txt)
CPU_TORCH_INDEX := https://download.pytorch.org/whl/cpu

# tests that need more than the core and a few seconds
HEAVY := slow or models or hub or browser or data or vllm
# two files of tests at a time
BESIDE := --numprocesses=2 --dist=loadfile

.PHONY: help setup engine demo deploy test lint types format docker-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## make .venv with everything that runs and tests the project

$(STAMP): pyproject.toml $(wildcard constraints.txt)
ifeq ($(UV)$(PYTHON),)
	@echo "setup: no Python 3.11, 3.12 or 3.13 with the venv module was found, and no uv." >&2
	@echo "setup: install one (Debian and Ubuntu: apt-get install python3 python3-venv), or name it:" >&2
	@echo "setup:   make setup PYTHON=/path/to/python3.11" >&2
	@exit 1
endif
	@echo "setup: making $(VENV) with $(if $(UV),uv,pip) and $(or $(PYTHON),a Python that uv finds or downloads)"
	@echo "setup: extras $(EXTRAS), versions from $(CONSTRAINTS)$(if $(TORCH_INDEX), and torch also from $(TORCH_INDEX))"
	@echo "setup: this takes some minutes and 3 GB of disk (several more with a CUDA build of torch)"
ifneq ($(UV),)
	@test -f $(VENV)/.created || $(UV) venv --quiet --clear --python '$(or $(PYTHON),>=3.11,<3.14)' $(VENV)
	@touch $(VENV)/.created
	@install() { $(UV) pip install --python $(BIN)/python -e ".[$(EXTRAS)]" -c $(CONSTRAINTS) "$$@"; }; \
	if [ -z "$(TORCH_INDEX)" ]; then install; \
	elif ! install --index "$(TORCH_INDEX)" --index-strategy unsafe-best-match; then \
		echo "setup: that failed; once more without $(TORCH_INDEX) (torch may then be the larger CUDA build)" >&2; \
		install; \
	fi
else
	@test -f $(VENV)/.created || $(PYTHON) -m venv --clear $(VENV)
	@touch $(VENV)/.created
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$(EXTRAS)]" -c $(CONSTRAINTS) \
		$(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)")
endif
	@touch $(STAMP)
	@echo "setup: done; $$($(BIN)/python --version) in $(VENV)"

engine: $(ENGINE_STAMP)  ## make .engine, the environment of vLLM (its CPU build where there is no GPU)

ifneq ($(UV),)
ENGINE_PIP := $(UV) pip install --quiet --python $(ENGINE_VENV)/bin/python --compile-bytecode
ENGINE_INDEX := --index
else
ENGINE_PIP := $(ENGINE_VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check
ENGINE_INDEX := --extra-index-url
endif

# made anew from nothing: packages of the other build that were left over would be imported
$(ENGINE_STAMP): $(ENGINE_FILE)
ifeq ($(UV)$(PYTHON),)
	@echo "engine: no Python 3.11, 3.12 or 3.13 with the venv module was found, and no uv; see make setup." >&2
	@exit 1
endif
	@echo "engine: making $(ENGINE_VENV) for vLLM on $(ENGINE) from $(ENGINE_FILE); 1 to 3 minutes, 2.5 GB (GPU: more of both)"
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --python '$(or $(PYTHON),>=3.11,<3.14)' $(ENGINE_VENV)
else
	@$(PYTHON) -m venv --clear $(ENGINE_VENV)
endif
	@date +%s >$(ENGINE_VENV)/.began
ifeq ($(ENGINE),gpu)
	@$(ENGINE_PIP) -e ".[vllm]"
else
	@torch="$$(grep '^torch==' $(ENGINE_FILE))"; \
	$(ENGINE_PIP) --no-deps "$$torch" 2>/dev/null || { \
		echo "engine: torch from $(or $(TORCH_INDEX),$(CPU_TORCH_INDEX))" >&2; \
		$(ENGINE_PIP) --no-deps "$$torch" $(ENGINE_INDEX) $(or $(TORCH_INDEX),$(CPU_TORCH_INDEX)); \
	}
	@$(ENGINE_PIP) --no-deps -r $(ENGINE_FILE)
endif
	@touch $(ENGINE_STAMP)
	@echo "engine: done in $$(($$(date +%s) - $$(cat $(ENGINE_VENV)/.began))) s; $$(du -sh $(ENGINE_VENV) | cut -f1) in $(ENGINE_VENV)"

demo: setup  ## curate a small synthetic pool on this machine, with every stage; prints the report's and the dataset's path
	@$(BIN)/limo-curation demo

deploy: setup  ## register the work pools and all deployments with the Prefect server of PREFECT_API_URL
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh docker/deploy.sh

test: setup  ## run all tests, the fast ones first
	@mkdir -p .test-results
	@echo "test: the fast ones"
	@$(BIN)/python -m pytest -q $(BESIDE) -m "not ($(HEAVY) or prefect)" --junit-xml=.test-results/fast.xml || [ $$? -eq 5 ]
	@echo "test: those that load models, open a browser or take long"
	@$(BIN)/python -m pytest -q $(BESIDE) -m "($(HEAVY)) and not prefect" --junit-xml=.test-results/heavy.xml || [ $$? -eq 5 ]
	@echo "test: those that start a Prefect server, with workers and engines: one after the other"
	@$(BIN)/python -m pytest -q -m prefect --junit-xml=.test-results/prefect.xml || [ $$? -eq 5 ]
	@echo "test: passed; results: .test-results/fast.xml, heavy.xml and prefect.xml"

lint: setup  ## check style and that imports go one way only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: setup  ## check types with pyright, strict
	@$(BIN)/pyright --pythonpath $(BIN)/python

format: setup  ## rewrite the Python files in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docker-check:  ## check docker/compose.yaml without starting anything
	@POSTGRES_PASSWORD=unused PREFECT_AUTH=unused:unused docker compose -f docker/compose.yaml config -q
	@echo "docker-check: docker/compose.yaml is valid"

clean:  ## remove caches, builds and test results; .venv, .engine and runs/ stay
	@rm -rf .test-results .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
	@find . -path ./.git -prune -o -path ./$(VENV) -prune -o -path ./$(ENGINE_VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
