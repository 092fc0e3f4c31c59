# Every target first makes the part of .venv that it needs: one fresh clone, one command.
# The Makefile owns .venv and makes it anew when PYTHON changes.

PYTHON      = python3
DATA        = digits
DATA_DIR    =
ARGS        =
PYTEST_ARGS = -n auto --dist worksteal
TORCH       = torch==2.13.0

BIN   := .venv/bin
READY := .venv/.ready-
MADE  := $(READY)python-$(subst /,_,$(PYTHON))

# Two pip runs must never write into one .venv at once.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help train test check lint types examples notebook bench reproduce mutants clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=python3.12       the Python to build .venv with (3.11 or newer; now: $(PYTHON))"
	@echo "  DATA=digits|mnist       what to train on; DATA_DIR=folder where its files are"
	@echo "  ARGS=\"--epochs 5\"       more words for train, bench and reproduce"
	@echo "  PYTEST_ARGS=\"-n 2\"      words for pytest, e.g. \"-k matmul -x\""

train: $(READY)train  ## train the lecture's network (DATA, DATA_DIR, ARGS)
	@$(BIN)/tinygrad-edu train --data $(DATA) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)") $(ARGS)

test: $(READY)test  ## run the tests and the doctests (PYTEST_ARGS)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types examples notebook  ## format, lint, types; run the examples and the notebook

lint: $(READY)check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)check
	$(BIN)/mypy --strict --no-warn-return-any tinygrad_edu nn

# Agg: draw plots into files, open no window.
examples: $(READY)check
	@for script in examples/*.py; do \
	  if [ -e "$$script" ]; then \
	    echo "$(BIN)/python $$script"; \
	    MPLBACKEND=Agg $(BIN)/python "$$script" </dev/null || exit 1; \
	  fi; \
	done

notebook: $(READY)check
	@for book in examples/*.ipynb; do \
	  if [ -e "$$book" ]; then \
	    echo "$(BIN)/jupyter execute $$book"; \
	    $(BIN)/jupyter execute "$$book" || exit 1; \
	  fi; \
	done

reproduce: $(READY)train  ## train the book's networks anew, beside its numbers; an hour (DATA_DIR, ARGS)
	@$(BIN)/python -m benchmarks.reproduce $(if $(DATA_DIR),--data-dir "$(DATA_DIR)") $(ARGS)

bench: $(READY)bench  ## measure this project beside its peers (ARGS)
	@$(BIN)/python -m benchmarks $(ARGS)

# On a copy: a run that is broken off leaves its last mistake in the source.
mutants: $(READY)mutants  ## plant mistakes in the engine, list those that no test notices (takes hours)
	rm -rf build/mutants
	mkdir -p build/mutants
	cp -R tinygrad_edu nn tests examples docs Makefile pyproject.toml *.md build/mutants
	@cd build/mutants && PATH="$(CURDIR)/$(BIN):$$PATH" && export OPENBLAS_NUM_THREADS=1 && \
	cosmic-ray init tests/mutants.toml mutants.sqlite && \
	cr-filter-operators mutants.sqlite tests/mutants.toml && \
	cosmic-ray --verbosity=INFO baseline tests/mutants.toml && \
	cosmic-ray exec tests/mutants.toml mutants.sqlite && \
	cr-report --surviving-only --show-diff mutants.sqlite

clean:  ## remove .venv, caches and build products (runs/ stays: it holds your results)
	rm -rf .venv build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find . -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# What each target installs; a stamp file says that it is there and as new as pyproject.toml.
$(READY)train: WANTED = -e '.[train]'
$(READY)test:  WANTED = -e '.[test,train]'
$(READY)check: WANTED = -e '.[dev]'
$(READY)bench: WANTED = -e '.[bench]' $(TORCH)
$(READY)mutants: WANTED = -e '.[mutants]'

$(READY)train $(READY)test $(READY)check $(READY)bench $(READY)mutants: $(MADE) pyproject.toml
	@echo "Setting up .venv: pip install $(WANTED)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check $(WANTED)
	@touch $@

$(MADE):
	@version=$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version="not found"; \
	case "$$version" in \
	  3.1[1-9] | 3.[2-9][0-9]) echo "Setting up .venv: Python $$version" ;; \
	  *) echo "tinygrad_edu needs Python 3.11 or newer, but '$(PYTHON)' is: $$version." >&2; \
	     echo "Name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python" >&2; \
	     exit 1 ;; \
	esac
	@"$(PYTHON)" -m venv --clear .venv
	@touch $@
