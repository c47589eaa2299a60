"""Handwritten lines and pages read by edge-hwr's line models and by their peers: docs/lines.md.

    python benchmarks/line_peers.py DATA --unipen FILE.zip [--model lines]... [--again]     (or make bench-lines)

DATA is the folder of `banq_lines`, `banq_pages` and `phone_pages`, test data that nothing was ever tuned on; FILE.zip
is what `edge-hwr rasterise DATA/unipen/lines_strokes.npz` writes. All readers have one thread. What the peers say is
kept in the folder of the results, and read again only with --again, or by another version; what edge-hwr says is read
in every run, and times are taken of all in every run, by turns, on a sample. What is not installed is left out, and
the page says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import one_line
from line_page import draw_curve, render
from line_readers import LinePeer, PagePicture, edge_hwr, rapidocr, tesseract
from peers import MissingPeerError

from edge_hwr.datasets import Dataset, open_dataset
from edge_hwr.device.board import condition, identify
from edge_hwr.errors import EdgeHwrError
from edge_hwr.export.line_text import as_written
from edge_hwr.files import write_atomically
from edge_hwr.metrics import character_error_rate, edit_distance, percentiles, word_error_rate
from edge_hwr.picture import read_colour_picture, read_picture

ROOT = Path(__file__).resolve().parents[1]
TIMED_LINES, LINE_ROUNDS = 60, 3
LINES_IN_A_ROW = 10
TIMED_PAGES, PAGE_ROUNDS = 5, 3
BUSY = 0.5
"""Other processes that want a processor: above it, times are not to be trusted."""

PRINTED = (
    "J'ai lu les conditions de participation et j'y consens. Je comprends que mon manuscrit sera anonymisé et utilisé "
    "par BAnQ pour des activités de recherche",
    "et développement et qu'il pourra aussi être publié et partagé sous licence CC-BY pour être utilisé librement "
    "à des fins non commerciales.",
)
"""Small print at the head of BAnQ's sheets `imp_…`, above or below the handwritten heading; no transcript has it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of test data: what is written on it, a line a line, and whether the sheet has the printed sentence."""

    name: str
    text: str
    printed: bool
    picture: PagePicture


class Kept:
    """What peers said of pictures in earlier runs, in a file."""

    def __init__(self, path: Path, *, again: bool) -> None:
        self._path = path
        self._texts: dict[str, Any] = json.loads(path.read_text()) if path.exists() and not again else {}

    def read(self, peer: LinePeer, kind: str, picture: np.ndarray[Any, Any], read: Callable[[], Any]) -> Any:
        """The text of one picture: as kept, if the peer keeps to what it says."""
        if not peer.keeps:
            return read()
        key = f"{peer.name} | {kind} | {hashlib.sha256(picture.tobytes()).hexdigest()[:16]}"
        if key not in self._texts:
            self._texts[key] = read()
        return self._texts[key]

    def save(self) -> None:
        write_atomically(self._path, json.dumps(self._texts, indent=0, ensure_ascii=False).encode())


def in_composed_form(text: str) -> str:
    """What is compared: Unicode's composed form, plain quotes and dashes, single blanks, newlines kept."""
    return "\n".join(as_written(line) for line in text.split("\n") if line.strip())


def compare_lines(dataset: Dataset, peers: Sequence[LinePeer], kept: Kept) -> dict[str, Any]:
    """Error rates of each peer over all lines of a dataset."""
    truths = [in_composed_form(text) for text in dataset.texts]
    rows = []
    for peer in peers:
        guesses = []
        for sample in dataset:
            said = kept.read(peer, "line", sample.picture, partial(peer.read_line, sample.picture))
            guesses.append(in_composed_form(said))
        kept.save()
        joined = [["".join(text.split()) for text in texts] for texts in (truths, guesses)]
        rows.append(
            {
                "name": peer.name,
                "bytes": peer.line_bytes,
                "cer": character_error_rate(truths, guesses),
                "wer": word_error_rate(truths, guesses),
                "cer_without_blanks": character_error_rate(*joined),
            }
        )
    return {"lines": len(truths), "characters": sum(map(len, truths)), "rows": rows}


