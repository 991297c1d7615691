"""Browser sessions of the review page.

A link that a host opens is good for one visit and two minutes. It is exchanged for a place, a path
that nobody can guess, and a cookie that is sent to that path alone: cookies do not know ports, and
another service on this machine's loopback must never be sent ours.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Final

__all__ = ["COOKIE", "Session", "Sessions"]

COOKIE: Final = "dubwright"
LINK_GOOD_FOR_S: Final = 120.0
MOST_SESSIONS: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that came through a link. `place` is the first part of its paths."""

    place: str
    secret: str
    opens: str


class Sessions:
    """The links that were given out and the browsers that came. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: dict[str, tuple[float, str]] = {}
        self._sessions: dict[str, Session] = {}

    def link(self, opens: str = "") -> str:
        """The path of a new link; `opens` is the part of the page to show, after the #."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            now = time.monotonic()
            good = {c: link for c, link in self._links.items() if link[0] > now}
            self._links = good | {code: (now + LINK_GOOD_FOR_S, opens)}
        return f"/open/{code}"

    def open(self, code: str) -> Session | None:
        """A session for the first who comes with this code in time; None for everybody else."""
        with self._lock:
            until, opens = self._links.pop(code, (0.0, ""))
            if time.monotonic() > until:
                return None
            session = Session(secrets.token_urlsafe(16), secrets.token_urlsafe(32), opens)
            self._sessions[session.place] = session
            while len(self._sessions) > MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            return session

    def knows(self, place: str, secret: str) -> bool:
        """Whether the browser at this place carries its cookie."""
        with self._lock:
            session = self._sessions.get(place)
            if session is None or not hmac.compare_digest(secret.encode(), session.secret.encode()):
                return False
            # The last to be given up is the one that is used.
            self._sessions[place] = self._sessions.pop(place)
            return True

    def is_place(self, place: str) -> bool:
        with self._lock:
            return place in self._sessions
