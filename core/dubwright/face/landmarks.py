"""Named landmark indices of FaceMesh's 478 points (468 of the mesh, 5 of each iris).

The numbering is MediaPipe's: https://github.com/google-ai-edge/mediapipe, face_mesh_connections.
"Right" and "left" are the person's own.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CHIN",
    "EYE_LEFT",
    "EYE_RIGHT",
    "FACE_OVAL",
    "INNER_CORNERS",
    "INNER_LIP_PAIRS",
    "JAW",
    "LIPS",
    "LIPS_INNER",
    "LIPS_OUTER",
    "LOWER_INNER_LIP",
    "MESH_POINTS",
    "MOUTH_LEFT",
    "MOUTH_RIGHT",
    "NOSE_BASE",
    "NOSE_TIP",
    "OUTER_EYE_LEFT",
    "OUTER_EYE_RIGHT",
    "RIGID",
    "SKIN_RING_FAR",
    "SKIN_RING_NEAR",
    "UPPER_INNER_LIP",
]

MESH_POINTS: Final = 468

OUTER_EYE_RIGHT: Final = 33
OUTER_EYE_LEFT: Final = 263
NOSE_BASE: Final = 2
NOSE_TIP: Final = 4
CHIN: Final = 152
JAW: Final = (152, 148, 377, 175)
MOUTH_RIGHT: Final = 61
MOUTH_LEFT: Final = 291

# Points that speech does not move: eye corners, bridge and sides of the nose, brow roots, temples.
RIGID: Final = (
    (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 2)
    + (127, 356, 234, 454, 10, 151, 9, 8, 193, 417, 122, 351, 245, 465)
)  # fmt: skip

LIPS_OUTER: Final = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409)
    + (291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
)  # fmt: skip
LIPS_INNER: Final = (
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415)
    + (308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
)  # fmt: skip
LIPS: Final = LIPS_OUTER + LIPS_INNER
INNER_CORNERS: Final = (78, 308)
# The inner lips point against point, from the corner at the right of the face to the other.
UPPER_INNER_LIP: Final = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER_LIP: Final = (95, 88, 178, 87, 14, 317, 402, 318, 324)
INNER_LIP_PAIRS: Final = ((13, 14), (82, 87), (312, 317))

# Rings of skin around the mouth: just outside the lips, and from the nose's base to the chin.
SKIN_RING_NEAR: Final = (
    (164, 393, 391, 322, 410, 287, 273, 335, 406, 313)
    + (18, 83, 182, 106, 43, 57, 186, 92, 165, 167)
)  # fmt: skip
SKIN_RING_FAR: Final = (
    (2, 326, 327, 423, 426, 436, 432, 422, 424, 418, 421)
    + (200, 201, 194, 204, 202, 212, 216, 206, 203, 98, 97)
)  # fmt: skip

FACE_OVAL: Final = (
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288)
    + (397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136)
    + (172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
)  # fmt: skip

EYE_RIGHT: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
EYE_LEFT: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
