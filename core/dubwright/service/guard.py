"""Who may talk to the service: a program of this user that knows the token, and no web page."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

MAX_BODY: Final = 1 << 20
BODY_WITHIN_S: Final = 10.0
SAME_SITE: Final = frozenset({"none", "same-origin"})


class Guard:
    """ASGI middleware that refuses every request that does not come from our own client.

    Args:
        app: what is guarded.
        port: that the service listens on, which the Host header must name.
        token: that the Authorization header must carry.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._token = token
        self.called = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
            refusal = self._refusal(scope["method"], headers)
            if refusal is not None:
                status, why = refusal
                await JSONResponse({"refused": why}, status)(scope, receive, send)
                return
            self.called = time.monotonic()
            if scope["method"] == "POST":
                try:
                    body = await asyncio.wait_for(_whole(receive), BODY_WITHIN_S)
                except TimeoutError:
                    late = {"refused": f"the request took longer than {BODY_WITHIN_S:.0f} s"}
                    await JSONResponse(late, 408)(scope, receive, send)
                    return
                receive = _again(body, receive)
        await self._app(scope, receive, send)

    def _refusal(self, method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        if headers.get("host", "") not in self._hosts:
            return 421, "this service answers only to its own loopback address"
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in SAME_SITE:
            return 403, "web pages may not call this service"
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return 401, "the token is missing or wrong"
        if method == "POST":
            if headers.get("content-type", "").partition(";")[0] != "application/json":
                return 415, "send JSON"
            length = headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BODY:
                return 413, "the request is too large"
        return None


async def _whole(receive: Receive) -> bytes:
    """The body of a request; its length has been checked."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


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
