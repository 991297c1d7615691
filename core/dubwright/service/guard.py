"""Who may talk to the service: a program of this user that knows the token, and its own page."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dubwright.service.sessions import COOKIE, Sessions

__all__ = ["MAX_BODY", "Guard"]

MAX_BODY: Final = 16 << 20
BODY_WITHIN_S: Final = 10.0
READING: Final = frozenset({"GET", "HEAD"})
ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

PROOF: Final = "/v1/proof"
NONCE: Final = re.compile("[0-9a-f]{32}")

Refusal = tuple[int, str]
TOO_LARGE: Final[Refusal] = (413, "the request is too large")


class Guard:
    """ASGI middleware that refuses every request that comes from neither our client nor our page.

    A program sends the token. The page sends the cookie of its session, from the session's own
    place, which is taken off the path before the request goes on.

    Args:
        app: what is guarded.
        port: that the service listens on, which the Host header must name.
        token: that the Authorization header must carry.
        sessions: of the page.

    Attributes:
        called: when the last call that was let in came, by the monotonic clock.
        closing: set before the service looks for the last time whether anybody wants it: calls are
            then refused, and their caller starts another.
    """

    def __init__(self, app: ASGIApp, port: int, token: str, sessions: Sessions) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._token = token
        self._sessions = sessions
        self.called = time.monotonic()
        self.closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send)
        headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
        first, _, rest = scope["path"].removeprefix("/").partition("/")
        if headers.get("host", "") not in self._hosts:
            refusal: Refusal | None = (421, "this service answers only to its own loopback address")
        elif first == "open" and scope["method"] == "GET":
            await self._opened(rest, headers)(scope, receive, send)
            return
        elif scope["path"] == PROOF and scope["method"] == "GET":
            await self._proven(scope, headers)(scope, receive, send)
            return
        elif self._sessions.is_place(first):
            refusal = self._refused_page(first, scope["method"], headers)
            scope = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        else:
            refusal = self._refused_program(headers)
        refusal = refusal or _refused_body(scope["method"], headers)
        if refusal is None:
            self.called = time.monotonic()
            if self.closing:
                refusal = 503, "the service is stopping"
        if refusal is None and scope["method"] not in READING:
            try:
                body = await asyncio.wait_for(_whole(receive), BODY_WITHIN_S)
            except TimeoutError:
                refusal = 408, f"the request took longer than {BODY_WITHIN_S:.0f} s"
            except _TooLarge:
                refusal = TOO_LARGE
            else:
                receive = _again(body, receive)
        if refusal is not None:
            status, why = refusal
            await JSONResponse({"refused": why}, status)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _proven(self, scope: Scope, headers: Mapping[str, str]) -> Response:
        """Shows a client that we know its token, before it sends it: the port that a service left
        behind may be somebody else's by now."""
        query = parse_qs(scope["query_string"].decode("latin1"))
        (nonce, *_) = query.get("nonce", [""])
        if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
            return JSONResponse({"refused": "web pages may not call this service"}, 403)
        if not NONCE.fullmatch(nonce):
            return JSONResponse({"refused": "a nonce is 32 hexadecimal digits"}, 422)
        proof = hmac.new(self._token.encode(), nonce.encode(), "sha256").hexdigest()
        return JSONResponse({"proof": proof})

    def _opened(self, code: str, headers: Mapping[str, str]) -> Response:
        """What a visitor with a link gets: a session, once."""
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return JSONResponse({"refused": "web pages may not open this service"}, 403)
        session = self._sessions.open(code)
        if session is None:
            why = "this link was used or is too old: open the page again, or run `dubwright review`"
            return Response(why, 410, media_type="text/plain")
        answer = RedirectResponse(f"/{session.place}/{session.opens}", 303)
        answer.headers["Cache-Control"] = "no-store"
        answer.set_cookie(
            COOKIE, session.secret, path=f"/{session.place}/", httponly=True, samesite="strict"
        )
        return answer

    def _refused_page(self, place: str, method: str, headers: Mapping[str, str]) -> Refusal | None:
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") != headers["host"]:
            return 403, "web pages may not call this service"
        if method not in READING and origin is None:
            return 403, "a page says where its calls come from"
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return 403, "web pages may not call this service"
        if not self._sessions.knows(place, _cookie(headers.get("cookie", ""))):
            return 401, "the page's session is over: open it again, or run `dubwright review`"
        return None

    def _refused_program(self, headers: Mapping[str, str]) -> Refusal | None:
        if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
            return 403, "web pages may not call this service"
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return 401, "the token is missing or wrong"
        return None


def _refused_body(method: str, headers: Mapping[str, str]) -> Refusal | None:
    if method in READING:
        return None
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        return 415, "send JSON"
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BODY:
        return TOO_LARGE
    return None


def _cookie(header: str) -> str:
    """Our cookie among those that any program on this machine may have set, however malformed."""
    parts = (part.strip().partition("=") for part in header.split(";"))
    return next((value for name, _, value in parts if name == COOKIE), "")


def _with_headers(send: Send) -> Send:
    """A send that adds what every answer carries."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


class _TooLarge(Exception):  # noqa: N818 - it is caught where it is told
    """A body is larger than its header said."""


async def _whole(receive: Receive) -> bytes:
    """The body of a request, which may be longer than its header says."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > MAX_BODY:
            raise _TooLarge
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A receive that gives this body, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
