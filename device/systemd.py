"""What systemd is told: ready, alive, stopping. Nothing is sent, and nothing costs, where systemd did not start us.

The protocol is that of sd_notify(3): datagrams of VARIABLE=VALUE to the socket named in the environment.
"""

from __future__ import annotations

import logging
import os
import socket
import time

log = logging.getLogger(__name__)


class Supervisor:
    """The service manager that started this process, as told by the environment."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watched = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        timeout_us = os.environ.get("WATCHDOG_USEC", "") if watched else ""
        # Three times as often as is asked for, so that one late beat is no alarm.
        self._period_s = int(timeout_us) / 3e6 if timeout_us.isdigit() else None
        self._next_beat = 0.0
        self._ready = False

    def beat(self) -> None:
        """Say that the loop goes round. Call it only from the loop itself, and only when it really does."""
        if self._period_s is not None and (now := time.monotonic()) >= self._next_beat:
            self._next_beat = now + self._period_s
            self._send("WATCHDOG=1")

    def ready(self) -> None:
        """Say, the first time, that frames are being read."""
        if not self._ready:
            self._ready = True
            self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                notify.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", message, error.strerror)
