"""Wakes those who follow jobs when something has happened."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["Broadcast"]


class Broadcast:
    """Any thread rings; every coroutine that listens wakes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def ring(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for loop, event in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def listen(self) -> _Listener:
        """An async context whose `wait` returns at the next ring, or after a while."""
        return _Listener(self)

    def _add(self, listener: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
        with self._lock:
            self._listeners.add(listener)

    def _remove(self, listener: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
        with self._lock:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._event = asyncio.Event()
        self._entry = (asyncio.get_running_loop(), self._event)

    async def __aenter__(self) -> _Listener:
        self._broadcast._add(self._entry)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._broadcast._remove(self._entry)

    def clear(self) -> None:
        """Forget rings so far. Call before looking at what happened, then wait."""
        self._event.clear()

    async def wait(self, at_most_s: float) -> bool:
        """Whether there was a ring since the last clear, waiting for one."""
        try:
            await asyncio.wait_for(self._event.wait(), at_most_s)
        except TimeoutError:
            return False
        return True
