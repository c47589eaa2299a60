"""`edge-hwr service`: the loop as a service of systemd, locked in as far as a camera allows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from edge_hwr.errors import ServiceError, UsageError
from edge_hwr.files import write_atomically

from .settings import SECRETS, WRITTEN, Settings, files_read, load_settings, make_settings

UNIT = "edge-hwr.service"
UNIT_FOLDER = Path("/etc/systemd/system")
STATE = Path("/var/lib/edge-hwr")

_SYSTEMCTL_S = 120.0
_PRIVATE = (Path("/tmp"), Path("/var/tmp"))
"""What `PrivateTmp` gives each service of its own."""

_TEMPLATE = """\
# Written by `edge-hwr service install`; changes of your own belong into `systemctl edit edge-hwr`.
[Unit]
Description=edge-hwr: handwriting read from a camera
Wants=network-online.target
After=network-online.target
# Tried for ever: a camera that was away for a night comes back to a service that looks for it.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={python} -m edge_hwr.cli run --config ${{CREDENTIALS_DIRECTORY}}/config.toml --quiet --verbose{flags}
WorkingDirectory={state}
# Read by systemd, as root, and shown to the service alone.
LoadCredential=config.toml:{config}
{credentials}\
TimeoutStartSec=60
TimeoutStopSec=30
# The loop says itself that it goes round; when it does not, it is killed and started again.
WatchdogSec=30
Restart=on-failure
RestartSec=10
# What was said wrongly stays wrong.
RestartPreventExitStatus=2

# A user of its own, made by systemd, with the devices that cameras are.
DynamicUser=yes
User=edge-hwr
StateDirectory=edge-hwr
SupplementaryGroups=video
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
DeviceAllow=char-vchiq rw
DevicePolicy=closed
MemoryMax=400M
TasksMax=64
OOMPolicy=stop

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@click.group()
def service() -> None:
    """Run as a service of systemd, from the start of the machine on."""


