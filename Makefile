PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test fuzz bench bench-colorizenet clean

# Install the service and start it for this machine alone: no tokens, the embedded model.
run: $(VENV)/.run
	HOST=127.0.0.1 APP_CHECK=off LOG_FORMAT=text $(BIN)/gunicorn

# Install everything and run all tests.
test: $(VENV)/.test
	$(BIN)/python -m pytest

# Let Schemathesis send some 2,000 requests made from the OpenAPI document, instead of the tests' 500.
fuzz: $(VENV)/.test
	EXAMPLES=50 $(BIN)/python -m pytest tests/server/test_schemathesis.py

# Measure the service, its model, its edges and its page on this machine; see docs/performance.md.
bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.service
	$(BIN)/python -m benchmarks.cli
	$(BIN)/python -m benchmarks.model
	$(BIN)/python -m benchmarks.edges
	$(BIN)/python -m benchmarks.page

# Measure ColorizeNet against diffusers on the same weights; takes minutes, and needs the exporter's packages.
bench-colorizenet: $(VENV)/.test
	$(BIN)/python -m benchmarks.colorizenet

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Colorize needs Python 3.11 or newer; name one: make PYTHON=python3.12 run" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.test: requirements.txt export/requirements.txt training/requirements.txt tests/requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	# Without torchvision, which it names and which has to fit the build of torch; see tests/open_clip_text.py.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps open_clip_torch==3.3.0
	@touch $@ $(VENV)/.run
