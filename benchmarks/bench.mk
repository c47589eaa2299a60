# The benchmarks' part of the Makefile, which includes it. Figures are for a quiet machine: end other programs first.

RESULTS := build/bench
PEERS := .venv-peers

.PHONY: bench bench-lines bench-peers bench-scaling bench-instructions bench-instructions-check bench-docs

bench: $(VENV)/reads
	$(BIN)/edge-hwr bench

# A venv of its own: RapidOCR and ONNX Runtime are measured, not used; TensorFlow converts the network for the latter.
$(PEERS)/ready: $(VENV)/exists pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet -e '.[export]' onnx onnxruntime rapidocr tf2onnx
	@touch $@

build/digits-float32.tflite: $(PEERS)/ready edge_hwr/models/digits.tflite benchmarks/float_network.py
	@mkdir -p build
	$(PEERS)/bin/python benchmarks/float_network.py $@

bench-peers: build/digits-float32.tflite
	$(PEERS)/bin/python benchmarks/peers.py --json $(RESULTS)/peers.json

# Whole lines and pages beside RapidOCR and Tesseract (apt install tesseract-ocr tesseract-ocr-fra; left out if missing).
LINE_MODELS ?= lines lines-nano

# Drawn before, and kept: the drawing would be the load that the measurement warns of.
$(RESULTS)/unipen-lines.zip: $(DATA)/unipen/lines_strokes.npz export/rasterise.py | $(PEERS)/ready
	@mkdir -p $(RESULTS)
	$(PEERS)/bin/edge-hwr rasterise $< $@

bench-lines: $(RESULTS)/unipen-lines.zip
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PEERS)/bin/python benchmarks/line_peers.py $(DATA) \
	    --unipen $(RESULTS)/unipen-lines.zip $(LINE_MODELS:%=--model %)

bench-scaling: $(VENV)/reads
	$(BIN)/python benchmarks/scaling.py --json $(RESULTS)/scaling.json --charts docs

build/arm64: benchmarks/make-arm64-root $(VENV)/reads
	PYTHON=$(BIN)/python benchmarks/make-arm64-root $@.partial
	mv $@.partial $@

bench-instructions: $(VENV)/reads build/arm64
	$(BIN)/python benchmarks/instructions.py x86_64 --write
	$(BIN)/python benchmarks/instructions.py aarch64 --root build/arm64 --write

bench-instructions-check: $(VENV)/reads
	$(BIN)/python benchmarks/instructions.py x86_64 --check

bench-docs: bench-peers bench-scaling bench-instructions
	$(BIN)/edge-hwr bench --seconds 30 --json $(RESULTS)/report.json --html $(RESULTS)/report.html
	$(BIN)/python benchmarks/write_tables.py --results $(RESULTS)