@service.command()
@click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Settings in TOML."
)
@click.option("--print", "show", is_flag=True, help="Print the unit and change nothing.")
def install(file: Path, show: bool) -> None:
    """Write the unit, start it, and have it started with the machine. Needs root.

    To have changed settings or another version of edge-hwr used, install once more: the service is started afresh.

    FILE and the files with secrets that it names may belong to root alone. What the service writes goes to
    /var/lib/edge-hwr: give such files as names without a folder.
    """
    settings = make_settings(load_settings(file))
    text = unit(file.resolve(), settings, Path(sys.executable))
    for warning in unseen(settings, Path(sys.executable)) + moved(settings, file.resolve()):
        click.echo(f"warning: {warning}", err=True)
    if show:
        click.echo(text, nl=False)
        return
    _need_systemd()
    write_atomically(UNIT_FOLDER / UNIT, text.encode())
    (UNIT_FOLDER / UNIT).chmod(0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", UNIT)
    try:
        _systemctl("restart", UNIT)  # which starts it, too; one that runs has old settings
    except ServiceError as error:
        raise ServiceError(f"{error}; it is tried again every 10 s: `edge-hwr service logs` says why") from error
    click.echo(f"{UNIT} runs; `edge-hwr service status` tells how it is, `edge-hwr service logs` what it says")


@service.command()
def status() -> None:
    """Show how the service is."""
    _need_systemd(root=False)
    if _show(["systemctl", "--no-pager", "--full", "status", UNIT], timeout=_SYSTEMCTL_S):
        raise ServiceError(f"{UNIT} is not running: `edge-hwr service logs` says why, `service install` sets it up")


@service.command()
@click.option("--lines", type=click.IntRange(min=1), default=50, show_default=True, help="How many of the last lines.")
@click.option("--follow", is_flag=True, help="Go on with what is said from now on.")
def logs(lines: int, follow: bool) -> None:
    """Show what the service said."""
    _need_systemd(root=False)
    command = ["journalctl", "--no-pager", "--unit", UNIT, "--lines", str(lines), *(["--follow"] if follow else [])]
    if _show(command, timeout=None if follow else _SYSTEMCTL_S):
        raise ServiceError(f"journalctl does not show what {UNIT} said: see above")


@service.command()
def uninstall() -> None:
    """Stop the service and remove its unit; its files in /var/lib/edge-hwr stay. Needs root."""
    _need_systemd()
    if not (UNIT_FOLDER / UNIT).exists():
        raise UsageError(f"{UNIT} is not installed")
    _systemctl("disable", "--now", UNIT)
    (UNIT_FOLDER / UNIT).unlink()
    _systemctl("daemon-reload")
    click.echo(f"{UNIT} is gone; what it wrote is still in {STATE}")


def unit(config: Path, settings: Settings, python: Path) -> str:
    """The unit for `settings`, which stand in the file `config`, run by the interpreter `python`."""
    named, files = _named(settings)
    for path in (config, python, *named.values(), *files.values()):
        _check_for_systemd(path)
    for program in (python, python.resolve()):  # that of a virtual environment is a link
        if _in_homes(program) and not _reachable(program):
            raise UsageError(
                f"{program} cannot be reached by another user, as the service will be: make the virtual environment "
                "elsewhere (/usr/bin/python3 -m venv --system-site-packages /opt/edge-hwr) and install from there"
            )
    for name, path in files.items():
        if _in_homes(path) and not _reachable(path):
            raise UsageError(f"the {name} {path} cannot be reached by another user, as the service will be: move it")
    home = any(map(_in_homes, (python, python.resolve(), *files.values())))
    flags = "".join(f" --{name} {path}" for name, path in files.items())
    flags += "".join(f" --{name.replace('_', '-')} ${{CREDENTIALS_DIRECTORY}}/{name}" for name in named)
    credentials = "".join(f"LoadCredential={name}:{path}\n" for name, path in named.items())
    for name, (_, file) in _written(settings).items():
        _check_for_systemd(file)
        flags += f" --{name} {file}"
    return _TEMPLATE.format(
        python=python,
        config=config,
        state=STATE,
        flags=flags,
        credentials=credentials,
        home="read-only" if home else "yes",
    )


def unseen(settings: Settings, python: Path) -> list[str]:
    """What the service will not see, a line for each: it has a /tmp of its own, which is empty."""
    _, files = _named(settings)
    return [
        f"the {name} {path} stands where each service has a folder of its own: move it out of {folder}"
        for name, path in {"interpreter": python, **files}.items()
        for folder in _PRIVATE
        if path.is_relative_to(folder)
    ]


def moved(settings: Settings, config: Path) -> list[str]:
    """What goes elsewhere than the settings in the file `config` say, a line for each."""
    return [
        f"the service writes {name} to {file}, not to {said}: it can write nowhere else"
        for name, (said, file) in _written(settings).items()
        if said not in (file, config.parent / file.name)
    ]


def _written(settings: Settings) -> dict[str, tuple[Path, Path]]:
    """Files to write, as said and where the service writes them: into the one folder that it can write to."""
    values = {name: getattr(settings, name) for name in WRITTEN}
    if settings.mqtt or settings.webhook:
        values["outbox"] = values["outbox"] or str(STATE / "outbox")
    files = {name: (Path(value), STATE / Path(value).name) for name, value in values.items() if value not in ("", "-")}
    names: dict[str, str] = {}
    for name, (said, file) in files.items():
        if (other := names.setdefault(file.name, name)) != name:
            raise UsageError(
                f"{name} {said} and {other} {files[other][0]} would be one file in {STATE}: give them different names"
            )
    return files


def _named(settings: Settings) -> tuple[dict[str, Path], dict[str, Path]]:
    """The files with secrets, which systemd hands over wherever they stand, and those that the service opens itself.

    It reads a copy of the configuration: what stands beside the file does not stand beside that.
    """
    read = files_read(settings)
    secrets = {name: path for name, path in read.items() if name in SECRETS}
    return secrets, {name: path for name, path in read.items() if name not in SECRETS}


def _check_for_systemd(path: Path) -> None:
    if any(character.isspace() or character in "%\"'\\$" for character in str(path)):
        raise UsageError(f"{path}: systemd cannot be given a path with blanks, quotes, % or $: choose another")


def _in_homes(path: Path) -> bool:
    return path.is_relative_to("/home") or path.is_relative_to("/root")


def _reachable(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)


def _need_systemd(*, root: bool = True) -> None:
    if shutil.which("systemctl") is None:
        raise ServiceError(
            "no systemd here: start `edge-hwr run --config FILE` by what starts services on this machine"
        )
    if root and os.geteuid() != 0:
        raise ServiceError("only root may change services: sudo " + " ".join(["edge-hwr", *sys.argv[1:]]))


def _show(command: list[str], timeout: float | None) -> int:
    """Run a command whose output the user sees; gives its exit status."""
    try:
        return subprocess.run(command, timeout=timeout, check=False).returncode
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{command[0]} has not ended after {timeout:g} s") from error
    except FileNotFoundError as error:
        raise ServiceError(f"there is no {command[0]} here") from error


def _systemctl(*arguments: str) -> None:
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=_SYSTEMCTL_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"systemctl {arguments[0]} has not ended after {_SYSTEMCTL_S:g} s") from error
    if done.returncode:
        raise ServiceError(f"systemctl {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
