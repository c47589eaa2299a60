# The pages of docs/ that are written by commands. DATA is the folder of training data, as `edge-hwr train --data` takes.
DATA ?= data

.PHONY: compare-docs precision-docs

compare-docs: $(VENV)/develops fonts
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/edge-hwr compare $(DATA)/mnist/mnist.npz --data $(DATA) --data build/fonts --model digits --model digits-nano \
	    --markdown docs/baselines.md --chart docs/images/baselines.png

precision-docs: $(VENV)/reads
	$(BIN)/python -m edge_hwr.export.precisions docs/precisions.md
