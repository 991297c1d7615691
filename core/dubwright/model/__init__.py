"""The frozen types that every room passes to the next. Nothing here reads or writes a file."""

from dubwright.model.articulation import Articulation, Timing
from dubwright.model.consent import Consent, Likeness, Revocation, Signature, Use
from dubwright.model.cue import ControlKey, ControlRange, Cue, CueKind, LanguageTag, MouthControls
from dubwright.model.curves import CURVE_NAMES, MouthCurves
from dubwright.model.face import FaceTrack
from dubwright.model.patch import Box, Patch
from dubwright.model.performance import Performance
from dubwright.model.span import Span
from dubwright.model.take import Fit, Phone, SpokenPhone, Take
from dubwright.model.time import (
    FrameRange,
    exact_rate,
    frame_of_ms,
    frame_of_timecode,
    samples_of_ms,
    timecode_of_frame,
)
from dubwright.model.transcript import Word

__all__ = [
    "CURVE_NAMES",
    "Articulation",
    "Box",
    "Consent",
    "ControlKey",
    "ControlRange",
    "Cue",
    "CueKind",
    "FaceTrack",
    "Fit",
    "FrameRange",
    "LanguageTag",
    "Likeness",
    "MouthControls",
    "MouthCurves",
    "Patch",
    "Performance",
    "Phone",
    "Revocation",
    "Signature",
    "Span",
    "SpokenPhone",
    "Take",
    "Timing",
    "Use",
    "Word",
    "exact_rate",
    "frame_of_ms",
    "frame_of_timecode",
    "samples_of_ms",
    "timecode_of_frame",
]