def compare_pages(pages: Sequence[Page], peers: Sequence[LinePeer], kept: Kept) -> dict[str, Any]:
    """Error rates of each peer that reads pages, by page and over all handwritten characters of all pages."""
    lengths = [len(page.text) for page in pages]
    rows = []
    for peer in peers:
        if peer.read_page is None:
            continue
        errors = []
        for page in pages:
            said = kept.read(peer, "page", page.picture.colour, partial(peer.read_page, page.picture))
            errors.append(count_errors(page, {in_composed_form(text) for text in said}))
        kept.save()
        of_writing, of_all = np.sum(errors, axis=0).tolist()
        by_page = {page.name: own / length for page, (own, _), length in zip(pages, errors, lengths, strict=True)}
        rows.append(
            {
                "name": peer.name,
                "bytes": peer.page_bytes,
                "cer": of_writing / sum(lengths),
                "cer_with_print": of_all / sum(lengths),
                "cer_by_page": by_page,
            }
        )
    return {"pages": len(pages), "characters": sum(lengths), "rows": rows}


def count_errors(page: Page, said: Iterable[str]) -> tuple[int, int]:
    """Edits from the best of what a reader says to what is written on the page: without what it makes of the print at
    the head of the sheet, and with it, where print that is left out or read right costs nothing."""
    whole = min(edit_distance(page.text, text) for text in said)
    if not page.printed:
        return whole, whole
    of_writing, of_all = whole, whole
    written = page.text.split("\n")
    for text in said:
        lines = text.split("\n")
        for first, count in product((0, 1), (1, 2, 3)):
            kept = "\n".join(lines[:first] + lines[first + count :])
            of_writing = min(of_writing, edit_distance(page.text, kept))
        for first in (0, 1):
            both = "\n".join([*written[:first], *PRINTED, *written[first:]])
            of_all = min(of_all, edit_distance(both, text))
    return of_writing, of_all


