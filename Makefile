PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A lock holds the whole closure, so pip need not look for dependencies; and it refuses a file that has another hash.
INSTALL_LOCK = $(INSTALL) --no-deps --require-hashes -r
# What the clients in TypeScript need of npm; npm itself is a package of the tests' lock.
GENERATORS = tests/support/generators

.PHONY: run check test lint types style arrows holes fuzz bench bench-colorizenet bench-fleet bench-faults lock clean

# Install the service and start it for this machine alone: no tokens, the embedded model.
run: $(VENV)/.run
	HOST=127.0.0.1 APP_CHECK=off LOG_FORMAT=text $(BIN)/gunicorn

# The tests in two processes; tests/support/side_by_side.py says which run side by side.
PYTEST = $(BIN)/python -m pytest -n 2

# The quick loop, in a minute and without torch: linters, and the tests that start no server and no browser.
check: $(VENV)/.check
	$(MAKE) --no-print-directory -j 2 lint
	$(PYTEST) -m "not server and not browser and not torch and not slow"

# Install everything, and run the linters and all tests.
test: $(VENV)/.test
	$(MAKE) --no-print-directory -j 2 lint
	$(PYTEST)

# What can be judged by reading the code: types, style, layout, who imports whom, and known kinds of holes. All offline.
lint: types style arrows holes

types:
	$(BIN)/mypy

style:
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet

arrows:
	$(BIN)/lint-imports --no-logo

holes:
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive colorize_service export training wsgi.py
	$(BIN)/zizmor --quiet --offline .github

# Let Schemathesis send several times as many requests made from the OpenAPI document as the tests do.
fuzz: $(VENV)/.test
	EXAMPLES=50 $(BIN)/python -m pytest tests/server/test_schemathesis.py

# Measure the service, its model, hints, its edges and its page on this machine; see docs/performance.md.
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.service
	$(BIN)/python -m benchmarks.alternatives
	$(BIN)/python -m benchmarks.cli
	$(BIN)/python -m benchmarks.hostile
	$(BIN)/python -m benchmarks.lite
	$(BIN)/python -m benchmarks.hints
	$(BIN)/python -m benchmarks.edges
	$(BIN)/python -m benchmarks.page

# Measure a fleet on this machine; needs redis-server.
bench-fleet: $(VENV)/.bench
	$(BIN)/python -m benchmarks.fleet

# Break each part of a fleet under load, and count what clients see of it; takes most of an hour. Needs redis-server, nginx
# and a compiler.
bench-faults: $(VENV)/.bench
	$(BIN)/python -m benchmarks.faults

# Measure ColorizeNet against diffusers on the same weights; takes minutes, and needs the exporter's packages.
bench-colorizenet: $(VENV)/.test
	$(BIN)/python -m benchmarks.colorizenet

# Write the exact versions of all that pyproject.toml asks for, with hashes, for Python 3.11 and newer on any platform.
# Versions stay as they are where they can; `make lock UPGRADE=--upgrade` takes the newest of all, and
# `make lock UPGRADE='--upgrade-package NAME'` of one. The tests' lock comes first: the others follow it.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes \
  --custom-compile-command "make lock"
lock: | $(BIN)/uv
	$(COMPILE) $(UPGRADE) --extra server --extra fleet --extra traces --group test --output-file tests/requirements.txt
	$(COMPILE) -c tests/requirements.txt --extra server --extra fleet --extra traces --group check --output-file tests/requirements-check.txt
	$(COMPILE) -c tests/requirements.txt --extra server --output-file requirements.txt
	$(COMPILE) -c tests/requirements.txt --group export --output-file export/requirements.txt
	$(COMPILE) -c tests/requirements.txt --group training --output-file training/requirements.txt
	$(COMPILE) -c tests/requirements.txt --group bench --output-file benchmarks/requirements.txt
	$(COMPILE) -c tests/requirements.txt --extra server --extra fleet --extra traces --overrides deploy/override-cpu.txt \
	  --no-emit-package onnxruntime-gpu --output-file deploy/requirements-cpu.txt
	$(COMPILE) -c tests/requirements.txt --extra server --extra fleet --extra traces --extra cuda --output-file deploy/requirements-cuda.txt

clean:
	rm -rf $(VENV) $(GENERATORS)/node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Colorize needs Python 3.11 or newer; name one: make PYTHON=python3.12 run" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(INSTALL_LOCK) requirements.txt
	@touch $@

$(VENV)/.check: tests/requirements-check.txt | $(VENV)/bin/python
	$(INSTALL_LOCK) tests/requirements-check.txt
	@touch $@ $(VENV)/.run

# torch after its dependencies: they have hashes in the lock. What pip would warn of is left out in pyproject.toml.
$(VENV)/.test: tests/requirements.txt requirements-torch.txt $(GENERATORS)/package-lock.json | $(VENV)/bin/python
	$(INSTALL_LOCK) tests/requirements.txt
	$(INSTALL) --no-warn-conflicts -r requirements-torch.txt
	$(BIN)/npm ci --silent --no-audit --no-fund --prefix $(GENERATORS)
	@touch $@ $(VENV)/.check $(VENV)/.run

$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.test
	$(INSTALL_LOCK) benchmarks/requirements.txt
	@touch $@

$(BIN)/uv: | $(VENV)/bin/python
	$(INSTALL) uv==0.13.9
