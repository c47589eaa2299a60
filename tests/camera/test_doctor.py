"""`edge-hwr doctor` on a machine with a camera, and with faults that are real.

What it prints goes to /opt/doctor, from where docs/doctor.md is made.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scene import COMMAND, Edge, errors

SHOWN = Path("/opt/doctor")
SITE = Path("/venv/lib") / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
FINE, FAILURE, WARNING = 0, 1, 3


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Path]:
    """A copy of the environment, to be broken; its `edge-hwr`."""
    folder = Path("/venv-to-break")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("/venv", folder, symlinks=True)
    script = folder / "bin" / "edge-hwr"
    script.write_text(script.read_text().replace("/venv/", f"{folder}/"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def pi(tmp_path: Path) -> str:
    """An ordinary user, in no group of devices."""
    name = "pi"
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--create-home", name], check=True)
    return name


def show(name: str, command: list[str], *, environment: dict[str, str] | None = None) -> str:
    """What `edge-hwr doctor` prints, which is kept to be shown."""
    done = run(command, environment)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode in (FINE, FAILURE, WARNING), done.stderr
    (SHOWN / f"{name}.txt").write_text(done.stdout, "utf-8")
    return done.stdout


def examine(command: list[str], *, environment: dict[str, str] | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status and findings by name of `edge-hwr doctor --json`."""
    done = run([*command, "--json"], environment)
    report = json.loads(done.stdout)
    return done.returncode, {finding["name"]: finding for finding in report["findings"]}


def run(command: list[str], environment: dict[str, str] | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=200, check=False
    )


def check(
    name: str, command: list[str], finding: str, status: str, *, found: str, remedy: str, **environment: str
) -> None:
    """The doctor finds this one thing, says how to mend it, and exits accordingly."""
    code, findings = examine(command, environment=environment)
    assert findings[finding]["status"] == status, findings[finding]
    assert found in findings[finding]["found"]
    assert remedy in findings[finding]["remedy"]
    assert "\n" not in findings[finding]["found"] + findings[finding]["remedy"]
    assert code == (FAILURE if status == "failure" else WARNING)
    out = show(name, command, environment=environment)
    assert findings[finding]["remedy"] in out


def test_all_is_well(edge: Edge) -> None:
    code, findings = examine([COMMAND, "doctor"])
    assert findings["Models"]["status"] == "fine"
    assert findings["picamera2"]["found"].startswith("0.3.38 in /venv")
    assert "picamera:0 Page, up to 1280 x 720 (NV12)" in findings["Cameras"]["found"]
    assert code == FINE, findings
    show("virtual-camera", [COMMAND, "doctor"])


def test_no_runtime(edge: Edge, bare: Path) -> None:
    run([f"{bare}/bin/python", "-m", "pip", "uninstall", "--yes", "ai-edge-litert"], None)
    command = [f"{bare}/bin/edge-hwr", "doctor"]
    check(
        "no-runtime",
        command,
        "TFLite runtime",
        "failure",
        found="none is installed",
        remedy="-m pip install ai-edge-litert",
    )
    read = run([f"{bare}/bin/edge-hwr", "read", "/opt/samples/note.jpg"], None)
    assert read.returncode == 1
    assert read.stderr.splitlines() == ["edge-hwr: error: no TFLite runtime: pip install ai-edge-litert"]


def test_a_damaged_bundle(edge: Edge, bare: Path) -> None:
    (bundle,) = bare.glob("lib/*/site-packages/edge_hwr/models/digits.tflite")
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    check(
        "damaged-bundle",
        [f"{bare}/bin/edge-hwr", "doctor"],
        "Models",
        "failure",
        found="digits.tflite: damaged",
        remedy="pip install --force-reinstall --no-deps file:///opt/wheel/edge_hwr-",
    )


def test_no_camera(edge: Edge) -> None:
    check(
        "no-camera",
        [COMMAND, "doctor"],
        "Cameras",
        "warning",
        found="no camera found",
        remedy="rpicam-hello --list-cameras",
        LIBCAMERA_PIPELINES_MATCH_LIST="none",
    )


def test_a_busy_camera(edge: Edge) -> None:
    process = edge.start("run", "--source", "picamera", "--jsonl", "out.jsonl")
    try:
        edge.wait_for_text(process)
        check(
            "camera-busy",
            [COMMAND, "doctor"],
            "Cameras",
            "warning",
            found=f"picamera:0 is busy: used by edge-hwr (process {process.pid})",
            remedy=f"kill {process.pid}",
        )
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_no_permission(edge: Edge, pi: str) -> None:
    device = Path("/dev/media0")
    device.touch()
    shutil.chown(device, "root", "video")
    device.chmod(0o660)
    as_pi = ["setpriv", f"--reuid={pi}", f"--regid={pi}", "--init-groups", "env", f"HOME=/home/{pi}"]
    no_camera = {"LIBCAMERA_PIPELINES_MATCH_LIST": "none"}  # libcamera finds none whose devices it may not open
    check(
        "no-permission",
        [*as_pi, COMMAND, "doctor"],
        "Devices",
        "failure",
        found=f"no permission on {device}: it is for the group video, and {pi} is not in it",
        remedy=f"sudo usermod -aG video {pi}",
        **no_camera,
    )
    live = run([*as_pi, COMMAND, "run", "--source", "picamera"], no_camera)
    assert live.returncode == 1
    (line,) = errors(live.stderr)
    assert f"no permission on {device}: `sudo usermod -aG video $USER`, then log in again" in line


def test_a_group_joined_after_the_log_in(edge: Edge, pi: str) -> None:
    device = Path("/dev/media0")
    device.touch()
    shutil.chown(device, "root", "video")
    device.chmod(0o660)
    subprocess.run(["usermod", "-aG", "video", pi], check=True)
    try:
        before = ["setpriv", f"--reuid={pi}", f"--regid={pi}", "--clear-groups", "env", f"HOME=/home/{pi}"]
        _, findings = examine([*before, COMMAND, "doctor"])
        assert findings["Devices"]["remedy"].startswith("newgrp video")
    finally:
        subprocess.run(["gpasswd", "--delete", pi, "video"], check=True)


def test_a_read_only_disk(edge: Edge) -> None:
    read_only = "mount --rbind / /mnt && mount -o remount,bind,ro /mnt && mount --bind /dev /mnt/dev && chroot /mnt "
    check(
        "read-only-disk",
        [
            "unshare",
            "--mount",
            "--propagation",
            "unchanged",
            "sh",
            "-c",
            f'{read_only} {COMMAND} doctor "$@"',
            "doctor",
        ],
        "Disk",
        "failure",
        found="is read-only",
        remedy="sudo mount -o remount,rw /",
    )
