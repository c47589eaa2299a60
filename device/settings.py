"""The settings of `edge-hwr run`: each is a key of the configuration file and a flag of the command line."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edge_hwr.bundle import shipped_bundles
from edge_hwr.errors import UsageError
from edge_hwr.language_model import shipped_language_models
from edge_hwr.runtime import MOST_THREADS

from .region import Region

SECRETS = ("token_file", "webhook_token_file", "mqtt_password_file")
"""Settings that name files with secrets."""

WRITTEN = ("snapshots", "outbox", "jsonl", "csv", "sqlite")
"""Settings that name files to write, and a folder (outbox)."""

_READ = ("model", "lexicon", "source")

LEAST_TOKEN = 16
"""Characters of the shortest token that is accepted."""

_PARTNERS = {
    "token_file": ("serve",),
    "snapshots": ("serve",),
    "webhook_token_file": ("webhook",),
    "mqtt_password_file": ("mqtt",),
    "device_name": ("mqtt",),
    "outbox": ("webhook", "mqtt"),
    "rotate_mb": ("jsonl", "csv"),
    "fsync": ("jsonl", "csv", "sqlite"),
}
"""Settings that say how something is done, and what there must be to be done, one of these."""


def _setting(
    default: Any, help: str, metavar: str = "", *, least: int = 0, most: int | None = None, path: bool = False
) -> Any:
    about = {"help": help, "metavar": metavar, "least": least, "most": most, "path": path}
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `edge-hwr run` is to do. Secrets stand in files of their own, which are named here: so they show up neither
    in the list of processes nor in a copy of the configuration.
    """

    source: str = _setting(
        "picamera",
        "A picture, a folder, a video, an http(s):// or rtsp:// address, v4l2:N, picamera or picamera:N.",
        "S",
    )
    model: str = _setting("digits", "A shipped bundle, or a path to one.", "M")
    threads: int = _setting(1, "Threads of the model.", "N", least=1, most=MOST_THREADS)
    context: bool = _setting(True, "Let the line tell characters apart that look alike, as O and 0.")
    lexicon: str = _setting("", "A language model for models of lines: en, fr, or a file.", "NAME|FILE")
    region: str = _setting("", "The part of the frame to read, in pixels.", "X,Y,WIDTH,HEIGHT")
    max_frames: int = _setting(0, "End after N frames; 0 for never.", "N")
    quiet: bool = _setting(False, "Print no text.")
    retries: int = _setting(5, "How often in a minute a source that failed is opened again, before giving up.", "N")
    jsonl: str = _setting("", "Append each text as a line of JSON; - prints them.", "FILE", path=True)
    csv: str = _setting("", "Append each text as a row of a table.", "FILE", path=True)
    sqlite: str = _setting("", "Add each text to a database.", "FILE", path=True)
    rotate_mb: int = _setting(0, "Begin a new JSON or CSV file after so many megabytes, and keep 5 old ones.", "N")
    fsync: bool = _setting(False, "Have each text on the disk before going on; wears out SD cards.")
    webhook: str = _setting("", "Post each text as JSON to this address.", "URL")
    webhook_token_file: str = _setting("", "A file with the token that the webhook asks for.", "FILE", path=True)
    mqtt: str = _setting("", "Publish each text to this broker, mqtt://[USER@]HOST[:PORT] or mqtts://…", "URL")
    mqtt_password_file: str = _setting("", "A file with the password of the broker's user.", "FILE", path=True)
    device_name: str = _setting("", "What this device is called on the broker; the host name if empty.", "NAME")
    outbox: str = _setting(
        "",
        "A folder that keeps what could not be delivered yet; without one, that is kept in memory.",
        "DIR",
        path=True,
    )
    serve: str = _setting("", "Show a live page at this address, as in 127.0.0.1:8080 or just 8080.", "[HOST:]PORT")
    token_file: str = _setting(
        "",
        "A file with the token that the page asks for; needed for any other address than 127.0.0.1.",
        "FILE",
        path=True,
    )
    snapshots: str = _setting(
        "", "A database that keeps the page's snapshots; without one, memory does.", "FILE", path=True
    )

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of the page; None without one."""
        if not self.serve:
            return None
        host, _, port = self.serve.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)

    @property
    def device(self) -> str:
        """The name on the broker."""
        return self.device_name or re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64] or "edge-hwr"


def load_settings(path: str | Path) -> dict[str, Any]:
    """The keys of the configuration file `path`, checked one by one.

    Relative paths are those beside it; so are a model, a lexicon and a source, where they are there and no model or
    lexicon that ships has that name. Raises UsageError.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    known = {item.name: item for item in fields(Settings)}
    for key, value in values.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            raise UsageError(f"{path}: unknown key {key!r}" + (f": did you mean {near[0]!r}?" if near else ""))
        _check_value(path, known[key], value)
        if known[key].metadata["path"] and value not in ("", "-"):
            values[key] = str(path.parent / value)
    for key in _READ:
        if (value := values.get(key)) and _is_own(key, value, path.parent):
            values[key] = str(path.parent / value)
    return values


