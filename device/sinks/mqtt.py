"""Results published to an MQTT broker, for other programs and Home Assistant."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from edge_hwr.errors import RuntimeMissingError, UsageError

from ..live import Live
from ..wording import counted
from .delivery import FAREWELL_S, Delivery, is_host
from .discovery import announcements
from .outbox import Outbox

if TYPE_CHECKING:
    from paho.mqtt.client import Client

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 15
CONNECT_S = 10.0
WINDOW = 64
"""How many results are on their way at once, sent and not yet acknowledged."""

MEASURES_S = 30.0
"""How often the measures are published."""

SHORT_LIVED = 4
"""So many connections in a row that end within KEEP_ALIVE_S are told of."""

_TURN_S = 0.1


class Mqtt(Delivery):
    """Publishes to the broker at `url`, mqtt://[USER@]HOST[:PORT] or mqtts://…, under edge-hwr/DEVICE/:

    `result` each result (QoS 1, in order; with `id`, and `duplicate` true when it may have arrived before), `text` the
    newest one (retained), `state` the state of the loop (retained), `measures` age, rate and temperature, and
    `availability`, online or, by the broker itself when we are gone, offline (retained). Home Assistant is told of all
    that. What cannot be published waits in the outbox.
    """

    def __init__(
        self,
        url: str,
        outbox: Outbox,
        live: Live,
        *,
        device: str,
        password: str = "",
        temperature: Callable[[], float | None] = lambda: None,
    ) -> None:
        super().__init__(outbox)
        if find_spec("paho") is None:  # trying again will not mend it
            raise RuntimeMissingError("MQTT needs paho-mqtt, not installed: pip install 'edge-hwr[device]'")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"the broker's address cannot be understood: {error}") from error
        if parts.scheme not in ("mqtt", "mqtts") or not is_host(parts.hostname) or parts.path.strip("/"):
            raise UsageError("a broker is an address as in mqtt://USER@HOST:1883, or mqtts:// with TLS")
        if parts.password:
            raise UsageError("the broker's address holds a password: put it into a file, and name that instead")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", device):
            raise UsageError(f"{device!r} is no name of a device: use up to 64 letters, digits, - and _")
        self._secure = parts.scheme == "mqtts"
        self._host, self._port = parts.hostname, port or (8883 if self._secure else 1883)
        self._user, self._password = unquote(parts.username or ""), password
        if password and not self._user:
            raise UsageError("a password is for a user, whom the broker's address names: mqtt://USER@HOST")
        self._device = device
        self._base = f"edge-hwr/{device}"
        self._live = live
        self._temperature = temperature
        self._published_state = ""
        self._measures_at = 0.0
        self._short_lived = 0
        self.name = f"broker {self._host}:{self._port}"

    def session(self) -> None:
        """One connection, from its opening to its loss; the next one starts with what was not acknowledged."""
        client = self._connect()
        connected_at = time.monotonic()
        acknowledged: list[int] = []
        sent: dict[int, int] = {}  # message id -> letter id

        def on_publish(_client: Any, _data: Any, message: int, *_: Any) -> None:
            if message in sent:
                acknowledged.append(sent.pop(message))

        client.on_publish = on_publish
        try:
            self._greet(client)
            last_id = 0
            while not self.finished:
                letters = self.outbox.after(last_id, WINDOW - len(sent)) if len(sent) < WINDOW else []
                for letter in letters:
                    sent[self._publish(client, "result", letter.to_json())] = last_id = letter.id
                if letters:
                    self._publish(client, "text", letters[-1].to_json(), retain=True)
                self._publish_condition(client)
                self._turn(client, 0.0 if letters and len(sent) < WINDOW else _TURN_S)
                if acknowledged:
                    self.outbox.delivered(acknowledged)
                    acknowledged.clear()
                    self.progressed()
            self._take_leave(client)
        except ConnectionError:
            self._count_loss(connected_at)
            raise
        finally:
            self._published_state, self._measures_at = "", 0.0
            try:
                self.outbox.delivered(acknowledged)
            finally:
                client.loop_misc()
                if (connection := client.socket()) is not None:
                    connection.close()

    def _connect(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

        client = Client(CallbackAPIVersion.VERSION2, client_id=f"edge-hwr-{self._device}", clean_session=True)
        client.max_inflight_messages_set(2 * WINDOW)
        client.connect_timeout = CONNECT_S
        if self._user:
            client.username_pw_set(self._user, self._password or None)
        if self._secure:
            client.tls_set()
        client.will_set(f"{self._base}/availability", "offline", qos=1, retain=True)
        answers: list[Any] = []
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(reason)
        client.connect(self._host, self._port, keepalive=KEEP_ALIVE_S)
        deadline = time.monotonic() + CONNECT_S
        while not answers and not self.finished and time.monotonic() < deadline:
            if client.loop(_TURN_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        if not answers:
            raise ConnectionError("the broker does not answer")
        if answers[0].is_failure:
            raise ConnectionError(f"the broker refuses the connection: {answers[0]}")
        log.info("%s: connected; waiting: %s", self.name, counted(len(self.outbox), "result"))
        return client

    def _count_loss(self, connected_at: float) -> None:
        """A broker ends the connection of a client when another comes by the same name, which then does the same."""
        self._short_lived = self._short_lived + 1 if time.monotonic() - connected_at < KEEP_ALIVE_S else 0
        if self._short_lived == SHORT_LIVED:
            log.warning("%s ends the connection again and again: is there another device called %s? Give each a "
                        "device_name of its own", self.name, self._device)  # fmt: skip

    def _greet(self, client: Client) -> None:
        for topic, message in announcements(self._device, self._base):
            client.publish(topic, json.dumps(message), qos=1, retain=True)
        self._publish(client, "availability", "online", retain=True)

    def _take_leave(self, client: Client) -> None:
        self._publish(client, "state", str(self._live.state), retain=True)
        last = client.publish(f"{self._base}/availability", "offline", qos=1, retain=True)
        # Until the last is acknowledged, and so all is read: an answer left unread would break the connection off, and
        # the broker take us for dead and publish the will.
        deadline = time.monotonic() + FAREWELL_S
        while not last.is_published() and time.monotonic() < deadline:
            self._turn(client, _TURN_S)
        client.disconnect()

    def _publish_condition(self, client: Client) -> None:
        live = self._live
        if live.state != self._published_state:
            self._published_state = live.state
            self._publish(client, "state", str(live.state), retain=True)
        now = time.monotonic()
        if (view := live.view) is not None and now >= self._measures_at:
            self._measures_at = now + MEASURES_S
            measures = {
                "age_ms": round(1e3 * view.age_s, 1),
                "total_ms": round(view.reading.ms.get("total", 0.0), 1),
                "temperature_c": self._temperature(),
                "frames": live.tally.frames,
                "retries": live.tally.retries,
            }
            self._publish(client, "measures", measures)

    def _publish(self, client: Client, topic: str, message: object, *, retain: bool = False) -> int:
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        return client.publish(f"{self._base}/{topic}", text, qos=1, retain=retain).mid

    def _turn(self, client: Client, wait_s: float) -> None:
        """Let the client send and receive. Raises ConnectionError when the broker has gone."""
        if (code := client.loop(max(wait_s, 1e-3))) != 0:
            raise ConnectionError(f"the connection is lost ({code.name})")
