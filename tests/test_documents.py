"""What the documents promise: their commands have those options, their links lead somewhere, their Python runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:\S*/)?edge-hwr ([a-z].*)")


GROUPS = ("config ", "service ")


def named(documents: list[Path]) -> list[Any]:
    return [pytest.param(document, id=str(document.relative_to(ROOT))) for document in documents]


def commands(text: str) -> Iterator[str]:
    """What is typed after `edge-hwr`, in blocks of code and within sentences."""
    blocks = [block for language, block in BLOCK.findall(text) if language in ("", "sh")]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", BLOCK.sub("", text))]
    for piece in lines + spans:
        if typed := COMMAND.match(piece):
            yield re.split(r"\s#\s|\s\|\s", typed[1])[0]


@cache
def options_of(*words: str) -> frozenset[str]:
    """The options in the help of a sub-command."""
    process = [sys.executable, "-m", "edge_hwr", *words, "--help"]
    done = subprocess.run(process, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))


@pytest.mark.parametrize("document", named(DOCUMENTS))
def test_commands_have_the_options_that_are_shown(document: Path) -> None:
    unknown = [
        (typed, option)
        for typed in commands(document.read_text("utf-8"))
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", typed)
        if option not in options_of(*typed.split()[: 2 if typed.startswith(GROUPS) else 1])
    ]
    assert unknown == []


def test_the_readme_shows_most_commands() -> None:
    shown = {typed.split()[0] for typed in commands((ROOT / "README.md").read_text("utf-8"))}
    assert {"read", "run", "bench", "doctor", "models", "evaluate", "train", "export", "service"} <= shown


@pytest.mark.parametrize("document", named(DOCUMENTS))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", document.read_text("utf-8")))
    missing = []
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def anchors(document: Path) -> set[str]:
    """What sections are called in links to them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", named([ROOT / "README.md", ROOT / "docs" / "results.md"]))
def test_its_python_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    shutil.copy(ROOT / "samples" / "puzzle.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    blocks = [block for language, block in BLOCK.findall(document.read_text("utf-8")) if language == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block, document.name, "exec"), {})
