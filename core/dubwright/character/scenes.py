"""A character's mouth in a scene: glTF, USD and OpenTimelineIO.

glTF and USD animate shapes of a mesh, and a mesh must be there: a small triangle stands for the
character's, whose shapes are named as the rig's controls and move nothing. Programs that retarget
by name take the animation from it. Frame n is at n / rate, exactly in USD, which counts frames.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
import opentimelineio as otio
from numpy.typing import NDArray

from dubwright.character.flaps import Flap
from dubwright.conform.document import NAMESPACE

__all__ = ["gltf", "otio_timeline", "usda"]

NAME: Final = "Mouth"
TRIANGLE: Final = np.array([[0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]], np.float32)
FLOAT: Final = 5126
SHAPE: Final = "shape{}"


def gltf(controls: Mapping[str, NDArray[np.float32]], rate: Fraction) -> str:
    """glTF 2.0 with its data inside: an animation of morph targets, linear between frames.

    Args:
        controls: values by control, each [frames].
        rate: frames a second.
    """
    values = np.stack(list(controls.values()), axis=1).astype(np.float32)
    times = np.array([float(frame / rate) for frame in range(len(values))], np.float32)
    still = np.zeros_like(TRIANGLE)
    parts = [times, values, TRIANGLE, still]
    kinds = ["SCALAR", "SCALAR", "VEC3", "VEC3"]
    accessors = [
        {
            "bufferView": index,
            "componentType": FLOAT,
            "count": part.size if kind == "SCALAR" else len(part),
            "type": kind,
            "min": part.min(axis=0).tolist() if kind == "VEC3" else [float(part.min())],
            "max": part.max(axis=0).tolist() if kind == "VEC3" else [float(part.max())],
        }
        for index, (part, kind) in enumerate(zip(parts, kinds, strict=True))
    ]
    sizes = [part.nbytes for part in parts]
    data = base64.b64encode(b"".join(part.tobytes() for part in parts)).decode("ascii")
    shapes = {"targetNames": list(controls)}
    primitive = {"attributes": {"POSITION": 2}, "targets": [{"POSITION": 3} for _ in controls]}
    document = {
        "asset": {"version": "2.0", "generator": "dubwright"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": NAME, "mesh": 0}],
        "meshes": [
            {
                "name": NAME,
                "primitives": [primitive],
                "weights": [0.0] * len(controls),
                "extras": shapes,
            }
        ],
        "animations": [
            {
                "name": NAME,
                "samplers": [{"input": 0, "output": 1, "interpolation": "LINEAR"}],
                "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}],
            }
        ],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": sum(sizes[:index]), "byteLength": size}
            for index, size in enumerate(sizes)
        ],
        "buffers": [
            {
                "byteLength": sum(sizes),
                "uri": f"data:application/octet-stream;base64,{data}",
            }
        ],
    }
    return json.dumps(document) + "\n"


def usda(controls: Mapping[str, NDArray[np.float32]], rate: Fraction) -> str:
    """A USD layer as text: a UsdSkel animation of blend shapes, a sample a frame.

    Args:
        controls: values by control, each [frames].
        rate: frames a second.
    """
    values = np.stack(list(controls.values()), axis=1)
    names = ", ".join(json.dumps(name, ensure_ascii=False) for name in controls)
    shapes = [SHAPE.format(index) for index in range(len(controls))]
    targets = ", ".join(f"</Character/{NAME}/{shape}>" for shape in shapes)
    still = ", ".join("(0, 0, 0)" for _ in TRIANGLE)
    points = ", ".join(str(tuple(point)) for point in TRIANGLE.tolist())
    blend_shapes = "\n".join(
        f'        def BlendShape "{shape}"\n        {{\n'
        f"            uniform vector3f[] offsets = [{still}]\n        }}"
        for shape in shapes
    )
    samples = "\n".join(
        f"            {frame}: [{', '.join(f'{value:.6g}' for value in row)}],"
        for frame, row in enumerate(values.tolist())
    )
    return f"""#usda 1.0
(
    defaultPrim = "Character"
    startTimeCode = 0
    endTimeCode = {len(values) - 1}
    timeCodesPerSecond = {float(rate)!r}
    framesPerSecond = {float(rate)!r}
    metersPerUnit = 1
    upAxis = "Y"
)

def SkelRoot "Character" (
    prepend apiSchemas = ["SkelBindingAPI"]
)
{{
    rel skel:skeleton = </Character/Skeleton>
    rel skel:animationSource = </Character/Animation>

    def Skeleton "Skeleton"
    {{
        uniform token[] joints = ["root"]
        uniform matrix4d[] bindTransforms = [((1,0,0,0), (0,1,0,0), (0,0,1,0), (0,0,0,1))]
        uniform matrix4d[] restTransforms = [((1,0,0,0), (0,1,0,0), (0,0,1,0), (0,0,0,1))]
    }}

    def Mesh "{NAME}" (
        prepend apiSchemas = ["SkelBindingAPI"]
    )
    {{
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
        point3f[] points = [{points}]
        uniform token subdivisionScheme = "none"
        uniform token[] skel:blendShapes = [{names}]
        rel skel:blendShapeTargets = [{targets}]

{blend_shapes}
    }}

    def SkelAnimation "Animation"
    {{
        uniform token[] blendShapes = [{names}]
        float[] blendShapeWeights.timeSamples = {{
{samples}
        }}
    }}
}}
"""


def otio_timeline(
    controls: Mapping[str, Sequence[float]],
    flaps: Sequence[Flap],
    rate: Fraction,
    sound: str | None,
) -> str:
    """An OpenTimelineIO timeline with the line as its one clip.

    The clip's metadata hold the rig's controls, a value a frame, and the drawn mouth's shapes.

    Args:
        controls: values by control, each [frames].
        flaps: the drawn mouth, from the first frame to the last.
        rate: frames a second.
        sound: the sound's file, beside the timeline; None if there is none.
    """
    whole = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, float(rate)),
        otio.opentime.RationalTime(flaps[-1].end, float(rate)),
    )
    character: dict[str, Any] = {
        "rate": str(rate),
        "controls": {name: list(row) for name, row in controls.items()},
        "drawn": [{"start": f.start, "end": f.end, "shape": f.shape} for f in flaps],
    }
    media = (
        otio.schema.MissingReference()
        if sound is None
        else otio.schema.ExternalReference(sound, whole)
    )
    clip = otio.schema.Clip(NAME, media, whole, {NAMESPACE: {"character": character}})
    kind = otio.schema.TrackKind.Video if sound is None else otio.schema.TrackKind.Audio
    track = otio.schema.Track(NAME, [clip], kind=kind)
    timeline = otio.schema.Timeline(NAME)
    timeline.tracks.append(track)
    return str(timeline.to_json_string())
