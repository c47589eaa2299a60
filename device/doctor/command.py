"""`edge-hwr doctor`."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from functools import cache

import click

from .. import board
from ..wording import counted
from .cameras import check_cameras, check_devices, check_picamera2
from .finding import Finding, Status, worst
from .health import check_clock, check_power, check_temperature
from .libraries import check_models, check_numpy, check_opencv, check_runtime
from .machine import check_contiguous_memory, check_disk, check_memory, check_python, check_system
from .probing import probe

EXIT_CODES = {Status.FINE: 0, Status.FAILURE: 1, Status.WARNING: 3}
"""1 and 2 mean of every sub-command that it failed or was used wrongly."""

_COLOURS = {Status.FINE: "green", Status.WARNING: "yellow", Status.FAILURE: "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(as_json: bool) -> int:
    """Look whether this machine is ready, and say what to type if it is not.

    Exit status: 0 all fine, 3 there are warnings, 1 there is a failure.
    """
    findings = diagnose()
    status = worst(findings)
    if as_json:
        report = {"status": status, "findings": [finding.to_json() for finding in findings]}
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _print(findings)
    return EXIT_CODES[status]


def diagnose() -> list[Finding]:
    """Everything, in the order in which it is best mended. Takes seconds: libraries are loaded, though not in here."""
    ask = cache(probe)
    condition = board.condition()
    return [
        check_python(),
        check_system(board.identify().board),
        check_numpy(ask),
        check_opencv(ask),
        check_runtime(ask),
        check_models(ask),
        check_picamera2(ask),
        check_cameras(ask),
        check_devices(),
        check_contiguous_memory(),
        check_memory(),
        check_disk(),
        check_temperature(condition),
        check_clock(condition),
        check_power(condition),
    ]


def _print(findings: list[Finding]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        status = click.style(f"{finding.status:<7}", fg=_COLOURS[finding.status])
        click.echo(f"{status}  {finding.name:<{width}}  {finding.found}")
        if finding.remedy:
            click.echo(textwrap.indent(click.style(f"-> {finding.remedy}", bold=True), " " * (width + 11)))
    counts = Counter(finding.status for finding in findings)
    words = {Status.FAILURE: "failure", Status.WARNING: "warning"}
    found = [counted(counts[status], word) for status, word in words.items() if status in counts]
    click.echo(", ".join([*found, f"{counts[Status.FINE]} fine"]))
