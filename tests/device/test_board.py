"""The board's condition, read from copies of the kernel files of real boards."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from edge_hwr.device import board


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


PI_5 = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n",
    "proc/meminfo": "MemTotal:        8244272 kB\nMemFree:         7000000 kB\n",
    "proc/loadavg": "0.52 0.58 0.59 1/233 3107\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "61350\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1500000\n",
    "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "2400000\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand\n",
    "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "50005\n",
}


def test_a_hot_pi_with_a_weak_supply(tmp_path: Path) -> None:
    root = lay(tmp_path, PI_5)
    found = board.identify(root)
    assert (found.board, found.processor, found.memory_mb) == ("Raspberry Pi 5 Model B Rev 1.0", "Cortex-A76", 8051)
    state = board.condition(root)
    assert state.temperature_c == 61.35
    assert (state.clock_mhz, state.clock_limit_mhz, state.governor, state.load) == (1500, 2400, "ondemand", 0.52)
    assert state.flags == state.past_flags == ("under-voltage", "throttled")
    assert json.loads(json.dumps(state.to_json()))["past_flags"] == ["under-voltage", "throttled"]


@pytest.mark.parametrize(
    ("word", "now", "past"),
    [
        (0x0, (), ()),
        (0x8, ("soft temperature limit",), ()),
        (0xE0000, (), ("frequency capped", "throttled", "soft temperature limit")),
        (0x10001, ("under-voltage",), ("under-voltage",)),
    ],
)
def test_the_bits_of_the_firmware(word: int, now: tuple[str, ...], past: tuple[str, ...]) -> None:
    assert board.decode_throttled(word) == (now, past)


def test_the_voltage_sensor_speaks_where_the_firmware_is_silent(tmp_path: Path) -> None:
    root = lay(
        tmp_path,
        {
            "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
            "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
            "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
        },
    )
    state = board.condition(root)
    assert (state.flags, state.past_flags) == (("under-voltage",), None)


def test_vcgencmd_is_asked_where_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if list(Path("/").glob("sys/devices/platform/soc*/*firmware/get_throttled")):
        pytest.skip("this machine has the file")
    program = tmp_path / "vcgencmd"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for answer, expected in (("throttled=0x20002", ("frequency capped",)), ("error=1", None)):
        program.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] && echo {answer}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        state = board.condition()
        assert state.flags == state.past_flags == expected
    program.write_text("#!/bin/sh\necho VCHI initialization failed >&2; exit 255\n")
    assert board.condition().flags is None


def test_the_fastest_cores_and_the_processors_own_zone_count(tmp_path: Path) -> None:
    root = lay(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/type": "gpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "40000\n",
            "sys/class/thermal/thermal_zone1/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone1/temp": "55000\n",
            "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "1800000\n",
            "sys/devices/system/cpu/cpufreq/policy4/cpuinfo_max_freq": "2400000\n",
            "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "600000\n",
        },
    )
    state = board.condition(root)
    assert (state.temperature_c, state.clock_mhz, state.clock_limit_mhz) == (55, 600, 2400)


@pytest.mark.parametrize("nonsense", ["", "n/a\n", "-274000\n", "4294967295\n"])
def test_nonsense_is_not_passed_on(tmp_path: Path, nonsense: str) -> None:
    root = lay(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/temp": nonsense,
            "sys/devices/platform/soc/soc:firmware/get_throttled": "no firmware\n",
            "proc/loadavg": "",
        },
    )
    state = board.condition(root)
    assert state == board.Condition(None, None, None, None, None, None, None)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    found = board.identify(tmp_path)
    assert (found.board, found.memory_mb) == ("", 0)
    assert found.processor == found.architecture != ""
    assert set(board.condition(tmp_path).to_json().values()) == {None}


def test_this_machine() -> None:
    found = board.identify()
    assert found.cores >= 1
    assert found.memory_mb > 100
    load = board.condition().load
    assert load is None or load >= 0
