"""Results posted to an HTTP server."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
from urllib.parse import quote, urlsplit

from edge_hwr import __version__
from edge_hwr.errors import UsageError

from .delivery import Delivery, is_host
from .outbox import Outbox

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
_LATER = (401, 402, 403, 404, 407, 408, 423, 425, 429)
"""Refusals of the class 4xx that are about all results, not one: a token out of date, a proxy whose server is away."""


_IN_ADDRESSES = "/?%:@!$&'()*+,;=~[]"
"""What an address may have as it is, besides letters, digits, dots, dashes and underlines; the rest is encoded."""


class Webhook(Delivery):
    """Posts each result as JSON to `url`; answers 2xx to be counted as delivered.

    The object is the one of JsonLines with `id`, which counts from 1, and `duplicate`, true when it may have arrived
    before. A server that is away, or answers 3xx, 5xx or that nobody may enter (401, 403, 404, …), is tried
    again; a result that it refuses (4xx else) is dropped and logged. `token` is sent as `Authorization: Bearer`.
    Redirections are not followed.
    """

    def __init__(self, url: str, outbox: Outbox, *, token: str = "") -> None:
        super().__init__(outbox)
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"the webhook's address cannot be understood: {error}") from error
        if parts.scheme not in ("http", "https") or not is_host(parts.hostname):
            raise UsageError("a webhook is an address as in https://HOST/PATH")
        if "@" in parts.netloc:
            raise UsageError("the webhook's address holds a password: put a token into a file, and name it")
        self.name = f"webhook {parts.scheme}://{parts.netloc}"  # the path may be a secret
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._target = quote(target, safe=_IN_ADDRESSES)
        self._headers = {"Content-Type": "application/json", "User-Agent": f"edge-hwr/{__version__}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def session(self) -> None:
        connection = self._connect()
        try:
            while not self.finished:
                letters = self.outbox.after(0, 1)
                if not letters:
                    self.wait_for_news(0.5)
                    continue
                connection.request("POST", self._target, json.dumps(letters[0].to_json()).encode(), self._headers)
                answer = connection.getresponse()
                answer.read(65536)
                refused = answer.status // 100 == 4 and answer.status not in _LATER
                if answer.status // 100 != 2 and not refused:
                    raise ConnectionError(f"the server answers {answer.status} {answer.reason}".rstrip())
                if refused:
                    log.error("%s refuses result %d with %d: it is dropped", self.name, letters[0].id, answer.status)
                self.outbox.delivered([letters[0].id])
                self.progressed()
                if answer.will_close or not answer.isclosed():  # the rest of a long answer is in the way
                    return
        except http.client.HTTPException as error:
            raise ConnectionError(f"the connection was broken ({type(error).__name__})") from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
