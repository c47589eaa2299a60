"""The doctor, here: on this machine, on copies of what other machines show, and with real faults that need no root.

Faults of cameras, NumPy and installations are provoked in tests/camera and tests/arm64.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge_hwr.device.board import Condition
from edge_hwr.device.doctor import probes
from edge_hwr.device.doctor.command import doctor
from edge_hwr.device.doctor.finding import Finding, Status, failure, fine, warning, worst
from edge_hwr.device.doctor.health import check_clock, check_power, check_temperature
from edge_hwr.device.doctor.libraries import check_models, check_numpy, check_opencv, check_runtime
from edge_hwr.device.doctor.machine import check_contiguous_memory, check_disk, check_memory, check_python
from edge_hwr.device.doctor.probing import Answer, Ask, probe
from edge_hwr.errors import ModelError, RuntimeMissingError

WELL = Condition(
    temperature_c=48.0, clock_mhz=1500.0, clock_limit_mhz=1800.0, governor="ondemand", load=0.2, flags=(), past_flags=()
)


def answers(**given: Answer) -> Ask:
    """Probes that were asked already."""
    return lambda name: given.get(name, Answer())


def test_this_machine_can_read() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_hwr.cli", "doctor", "--json"], capture_output=True, text=True, timeout=120
    )
    report = json.loads(done.stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    for name in ("Python", "NumPy", "OpenCV", "TFLite runtime", "Models"):
        assert findings[name]["status"] == "fine", findings[name]
    assert done.returncode == {"fine": 0, "warning": 3, "failure": 1}[report["status"]]
    assert all(bool(finding["remedy"]) == (finding["status"] != "fine") for finding in report["findings"])


def test_it_is_printed_for_people() -> None:
    done = CliRunner().invoke(doctor, standalone_mode=False)
    lines = done.output.splitlines()
    assert lines[0].startswith("fine     Python          3.")
    assert lines[-1].endswith(" fine")
    assert done.return_value in (0, 1, 3)


def test_without_the_libraries_the_doctor_still_comes() -> None:
    """They are hidden from the doctor and from its probes alike."""
    program = (
        "import sys\n"
        "for name in ('numpy', 'cv2', 'ai_edge_litert', 'tflite_runtime', 'tensorflow'): sys.modules[name] = None\n"
        "from edge_hwr.device.doctor.command import doctor\n"
        "sys.exit(doctor.main(args=['--json'], standalone_mode=False))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout)["findings"], done.stderr


@pytest.mark.parametrize("name", ["numpy", "opencv", "runtime", "models"])
def test_a_probe_says_in_a_process_of_its_own_what_it_says_here(name: str) -> None:
    answer = probe(name)
    assert answer.well, answer.error
    assert answer.values == json.loads(json.dumps(probes.PROBES[name]()))


def test_a_bundle_that_cannot_be_used_is_named_and_a_useless_runtime_is_no_fault_of_a_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(error: Exception) -> None:
        def model(_: bytes, *, threads: int = 1) -> None:
            raise error

        monkeypatch.setattr("edge_hwr.bundle.TfliteModel", model)

    refuse(ModelError("the runtime refuses the model"))
    assert probes.models()["digits"] == {"error": "the runtime refuses the model"}
    refuse(RuntimeMissingError("tflite-runtime was built for another NumPy than 2.4.6"))
    with pytest.raises(RuntimeMissingError):
        probes.models()


def test_files_of_the_folder_that_we_are_in_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "cv2", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    answer = probe("opencv")
    assert answer.well, answer.error


def test_a_folder_that_was_removed_under_us_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"free in {tmp_path}" in check_disk().found


def test_a_probe_that_raises() -> None:
    answer = probe("no such probe")
    assert (answer.well, answer.kind) == (False, "KeyError")


@pytest.mark.parametrize(
    ("program", "kind", "error", "another_abi"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", "kills Python (SIGSEGV)", False),
        ("raise SystemExit('numpy.dtype size changed')", "exit", "numpy.dtype size changed", True),
        ("raise SystemExit(7)", "exit", "exit status 7", False),
        ("import time; time.sleep(60)", "timeout", "no answer for 0.5 s", False),
        ("""print('hello'); print('{"values": {"version": "1"}}')""", "", "", False),
    ],
)
def test_how_a_probe_can_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, kind: str, error: str, another_abi: bool
) -> None:
    module = tmp_path / "ill_probe.py"
    module.write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("edge_hwr.device.doctor.probing._PROBES", "ill_probe")
    if kind == "timeout":
        monkeypatch.setattr("edge_hwr.device.doctor.probing.TIMEOUT_S", 0.5)
    answer = probe("anything")
    assert (answer.kind, answer.error, answer.another_abi) == (kind, error, another_abi)


MISSING = Answer(kind="ModuleNotFoundError", error="No module named 'x'")
ALIEN = Answer(kind="ImportError", error="numpy.core.multiarray failed to import", another_abi=True)
GOLDEN = {"samples": 16, "largest_difference": 1.0, "decisions_changed": 0, "precision": "int8", "task": "glyph"}


@pytest.mark.parametrize(
    ("check", "given", "status", "found", "remedy"),
    [
        (check_numpy, {"numpy": MISSING}, "failure", "not installed", "install --force-reinstall numpy"),
        (check_opencv, {"opencv": MISSING}, "failure", "not installed", "opencv-python-headless"),
        (check_opencv, {"opencv": ALIEN}, "failure", "does not load", "'numpy<2' 'opencv-python-headless<4.12'"),
        (check_runtime, {"runtime": ALIEN}, "failure", "does not load", "'numpy<2'"),
        (
            check_runtime,
            {"runtime": Answer(kind="RuntimeMissingError", error="no TFLite runtime")},
            "failure",
            "none is installed",
            "pip install ai-edge-litert",
        ),
        (check_runtime, {"runtime": Answer(kind="SIGILL", error="kills Python (SIGILL)")}, "failure", "SIGILL", "pip"),
        (check_runtime, {"runtime": Answer({"name": "tflite-runtime", "version": "2.14.0"})}, "fine", "2.14.0", ""),
        (
            check_runtime,
            {"runtime": Answer({"name": "tensorflow", "version": "2.21.0"})},
            "warning",
            "slow to load",
            "pip install ai-edge-litert",
        ),
        (check_models, {"models": MISSING}, "failure", "cannot be tried until", "see above"),
        (check_models, {"models": Answer(kind="OSError", error="damp")}, "failure", "does not load: damp", "reinstall"),
        (check_models, {"models": Answer()}, "failure", "none ships", "--force-reinstall"),
        (check_models, {"models": Answer({"digits": {"error": "damaged"}})}, "failure", "damaged", "--force-reinstall"),
        (
            check_models,
            {"models": Answer({"digits": GOLDEN | {"decisions_changed": 2}})},
            "failure",
            "2 of 16 golden samples are read otherwise",
            "ai-edge-litert",
        ),
        (
            check_models,
            {"models": Answer({"digits": GOLDEN | {"largest_difference": 5.0}})},
            "warning",
            "differ by 5 steps",
            "ai-edge-litert",
        ),
        (
            check_models,
            {"models": Answer({"digits": GOLDEN, "letters": GOLDEN | {"largest_difference": 2.0}})},
            "fine",
            "digits, letters: 32 golden samples read as at export, scores differ by 2 at most",
            "",
        ),
        (
            check_models,
            {"models": Answer({"digits": GOLDEN, "lines": GOLDEN | {"task": "line", "largest_difference": 11.0}})},
            "fine",
            "digits, lines: 32 golden samples read as at export, scores differ by 11 at most",
            "",
        ),
        (
            check_models,
            {"models": Answer({"lines": GOLDEN | {"task": "line", "largest_difference": 40.0}})},
            "warning",
            "differ by 40 steps",
            "ai-edge-litert",
        ),
    ],
)
def test_libraries(check: Any, given: dict[str, Answer], status: str, found: str, remedy: str) -> None:
    finding = check(answers(**given))
    assert finding.status == status
    assert found in finding.found
    assert remedy in finding.remedy


def test_numpy_is_blamed_for_what_was_built_for_another() -> None:
    numpy = Answer({"version": "2.4.6", "folder": "/somewhere"})
    finding = check_numpy(answers(numpy=numpy, models=ALIEN))
    assert finding.status == "failure"
    assert finding.found == "2.4.6 in /somewhere, but the TFLite runtime was built for another NumPy"


def test_memory_and_what_is_kept_for_cameras(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    file = tmp_path / "proc" / "meminfo"
    assert check_memory(tmp_path).status == check_contiguous_memory(tmp_path).status == "fine"
    for megabytes, status in ((40, "failure"), (100, "warning"), (700, "fine")):
        file.write_text(f"MemAvailable: {megabytes * 1024} kB\nCmaTotal: {megabytes * 1024} kB\nCmaFree: 2048 kB\n")
        assert check_memory(tmp_path).status == status
    assert check_contiguous_memory(tmp_path).found == "700 MB kept for cameras and screens (CMA), 2 MB of it unused"
    file.write_text("CmaTotal: 32768 kB\n")
    assert "cma-128" in check_contiguous_memory(tmp_path).remedy


def test_disk(tmp_path: Path) -> None:
    assert check_disk(tmp_path).found.endswith(f"free in {tmp_path}")
    assert check_disk(tmp_path / "absent").status == "warning"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system that takes no files")
def test_a_disk_that_takes_nothing() -> None:
    assert check_disk(Path("/proc/self")).status in ("warning", "failure")


@pytest.mark.parametrize(
    ("number", "status", "found", "remedy"),
    [
        (errno.EROFS, "failure", "is read-only", "sudo mount -o remount,rw /"),
        (errno.ENOSPC, "failure", "is full", "sudo apt clean"),
        (errno.EACCES, "warning", "cannot be written to: Permission denied", 'cd "$HOME"'),
    ],
)
def test_why_a_disk_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, number: int, status: str, found: str, remedy: str
) -> None:
    def refuse(dir: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    finding = check_disk()
    assert finding.status == status
    assert found in finding.found
    assert remedy in finding.remedy


@pytest.mark.parametrize(("free_mb", "status"), [(5, "failure"), (100, "warning"), (4000, "fine")])
def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, status: str) -> None:
    space = os.statvfs(tmp_path)
    blocks = free_mb * 2**20 // space.f_frsize
    fields = [*space[:4], blocks, *space[5:]]
    monkeypatch.setattr("os.statvfs", lambda _: os.statvfs_result(fields))
    finding = check_disk(tmp_path)
    assert finding.status == status
    assert finding.found.startswith(f"{free_mb:,} MB free")


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_python().status == "fine"
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert "32-bit system on a 64-bit" in check_python().found
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert check_python().status == "failure"


@pytest.mark.parametrize(
    ("check", "changed", "status", "found"),
    [
        (check_temperature, {}, "fine", "48 °C"),
        (check_temperature, {"temperature_c": None}, "fine", "does not tell"),
        (check_temperature, {"temperature_c": 75.0}, "warning", "75 °C"),
        (check_temperature, {"temperature_c": 83.0}, "failure", "slows itself down"),
        (check_clock, {}, "fine", "governor ondemand, 1500 of 1800 MHz now"),
        (check_clock, {"governor": None}, "fine", "does not tell"),
        (check_clock, {"governor": "powersave"}, "warning", "lowest speed"),
        (check_power, {}, "fine", "no under-voltage"),
        (check_power, {"flags": None}, "fine", "does not tell"),
        (check_power, {"flags": ("under-voltage",)}, "failure", "now: under-voltage"),
        (check_power, {"past_flags": ("throttled",)}, "warning", "since the start there was: throttled"),
    ],
)
def test_health(check: Any, changed: dict[str, Any], status: str, found: str) -> None:
    values = {name: getattr(WELL, name) for name in WELL.__dataclass_fields__}
    finding: Finding = check(Condition(**(values | changed)))
    assert finding.status == status
    assert found in finding.found
    assert bool(finding.remedy) == (status != "fine")


def test_the_worst_counts() -> None:
    assert worst([]) is Status.FINE
    assert worst([fine("a", "x"), failure("b", "x", "y"), warning("c", "x", "y")]) is Status.FAILURE
