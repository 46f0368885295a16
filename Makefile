# Two commands matter: `make demo` shows the thing, `make test` checks it. `make` alone lists the rest.
#
# Everything lives in .venv and js/node_modules; a stamp file in each says what is installed, so that a second run
# installs nothing until pyproject.toml or js/package-lock.json changes. Another Python: `make demo PYTHON=python3.12`.

.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.installed-core
LAB := $(VENV)/.installed-lab
FULL := $(VENV)/.installed-full
NODE_MODULES := js/node_modules/.installed
PIP_INSTALL := $(BIN)/python -m pip install $(if $(CI),--quiet) --editable

IN_RANGE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.13 python3.11 python; do \
	$$p -c '$(IN_RANGE)' 2>/dev/null && echo $$p && break; done)

.PHONY: help demo lab test lint test-js test-python test-notebooks test-browser build check-bundles format clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(CORE)  ## Install, dissect the bundled generator, write ganwidgets-demo.html
	$(BIN)/ganwidgets demo --out ganwidgets-demo.html

lab: $(LAB)  ## Open the first notebook in JupyterLab
	$(BIN)/jupyter lab notebooks/00-start.ipynb

# The networks under test are tiny: a second thread gains nothing, and costs much where the other core is busy.
test test-python test-notebooks test-browser: export OMP_NUM_THREADS ?= 1

test: $(NODE_MODULES) lint test-js test-python test-notebooks test-browser  ## Everything: lint, types, TypeScript, Python, notebooks, browser

lint: $(FULL)  ## ruff (rules and layout) on the Python code and the notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test-js: $(NODE_MODULES) check-bundles  ## TypeScript: types and unit tests
	cd js && npm run --silent check
	cd js && npm test --silent

test-python: $(FULL)  ## pytest without the browser tests
	$(BIN)/python -m pytest -m "not browser" tests

test-notebooks: $(FULL)  ## Run every notebook; numbers marked as claims must come out the same
	$(BIN)/python -m pytest --nbval-lax --nbval-cell-timeout=300 notebooks

test-browser: $(FULL)  ## Drive the panels and the exported page in a real JupyterLab
	$(BIN)/python -m pytest -m browser -rs tests

build: $(NODE_MODULES)  ## Bundle js/ into ganwidgets/ui/static (commit the result)
	cd js && npm run --silent build

check-bundles: $(NODE_MODULES)  ## Fail if the committed bundles are not what js/ builds to
	cd js && npm run --silent build:check

format: $(FULL)  ## Rewrite the Python code and the notebooks in the project's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove what these commands installed and wrote
	rm -rf $(VENV) js/node_modules build dist ganwidgets-demo.html

# What is installed --------------------------------------------------------------------------------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none was found. Install one, or name it:" \
		"make demo PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -c '$(IN_RANGE)' || { echo "PYTHON=$(PYTHON) must be Python 3.11, 3.12 or 3.13." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(CORE): pyproject.toml | $(BIN)/python
	@echo "Installing ganwidgets into $(VENV). PyTorch is large: the first time takes some minutes."
	$(PIP_INSTALL) .
	@touch $@

$(LAB): pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) ".[lab]"
	@touch $(CORE) $@

$(FULL): pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) ".[test,lab,faces]"
	@touch $(CORE) $(LAB) $@

$(NODE_MODULES): js/package.json js/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is needed for this target and npm was not found:" \
		"install it from your system's packages or nodejs.org. (make demo, make lab and pip install do not need it.)" >&2; exit 2; }
	cd js && npm ci --no-audit --no-fund
	@touch $@
