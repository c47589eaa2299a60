"""Who may see the page, and from where."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from ..settings import is_loopback

COOKIE = "edge-hwr"
OPEN_PATHS = frozenset(("/healthz", "/login", "/page.css"))
"""What needs no token: whether we are well, and the way to show a token, with its looks."""

_COOKIE_AGE_S = 30 * 24 * 3600
_HEADERS = {
    "Server": "edge-hwr",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Checks requests against a token, empty for none, and against pages of other sites that send them.

    Without a token only a Host that is this machine is answered: a name of some site that was made to point to
    127.0.0.1 is not.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        # The browser keeps what proves the token, never the token.
        self._proof = hmac.new(self._token, b"edge-hwr page", hashlib.sha256).hexdigest().encode()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 403 to other sites and 401 to those without the token; add the headers that protect a browser."""
        if not self._own_site(request):
            response: web.StreamResponse = web.json_response({"error": "asked by another site"}, status=403)
        elif request.path not in OPEN_PATHS and not self.admits(request):
            wants_page = request.path == "/" and request.method == "GET"
            if wants_page:
                said = '<p role="alert">That token is wrong.</p>' if "wrong" in request.query else ""
                asked = request.app[LOGIN].replace("<!-- wrong -->", said)
                response = web.Response(text=asked, content_type="text/html", status=401)
            else:
                response = web.json_response({"error": "the token is missing or wrong"}, status=401)
            response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
        else:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = web.json_response({"error": error.reason}, status=error.status)
                for name in (hdrs.ALLOW, hdrs.LOCATION):
                    if name in error.headers:
                        response.headers[name] = error.headers[name]
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def admits(self, request: web.Request) -> bool:
        """Whether the request shows the token, as a bearer or by the cookie of a login."""
        if not self._token:
            return True
        kind, _, shown = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(_octets(shown.strip()), self._token):
            return True
        return hmac.compare_digest(_octets(request.cookies.get(COOKIE, "")), self._proof)

    def login(self, token: str) -> web.Response:
        """To the page with a cookie if `token` is right, else back to the question."""
        if not hmac.compare_digest(_octets(token.strip()), self._token):
            return web.Response(status=303, headers={hdrs.LOCATION: "/?wrong"})
        response = web.Response(status=303, headers={hdrs.LOCATION: "/"})
        response.set_cookie(COOKIE, self._proof.decode(), max_age=_COOKIE_AGE_S, httponly=True, samesite="Strict")
        return response

    def _own_site(self, request: web.Request) -> bool:
        host = request.headers.get(hdrs.HOST, "")
        if not self._token and not is_loopback(_hostname(host)):
            return False
        origin = request.headers.get(hdrs.ORIGIN)
        return origin is None or _netloc(origin) == host.lower()


LOGIN = web.AppKey("login", str)
"""The page that asks for the token."""


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
