"""Measure a line model on a dataset of lines, through the same path that a crop takes on the device."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from edge_hwr import metrics
from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset, Sample
from edge_hwr.errors import ModelError
from edge_hwr.language_model import LanguageModel
from edge_hwr.line_reader import LineReader, ReadLine


@dataclass(frozen=True, slots=True)
class LineEvaluation:
    """What a line model makes of a dataset.

    `cer` and `wer` are edits for each character and each word of the truth, 0 and up; texts are compared in Unicode's
    composed form (NFC), with their blanks. `cer_interval` is where the `cer` lies with 95 % confidence for writers like
    these, or other lines (`metrics.rate_interval`), None where that cannot be told. `cer_without_blanks` is the rate
    when all blanks are left out of both (where it is not known how the words of the truth were set apart). `outside` is
    the share of the truth's characters that the model does not know, all of them errors, and `outside_characters` which
    they are, the most frequent first: curly quotes, mostly, which nobody writes. `ms_p50` and `ms_p90` are milliseconds
    for a line from grey crop to text, `bytes` is the size of the bundle's file, and `lexicon` the name of the
    language model that helped, if one did.
    """

    model: str
    dataset: str
    bytes: int
    samples: int
    cer: float
    cer_interval: metrics.Interval | None
    wer: float
    cer_without_blanks: float
    outside: float
    outside_characters: str
    ms_p50: float
    ms_p90: float
    lexicon: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class LinePredictions:
    """What a model says of every line of a dataset, in the dataset's order; `lexicon` as in a `LineEvaluation`."""

    crops: tuple[ReadLine, ...]
    lexicon: str | None = None

    @property
    def texts(self) -> list[str]:
        return [crop.decoded.text for crop in self.crops]

    @property
    def confidences(self) -> list[float]:
        """How sure the model is of each line, 0..1."""
        return [crop.decoded.confidence for crop in self.crops]

    @property
    def ms(self) -> list[float]:
        """The time that each line took, in milliseconds."""
        return [1000 * sum(crop.seconds.values()) for crop in self.crops]


def evaluate_lines(
    bundle: Bundle,
    dataset: Dataset,
    *,
    threads: int = 1,
    lexicon: LanguageModel | None = None,
    follow: Callable[[Dataset], Iterable[Sample]] = iter,
) -> LineEvaluation:
    """Read every line of a dataset, with a lexicon or without; `ModelError` as `predict_lines`."""
    predictions = predict_lines(bundle, dataset, threads=threads, lexicon=lexicon, follow=follow)
    return summarise_lines(bundle, dataset, predictions)


def predict_lines(
    bundle: Bundle,
    dataset: Dataset,
    *,
    threads: int = 1,
    lexicon: LanguageModel | None = None,
    follow: Callable[[Dataset], Iterable[Sample]] = iter,
) -> LinePredictions:
    """Read every line of a dataset; `follow` may watch them go by. `ModelError` for a model of glyphs.

    Characters that the model does not know may occur in the texts: they count as errors.
    """
    if bundle.metadata.task != "line":
        raise ModelError(f"model {bundle.metadata.name}: a model of single glyphs, not of lines")
    reader = LineReader(bundle, threads=threads, lexicon=lexicon)
    crops = tuple(reader.read(sample.picture) for sample in follow(dataset))
    return LinePredictions(crops, None if lexicon is None else lexicon.name)


def summarise_lines(bundle: Bundle, dataset: Dataset, predictions: LinePredictions) -> LineEvaluation:
    """The figures of what a bundle said of a dataset."""
    times = metrics.percentiles(predictions.ms)
    characters = Counter(unicodedata.normalize("NFC", "".join(dataset.texts)))
    outside = [found for found in characters.most_common() if found[0] not in bundle.labels]
    joined_truths, joined_guesses = (
        ["".join(text.split()) for text in texts] for texts in (dataset.texts, predictions.texts)
    )
    edits = metrics.character_edits(dataset.texts, predictions.texts)
    return LineEvaluation(
        model=bundle.metadata.name,
        dataset=dataset.name,
        bytes=bundle.size,
        samples=len(dataset),
        cer=edits.rate,
        cer_interval=metrics.rate_interval(*edits, dataset.writers),
        wer=metrics.word_error_rate(dataset.texts, predictions.texts),
        cer_without_blanks=metrics.character_error_rate(joined_truths, joined_guesses),
        outside=sum(count for _, count in outside) / characters.total(),
        outside_characters="".join(character for character, _ in outside),
        ms_p50=times["p50"],
        ms_p90=times["p90"],
        lexicon=predictions.lexicon,
    )
