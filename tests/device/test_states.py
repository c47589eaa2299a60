"""Stalls, failures, recoveries: what the loop says it is in, how often it tries, and what systemd is told."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from barcode import BarcodeReader, numbered_frame
from cameras import Scripted
from collector import Collector

from edge_hwr.device import live as live_module
from edge_hwr.device import loop
from edge_hwr.device.live import Live, State
from edge_hwr.device.loop import Watch, run_loop
from edge_hwr.device.region import Region
from edge_hwr.device.result import Result
from edge_hwr.device.retries import Retries, RetryBounds
from edge_hwr.errors import SourceError, SourceTimeoutError, UsageError

QUICK = RetryBounds(limit=5, window_s=60, pause_s=0.005)


def states_of(live: Live) -> list[State]:
    """Each state as it is entered, from now on."""
    seen = [live.state]
    live.listen(lambda: seen.append(live.state) if live.state is not seen[-1] else None)
    return seen


def test_a_source_that_fails_is_opened_again_and_goes_on_counting() -> None:
    camera = Scripted(lambda k: None if k >= 30 else SourceError("cable out") if k in (10, 20) else numbered_frame(k))
    live, collector = Live(), Collector()
    states = states_of(live)
    tally = run_loop(
        camera, BarcodeReader(), [collector], stop=threading.Event(), live=live, watch=Watch(retries=QUICK)
    )
    assert states == ["starting", "live", "recovering", "live", "recovering", "live", "ended"]
    assert (camera.openings, tally.retries) == (3, 2)
    sequences = [result.sequence for result in collector.results]
    assert sequences == sorted(set(sequences))
    assert sequences[-1] == 27


def test_a_loop_that_hangs_in_a_sink_is_not_called_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that drains the camera goes on, and knows nothing of it."""
    monkeypatch.setattr(live_module, "HUNG_S", 0.1)
    monkeypatch.setattr(live_module, "FIRST_READING_S", 0.0)
    hanging, told, stop = threading.Event(), threading.Event(), threading.Event()

    class Full(Collector):
        def write(self, result: Result) -> None:
            hanging.set()
            assert told.wait(20)

    live = Live()
    camera = Scripted(lambda k: numbered_frame(k))
    running = threading.Thread(
        target=run_loop, args=(camera, BarcodeReader(), [Full()]), kwargs={"stop": stop, "live": live}
    )
    running.start()
    assert hanging.wait(10)
    deadline = time.monotonic() + 10
    while live.state is not State.STALLED and time.monotonic() < deadline:
        time.sleep(0.01)
    assert live.state is State.STALLED
    assert "holds the loop up" in live.reason
    told.set()
    while live.state is not State.LIVE and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (live.state, live.reason) == (State.LIVE, "")
    stop.set()
    running.join()


def test_a_source_that_stays_dead_is_given_up_after_five_tries() -> None:
    camera = Scripted(lambda k: numbered_frame(k) if k < 5 else SourceError("cable out"))
    live = Live()
    with pytest.raises(SourceError, match="cable out; given up after 5 retries in 60 s"):
        run_loop(camera, BarcodeReader(), (), stop=threading.Event(), live=live, watch=Watch(retries=QUICK))
    assert camera.openings == 1 + 5
    assert live.state is State.FAILED
    assert "given up" in live.reason


def test_one_that_never_worked_is_not_tried_again() -> None:
    camera = Scripted(lambda k: SourceError("no such camera"))
    with pytest.raises(SourceError, match=r"no such camera$"):
        run_loop(camera, BarcodeReader(), (), stop=threading.Event())
    assert camera.openings == 1


def test_retries_are_bounded_in_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    retries = Retries(RetryBounds(limit=5, window_s=60, pause_s=0.5))
    assert [retries.next_pause_s() for _ in range(6)] == [0.5, 1, 2, 4, 8, None]
    clock += 61
    assert retries.next_pause_s() == 0.5
    many = Retries(RetryBounds(limit=7))
    # No pause is as long as the silence after which a source has hung.
    assert max(many.next_pause_s() or 0.0 for _ in range(7)) == 8
    for _ in range(100):  # one failure every 13 seconds is fewer than 5 in a minute, for ever
        clock += 13
        assert retries.next_pause_s() is not None


def test_a_stall_is_told_while_it_lasts() -> None:
    release = threading.Event()

    def picture(k: int) -> np.ndarray | None:
        if k == 10:
            release.wait(5)
        return numbered_frame(k) if k < 20 else None

    live = Live()
    states = states_of(live)
    live.listen(lambda: release.set() if live.state is State.STALLED else None)
    run_loop(Scripted(picture), BarcodeReader(), (), stop=threading.Event(), live=live, watch=Watch(stall_s=0.2))
    assert states == ["starting", "live", "stalled", "live", "ended"]


