"""The sub-commands of the device side that run the loop and check its configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import cv2

from .assembly import check_parts
from .assembly import run as run_settings
from .live import Tally
from .settings import LEAST_TOKEN, Settings, describe, load_settings, make_settings, read_secret, unused, unwritable
from .stopping import stopped_by_signals
from .wording import counted

log = logging.getLogger(__name__)


def _settings_as_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting; one that is not given is None."""
    for item in reversed(fields(Settings)):
        flag, about = item.name.replace("_", "-"), item.metadata
        shown = f" [default: {item.default}]" if item.default not in ("", 0, False) else ""
        kind: Any = click.IntRange(min=about["least"], max=about["most"]) if isinstance(item.default, int) else str
        settings: dict[str, Any] = {"default": None, "help": f"{about['help']}{shown}"}
        if isinstance(item.default, bool):
            command = click.option(f"--{flag}/--no-{flag}", **settings)(command)
        else:
            command = click.option(f"--{flag}", type=kind, metavar=about["metavar"], **settings)(command)
    return command


@click.command()
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings in TOML; flags count more.")
@click.option("--verbose", is_flag=True, help="Log to standard error what goes on.")
@_settings_as_options
def run(config: Path | None, verbose: bool, **flags: Any) -> None:
    """Read handwriting live, until the source ends or Ctrl-C.

    Of a camera or a stream only the newest frame is read, so that the text never lags behind, and text is given out
    once it has settled, and when it changes. Of pictures and videos every frame is read.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s")
    cv2.setNumThreads(1)  # its calls are too short to share out, and its waiting threads would burn the other cores
    given = {name: value for name, value in flags.items() if value is not None}
    with stopped_by_signals() as stop:
        settings = make_settings(load_settings(config) if config else {}, given)
        for warning in unused(settings):
            log.warning("%s", warning)
        tally = run_settings(settings, stop)
    click.echo(_summary(tally), err=True)


@click.group()
def config() -> None:
    """Check the configuration of `edge-hwr run`."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say whether FILE is a configuration that `edge-hwr run --config FILE` can start with."""
    settings = make_settings(load_settings(file))
    for secret, least in (
        (settings.token_file, LEAST_TOKEN),
        (settings.webhook_token_file, 1),
        (settings.mqtt_password_file, 1),
    ):
        read_secret(secret, least=least)
        if secret and Path(secret).stat().st_mode & 0o004:
            click.echo(f"warning: everybody on this machine can read {secret}: chmod 600 it", err=True)
    for warning in unused(settings) + unwritable(settings):
        click.echo(f"warning: {warning}", err=True)
    check_parts(settings)
    shown = describe(settings)
    click.echo(f"{file} is fine" + (":" if shown else ", and says nothing that is not so anyway"))
    for key, value in shown.items():
        click.echo(f"  {key} = {value}")


def _summary(tally: Tally) -> str:
    rate = tally.frames / tally.seconds if tally.seconds else 0.0
    unchanged = tally.frames - tally.read
    lines = f", {tally.lines_remembered} of their {tally.lines} lines remembered" if tally.lines_remembered else ""
    return (
        f"{counted(tally.frames, 'frame')} in {tally.seconds:.1f} s ({rate:.1f} a second): {tally.read} read{lines}, "
        f"{unchanged} unchanged, "
        f"{tally.dropped} dropped; the oldest result was {1e3 * tally.oldest_s:.0f} ms old"
    )
