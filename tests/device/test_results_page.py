"""docs/results.md: its programs run, and its JSON is what comes out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from results import result

import edge_hwr
from edge_hwr.device.sinks import Outbox
from edge_hwr.evaluate import Evaluation
from edge_hwr.evaluate_lines import LineEvaluation
from edge_hwr.evaluate_pages import PageEvaluation

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is installed with the extra `dev`")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "results.md").read_text("utf-8")
SCHEMA: dict[str, Any] = json.loads((Path(edge_hwr.__file__).parent / "result.schema.json").read_text("utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def validate(record: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    assert set(record) <= set(SCHEMA["properties"]), "a field that is not documented"


def test_the_programs_of_the_page_do_what_it_says(folder: Path) -> None:
    picture, live = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    read = run(sys.executable, "-c", picture, folder=folder)
    assert read.startswith("Dear Anna,\nthank you for the three books.")
    *followed, last = run(sys.executable, "-c", live, folder=folder).splitlines()
    assert re.fullmatch(r"\d+ frames, \d+ of them read", last)
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    texts = [re.sub(r" \d+ ms after the frame was taken$", "", line) for line in followed]
    assert texts == [line for record in records for line in record["text"].split("\n")]
    for record in records:
        validate(record)


def test_what_is_printed_follows_the_schema(folder: Path) -> None:
    command = (sys.executable, "-m", "edge_hwr.cli", "read", "samples/note.jpg", "samples/letter.jpg", "--json")
    for model in ("digits", "lines"):
        printed = [json.loads(line) for line in run(*command, "--model", model, folder=folder).splitlines()]
        assert [Path(one["image"]).name for one in printed] == ["note.jpg", "letter.jpg"]
        for one in printed:
            validate(one)


def test_what_goes_through_an_outbox_follows_the_schema() -> None:
    with Outbox(":memory:") as outbox:
        outbox.post(result("6170\n2"))
        outbox.post(result(""))
        letters = [letter.to_json() for letter in outbox.after(0, 2)]
        assert [letter["text"] for letter in letters] == ["6170\n2", ""]
        for letter in letters:
            validate(letter)


def listed(section: str) -> set[str]:
    """The fields in the table of a section of the page."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(.*?)`", row)}


def test_the_page_has_every_field_and_no_other() -> None:
    assert listed("As JSON") == {*SCHEMA["properties"], "lines[].glyphs", "box"}
    measured = {field.name for kind in (Evaluation, LineEvaluation, PageEvaluation) for field in fields(kind)}
    assert listed("Measurements as JSON") == measured | {"against"}  # what `evaluate --against` adds


def test_the_server_describes_readings_in_the_same_way() -> None:
    page = json.loads((ROOT / "device" / "page" / "openapi.json").read_text("utf-8"))
    reading = page["components"]["schemas"]["Reading"]
    assert set(reading["required"]) == set(SCHEMA["required"]) - {"image"}
    described = {name: field.get("description") for name, field in reading["properties"].items()}
    assert described == {name: SCHEMA["properties"][name].get("description") for name in described}


def test_the_package_offers_what_it_names() -> None:
    for name in edge_hwr.__all__:
        assert getattr(edge_hwr, name) is not None
        assert name in dir(edge_hwr)
    with pytest.raises(AttributeError, match="no attribute 'Writer'"):
        _ = edge_hwr.Writer  # type: ignore[attr-defined]
