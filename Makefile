# `make help` lists the targets. PYTHON=/path/to/python3 chooses the interpreter, 3.11 or later.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_ON_PATH := $(shell uv --version >/dev/null 2>&1 && command -v uv)
UV := $(or $(UV_ON_PATH),.tools/bin/uv)
UV_PATH = $(or $(UV_ON_PATH),$(CURDIR)/$(UV))
TOOLS := python $(if $(UV_ON_PATH),,$(UV))
INTERPRETER = $(shell $(PYTHON) -c 'import sys; print(sys.executable)')
RUN = "$(UV)" run --no-sync
PYTEST = $(RUN) pytest --numprocesses auto --dist worksteal

export UV_PYTHON_DOWNLOADS := never
# The certificate authorities of this machine, also that of a proxy which looks into connections; uv's own list lacks it.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/*.* /etc/ssl/cert.pem /etc/pki/tls/certs/*),1,0)
export NO_MKDOCS_2_WARNING := 1
# Ruff and mypy would otherwise put their caches into the template's folder, and they would be rendered.
export RUFF_CACHE_DIR := $(CURDIR)/.ruff_cache
export MYPY_CACHE_DIR := $(CURDIR)/.mypy_cache
unexport VIRTUAL_ENV

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: | $(TOOLS) ## Render the default project into a temporary folder and run its demo (KEEP=1 keeps the folder)
	@UV='$(UV_PATH)' PYTHON='$(INTERPRETER)' KEEP='$(KEEP)' scripts/demo.sh

.PHONY: setup
setup: .venv ## Install the tools of this repository into .venv

.PHONY: test
test: setup ## Test the template: plan, bad answers, all pairs of options, two projects with their own tests
	@$(PYTEST) -m 'not slow'

.PHONY: test-slow
test-slow: setup ## Only the rest: every scheduler with every broker, the demo, Compose stacks (needs RabbitMQ, PostgreSQL, Chromium)
	@$(PYTEST) -m slow

.PHONY: test-all
test-all: setup ## Both of these
	@$(PYTEST) -m 'not slow'
	@$(PYTEST) -m slow

.PHONY: celery-suite
celery-suite: setup ## Run all of Celery's own integration tests on a project's configuration, on both brokers (fifteen minutes)
	@CELERY_SUITE=all $(RUN) pytest -m slow tests/test_celery_suite.py

# Without the upper bounds of the library's own pyproject.toml, and of any day. What other packages ask for still holds.
.PHONY: test-newest
test-newest: | $(TOOLS) ## Run the library's tests on the newest Celery, kombu, billiard and redis-py, whatever pyproject.toml says
	@rm -rf .venv-newest && "$(UV)" venv --quiet --python '$(INTERPRETER)' .venv-newest && mkdir .venv-newest/library
	@ln -s ../../src ../../LICENSE .venv-newest/library
	@sed -E -e '/^exclude-newer/d' -e '/"(billiard|celery\[redis\]|kombu|redis)>=/s/,<[0-9.]+//' pyproject.toml >.venv-newest/library/pyproject.toml
	@cd .venv-newest/library && '$(UV_PATH)' pip install --quiet --python ../bin/python --editable . --group dev
	@"$(UV)" pip freeze --quiet --python .venv-newest/bin/python | grep -E '^(amqp|billiard|celery|celery-redbeat|kombu|redis)=='
	@UV='$(UV_PATH)' .venv-newest/bin/python -m pytest --numprocesses auto --dist worksteal tests/library

.PHONY: check
check: setup ## Lint, check format, types and imports
	@$(RUN) ruff check --ignore RUF200  # an unrendered name is no valid name of a package
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) yamllint --strict .

.PHONY: format
format: setup ## Format, and mend what can be mended
	@$(RUN) ruff check --fix --ignore RUF200
	@$(RUN) ruff format

.PHONY: expected-files
expected-files: setup ## Write tests/expected_files anew; look at the difference before you commit it
	@$(RUN) python -m scripts.expected_files

.PHONY: reference
reference: setup ## Write docs/reference, docs/guides and docs/llms.txt anew, from the code and from renderings
	@$(RUN) python -m scripts.reference
	@$(RUN) python -m scripts.llms

.PHONY: figures
figures: setup ## Write docs/reference/figures.md anew, from the runs of make bench in benchmarks/
	@$(RUN) python -m scripts.performance_figures

.PHONY: screenshots
screenshots: setup ## Take the pictures of the site anew, with Chromium
	@$(RUN) python -m scripts.screenshots

.PHONY: bench-render
bench-render: setup ## Compare the time of a rendering with that of a template of one file
	@$(RUN) python -m scripts.bench_render

.PHONY: docs
docs: setup ## Serve the documentation with reload
	@$(RUN) mkdocs serve

.PHONY: docs-build
docs-build: setup ## Build the documentation into site/; a broken link is an error
	@$(RUN) mkdocs build --strict

.PHONY: python
python:
	@$(PYTHON) --version >/dev/null 2>&1 || { echo "error: $(PYTHON) does not run: install Python 3.11 or later, or say where it is: make PYTHON=/path/to/python3 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])'): Python 3.11 or later is needed: make PYTHON=/path/to/python3 ..."; exit 1; }

.tools/bin/uv: | python
	@echo "Installing uv into .tools ..."
	@$(PYTHON) -m venv .tools >/dev/null 2>&1 || { rm -rf .tools; echo "error: '$(PYTHON) -m venv' does not work: install your system's package for it (Debian: python3-venv), or uv itself"; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv || { rm -rf .tools; echo "error: uv could not be downloaded: check the network, or install uv yourself"; exit 1; }

.venv: pyproject.toml | $(TOOLS)
	@echo "Installing the tools of pyproject.toml ..."
	@"$(UV)" sync --quiet --python '$(INTERPRETER)'
	@touch .venv