def test_a_hang_while_recovering_is_given_up_too() -> None:
    release = threading.Event()

    def picture(k: int) -> np.ndarray | Exception:
        if k == 6:
            release.wait(5)
        return SourceError("cable out") if k == 5 else numbered_frame(k)

    with pytest.raises(SourceTimeoutError, match="has hung"):
        run_loop(
            Scripted(picture), BarcodeReader(), (), stop=threading.Event(), watch=Watch(patience_s=0.5, retries=QUICK)
        )
    release.set()


def test_unchanged_frames_are_not_read_and_the_camera_slows_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "IDLE_AFTER_S", 0.3)
    camera = Scripted(lambda k: numbered_frame(5 if k < 100 else 9) if k < 200 else None)
    reader, collector = BarcodeReader(), Collector()
    tally = run_loop(camera, reader, [collector], stop=threading.Event(), settle=True)
    assert [result.reading.text for result in collector.results] == ["5", "9"]
    assert tally.read < 0.5 * tally.frames
    assert camera.paces[0] == loop.IDLE_PERIOD_S
    assert 0.0 in camera.paces


def test_a_region_is_read_and_told_in_the_frame() -> None:
    frame = np.full((300, 500), 99, np.uint8)
    frame[100:196, 200:424] = numbered_frame(77)
    collector, live = Collector(), Live()
    run_loop(
        Scripted(lambda k: frame if k < 50 else None),
        BarcodeReader(),
        [collector],
        stop=threading.Event(),
        settle=True,
        region=Region.parse("200, 100, 224, 96"),
        live=live,
    )
    (result,) = collector.results
    assert (result.reading.text, result.reading.width, result.reading.height) == ("77", 500, 300)
    assert result.reading.lines[0].box == (200, 100, 224, 96)


def test_regions_that_cannot_be() -> None:
    for text in ("", "1,2,3", "1,2,3,0", "-1,2,3,4", "a,b,c,d"):
        with pytest.raises(UsageError, match=r"is no region: give X,Y,WIDTH,HEIGHT"):
            Region.parse(text)
    with pytest.raises(SourceError, match="not within the frame of 224 x 96"):
        run_loop(Scripted(numbered_frame), BarcodeReader(), (), stop=threading.Event(), region=Region(200, 0, 100, 50))


class ServiceManager:
    """Keeps what it is told."""

    def __init__(self, receiver: socket.socket) -> None:
        self.messages: list[str] = []
        self._receiver = receiver

    def listen(self) -> None:
        with suppress(OSError):
            while message := self._receiver.recv(4096):
                self.messages.append(message.decode())


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceManager]:
    """A service manager that wants to hear from us every 0.3 seconds."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        manager = ServiceManager(receiver)
        thread = threading.Thread(target=manager.listen)
        thread.start()
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield manager
        receiver.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def heard(manager: ServiceManager, last: str = "") -> list[str]:
    """What was said since this was called before, up to `last`."""
    deadline = time.monotonic() + 5
    while last and last not in manager.messages and time.monotonic() < deadline:
        time.sleep(0.005)
    messages, manager.messages = manager.messages, []
    return messages


def test_systemd_hears_of_start_life_and_end(systemd: ServiceManager) -> None:
    camera = Scripted(lambda k: numbered_frame(k) if k < 100 else None)
    run_loop(camera, BarcodeReader(), (), stop=threading.Event())
    messages = heard(systemd, "STATUS=ended")
    assert messages.count("READY=1") == 1
    assert messages.index("STATUS=live") < messages.index("READY=1")
    assert 3 <= messages.count("WATCHDOG=1") <= 15
    assert messages[-2:] == ["STOPPING=1", "STATUS=ended"]


def test_systemd_hears_nothing_from_a_loop_that_is_stuck(systemd: ServiceManager) -> None:
    """A reader that hangs, and a camera that stalls: the process lives, the loop does not."""
    seen: list[list[str]] = []

    class Stuck(BarcodeReader):
        def read(self, grey: np.ndarray, /):  # type: ignore[no-untyped-def]
            if len(self.numbers) == 10:
                heard(systemd)
                time.sleep(1)
                seen.append(heard(systemd))
            return super().read(grey)

    run_loop(Scripted(lambda k: numbered_frame(k) if k < 50 else None), Stuck(), (), stop=threading.Event())
    assert seen == [[]]
    camera = Scripted(lambda k: numbered_frame(k) if k < 5 else time.sleep(9))  # type: ignore[func-returns-value]
    with pytest.raises(SourceTimeoutError):
        run_loop(camera, BarcodeReader(), (), stop=threading.Event(), watch=Watch(patience_s=1.2, stall_s=0.2))
    stalled = heard(systemd)
    assert "WATCHDOG=1" not in stalled[next(k for k, said in enumerate(stalled) if said.startswith("STATUS=stalled")) :]


def test_a_service_manager_that_has_gone_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert run_loop(Scripted(lambda k: None), BarcodeReader(), (), stop=threading.Event()).frames == 0
