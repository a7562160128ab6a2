# Waitstate. `make` alone lists what there is. Nothing here needs more than python3 (3.11+) and make.

ifndef PYTHON  # the first that is new enough; python3 has to complain if none is
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && exit; \
  done; echo python3)
endif
VENV ?= .venv
EXAMPLE ?= chat
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Other interpreters run the tests only, so they get less.
EXTRAS ?= dev
OTHER_VERSIONS := 3.12 3.13
PLATFORMS := linux darwin win32
# Programs that the tests talk to, and the Debian packages that bring them.
PEERS := curl:curl openssl:openssl gnutls-cli:gnutls-bin nc:netcat-openbsd socat:socat ncat:ncat Xvfb:xvfb
# Two at a time, each with its output in one piece.
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs=2 --output-sync=target
PYTEST := $(BIN)/python -m pytest
SELECTED = $(if $(ALL),,-m "not slow") $(if $(SEED),-p randomly --randomly-seed=$(SEED))
# Debian's own Python, the only one that GLib, GTK and wx are packed for; it sees the packages of the system.
DEBIAN_PYTHON := /usr/bin/python3
DEBIAN_VENV := .venv-debian
DEBIAN_TESTS := tests/hosts tests/scenarios/examples/gui/test_gui.py -k "glib or gtk or wx"
EXAMPLES_TEST := tests/architecture/test_examples.py
ORIGINALS_TEST := tests/old/test_originals.py
# What looks at the sources and the pages, which are the same on every Python.
SOURCES_TESTS := tests/documents $(patsubst %,tests/architecture/test_%.py,documents project rules sizes surface)

.DEFAULT_GOAL := help
.PHONY: help venv run test debian lint types docs originals bench check peers python other-versions clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: python  ## install what is missing and start the chat server (EXAMPLE=echo: another; ARGS="--port 0")
	@.ci/need openssl:openssl
	@PYTHONPATH=.:examples/chat exec $(PYTHON) $(firstword $(wildcard examples/$(EXAMPLE).py) examples/$(EXAMPLE)/server.py) $(ARGS)

test: $(INSTALLED) peers  ## install what is missing and run the fast tests (ALL=1: the slow too; SEED=n: that order)
	@$(PYTEST) $(SELECTED) $(ARGS)

debian: peers  ## run the tests of GLib, GTK and wx, on Debian's own Python (ALL=1, SEED=n: as `test`)
	@if .ci/need --gi $(DEBIAN_PYTHON); then \
	  $(MAKE) --no-print-directory venv VENV=$(DEBIAN_VENV) PYTHON=$(DEBIAN_PYTHON) EXTRAS=debian && \
	  $(DEBIAN_VENV)/bin/python -c 'import gi, wx' && \
	  $(DEBIAN_VENV)/bin/python -m pytest $(SELECTED) $(DEBIAN_TESTS) $(ARGS); \
	else \
	  echo "skipped: the tests of GLib, GTK and wx"; [ "$$CI" != true ]; \
	fi

lint: $(INSTALLED)  ## ruff format, ruff check, import-linter
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache --no-logo

types: $(INSTALLED)  ## mypy --strict over packages, tests and examples, for Linux, macOS and Windows
	+@$(SIDE_BY_SIDE) $(addprefix types-,$(PLATFORMS))

types-%:
	@echo "mypy for $*"
	@$(BIN)/mypy --strict --platform $* --cache-dir .mypy_cache/$* reactor protocols tests examples

docs: $(INSTALLED)  ## build docs/ (warnings are errors) and run every example there and in README.md
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@$(PYTEST) -q $(EXAMPLES_TEST)

originals: $(INSTALLED) peers  ## run CPython 3.11's own tests of asyncore, asynchat and smtpd on ours
	@$(PYTEST) -q $(ORIGINALS_TEST)

bench: $(INSTALLED)  ## run benchmarks/ against the figures kept there
	@$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@$(BIN)/python -m benchmarks $(ARGS)

check:  ## lint, types, test, docs, debian, originals, then the tests on every other Python found
	@$(MAKE) --no-print-directory --jobs=1 lint types test docs debian originals other-versions

venv: $(INSTALLED)  ## make the virtual environment, with everything that development needs

clean:  ## remove what the targets above have made
	rm -rf .venv .venv-* docs/_build build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml | python
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/need --venv $(PYTHON)
	@$(PYTHON) -m venv $(if $(filter $(DEBIAN_VENV),$(VENV)),--system-site-packages) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

peers:
	@.ci/need $(PEERS)
	@.ci/need --testsuite $(PYTHON)
	@.ci/need --tk $(PYTHON)

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Waitstate needs Python 3.11 or newer: try make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }

other-versions: $(INSTALLED)
	+@$(SIDE_BY_SIDE) $(addprefix tests-on-,$(OTHER_VERSIONS))

tests-on-%:
	@for python in python$* $$HOME/.pyenv/versions/$**/bin/python; do \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
	  echo "tests on Python $*"; \
	  exec $(MAKE) --no-print-directory test PYTHON="$$python" VENV=.venv-$* EXTRAS=test \
	    ARGS="$(addprefix --ignore=,$(SOURCES_TESTS))"; \
	done
