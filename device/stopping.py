"""How a person, or systemd, asks the loop to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a terminal that is closed set; a second Ctrl-C or SIGTERM ends the process at
    once, should the first not do. A closed terminal is ignored where it was (as `nohup` has it)."""
    stop = threading.Event()
    caught = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        caught.append(signal.SIGHUP)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in caught:  # shell and kernel both tell of a closed terminal
            signal.signal(number, signal.SIG_IGN if number is signal.SIGHUP else signal.SIG_DFL)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in caught}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
