"""How the board is: its temperature, its clock and its power supply."""

from __future__ import annotations

from ..board import Condition
from .finding import Finding, failure, fine, warning

WARM_C, HOT_C = 70.0, 80.0
"""A Raspberry Pi slows itself down at 80 degrees (a Pi 3 B+ a little at 60 already)."""

_UNTOLD = "this machine does not tell"
_COOLING = "fit a heat sink or a fan, or give the case openings"
_SUPPLY = "use the official power supply (5 V; 5 A for a Pi 5, 3 A for a Pi 4, 2.5 A before) and a short cable"


def check_temperature(condition: Condition) -> Finding:
    name, degrees = "Temperature", condition.temperature_c
    if degrees is None:
        return fine(name, _UNTOLD)
    found = f"{degrees:.0f} °C"
    if degrees >= HOT_C:
        return failure(name, f"{found}: it slows itself down", _COOLING)
    if degrees >= WARM_C:
        return warning(name, f"{found}, and at {HOT_C:.0f} °C it slows itself down", _COOLING)
    return fine(name, found)


def check_clock(condition: Condition) -> Finding:
    name, governor = "Clock", condition.governor
    if governor is None:
        return fine(name, _UNTOLD)
    now, limit = condition.clock_mhz, condition.clock_limit_mhz
    speed = f", {now:.0f} of {limit:.0f} MHz now" if now and limit else ""
    found = f"governor {governor}{speed}"
    if governor == "powersave":
        remedy = "echo ondemand | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
        return warning(name, f"{found}: it never leaves its lowest speed", remedy)
    return fine(name, found)


def check_power(condition: Condition) -> Finding:
    """Under-voltage and throttling, now and since the start."""
    name, flags, past = "Power", condition.flags, condition.past_flags
    if flags is None:
        return fine(name, _UNTOLD)
    if flags:
        remedy = _SUPPLY if "under-voltage" in flags else _COOLING
        return failure(name, f"now: {', '.join(flags)}", remedy)
    if past:
        remedy = _SUPPLY if "under-voltage" in past else _COOLING
        return warning(name, f"since the start there was: {', '.join(past)}", remedy)
    return fine(name, "no under-voltage, no throttling")
