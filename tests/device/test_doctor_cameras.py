"""The doctor on cameras: copies of what other machines show, and stand-ins of picamera2 and libcamera.

The real ones, with real faults, are tried in tests/camera.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from edge_hwr.device.doctor import probes
from edge_hwr.device.doctor.cameras import check_cameras, check_devices, check_picamera2
from edge_hwr.device.doctor.probing import Answer, Ask

MISSING = Answer(kind="ModuleNotFoundError", error="No module named 'x'")
ALIEN = Answer(kind="ImportError", error="numpy.core.multiarray failed to import", another_abi=True)


def answers(**given: Answer) -> Ask:
    """Probes that were asked already."""
    return lambda name: given.get(name, Answer())


def test_picamera2_that_this_environment_does_not_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = answers(picamera2=MISSING)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert "apt install -y python3-picamera2" in check_picamera2(ask, tmp_path).remedy

    (tmp_path / "picamera2").mkdir()
    (tmp_path / "libcamera").mkdir()
    monkeypatch.setattr(sys, "prefix", "/home/pi/edge-hwr")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    outside = check_picamera2(ask, tmp_path)
    assert outside.remedy == "/usr/bin/python3 -m venv --system-site-packages /home/pi/edge-hwr"

    (tmp_path / "libcamera" / "_libcamera.cpython-39-aarch64-linux-gnu.so").touch()
    other = check_picamera2(ask, tmp_path)
    assert "apt's is for Python 3.9" in other.found
    assert "--clear --system-site-packages" in other.remedy


@pytest.mark.parametrize(
    ("answer", "status", "remedy"),
    [
        (ALIEN, "failure", "'numpy<2'"),
        (Answer(kind="SIGSEGV", error="kills Python (SIGSEGV)"), "failure", "--reinstall"),
        (Answer({"version": "0.3.31", "folder": "/x", "libcamera": "0.5"}), "fine", ""),
    ],
)
def test_picamera2_that_is_there(answer: Answer, status: str, remedy: str, tmp_path: Path) -> None:
    finding = check_picamera2(answers(picamera2=answer), tmp_path)
    assert finding.status == status
    assert remedy in finding.remedy


CAMERA = {"model": "imx708", "formats": ["YUV420", "NV12"], "largest": [4608, 2592]}


@pytest.mark.parametrize(
    ("seen", "status", "found", "remedy"),
    [
        (Answer({"0": CAMERA}), "fine", "picamera:0 imx708, up to 4608 x 2592 (YUV420, NV12)", ""),
        (Answer({}), "warning", "no camera found", "rpicam-hello --list-cameras"),
        (Answer({"0": {"model": "imx708", "refusal": "Device or resource busy"}}), "warning", "busy", "fuser -v"),
        (Answer({"0": {"model": "imx708", "refusal": "no answer"}}), "failure", "no answer", "rpicam-hello"),
        (Answer(kind="SIGSEGV", error="kills Python (SIGSEGV)"), "failure", "libcamera fails", "rpicam-hello"),
    ],
)
def test_cameras(tmp_path: Path, seen: Answer, status: str, found: str, remedy: str) -> None:
    finding = check_cameras(answers(cameras=seen), tmp_path)
    assert finding.status == status
    assert found in finding.found
    assert remedy in finding.remedy


def test_who_holds_a_busy_camera(tmp_path: Path) -> None:
    process = tmp_path / "proc" / "812"
    (process / "fd").mkdir(parents=True)
    (process / "fd" / "7").symlink_to("/dev/media3")
    (process / "comm").write_text("rpicam-hello\n")
    busy = Answer({"0": {"model": "imx708", "refusal": "Device or resource busy"}})
    finding = check_cameras(answers(cameras=busy), tmp_path)
    assert finding.found == "picamera:0 is busy: used by rpicam-hello (process 812)"
    assert finding.remedy == "kill 812"


def test_devices(tmp_path: Path) -> None:
    assert check_devices(tmp_path).status == "fine"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "video0").touch()
    label = tmp_path / "sys/class/video4linux/video0/name"
    label.parent.mkdir(parents=True)
    label.write_text("HD Webcam\n")
    assert check_devices(tmp_path).found == "video0 (HD Webcam)"


def test_picamera2_that_is_not_wanted_or_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = answers(picamera2=MISSING)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert check_picamera2(ask, tmp_path).status == "fine"
    (tmp_path / "picamera2").mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    incomplete = check_picamera2(ask, tmp_path)
    assert incomplete.found == "incomplete: No module named 'x'"
    assert incomplete.remedy.endswith("--reinstall")


@pytest.mark.parametrize(
    ("group", "found", "remedy"),
    [
        (("video", "x", 44, []), "is for the group video, and pi is not in it", "sudo usermod -aG video pi"),
        (("video", "x", 44, ["pi"]), "is in it only from the next log-in on", "newgrp video"),
        (None, "no permission on", "sudo chgrp video"),
    ],
)
def test_no_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: tuple[object, ...] | None, found: str, remedy: str
) -> None:
    device = tmp_path / "dev" / "media0"
    device.parent.mkdir()
    device.touch()
    names = {} if group is None else {device.stat().st_gid: types.SimpleNamespace(gr_name=group[0], gr_mem=group[3])}
    # The superuser, who may run these tests, may use every device.
    monkeypatch.setattr("edge_hwr.device.doctor.cameras.barred_devices", lambda _: [device])
    monkeypatch.setattr("grp.getgrgid", names.__getitem__)
    monkeypatch.setattr("pwd.getpwuid", lambda _: types.SimpleNamespace(pw_name="pi"))
    finding = check_devices(tmp_path)
    assert finding.status == "failure"
    assert found in finding.found
    assert finding.remedy.startswith(remedy)
    # libcamera passes over such a camera: that none is found is no finding of its own.
    assert check_cameras(answers(cameras=Answer({})), tmp_path).status == "fine"


class _Formats:
    pixel_formats = ("NV12", "YUV420")

    def sizes(self, name: str) -> list[types.SimpleNamespace]:
        return [types.SimpleNamespace(width=640, height=480), types.SimpleNamespace(width=4608, height=2592)]


class _Camera:
    closed = 0

    def __init__(self, number: int) -> None:
        if number == 1:
            raise RuntimeError("did not complete") from RuntimeError("Device or resource busy")
        stream = types.SimpleNamespace(formats=_Formats())
        self.camera = types.SimpleNamespace(
            generate_configuration=lambda roles: types.SimpleNamespace(at=lambda index: stream)
        )

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708"}, {"Model": "ov5647"}]

    def close(self) -> None:
        type(self).closed += 1


def test_what_the_probes_ask_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = types.SimpleNamespace(Viewfinder=object())
    stand_ins: dict[str, dict[str, Any]] = {"picamera2": {"Picamera2": _Camera}, "libcamera": {"StreamRole": roles}}
    for name, contents in stand_ins.items():
        module = types.ModuleType(name)
        vars(module).update(contents, __path__=[f"/usr/lib/{name}"])
        monkeypatch.setitem(sys.modules, name, module)
    assert probes.cameras() == {
        "0": {"model": "imx708", "formats": ["NV12", "YUV420"], "largest": (4608, 2592)},
        "1": {"model": "ov5647", "refusal": "Device or resource busy"},
    }
    assert _Camera.closed == 1
    assert probes.picamera2()["folder"] == "/usr/lib/picamera2"
