"""The board this runs on: what it is, and how well it is at the moment.

A Raspberry Pi slows itself down when it is hot or its power supply weak, and says so only where somebody asks. All is
read from files of the kernel and, failing those, from the firmware's own `vcgencmd`; what a machine does not tell is
None, and nothing is guessed.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ROOT = Path("/")

_FLAGS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of the firmware's `get_throttled`; 16 bits higher, the same say that it has happened since the start."""

_VCGENCMD_TIMEOUT_S = 2.0
_CPU_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "x86_pkg_temp", "acpitz")


@dataclass(frozen=True, slots=True)
class Identity:
    """What two measurements must have in common to be compared.

    `board` is the name of the machine ("Raspberry Pi 5 Model B Rev 1.0"), empty where the firmware gives none; `cores`
    counts what this process may use.
    """

    board: str
    processor: str
    architecture: str
    cores: int
    memory_mb: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Condition:
    """How a board is at one moment; None for what it does not tell.

    `temperature_c` in degrees Celsius; `clock_mhz` that of its fastest core, and `clock_limit_mhz` what that may reach;
    `load` the processes that wanted a processor, averaged over the last minute. `flags` are those of the firmware that
    are raised now and `past_flags` those that were at any time since the board was started: "under-voltage",
    "frequency capped", "throttled", "soft temperature limit".
    """

    temperature_c: float | None
    clock_mhz: float | None
    clock_limit_mhz: float | None
    governor: str | None
    load: float | None
    flags: tuple[str, ...] | None
    past_flags: tuple[str, ...] | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def identify(root: Path = _ROOT) -> Identity:
    """What this machine is. `root` stands for /, for a copy of another machine's files."""
    return Identity(
        board=_text(root / "proc/device-tree/model") or _text(root / "sys/class/dmi/id/product_name") or "",
        processor=_processor(root),
        architecture=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=_memory_mb(root),
    )


def condition(root: Path = _ROOT) -> Condition:
    """How the machine is now: a few file reads, under a millisecond; some milliseconds where vcgencmd is asked."""
    policy = next(_policies(root), None)
    flags, past_flags = _throttling(root)
    return Condition(
        temperature_c=_temperature(root),
        clock_mhz=_mega(policy, "scaling_cur_freq"),
        clock_limit_mhz=_mega(policy, "cpuinfo_max_freq"),
        governor=_text(policy / "scaling_governor") if policy else None,
        load=_number((_text(root / "proc/loadavg") or "").partition(" ")[0]),
        flags=flags,
        past_flags=past_flags,
    )


def decode_throttled(word: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Flags raised now, and those raised since the start, of the firmware's `get_throttled` word.

    The bits are those of the documentation of `vcgencmd get_throttled`.
    """
    now = tuple(name for bit, name in _FLAGS.items() if word >> bit & 1)
    past = tuple(name for bit, name in _FLAGS.items() if word >> (bit + 16) & 1)
    return now, past


def _throttling(root: Path) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    for file in sorted(root.glob("sys/devices/platform/soc*/*firmware/get_throttled")):
        try:
            return decode_throttled(int(_text(file) or "", 16))
        except ValueError:
            continue
    answer = _vcgencmd("get_throttled") if root == _ROOT else None
    if answer and answer.startswith("throttled=0x"):
        return decode_throttled(int(answer.removeprefix("throttled="), 16))
    # Without the firmware's interface the kernel's own sensor still tells of a weak power supply.
    for sensor in sorted(root.glob("sys/class/hwmon/hwmon*/name")):
        alarm = _text(sensor.with_name("in0_lcrit_alarm"))
        if _text(sensor) == "rpi_volt" and alarm in ("0", "1"):
            return (("under-voltage",) if alarm == "1" else ()), None
    return None, None


def _vcgencmd(question: str) -> str | None:
    """The firmware's answer; None without the program, the right to use it, or an answer in time."""
    try:
        done = subprocess.run(
            ["vcgencmd", question], capture_output=True, text=True, timeout=_VCGENCMD_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _temperature(root: Path) -> float | None:
    """Degrees of the processor's own thermal zone, else of the first that is plausible."""
    zones: dict[str, float] = {}
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")):
        value = _number(_text(zone / "temp"))
        if value is not None and -40_000 <= value <= 150_000:
            zones.setdefault(_text(zone / "type") or "", value / 1000)
    named = (zones[name] for name in _CPU_ZONES if name in zones)
    return next(named, next(iter(zones.values()), None))


def _policies(root: Path) -> Iterator[Path]:
    """Folders of the processor's frequency policies, that of the fastest cores first."""
    folders = sorted(root.glob("sys/devices/system/cpu/cpufreq/policy*"))
    return iter(sorted(folders, key=lambda folder: -(_number(_text(folder / "cpuinfo_max_freq")) or 0)))


def _mega(policy: Path | None, name: str) -> float | None:
    kilo = _number(_text(policy / name)) if policy else None
    return None if kilo is None else kilo / 1000


def _processor(root: Path) -> str:
    """ "model name" on x86 and, on kernels that give it, ARM; else the part number of the first core."""
    fields: dict[str, str] = {}
    for line in (_text(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    part = fields.get("CPU part", "")
    return fields.get("model name") or _ARM_PARTS.get(part.lower(), part) or platform.machine()


_ARM_PARTS = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
}


def _memory_mb(root: Path) -> int:
    for line in (_text(root / "proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def _text(file: Path) -> str | None:
    """A kernel file's text without the zero byte or newline at its end; None if it cannot be read."""
    try:
        return file.read_text("utf-8", "replace").strip("\0\n ")
    except OSError:
        return None


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
