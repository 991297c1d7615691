"""Controls as VMC protocol, which VTubing and game engines read: OSC over UDP.

Source: https://protocol.vmc.info/english, V2.9: a value for each blend shape, then that they count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

__all__ = ["vmc_packets"]

# What Ethernet carries in one piece.
MOST_BYTES: Final = 1400
LENGTH_BYTES: Final = 4


def vmc_packets(controls: Mapping[str, float], time_s: float) -> Iterator[bytes]:
    """The packets of one frame, in order.

    Args:
        controls: value by blend shape, as the receiver names them.
        time_s: of the frame, in seconds from the sender's start.
    """
    messages = [
        _message("/VMC/Ext/OK", 1),
        _message("/VMC/Ext/T", time_s),
        *(_message("/VMC/Ext/Blend/Val", name, value) for name, value in controls.items()),
        _message("/VMC/Ext/Blend/Apply"),
    ]
    bundle, size = OscBundleBuilder(IMMEDIATELY), 0
    for message in messages:
        if size + message.size + LENGTH_BYTES > MOST_BYTES:
            yield bytes(bundle.build().dgram)
            bundle, size = OscBundleBuilder(IMMEDIATELY), 0
        bundle.add_content(message)
        size += message.size + LENGTH_BYTES
    yield bytes(bundle.build().dgram)


def _message(address: str, *values: str | float) -> OscMessage:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()
