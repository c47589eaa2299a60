"""Results on a real broker, which is killed and restarted under them."""

from __future__ import annotations

import json
import signal
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from barcode import numbered_frame
from broker import Broker, Subscriber, needs_mosquitto
from faults import FULL, report
from results import result

from edge_hwr.device.live import Live, State, View
from edge_hwr.device.sinks import Outbox, delivery
from edge_hwr.device.sinks.mqtt import Mqtt
from edge_hwr.device.sources import Frame
from edge_hwr.errors import RuntimeMissingError, UsageError

pytestmark = [needs_mosquitto, pytest.mark.timeout(600 if FULL else 120)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_S", 0.2)


def watched() -> Live:
    live = Live()
    live.enter(State.LIVE)
    one = result("1").reading
    live.show(View(Frame(numbered_frame(1), time.monotonic(), 0), one, one, 0.04, unchanged=False))
    return live


def test_what_is_published_and_what_is_left(tmp_path: Path) -> None:
    live = watched()
    with Broker(tmp_path) as broker:
        with Subscriber(broker, "#") as listener:
            with Mqtt(broker.url, Outbox(":memory:"), live, device="desk", temperature=lambda: 51.5) as sink:
                sink.write(result("12"))
                sink.write(result("é\n3"))
                listener.wait(lambda: sum(topic == "edge-hwr/desk/result" for topic, *_ in listener.messages) == 2)
                live.enter(State.STALLED, "no frame")
                listener.wait(lambda: ("edge-hwr/desk/state", b"stalled", False) in listener.messages)
            listener.wait(lambda: ("edge-hwr/desk/availability", b"offline", False) in listener.messages)
            time.sleep(0.3)  # for a will, which must not be published after a farewell
            heard = listener.messages
        assert [payload for topic, payload, _ in heard if topic.endswith("availability")] == [b"online", b"offline"]
        results = [json.loads(payload) for topic, payload, _ in heard if topic == "edge-hwr/desk/result"]
        assert [(one["id"], one["text"], one["duplicate"]) for one in results] == [(1, "12", False), (2, "é\n3", False)]
        measures = next(json.loads(payload) for topic, payload, _ in heard if topic == "edge-hwr/desk/measures")
        assert measures == {"age_ms": 40.0, "total_ms": 1.5, "temperature_c": 51.5, "frames": 0, "retries": 0}
        with Subscriber(broker, "#") as late:
            late.wait(lambda: len(late.messages) >= 8)
            kept = {topic: payload for topic, payload, _ in late.messages}
    assert json.loads(kept["edge-hwr/desk/text"])["text"] == "é\n3"
    assert kept["edge-hwr/desk/availability"] == b"offline"
    assert "edge-hwr/desk/result" not in kept
    entity = json.loads(kept["homeassistant/sensor/edge-hwr-desk/text/config"])
    assert entity["state_topic"] == "edge-hwr/desk/text"
    assert entity["availability_topic"] == "edge-hwr/desk/availability"
    assert entity["device"]["identifiers"] == ["edge-hwr-desk"]


def has_heard(listener: Subscriber, number: int) -> bool:
    """Whether the newest result that came is this one."""
    return int(json.loads(listener.messages[-1][1])["id"]) == number


def test_ten_thousand_results_while_the_broker_is_killed_five_times(tmp_path: Path) -> None:
    """None lost, none out of order, duplicates marked as such; and no write that waits for the broker.

    A mosquitto that is ended by SIGKILL forgets what it acknowledged just before, whoever sent it: those two deaths
    come when it has passed on what it had.
    """
    results = 10_000 if FULL else 600
    killed_at = {results * (2 * k + 1) // 10: k for k in range(5)}
    longest_s = 0.0
    with Broker(tmp_path) as broker, Subscriber(broker, "edge-hwr/+/result") as listener:
        with Mqtt(broker.url, Outbox(tmp_path / "outbox.sqlite"), Live(), device="desk") as sink:
            for number in range(results):
                start = time.monotonic()
                sink.write(result(str(number)))
                longest_s = max(longest_s, time.monotonic() - start)
                if number in killed_at:
                    listener.wait(lambda: listener.messages)
                    suddenly = killed_at[number] % 2 == 1
                    if suddenly:
                        listener.wait(lambda: not len(sink.outbox), 60)
                        listener.wait(partial(has_heard, listener, number + 1), 60)
                    broker.kill(signal.SIGKILL if suddenly else signal.SIGTERM)
                elif number - results // 20 in killed_at:
                    broker.start()
                    listener.wait(lambda: listener.subscribed)
            listener.wait(lambda: len(sink.outbox) == 0, 120)
            listener.wait(partial(has_heard, listener, results), 30)
        heard = [json.loads(payload) for _, payload, _ in listener.messages]
    seen: set[int] = set()
    expected = count(1)
    repeated = 0
    for one, redelivered in zip(heard, listener.redelivered, strict=True):
        if one["id"] in seen:
            # By us, or by a broker that forgot what it was told just before it was killed.
            assert one["duplicate"] or redelivered, f"{one['id']} comes again, and is not marked"
            repeated += 1
            continue
        assert one["id"] == next(expected), "lost or out of order"
        assert one["text"] == str(one["id"] - 1)
        seen.add(one["id"])
    assert len(seen) == results
    assert longest_s < 5  # it waits for a disk at most, never for a broker
    report(
        "mosquitto ended 5 times under the results (twice by SIGKILL) and started again",
        f"{results:,} results: none lost, none out of order, {repeated} came again and were marked; longest "
        f"hold-up of the loop: {1e3 * longest_s:.0f} ms",
    )


def test_a_missing_library_is_told_before_anything_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho", None)
    with pytest.raises(RuntimeMissingError, match="MQTT needs paho-mqtt"):
        Mqtt("mqtt://127.0.0.1", Outbox(":memory:"), Live(), device="desk")


def test_a_process_that_is_gone_is_told_offline_by_the_broker(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Subscriber(broker, "edge-hwr/desk/availability") as listener:
        sink = Mqtt(broker.url, Outbox(":memory:"), Live(), device="desk")
        sink.outbox.__enter__()
        client = sink._connect()
        sink._greet(client)
        sink._turn(client, 0.1)
        listener.wait(lambda: [payload for _, payload, _ in listener.messages] == [b"online"])
        client.socket().close()  # as a crash does: no farewell
        listener.wait(lambda: listener.messages[-1][1] == b"offline")
        sink.outbox.__exit__(None, None, None)


def test_a_broker_that_refuses_is_told_without_the_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    with Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}") as broker:
        url = broker.url.replace("//", "//reader@")
        with Mqtt(url, Outbox(tmp_path / "outbox.sqlite"), Live(), device="desk", password="s3cret") as sink:
            sink.write(result("1"))
            deadline = time.monotonic() + 10
            while "refuses the connection" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.02)
    assert "refuses the connection: Not authorized" in caplog.text
    assert "s3cret" not in caplog.text


def test_two_devices_of_one_name_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The broker ends the one's connection for the other's, and again, and again."""
    with (
        Broker(tmp_path) as broker,
        Mqtt(broker.url, Outbox(":memory:"), Live(), device="raspberrypi"),
        Mqtt(broker.url, Outbox(":memory:"), Live(), device="raspberrypi"),
    ):
        deadline = time.monotonic() + 30
        while "is there another device" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "ends the connection again and again: is there another device called raspberrypi?" in caplog.text


@pytest.mark.parametrize(
    "url", ["http://host", "mqtt://", "host", "mqtt://[::1", "mqtt://user:secret@host", "mqtt://host/x"]
)
def test_addresses_that_cannot_be_meant(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Mqtt(url, Outbox(":memory:"), Live(), device="desk")
    assert "secret" not in str(caught.value)


def test_a_password_without_a_user_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a password is for a user, whom the broker's address names"):
        Mqtt("mqtt://host", Outbox(":memory:"), Live(), device="desk", password="s3cret")


def test_names_of_devices_are_parts_of_topics() -> None:
    with pytest.raises(UsageError, match="is no name of a device"):
        Mqtt("mqtt://host", Outbox(":memory:"), Live(), device="a/b")