def files_read(settings: Settings) -> dict[str, Path]:
    """The files and folders of the user's own that a run reads, absolute, by their settings: no model that ships."""
    named = {key: Path(value) for key in _READ if (value := getattr(settings, key)) and _is_own(key, value, Path())}
    named |= {key: Path(value) for key in SECRETS if (value := getattr(settings, key))}
    return {key: path.resolve() for key, path in named.items()}


def _is_own(key: str, value: str, folder: Path) -> bool:
    """Whether a value is a file or a folder in `folder`, and not a name that has a meaning of its own."""
    meant = {"model": shipped_bundles(), "lexicon": shipped_language_models()}.get(key, ())
    camera = key == "source" and re.match(r"(picamera|v4l2):|picamera(,|$)|/dev/|[a-z]+://", value)
    return value not in meant and not camera and (folder / value).exists()


def make_settings(*sources: Mapping[str, Any]) -> Settings:
    """Settings from `sources`, of which later ones count more; checked as a whole. Raises UsageError."""
    settings = Settings(**{key: value for source in sources for key, value in source.items()})
    if settings.region:
        Region.parse(settings.region)
    if settings.serve:
        _check_page(settings)
    return settings


def read_secret(path: str, *, least: int = 1) -> str:
    """The secret in the file `path`, of at least `least` characters; empty for no path. Raises UsageError."""
    if not path:
        return ""
    try:
        secret = Path(path).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the secret in {path} cannot be read: {getattr(error, 'strerror', None) or 'no text'}"
        ) from error
    if len(secret) < least or not secret.isprintable() or not secret.isascii():
        raise UsageError(
            f"{path} must hold at least {least} printable ASCII characters; `openssl rand -hex 16 > {path}` makes them"
        )
    return secret


def describe(settings: Settings) -> dict[str, Any]:
    """The settings that are not as by default. Addresses may hold secrets of the user's own: they lose them."""
    shown = {item.name: value for item in fields(Settings) if (value := getattr(settings, item.name)) != item.default}
    for key in ("source", "webhook", "mqtt"):
        if "://" in str(shown.get(key, "")):
            shown[key] = re.sub(r"//[^/]*@|\?.*", lambda match: "//…@" if match[0][0] == "/" else "?…", shown[key])
    return shown


def unused(settings: Settings) -> list[str]:
    """What is said to no purpose, a line for each setting whose other half is missing."""
    return [
        f"{key} does nothing without {' or '.join(partners)}"
        for key, partners in _PARTNERS.items()
        if getattr(settings, key) and not any(getattr(settings, partner) for partner in partners)
    ]


def unwritable(settings: Settings) -> list[str]:
    """Files that cannot be written where they are said to be, a line for each."""
    lines = []
    for key in WRITTEN:
        if (value := getattr(settings, key)) in ("", "-"):
            continue
        path = Path(value).absolute()
        folder = path.parent
        try:
            while key == "outbox" and not folder.exists():  # which is made, with what it is in
                folder = folder.parent
            missing, writable = not folder.is_dir(), os.access(path if path.exists() else folder, os.W_OK)
        except OSError:
            missing = writable = False
        if missing:
            lines.append(f"{key} {value}: there is no folder {folder}")
        elif not writable:
            lines.append(f"{key} {value}: may not be written by you (a service writes to a folder of its own)")
    return lines


def _check_value(path: Path, item: Field[Any], value: object) -> None:
    wanted = {"str": str, "int": int, "bool": bool}[str(item.type)]
    if type(value) is not wanted:
        kind = {str: "a text in quotes", int: "a whole number", bool: "true or false"}[wanted]
        raise UsageError(f"{path}: {item.name} must be {kind}, not {value!r}")
    if isinstance(value, str) and "\0" in value:
        raise UsageError(f"{path}: {item.name} holds a null character")
    if isinstance(value, int) and not isinstance(value, bool):
        least, most = item.metadata["least"], item.metadata["most"]
        if value < least:
            raise UsageError(f"{path}: {item.name} must be at least {least}, not {value}")
        if most is not None and value > most:
            raise UsageError(f"{path}: {item.name} must be at most {most}, not {value}")


def _check_page(settings: Settings) -> None:
    match = re.fullmatch(r"(?:(?P<host>[^:\[\]\s]+|\[[0-9a-fA-F:]+\]):)?(?P<port>\d{1,5})", settings.serve)
    if not match or not 0 <= int(match["port"]) < 65536:
        raise UsageError(f"{settings.serve!r} is no address of a page: give PORT or HOST:PORT, as in 127.0.0.1:8080")
    address = settings.address
    assert address is not None
    if not is_loopback(address[0]) and not settings.token_file:
        raise UsageError(
            f"a page on {settings.serve} can be seen by others: name a token_file (`openssl rand -hex 16 > FILE` makes "
            "one), or serve on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