def time_by_turns(
    works: Mapping[str, Callable[[Any], object]], items: Sequence[Any], rounds: int, *, in_a_row: int = 1
) -> list[dict[str, Any]]:
    """Seconds of each work on each item, (items, rounds); all take turns in random order, after a turn to warm up, with
    so many items to a turn: the first of them finds in the caches what the others have left there."""
    rng = np.random.default_rng(0)
    names = list(works)
    seconds = {name: np.zeros((len(items), rounds)) for name in names}
    for name in names:
        for item in items[: max(len(items) // 5, 1)]:
            works[name](item)
    for number in range(rounds):
        for first in range(0, len(items), in_a_row):
            for turn in rng.permutation(len(names)).tolist():
                for index in range(first, min(first + in_a_row, len(items))):
                    started = time.monotonic()
                    works[names[turn]](items[index])
                    seconds[names[turn]][index, number] = time.monotonic() - started
    return [{"name": name, **percentiles(taken), "items": taken.tolist()} for name, taken in seconds.items()]


def read_banq_pages(folder: Path) -> list[Page]:
    """The pages of banq_pages, their lines from top to bottom: some transcripts have the sheet's heading at the end."""
    pages = []
    for path in sorted(folder.glob("*.json")):
        lines = json.loads(path.read_text("utf-8"))
        lines.sort(key=lambda line: np.mean(line["baseline"], axis=0)[1])
        pages.append(_page(path.with_suffix(".jpg"), "\n".join(line["text"] for line in lines)))
    return pages


def read_phone_pages(folder: Path) -> list[Page]:
    """The photographs of phone_pages."""
    return [_page(path, path.with_suffix(".txt").read_text("utf-8")) for path in sorted(folder.glob("*.jpg"))]


def _page(path: Path, text: str) -> Page:
    picture = PagePicture(read_picture(path), read_colour_picture(path))
    return Page(path.stem, in_composed_form(text), path.stem.startswith("imp_"), picture)


def _start_peers() -> tuple[list[LinePeer], list[str]]:
    """The peers that are installed, and why others are left out."""
    peers, left_out = [], []
    for start in (rapidocr, tesseract):
        try:
            peers.append(start())
        except MissingPeerError as reason:
            left_out.append(str(reason))
    return peers, left_out


def measure(data: Path, unipen: Path, models: Sequence[str], kept: Kept) -> dict[str, Any]:
    """All figures of the page, as JSON has them."""
    load = condition().load or 0.0
    others, left_out = _start_peers()

    @cache
    def ours(lexicon: str | None) -> list[LinePeer]:
        return [edge_hwr(model, lexicon) for model in models]

    def peers(language: str) -> list[LinePeer]:
        """Of a set: ours, without and with the language model of its language, before the others."""
        return [*ours(None), *ours(language), *others]

    lines = open_dataset(data / "banq_lines" / "test.zip")
    pages, photos = read_banq_pages(data / "banq_pages"), read_phone_pages(data / "phone_pages")
    results = {
        "banq_lines": compare_lines(lines, peers("fr"), kept),
        "unipen": compare_lines(open_dataset(unipen), peers("en"), kept),
        "banq_pages": compare_pages(pages, peers("fr"), kept),
        "phone_pages": compare_pages(photos, peers("en"), kept),
    }
    rng = np.random.default_rng(0)
    crops = [lines[index].picture for index in sorted(rng.choice(len(lines), TIMED_LINES, replace=False).tolist())]
    timed = [pages[index].picture for index in sorted(rng.choice(len(pages), TIMED_PAGES, replace=False).tolist())]
    read_page = {peer.name: peer.read_page for peer in peers("fr") if peer.read_page}
    read_photo = {peer.name: peer.read_page for peer in peers("en") if peer.read_page}
    read_line = {peer.name: peer.read_line for peer in peers("fr")}
    return results | {
        "line_times": time_by_turns(read_line, crops, LINE_ROUNDS, in_a_row=LINES_IN_A_ROW),
        "lone_line_times": time_by_turns(read_line, crops, LINE_ROUNDS),
        "page_times": time_by_turns(read_page, timed, PAGE_ROUNDS),
        "photo_times": time_by_turns(read_photo, [photo.picture for photo in photos], PAGE_ROUNDS),
        "timed": {"lines": TIMED_LINES, "in_a_row": LINES_IN_A_ROW, "pages": TIMED_PAGES, "photos": len(photos)},
        "processor": identify().processor,
        "busy": load > BUSY,
        "left_out": left_out,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=one_line.folder)
    parser.add_argument("--unipen", type=Path, required=True, metavar="FILE.zip")
    parser.add_argument("--model", dest="models", action="append", metavar="M", help="a shipped line model, or a path")
    parser.add_argument("--again", action="store_true", help="forget what the peers said in earlier runs")
    parser.add_argument("--results", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/lines.md")
    parser.add_argument("--chart", type=Path, default=ROOT / "docs/images/lines-bytes.png")
    options = parser.parse_args()
    models = options.models or ["lines"]
    if len({Path(model).stem for model in models}) < len(models):
        parser.error("two models of one name: rename one, or the page could not tell them apart")
    cv2.setNumThreads(1)
    options.results.mkdir(parents=True, exist_ok=True)
    kept = Kept(options.results / "lines-kept.json", again=options.again)
    try:
        results = measure(options.data, options.unipen, models, kept)
    except EdgeHwrError as error:
        sys.exit(f"line_peers: {error}")
    finally:
        kept.save()
    write_atomically(options.results / "lines.json", json.dumps(results, indent=1).encode())
    write_atomically(options.chart, draw_curve(results["banq_lines"]["rows"]))
    write_atomically(options.page, render(results, Path(os.path.relpath(options.chart, options.page.parent))).encode())
    print(f"{options.page}: written{', on a busy machine: its times are too long' if results['busy'] else ''}")


if __name__ == "__main__":
    one_line.run(main)
