"""Has a character speak while somebody speaks: a microphone, or a recording as fast as it plays."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dubwright.character.live import LiveMouth
from dubwright.character.rig import find_rig
from dubwright.character.vmc import vmc_packets
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono
from dubwright.mouth.listener import LISTENER_RATE, Listener
from dubwright.operations.execute import Cancelling
from dubwright.operations.listening import LIVE_AHEAD, teaching
from dubwright.operations.request import RATE, RigName
from dubwright.operations.results import load_listener
from dubwright.operations.run import ProgressListener, run
from dubwright.operations.task_list import TaskList
from dubwright.store import Store

__all__ = ["LiveRequest", "microphone", "played", "speak_live", "taught_listener"]

BLOCK: Final = LISTENER_RATE // 100
SILENT_S: Final = 2
# After a recording: as much silence as the listener hears ahead, and more.
TAIL: Final = LISTENER_RATE // 10
Samples = NDArray[np.float32]


class LiveRequest(BaseModel):
    """A character's mouth that moves while somebody speaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recording: Path | None = Field(None, description="A sound that is played; else a microphone.")
    host: str = Field("127.0.0.1", min_length=1, description="Who reads VMC protocol.")
    port: int = Field(39539, gt=0, lt=65536, description="Its UDP port.")
    rate: str = Field("60", pattern=RATE, description="Frames a second.")
    rig: RigName = "vrm1"
    rig_file: Path | None = Field(None, description="A rig of your own (JSON), instead.")
    intensity: float = Field(1.0, ge=0, le=2, description="How far the mouth moves from rest.")


def taught_listener(
    store: Store,
    ahead: int = LIVE_AHEAD,
    listener: ProgressListener | None = None,
    cancel: Cancelling | None = None,
) -> Listener:
    """The listener of this machine, taught now if it is not there yet. See teaching, and run."""
    tasks = TaskList(store)
    key = tasks.add(**teaching(ahead))
    run(tasks.tasks, store, listener=listener, cancel=cancel)
    return load_listener(store.path(key))


def played(path: Path) -> Iterator[Samples]:
    """A recording in blocks of a hundredth of a second, each when it would have been heard.

    Raises:
        DubwrightError: it cannot be read.
    """
    samples, rate = read_mono(path)
    sound = soxr.resample(samples, rate, LISTENER_RATE).astype(np.float32)
    began = time.monotonic()
    for start in range(0, len(sound), BLOCK):
        block = sound[start : start + BLOCK]
        time.sleep(max(0.0, began + (start + len(block)) / LISTENER_RATE - time.monotonic()))
        yield block


def microphone() -> Iterator[Samples]:
    """What the system's microphone hears, without end.

    Raises:
        DubwrightError: there is none, or the library that asks for it is not installed.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise DubwrightError(
            "No microphone can be asked for",
            where="sounddevice",
            why=str(error),
            repair="pip install 'dubwright[live]'; on Linux also: apt install libportaudio2",
        ) from error
    heard: queue.SimpleQueue[Samples] = queue.SimpleQueue()

    def hear(block: Samples, _frames: int, _time: Any, _status: Any) -> None:
        heard.put(block[:, 0].copy())

    try:
        stream = sounddevice.InputStream(
            LISTENER_RATE, BLOCK, channels=1, dtype="float32", latency="low", callback=hear
        )
    except sounddevice.PortAudioError as error:
        raise DubwrightError(
            "The microphone cannot be opened",
            where="the system's input device",
            why=str(error),
            repair="plug one in, and allow it in the system's settings",
        ) from error
    with stream:
        while True:
            try:
                yield heard.get(timeout=SILENT_S)
            except queue.Empty:
                raise DubwrightError(
                    "The microphone stopped",
                    where="the system's input device",
                    why=f"nothing came from it for {SILENT_S} s",
                    repair="plug it in, and begin again",
                ) from None


def speak_live(
    request: LiveRequest,
    listener: Listener,
    cancel: Cancelling | None = None,
    blocks: Iterable[Samples] | None = None,
) -> None:
    """Send each frame as soon as it is known; in the end, and when cancelled, the mouth at rest.

    Args:
        request: what moves whose mouth.
        listener: of taught_listener.
        cancel: stops it when set.
        blocks: of sound, mono, at LISTENER_RATE; those of the request if None.

    Raises:
        DubwrightError: the receiver is not known, or there is nothing to hear.
    """
    rate = Fraction(request.rate)
    rig = find_rig(str(request.rig_file or request.rig))
    mouth = LiveMouth(listener, rig, rate, request.intensity)
    if blocks is None:
        blocks = played(request.recording) if request.recording else microphone()
    family, kind, protocol, _, address = _address(request)
    with socket.socket(family, kind, protocol) as sender:

        def send(controls: Mapping[str, float], frame: int) -> None:
            for packet in vmc_packets(controls, float(frame / rate)):
                sender.sendto(packet, address)

        try:
            for block in chain(blocks, [np.zeros(TAIL, np.float32)]):
                if cancel is not None and cancel.is_set():
                    break
                first = mouth.frame
                for index, controls in enumerate(mouth.push(block)):
                    send(controls, first + index)
        except OSError as error:
            raise _unreachable(request, error) from error
        finally:
            with suppress(OSError):
                send(mouth.at_rest(), mouth.frame)


def _address(request: LiveRequest) -> Any:
    try:
        found = socket.getaddrinfo(request.host, request.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise _unreachable(request, error) from error
    # Most receivers listen on IPv4 alone, and "localhost" may be IPv6 first.
    return min(found, key=lambda each: each[0] != socket.AF_INET)


def _unreachable(request: LiveRequest, error: OSError) -> DubwrightError:
    return DubwrightError(
        "There is no such receiver",
        where=f"{request.host}:{request.port}",
        why=error.strerror or str(error),
        repair="give a host and a port, as in 127.0.0.1:39539",
    )
