"""The systemd unit, judged by systemd itself where that is here."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_hwr.bundle import Bundle
from edge_hwr.device import service
from edge_hwr.device.settings import Settings
from edge_hwr.errors import EdgeHwrError, UsageError


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(service.service, arguments)


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that anybody reaches: the interpreter of the tests may stand in somebody's home."""
    monkeypatch.setattr(service.sys, "executable", "/usr/bin/env")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("0123456789abcdef")
    path = tmp_path / "edge-hwr.toml"
    path.write_text('serve = "0.0.0.0:8080"\ntoken_file = "token"\njsonl = "texts.jsonl"\nmqtt = "mqtt://broker"\n')
    return path


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in that notes what it is asked to do, and fails when asked about `broken`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("systemctl", "journalctl"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/asked\n[ ! -e {tmp_path}/broken ]\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(service, "UNIT_FOLDER", tmp_path)
    monkeypatch.setattr(service.os, "geteuid", lambda: 0)
    return tmp_path / "asked"


def test_secrets_stay_in_files_that_only_root_reads(settings: Path) -> None:
    done = invoke("install", "--config", str(settings), "--print")
    assert done.exit_code == 0, done.exception
    assert f"LoadCredential=token_file:{settings.with_name('token')}\n" in done.output
    assert f"LoadCredential=config.toml:{settings}\n" in done.output
    assert "--token-file ${CREDENTIALS_DIRECTORY}/token_file" in done.output
    assert "--outbox /var/lib/edge-hwr/outbox --jsonl /var/lib/edge-hwr/texts.jsonl" in done.output
    assert "0123456789abcdef" not in done.output


def test_models_beside_the_settings_are_found_by_the_service(settings: Path, drawn_bundle: Bundle) -> None:
    """It reads a copy of the settings, which stands elsewhere."""
    model = settings.with_name("mine.tflite")
    model.write_bytes(drawn_bundle.path.read_bytes())
    settings.write_text('model = "mine.tflite"\n')
    done = invoke("install", "--config", str(settings), "--print")
    assert f"--verbose --model {model}\n" in done.output


def test_files_that_the_service_would_not_see_are_told(drawn_bundle: Bundle) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder, "mine.tflite").write_bytes(drawn_bundle.path.read_bytes())
        settings = Path(folder, "edge-hwr.toml")
        settings.write_text('model = "mine.tflite"\n')
        done = invoke("install", "--config", str(settings), "--print")
    assert f"the model {folder}/mine.tflite stands where each service has a folder of its own" in done.stderr
    assert done.stdout.startswith("# Written by")


def test_what_the_service_writes_elsewhere_is_told(settings: Path) -> None:
    settings.write_text('jsonl = "/mnt/usb/log.jsonl"\ncsv = "table.csv"\nsqlite = "/var/lib/edge-hwr/texts.db"\n')
    done = invoke("install", "--config", str(settings), "--print")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "warning: the service writes jsonl to /var/lib/edge-hwr/log.jsonl, not to /mnt/usb/log.jsonl: "
        "it can write nowhere else"
    ]
    settings.write_text('jsonl = "a/out.txt"\ncsv = "b/out.txt"\n')
    done = invoke("install", "--config", str(settings), "--print")
    assert "would be one file in /var/lib/edge-hwr: give them different names" in str(done.exception)
    settings.write_text('mqtt = "mqtt://broker"\ncsv = "outbox"\n')
    done = invoke("install", "--config", str(settings), "--print")
    assert "would be one file in /var/lib/edge-hwr: give them different names" in str(done.exception)


def test_a_folder_called_as_a_camera_is_no_source(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings.parent / "picamera").mkdir()
    monkeypatch.chdir(settings.parent)
    settings.write_text('source = "picamera"\n')
    assert "--source" not in invoke("install", "--config", str(settings), "--print").stdout


def test_an_interpreter_that_is_linked_to_a_home_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "python3").touch()
    linked = tmp_path / "python"
    linked.symlink_to(home / "python3")
    monkeypatch.setattr(service, "_in_homes", lambda path: path.is_relative_to(home))
    with pytest.raises(UsageError, match=r"home/python3 cannot be reached by another user"):
        service.unit(tmp_path / "edge-hwr.toml", Settings(), linked)


def test_a_service_is_tried_for_ever_but_not_with_wrong_settings(settings: Path) -> None:
    text = invoke("install", "--config", str(settings), "--print").stdout
    assert "StartLimitIntervalSec=0\n" in text
    assert "RestartPreventExitStatus=2\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_the_unit_valid_and_locked_in(settings: Path, tmp_path: Path) -> None:
    unit = tmp_path / "edge-hwr.service"
    unit.write_text(invoke("install", "--config", str(settings), "--print").stdout)
    valid = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (valid.returncode, valid.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", unit], capture_output=True, text=True, timeout=60
    )
    exposure = re.search(r"exposure level for edge-hwr.service: ([\d.]+)", judged.stdout)
    if exposure is None:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert float(exposure[1]) < 2.5


def test_install_logs_status_uninstall(settings: Path, systemctl: Path) -> None:
    assert invoke("install", "--config", str(settings)).exit_code == 0
    unit = systemctl.with_name("edge-hwr.service")
    assert f"ExecStart={sys.executable} -m edge_hwr.cli run" in unit.read_text()
    assert stat.S_IMODE(unit.stat().st_mode) == 0o644
    for arguments in (("status",), ("logs", "--lines", "5", "--follow"), ("uninstall",)):
        assert invoke(*arguments).exit_code == 0
    assert not unit.exists()
    assert systemctl.read_text().splitlines() == [
        "systemctl daemon-reload",
        "systemctl enable edge-hwr.service",
        "systemctl restart edge-hwr.service",
        "systemctl --no-pager --full status edge-hwr.service",
        "journalctl --no-pager --unit edge-hwr.service --lines 5 --follow",
        "systemctl disable --now edge-hwr.service",
        "systemctl daemon-reload",
    ]
    assert "is not installed" in str(invoke("uninstall").exception)


def test_what_goes_wrong_is_told(
    settings: Path, systemctl: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    systemctl.with_name("broken").touch()
    assert "systemctl daemon-reload failed" in str(invoke("install", "--config", str(settings)).exception)
    assert "is not running" in str(invoke("status").exception)
    assert "journalctl does not show" in str(invoke("logs").exception)
    systemctl.with_name("bin").joinpath("journalctl").unlink()
    monkeypatch.setenv("PATH", str(systemctl.with_name("bin")))
    assert "there is no journalctl" in str(invoke("logs").exception)
    monkeypatch.setattr(service.os, "geteuid", lambda: 1000)
    assert "only root may change services" in str(invoke("uninstall").exception)
    monkeypatch.setattr(service.shutil, "which", lambda _: None)
    done = invoke("uninstall")
    assert isinstance(done.exception, EdgeHwrError)
    assert "no systemd here" in str(done.exception)
    odd = tmp_path / "my settings.toml"
    odd.write_text("")
    refused = invoke("install", "--config", str(odd), "--print")
    assert isinstance(refused.exception, UsageError)
    assert "a path with blanks" in str(refused.exception)
    odd = tmp_path / "settings.toml"
    for written in ('jsonl = "my results.jsonl"', 'csv = "day-%d.csv"'):
        odd.write_text(written)
        assert "a path with blanks" in str(invoke("install", "--config", str(odd), "--print").exception)
