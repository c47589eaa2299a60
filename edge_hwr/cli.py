"""The command line, `edge-hwr`. Sub-commands are loaded when they are called, so that `--help` is instant.

This is the one place that knows both sides, and it knows them by name only: a Pi never loads what trains, nor the
other way round.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from dataclasses import dataclass
from typing import Any

import click

from edge_hwr import __version__
from edge_hwr.errors import EdgeHwrError, RuntimeMissingError, UsageError


@dataclass(frozen=True, slots=True)
class _Command:
    """Where a sub-command is (module, attribute), its line in the help, and the extra that installs what it needs."""

    module: str
    attribute: str
    help: str
    extra: str = ""


_COMMANDS = {
    "read": _Command("edge_hwr.commands", "read", "Read the text of pictures."),
    "run": _Command("edge_hwr.device.commands", "run", "Read live: camera, video, stream, folder.", "[device]"),
    "bench": _Command("edge_hwr.device.bench.command", "bench", "Measure what models cost on this device."),
    "doctor": _Command("edge_hwr.device.doctor.command", "doctor", "Is this machine ready, and what to type if not."),
    "config": _Command("edge_hwr.device.commands", "config", "Check the configuration of run.", "[device]"),
    "service": _Command("edge_hwr.device.service", "service", "Run as a service of systemd.", "[device]"),
    "models": _Command("edge_hwr.commands", "models", "List the models that ship."),
    "evaluate": _Command("edge_hwr.evaluate_command", "evaluate", "Measure a model on a dataset."),
    "train": _Command("edge_hwr.export.commands", "train", "Train a model on a workstation.", "[export]"),
    "export": _Command("edge_hwr.export.commands", "export", "Quantize, verify and bundle a model.", "[export]"),
    "compare": _Command(
        "edge_hwr.export.evaluation_commands", "compare", "Train classical models to compare.", "[export]"
    ),
    "rasterise": _Command("edge_hwr.export.evaluation_commands", "rasterise", "Draw strokes for evaluate.", "[export]"),
    "lexicon": _Command("edge_hwr.export.lexicon", "lexicon", "Build a language model from plain text."),
    "synthesise": _Command("edge_hwr.export.pages", "synthesise", "Draw pages of handwriting.", "[export]"),
}

_SUBCOMMAND = "edge_hwr.subcommand"


class _LazyGroup(click.Group):
    """A group that imports a sub-command only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = _COMMANDS.get(cmd_name)
        if command is None:
            return None
        ctx.meta[_SUBCOMMAND] = cmd_name
        loaded: click.Command = getattr(importlib.import_module(command.module), command.attribute)
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            name = ctx.meta.get(_SUBCOMMAND)
            if name is None or missing in ("", "edge_hwr"):
                raise  # a mistake of ours, not of the installation
            package = f"edge-hwr{_COMMANDS[name].extra}"
            raise RuntimeMissingError(f"{name} needs {missing}, not installed: pip install '{package}'") from error


@click.group(cls=_LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edge-hwr")
@click.pass_context
def _edge_hwr(ctx: click.Context) -> None:
    """Handwriting recognition on small devices: read, run live, measure, train, export."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 a wrong use, 130 interrupted."""
    # OpenCV and the decoders behind it comment on bad files; the one line to be printed is ours. Set before they load.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # Closed by the shell (>&-): what nobody wants to see goes nowhere, and no other file takes its number.
    for number in range(3):
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Unicode is no reason to fail
    sys.exit(_run())


def _run() -> int:
    try:
        result = _edge_hwr.main(prog_name="edge-hwr", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # of click 8.2 and later; its message is the whole help
            click.echo(error.format_message(), err=True)
            return 2
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _fail(f"{error.format_message()}{hint}", 2)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except UsageError as error:
        return _fail(str(error), 2)
    except EdgeHwrError as error:
        return _fail(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error or type(error).__name__}", 1)
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int) -> int:
    click.echo(f"edge-hwr: error: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
