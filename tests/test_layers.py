"""The order of the floors: who may import whom, and what starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_hwr import errors

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "keras"}


def modules(side: str) -> list[Path]:
    return sorted((ROOT / side).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all that a module imports, wherever in the file."""
    side, *inner = path.relative_to(ROOT).with_suffix("").parts
    package = ["edge_hwr"] if side == "edge_hwr" else ["edge_hwr", side]
    package += inner[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def offenders(side: str, *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(side)
        for name in imports(path)
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in forbidden)
    ]


@pytest.mark.parametrize("side", ["edge_hwr", "device"])
def test_tensorflow_is_imported_by_the_export_side_alone(side: str) -> None:
    assert offenders(side, *HEAVY) == []
    assert offenders("export", *HEAVY), "the walk finds no import of TensorFlow where there must be one"


@pytest.mark.parametrize(
    ("side", "forbidden"),
    [
        ("edge_hwr", ("edge_hwr.export", "edge_hwr.device", "export", "device", "picamera2")),
        ("device", ("edge_hwr.export", "export", "device")),
        ("export", ("edge_hwr.device", "export", "device", "picamera2")),
    ],
)
def test_sides_do_not_import_each_other(side: str, forbidden: tuple[str, ...]) -> None:
    assert offenders(side, *forbidden) == []


@pytest.mark.parametrize("side", ["export", "device"])
def test_inside_a_side_imports_are_relative(side: str) -> None:
    absolute = [
        f"{path.name}: {node.module}"
        for path in modules(side)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level == 0 and f"{node.module}.".startswith(f"edge_hwr.{side}.")
    ]
    assert absolute == []


def test_reading_loads_no_tensorflow() -> None:
    program = (
        "import sys, edge_hwr, edge_hwr.reader, edge_hwr.commands, edge_hwr.device.commands\n"
        f"print({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"


def test_help_is_instant() -> None:
    """Beside what it takes to load the library of the command line alone, on this machine and as busy as it is now."""

    def quickest_s(*command: str) -> float:
        best = float("inf")
        for _ in range(5):
            started = time.monotonic()
            subprocess.run([sys.executable, *command], capture_output=True, timeout=60, check=True)
            best = min(best, time.monotonic() - started)
        return best

    assert quickest_s("-m", "edge_hwr.cli", "--help") < 2 * quickest_s("-c", "import click")


def test_every_error_is_a_builtin_as_well() -> None:
    """So that code which knows nothing of edge-hwr handles it; nothing raises the bare root."""
    own = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EdgeHwrError)]
    for kind in own:
        builtin = {base for base in kind.__mro__ if base.__module__ == "builtins"} - {Exception, BaseException, object}
        assert builtin or kind is errors.EdgeHwrError, kind
    sources = [path for side in ("edge_hwr", "device", "export") for path in modules(side)]
    assert [path.name for path in sources if "raise EdgeHwrError" in path.read_text("utf-8")] == []
