"""From settings to the parts of a run: source, reader, sinks, page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from edge_hwr.errors import RuntimeMissingError, SinkError, UsageError
from edge_hwr.picture import is_picture
from edge_hwr.reader import Reader

from .board import condition
from .live import Live, Tally
from .loop import Watch, run_loop
from .region import Region
from .retries import RetryBounds
from .settings import LEAST_TOKEN, WRITTEN, Settings, files_read, read_secret
from .sinks import HOLD, Csv, Held, JsonLines, Outbox, Sink, Sqlite, Terminal
from .sources import open_source
from .sources.pictures import Pictures

log = logging.getLogger(__name__)


def run(settings: Settings, stop: threading.Event) -> Tally:
    """Run until the source ends or `stop` is set. Raises an EdgeHwrError."""
    live = Live()
    with ExitStack() as stack:
        source = open_source(settings.source)
        reader = Reader(
            settings.model,
            threads=settings.threads,
            context=settings.context,
            lexicon=settings.lexicon or None,
            remember=not isinstance(source, Pictures),  # each of which is a document of its own
        )
        sinks = [stack.enter_context(sink) for sink in make_sinks(settings, live)]
        if settings.serve:
            stack.enter_context(_page(settings, live))
        return run_loop(
            source,
            reader,
            sinks,
            stop=stop,
            max_frames=settings.max_frames or None,
            settle=True,
            region=Region.parse(settings.region) if settings.region else None,
            live=live,
            watch=Watch(retries=RetryBounds(limit=settings.retries)),
        )


def check_parts(settings: Settings) -> None:
    """Make every part of a run and open none: no camera, no connection, no file. Raises the EdgeHwrError of `run`."""
    open_source(settings.source)
    Reader(settings.model, lexicon=settings.lexicon or None)
    for _ in make_sinks(replace(settings, outbox=""), Live()):
        pass
    if settings.serve:
        _page_server()


def make_sinks(settings: Settings, live: Live) -> Iterator[Sink]:
    """The sinks that `settings` ask for, not open yet."""
    _check_files(settings)
    rotate_bytes = settings.rotate_mb * 1_000_000
    if settings.jsonl not in ("", "-"):
        yield Held(JsonLines(settings.jsonl, rotate_bytes=rotate_bytes, fsync=settings.fsync))
    if settings.csv:
        yield Held(Csv(settings.csv, rotate_bytes=rotate_bytes, fsync=settings.fsync))
    if settings.sqlite:
        yield Held(Sqlite(settings.sqlite, fsync=settings.fsync))
    if settings.webhook:
        from .sinks.webhook import Webhook

        yield Held(
            Webhook(settings.webhook, _outbox(settings, "webhook"), token=read_secret(settings.webhook_token_file))
        )
    if settings.mqtt:
        from .sinks.mqtt import Mqtt

        yield Held(
            Mqtt(
                settings.mqtt,
                _outbox(settings, "mqtt"),
                live,
                device=settings.device,
                password=read_secret(settings.mqtt_password_file),
                temperature=lambda: condition().temperature_c,
            )
        )
    # Last: whoever reads what is printed may go at any time, as `head` does.
    if settings.jsonl == "-":
        yield Held(JsonLines("-"))
    elif not settings.quiet:
        yield Terminal()


def _check_files(settings: Settings) -> None:
    """`UsageError` where results would be written into what is read, or into each other."""
    taken = {path: f"the {key} {getattr(settings, key)}" for key, path in files_read(settings).items()}
    source = Path(settings.source).resolve()
    for key in WRITTEN:
        name = getattr(settings, key)
        if name == "-" and key != "jsonl":
            raise UsageError(f"--{key} -: only JSON lines are printed; name a file")
        if not name or name == "-":
            continue
        path = Path(name).resolve()
        if path in taken:
            raise UsageError(f"--{key} {name}: that is {taken[path]}; name another file")
        if path.parent == source and is_picture(path):
            raise UsageError(f"--{key} {name}: that is a picture of the source {settings.source}; name another file")
        taken[path] = f"where {key} goes"


def _outbox(settings: Settings, name: str) -> Outbox:
    if not settings.outbox:
        return Outbox(":memory:", limit=HOLD)
    folder = Path(settings.outbox)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"the outbox {folder} cannot be made: {error.strerror}") from error
    return Outbox(folder / f"{name}.sqlite")


def _page_server() -> Callable[..., AbstractContextManager[tuple[str, int]]]:
    try:
        from .page import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edge_hwr"):
            raise
        raise RuntimeMissingError(
            f"the page needs {error.name}, not installed: pip install 'edge-hwr[device]'"
        ) from error
    return serve


@contextmanager
def _page(settings: Settings, live: Live) -> Iterator[None]:
    serve = _page_server()
    address = settings.address
    assert address is not None
    token = read_secret(settings.token_file, least=LEAST_TOKEN)
    with serve(live, *address, token=token, snapshots=settings.snapshots or ":memory:") as (host, port):
        shown = f"the page is at http://{f'[{host}]' if ':' in host else host}:{port}/"
        if settings.quiet:
            log.info("%s", shown)
        else:
            click.echo(shown, err=True)
        yield
