"""The readers of handwritten lines and pages that `line_peers.py` compares, each with one thread."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from peers import MissingPeerError

from edge_hwr.bundle import Bundle, open_bundle
from edge_hwr.errors import UsageError
from edge_hwr.ink import Grey
from edge_hwr.language_model import SHIPPED, open_language_model
from edge_hwr.line_reader import LineReader
from edge_hwr.reader import Reader
from edge_hwr.reading_order import order_into_lines

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | str.maketrans("。、　", "., ")
"""A reader of Chinese writes Latin punctuation as wide as its characters: the same marks all the same."""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page as readers take it: grey (H, W) and BGR (H, W, 3), uint8."""

    grey: Grey
    colour: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LinePeer:
    """A reader under comparison.

    `read_page` gives the page's text, in more than one order of its pieces where the reader has none of its own: the
    best counts. `line_bytes` and `page_bytes` are those of the model files that each needs. What a peer `keeps` saying
    (it is installed in one version, and does not change while edge-hwr does) is read once.
    """

    name: str
    line_bytes: int
    read_line: Callable[[Grey], str]
    page_bytes: int = 0
    read_page: Callable[[PagePicture], tuple[str, ...]] | None = None
    keeps: bool = True


def edge_hwr(model: str, lexicon: str | None = None) -> LinePeer:
    """One of our line models, without or with a shipped language model; any `EdgeHwrError` of opening it."""
    bundle: Bundle = open_bundle(model)
    if bundle.metadata.task != "line":
        raise UsageError(f"--model {model}: reads single glyphs, and lines are compared here")
    language = None if lexicon is None else open_language_model(lexicon)
    lines, pages = LineReader(bundle, lexicon=language), Reader(bundle, lexicon=lexicon)
    size = bundle.size + (0 if lexicon is None else (SHIPPED / f"{lexicon}.lexicon").stat().st_size)
    return LinePeer(
        name=f"edge-hwr, {Path(model).stem}" + (f", lexicon {lexicon}" if lexicon else ""),
        line_bytes=size,
        read_line=lambda grey: lines.read(grey).decoded.text,
        page_bytes=size,
        read_page=lambda page: (pages.read(page.grey).text,),
        keeps=False,
    )


def rapidocr() -> LinePeer:
    """Its recogniser alone for lines; all of it for pages, as it comes: it also finds lines and turns them upright."""
    try:
        import rapidocr as package
    except ImportError as error:
        raise MissingPeerError("RapidOCR is not installed") from error
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    engine = package.RapidOCR(params={**threads, "Global.log_level": "error"})
    settings = engine.cfg.Rec

    def read_line(grey: Grey) -> str:
        found = engine(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), use_det=False, use_cls=False, use_rec=True)
        return "".join(found.txts or ()).translate(_FULL_WIDTH)

    def read_page(page: PagePicture) -> tuple[str, ...]:
        found = engine(page.colour, use_det=True, use_cls=True, use_rec=True)
        if not found.txts:
            return ("",)
        pieces = [text.translate(_FULL_WIDTH) for text in found.txts]
        return "\n".join(pieces), _in_lines(np.asarray(found.boxes, np.float64), pieces)

    read_line(np.full((48, 320), 255, np.uint8))  # loads the recogniser; where it has none yet, it fetches it
    read_page(PagePicture(np.full((64, 64), 255, np.uint8), np.full((64, 64, 3), 255, np.uint8)))
    sizes = {
        task: sum(file.stat().st_size for file in Path(package.__file__).parent.glob(f"models/*_{task}_*.onnx"))
        for task in ("det", "cls", "rec")
    }
    name = f"RapidOCR {version('rapidocr')}, {settings.ocr_version.value} {settings.model_type.value}"
    return LinePeer(name, sizes["rec"], read_line, sum(sizes.values()), read_page)


def _in_lines(quads: NDArray[np.float64], pieces: list[str]) -> str:
    """Pieces of text with their corners (N, 4, 2) put together to lines: a detector may part a line at wide gaps.

    The page is turned straight first, by the direction of the long pieces.
    """
    along = quads[:, 1] - quads[:, 0]
    lengths = np.hypot(*along.T)
    heights = np.hypot(*(quads[:, 3] - quads[:, 0]).T)
    long = lengths >= np.median(lengths)
    angle = np.median(np.arctan2(along[long, 1], along[long, 0]))
    cos, sin = np.cos(angle), np.sin(angle)
    middles = quads.mean(axis=1) @ np.array([[cos, -sin], [sin, cos]])
    boxes = np.column_stack([middles[:, 0] - lengths / 2, middles[:, 1] - heights / 2, lengths, heights])
    lines = order_into_lines(boxes.round().astype(np.int32))
    return "\n".join(" ".join(pieces[index] for index in line) for line in lines)


def tesseract() -> LinePeer:
    """A process a line, as one would call it; pages are not asked of it."""
    if not shutil.which("tesseract"):
        raise MissingPeerError("Tesseract is not installed (apt install tesseract-ocr tesseract-ocr-fra)")
    listed = _run("tesseract", "--list-langs").split("\n")
    missing = {"fra", "eng"} - set(listed)
    if missing:
        raise MissingPeerError(f"Tesseract has no {' and no '.join(sorted(missing))} (apt install tesseract-ocr-fra)")
    folder = Path(listed[0].split('"')[1])
    size = sum((folder / f"{language}.traineddata").stat().st_size for language in ("fra", "eng"))
    name = _run("tesseract", "--version").split("\n")[0].replace("tesseract", "Tesseract")

    def read_line(grey: Grey) -> str:
        picture = cv2.imencode(".pgm", grey)[1].tobytes()
        return " ".join(_run("tesseract", "stdin", "stdout", "-l", "fra+eng", "--psm", "7", given=picture).split())

    return LinePeer(f"{name}, fra+eng", size, read_line)


def _run(*command: str, given: bytes | None = None) -> str:
    environment: dict[str, Any] = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, input=given, capture_output=True, timeout=120, check=True, env=environment)
    return done.stdout.decode()
