"""A real mosquitto, and somebody who listens to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (apt install mosquitto)")


class Broker:
    """A broker on a port of loopback that keeps what it accepted, and can be killed and started again."""

    def __init__(self, folder: Path, *extra: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._configuration = folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            "max_queued_messages 0",
            "max_inflight_messages 0",
            *(["user root"] if os.geteuid() == 0 else []),
            *(extra or ["allow_anonymous true"]),
        ]
        self._configuration.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(signal.SIGTERM)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert MOSQUITTO is not None
        command = [MOSQUITTO, "-c", str(self._configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto does not start")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


class Subscriber:
    """Keeps all messages of `topic`; its session outlives its connection, which it makes anew by itself."""

    def __init__(self, broker: Broker, topic: str) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: list[tuple[str, bytes, bool]] = []
        self.redelivered: list[bool] = []  # of each message, whether the broker says that it sent it before
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.reconnect_delay_set(0.05, 0.2)
        self.subscribed = False

        def on_connect(client: Any, *_: Any) -> None:
            client.subscribe(topic, qos=1)

        def on_subscribe(*_: Any) -> None:
            self.subscribed = True

        def on_disconnect(*_: Any) -> None:
            self.subscribed = False

        def on_message(_client: Any, _data: Any, message: Any) -> None:
            self.redelivered.append(message.dup)
            self.messages.append((message.topic, message.payload, message.retain))

        self._client.on_connect, self._client.on_subscribe = on_connect, on_subscribe
        self._client.on_message, self._client.on_disconnect = on_message, on_disconnect
        self._client.connect("127.0.0.1", broker.port)

    def __enter__(self) -> Subscriber:
        self._client.loop_start()
        self.wait(lambda: self.subscribed)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait(self, until: Any, timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline, f"nothing more after {len(self.messages)} messages"
            time.sleep(0.02)
