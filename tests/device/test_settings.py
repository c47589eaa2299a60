"""The configuration file: every key a flag, and every mistake told in one line."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_hwr.bundle import Bundle
from edge_hwr.device.commands import config, run
from edge_hwr.device.settings import Settings, describe, load_settings, make_settings, read_secret
from edge_hwr.errors import EdgeHwrError, UsageError

TOKEN = "0123456789abcdef"


def check(path: Path) -> Result:
    return CliRunner().invoke(config, ["check", str(path)])


def test_every_key_is_a_flag() -> None:
    flags = {name for option in run.params for name in (*option.opts, *option.secondary_opts)}
    assert {f"--{item.name.replace('_', '-')}" for item in fields(Settings)} <= flags


def test_flags_count_more_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('model = "digits"\nthreads = 2\nquiet = true\njsonl = "texts.jsonl"\n')
    settings = make_settings(load_settings(path), {"threads": 3})
    assert (settings.threads, settings.quiet, settings.source) == (3, True, "picamera")
    assert settings.jsonl == str(tmp_path / "texts.jsonl")


def test_the_mark_that_some_editors_begin_a_file_with_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("\ufeffthreads = 2\n", "utf-8")
    assert load_settings(path) == {"threads": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('modell = "digits"', "unknown key 'modell': did you mean 'model'?"),
        ("threads = 0", "threads must be at least 1, not 0"),
        ("threads = 5000000000", "threads must be at most 256, not 5000000000"),
        ('jsonl = "a\\u0000b"', "jsonl holds a null character"),
        ("retries = -1", "retries must be at least 0, not -1"),
        ('threads = "2"', "threads must be a whole number, not '2'"),
        ("quiet = 1", "quiet must be true or false, not 1"),
        ("source = 0", "source must be a text in quotes, not 0"),
        ("[source]", "source must be a text in quotes"),
        ("model = ", "is no TOML"),
        ('region = "1,2,3"', "is no region: give X,Y,WIDTH,HEIGHT"),
        ('serve = "0.0.0.0:8080"', "can be seen by others: name a token_file"),
        ('serve = "[::]:8080"', "can be seen by others"),
        ('serve = "127.0.0.1"', "is no address of a page"),
        ('serve = "127.0.0.1:99999"', "is no address of a page"),
        ('token_file = "missing"', "missing cannot be read: No such file"),
        ('webhook_token_file = "empty"', "must hold at least 1 printable"),
        ('token_file = "short"', "must hold at least 16 printable"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "short").write_text("0123456789")
    done = check(path)
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception) or "TOML" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('source = "no/such/thing"', "'no/such/thing' is no source"),
        ('model = "nosuchmodel"', "nosuchmodel"),
        ('model = "digits"\nlexicon = "fr"', "a lexicon is for models of whole lines"),
        ('model = "lines"\nlexicon = "nosuchlexicon"', "nosuchlexicon"),
        ('webhook = "foo"', "a webhook is an address"),
        ('mqtt = "not an url"', "a broker is an address"),
        ('mqtt = "mqtt://host"\ndevice_name = "my desk!"', "no name of a device"),
    ],
)
def test_what_cannot_be_started_is_not_fine(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    done = check(path)
    assert isinstance(done.exception, EdgeHwrError)
    assert message in str(done.exception)


def test_models_and_sources_beside_the_file_are_found_from_everywhere(
    tmp_path: Path, drawn_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.tflite").write_bytes(drawn_bundle.path.read_bytes())
    (tmp_path / "pages").mkdir()
    (tmp_path / "digits").mkdir()
    path = tmp_path / "c.toml"
    path.write_text('model = "mine.tflite"\nsource = "pages"\n')
    monkeypatch.chdir("/")
    assert check(path).exit_code == 0
    path.write_text('model = "digits"\n')
    assert load_settings(path)["model"] == "digits"


def test_a_file_that_is_fine_is_told_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    path = tmp_path / "c.toml"
    path.write_text(
        'source = "rtsp://user:pass-word@pass-word@cam/live?key=k-e-y"\nserve = "0.0.0.0:8080"\n'
        'token_file = "token"\nwebhook = "https://host/hook?key=k-e-y"\n'
    )
    done = check(path)
    assert done.exit_code == 0, done.exception
    assert "is fine" in done.output
    assert "source = rtsp://…@cam/live?…" in done.output
    assert "everybody on this machine can read" in done.output
    for secret in ("pass-word", "k-e-y", TOKEN):
        assert secret not in done.output


@pytest.mark.parametrize("password", ["pass#word", "pass?word", "pass@word", "word"])
def test_no_password_is_shown_however_odd(password: str) -> None:
    shown = describe(Settings(source=f"rtsp://user:{password}@cam/live"))["source"]
    assert "word" not in shown
    assert shown == "rtsp://…@cam/live"


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.toml"
    (tmp_path / "there").mkdir()
    path.write_text('source = "v4l2:0"\njsonl = "nowhere/a.jsonl"\ncsv = "there/b.csv"\noutbox = "there/new/box"\n'
                    'webhook = "http://host/"\n')  # fmt: skip
    done = check(path)
    assert done.exit_code == 0, done.exception
    assert done.stderr.splitlines() == [
        f"warning: jsonl {tmp_path}/nowhere/a.jsonl: there is no folder {tmp_path}/nowhere"
    ]
    monkeypatch.setattr("edge_hwr.device.settings.os.access", lambda _path, mode: mode == os.R_OK)
    assert f"warning: csv {tmp_path}/there/b.csv: may not be written by you" in check(path).stderr
    assert f"warning: outbox {tmp_path}/there/new/box: may not be written by you" in check(path).stderr


def test_a_page_that_cannot_be_served_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.toml"
    path.write_text('source = "v4l2:0"\nserve = "8080"\n')
    for module in [name for name in sys.modules if name.startswith("edge_hwr.device.page")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert "the page needs aiohttp, not installed" in str(check(path).exception)


def test_what_does_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    path = tmp_path / "c.toml"
    path.write_text('token_file = "token"\nrotate_mb = 3\noutbox = "box"\n')
    warned = [line for line in check(path).output.splitlines() if line.startswith("warning")]
    assert warned == [
        "warning: token_file does nothing without serve",
        "warning: outbox does nothing without webhook or mqtt",
        "warning: rotate_mb does nothing without jsonl or csv",
    ]
    path.write_text('serve = "8080"\ntoken_file = "token"\ncsv = "t.csv"\nrotate_mb = 3\nfsync = true\n')
    assert "warning" not in check(path).output


@pytest.mark.parametrize("missing", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, missing: str) -> None:
    assert "cannot be read" in str(check(tmp_path / missing).exception)


def test_addresses_of_the_page() -> None:
    assert make_settings({"serve": "8080"}).address == ("127.0.0.1", 8080)
    assert make_settings({"serve": "localhost:0"}).address == ("localhost", 0)
    assert make_settings({"serve": "[::1]:80"}).address == ("::1", 80)
    assert make_settings().address is None


def test_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_secret(str(tmp_path / "token"), least=16) == TOKEN
    (tmp_path / "token").write_text(f"\ufeff{TOKEN}\n", "utf-8")  # as some editors begin a file
    assert read_secret(str(tmp_path / "token"), least=16) == TOKEN
    (tmp_path / "token").write_bytes(b"\xff" * 20)
    with pytest.raises(UsageError, match="cannot be read: no text"):
        read_secret(str(tmp_path / "token"))
    assert read_secret("") == ""


def test_the_name_of_a_device_is_its_host_name_or_what_it_is_given() -> None:
    assert make_settings({"device_name": "desk"}).device == "desk"
    assert make_settings().device
