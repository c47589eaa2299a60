# `make demo` and `make test` set up all they need in .venv; stamp files there make later runs quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

SAMPLES := $(filter-out samples/letter.jpg,$(wildcard samples/*.jpg))

.PHONY: help demo test lint types unit format fonts samples clean

help:
	@echo "make demo    read the sample pictures and the sample video with the shipped model (no TensorFlow needed)"
	@echo "make test    everything that must hold: ruff, mypy, pytest with coverage (installs TensorFlow)"
	@echo "make format  put the code into shape with ruff"
	@echo "make fonts   fetch the fonts of export/fonts.tsv into build/fonts with npm (for training and samples)"
	@echo "make texts   fetch text to write into build/texts with apt, pip and npm (for training line models)"
	@echo "make samples draw samples/ again"
	@echo "make compare-docs, precision-docs, doctor-docs, bench-docs, bench-lines   write pages of docs/ again, from what they measure"
	@echo "make language-models   build edge_hwr/languages/ again"
	@echo "make clean   remove what these made"
	@echo "PYTHON=python3.12 chooses another Python (3.11 to 3.13)"

demo: $(VENV)/reads
	$(BIN)/edge-hwr read $(SAMPLES) --annotate demo-output
	$(BIN)/edge-hwr read samples/letter.jpg --model lines --lexicon en --annotate demo-output
	$(BIN)/edge-hwr run --source samples/digits.avi
	@echo
	@echo "Look at the pictures with what was read on them: $(CURDIR)/demo-output"

test: lint types unit

lint: $(VENV)/develops
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/develops
	$(BIN)/mypy

unit: $(VENV)/develops
	$(BIN)/python -m pytest --cov --cov-report=term

format: $(VENV)/develops
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fonts: $(VENV)/develops
	$(BIN)/python -m edge_hwr.export.fonts build/fonts

samples: fonts
	$(BIN)/python samples/make.py build/fonts

$(VENV)/exists:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	    echo "edge-hwr needs Python 3.11 to 3.13; $(PYTHON) is another. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments here. On Debian: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/reads: $(VENV)/exists pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/develops: $(VENV)/exists pyproject.toml
	$(PIP) -e '.[device,export,dev]'
	@touch $@

include benchmarks/bench.mk
include docs/docs.mk
include export/language-models.mk

clean:
	rm -rf $(VENV) .venv-peers build/lib build/bdist.* demo-output *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The real picamera2 on a virtual camera, and emulated Pis; both as root, in userlands that are kept in ~/.cache/edge-hwr.
.PHONY: test-camera test-arm64 doctor-docs

test-camera: $(VENV)/exists
	tests/camera/run $(BIN)/python

test-arm64: $(VENV)/exists
	$(PIP) pytest pytest-timeout
	tests/arm64/run $(BIN)/python

doctor-docs: $(VENV)/reads
	$(BIN)/python tests/doctor_page.py build/doctor docs/doctor.md

# What goes wrong around a running loop, at full length, with its table in docs/reliability.md and pictures in docs/page.
.PHONY: test-faults faults-tools

faults-tools:
	apt-get install --yes --no-install-recommends mosquitto chromium chromium-driver

test-faults: $(VENV)/develops
	@mkdir -p build && rm -f build/faults.jsonl
	EDGE_HWR_FAULTS=full EDGE_HWR_FAULT_ROWS=build/faults.jsonl $(BIN)/python -m pytest tests/device/test_faults.py \
	    tests/device/test_mqtt.py tests/device/test_browser.py tests/device/test_load.py tests/device/test_fuzz.py
	$(BIN)/python tests/device/fault_table.py build/faults.jsonl docs/reliability.md
