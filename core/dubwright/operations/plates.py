"""The plates and mouth libraries that a task works on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dubwright.engines import LibraryView
from dubwright.media.plate import Plate, PlateSpec
from dubwright.operations.results import (
    Fronts,
    decoded_frames,
    generated_faces_in,
    load_track,
    load_visemes,
)
from dubwright.operations.task import Context
from dubwright.picture.front import with_front
from dubwright.picture.library import MouthLibrary, ShotPlate

__all__ = ["LEFT", "libraries_of", "plate_of", "rec709_of", "shot_plate", "source_of", "spec_of"]

LEFT: Final = "left as it is, as the cue sheet says"


def spec_of(context: Context) -> PlateSpec:
    return PlateSpec.model_validate(context.where["plate"])


def plate_of(context: Context) -> Plate:
    return Plate(spec_of(context), decoded_frames(context))


def shot_plate(context: Context, untouched: Collection[int] = (), why: str = LEFT) -> ShotPlate:
    """A shot's plate, on some of whose frames the mouth is not to be redrawn."""
    track = load_track(context.inputs["track"])
    fronts = Fronts([path for name, path in context.inputs.items() if name.startswith("front:")])
    reasons = tuple(
        reason or (why if frame in untouched else "")
        for frame, reason in enumerate(with_front(track.reasons, fronts.lips_hidden))
    )
    own = context.inputs.get(f"library:{context.parameters['shot']}")
    library = MouthLibrary(own, track, 1.0) if own else None
    generated = generated_faces_in(
        folder for name, folder in context.inputs.items() if name.startswith("generated:")
    )
    seen = replace(track, reasons=reasons)
    return ShotPlate(plate_of(context), seen, library, generated, fronts.matte)


def rec709_of(plate: Plate) -> NDArray[np.floating[Any]]:
    """What makes linear Rec. 709 of a plate's light, [3, 3]."""
    colours = np.eye(3, dtype=np.float32)[None]
    light = plate.config.rec709_light(colours, plate.spec.working_space)
    return np.asarray(light[0].T, np.float64)


def libraries_of(context: Context) -> list[LibraryView]:
    articulation = context.inputs.get("articulation")
    visemes = {} if articulation is None else load_visemes(articulation)
    return [
        MouthLibrary(
            context.inputs[f"library:{shot}"],
            load_track(context.inputs[f"track:{shot}"]),
            aspect,
            visemes.get(shot),
        )
        for shot, aspect in context.parameters["library"]
    ]


def source_of(context: Context, frame: int) -> Path:
    """The EXR that a frame of the plate is edited from."""
    source = decoded_frames(context).get(frame) or spec_of(context).file(frame)
    assert source is not None, "black frames show no face"
    return source
