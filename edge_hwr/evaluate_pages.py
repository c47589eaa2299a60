"""Measure a model on a dataset of whole pages: layout, reading order and recognition together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from edge_hwr import metrics
from edge_hwr.bundle import Bundle
from edge_hwr.datasets import LINE_END, Dataset, Sample
from edge_hwr.errors import DatasetError, PictureError
from edge_hwr.language_model import LanguageModel
from edge_hwr.reader import Reader


@dataclass(frozen=True, slots=True)
class PageEvaluation:
    """What a model makes of pages.

    `cer` and `wer` are edits for each character and each word of the truth, 0 and up, of whole pages' texts in their
    order, with line ends as characters, in Unicode's composed form; `cer_interval` is as in a `LineEvaluation`,
    `lines` and `lines_read` are how many lines the pages have, and how many were read. `ms_p50` and `ms_p90` are
    milliseconds for a page.
    """

    model: str
    dataset: str
    bytes: int
    pages: int
    lines: int
    lines_read: int
    cer: float
    cer_interval: metrics.Interval | None
    wer: float
    ms_p50: float
    ms_p90: float
    lexicon: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_pages(
    bundle: Bundle,
    dataset: Dataset,
    *,
    threads: int = 1,
    lexicon: LanguageModel | None = None,
    follow: Callable[[Dataset], Iterable[Sample]] = iter,
) -> PageEvaluation:
    """Read every page of a dataset; `follow` may watch them go by. `DatasetError` for a picture that is no page."""
    reader = Reader(bundle, threads=threads, lexicon=lexicon)
    truths = [text.replace(LINE_END, "\n") for text in dataset.texts]
    texts, milliseconds, lines_read = [], [], 0
    for sample in follow(dataset):
        try:
            reading = reader.read(sample.picture)
        except PictureError as error:
            raise DatasetError(f"dataset {dataset.name}: {sample.name}: {error}") from error
        texts.append(reading.text)
        milliseconds.append(reading.ms["total"])
        lines_read += len(reading.lines)
    times = metrics.percentiles(milliseconds)
    edits = metrics.character_edits(truths, texts)
    return PageEvaluation(
        model=bundle.metadata.name,
        dataset=dataset.name,
        bytes=bundle.size,
        pages=len(dataset),
        lines=sum(text.count("\n") + 1 for text in truths),
        lines_read=lines_read,
        cer=edits.rate,
        cer_interval=metrics.rate_interval(*edits, dataset.writers),
        wer=metrics.word_error_rate(truths, texts),
        ms_p50=times["p50"],
        ms_p90=times["p90"],
        lexicon=None if lexicon is None else lexicon.name,
    )
