"""Draws the actor: a head with skin, lips, teeth and eyes, lit from two sides, scene-linear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.face.landmarks import EYE_LEFT, EYE_RIGHT
from dubwright.sample.head import Head, Material, build_head, rotate_jaw
from dubwright.sample.rasterizer import Visible, rasterize
from dubwright.sample.skin import MAP_HALF_WIDTH_CM, paint_skin

__all__ = ["Actor", "Pose"]

Image = NDArray[np.float32]

CAMERA_DISTANCE_CM: Final = 66.0
FRAME_HEIGHT_CM: Final = 30.0
EYE_RADIUS_CM: Final = 1.25
OPTICS_BLUR: Final = 0.55 / 432
GRAIN: Final = 0.006

KEY_LIGHT = np.array([-0.55, 0.45, 0.7]) / np.float32(np.linalg.norm([-0.55, 0.45, 0.7]))
FILL_LIGHT = np.array([0.7, 0.1, 0.6]) / np.float32(np.linalg.norm([0.7, 0.1, 0.6]))


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head is turned, in degrees: yaw to its left, pitch down, roll to its right."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def rotation(self) -> NDArray[np.float32]:
        yaw, pitch, roll = np.deg2rad([self.yaw, self.pitch, self.roll])
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        nod = np.array(
            [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
        )
        tilt = np.array(
            [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        )
        return (tilt @ nod @ turn).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Teeth:
    vertices: NDArray[np.float32]
    triangles: NDArray[np.int64]
    enamel: NDArray[np.float32]


class Actor:
    """One actor at one picture size. The same seed draws the same skin and the same grain."""

    def __init__(self, width: int, height: int, seed: int = 1) -> None:
        self.width, self.height, self._seed = width, height, seed
        self._head: Head = build_head()
        self._skin = paint_skin(self._head.landmarks, seed)
        self._upper_teeth = _row_of_teeth(self._head, upper=True)
        self._lower_teeth = _row_of_teeth(self._head, upper=False)
        self._focal = CAMERA_DISTANCE_CM * height / FRAME_HEIGHT_CM
        self._centre = np.array([0, self._head.landmarks[1, 1] - 4, -2])
        head_count = len(self._head.vertices)
        upper_count = len(self._upper_teeth.vertices)
        self._triangles = np.vstack(
            [
                self._head.triangles,
                self._upper_teeth.triangles + head_count,
                self._lower_teeth.triangles + head_count + upper_count,
            ]
        )
        teeth = len(self._upper_teeth.triangles) + len(self._lower_teeth.triangles)
        self._materials = np.r_[self._head.materials, np.full(teeth, Material.TEETH)]
        self._enamel = np.r_[
            np.zeros(head_count, np.float32), self._upper_teeth.enamel, self._lower_teeth.enamel
        ]
        self._set = self._draw_set()

    def frame(self, number: int, weights: Mapping[str, float], pose: Pose) -> Image:
        """One frame, float32 [height, width, 3], scene-linear Rec.709, with its own grain."""
        resting, world, screen = self._pose_vertices(weights, pose)
        seen = rasterize(screen, self._triangles, self.width, self.height)
        image = self._set.copy()
        depth = np.full(self.width * self.height, np.inf, np.float32)
        depth[seen.pixels] = seen.depth
        image.reshape(-1, 3)[seen.pixels] = self._shade(seen, resting, world)
        self._draw_eyes(image, depth.reshape(self.height, self.width), pose)
        sigma = OPTICS_BLUR * self.height
        image = cv2.GaussianBlur(image, (0, 0), sigma)
        return image + self._grain(number, image)

    def _pose_vertices(
        self, weights: Mapping[str, float], pose: Pose
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        lower = rotate_jaw(
            self._lower_teeth.vertices, self._head.jaw_hinge, weights.get("jawOpen", 0.0)
        )
        resting = np.vstack([self._head.posed(weights), self._upper_teeth.vertices, lower])
        resting = resting.astype(np.float32)
        world = (resting - self._centre) @ pose.rotation.T + self._centre
        return resting, world, self._project(world)

    def _project(self, world: NDArray[np.float32]) -> NDArray[np.float32]:
        distance = CAMERA_DISTANCE_CM - world[:, 2]
        aim = self._head.landmarks[1, 1] + 0.6
        x = self.width / 2 + self._focal * world[:, 0] / distance
        y = self.height / 2 - self._focal * (world[:, 1] - aim) / distance
        return np.stack([x, y, distance], axis=1).astype(np.float32)

    def _shade(
        self, seen: Visible, resting: NDArray[np.float32], world: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        corners = self._triangles[seen.triangles]
        weights = seen.barycentric[..., None]
        normal = (_vertex_normals(world, self._triangles)[corners] * weights).sum(axis=1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        normal[normal[:, 2] < 0] *= -1
        at_rest = self._head.vertices
        count = len(at_rest)
        material = self._materials[seen.triangles]
        flat = (at_rest[np.minimum(corners, count - 1)] * weights).sum(axis=1)

        albedo = self._sample_skin(flat)
        strands = 1 + 0.35 * np.sin(flat[:, 0] * 55 + 6 * np.sin(flat[:, 1] * 3))
        _paint(albedo, material == Material.HAIR, np.array([0.010, 0.007, 0.005]), strands)
        behind_lips = (resting[corners, 2] * weights[..., 0]).sum(axis=1)
        behind_lips -= self._head.landmarks[13, 2] - 1.2
        light_inside = 0.06 + 0.94 * np.clip(behind_lips / 1.2, 0, 1) ** 1.5
        cavity = material == Material.CAVITY
        _paint(albedo, cavity, np.array([0.16, 0.03, 0.03]), light_inside)
        enamel = (self._enamel[corners] * weights[..., 0]).sum(axis=1)
        tooth = np.clip((enamel - 0.55) / 0.45, 0, 1)
        teeth = material == Material.TEETH
        shadowed = np.clip(0.55 + 0.75 * behind_lips / 1.2, 0.15, 1)
        _paint(
            albedo,
            teeth & (enamel > 0.55),
            np.array([0.62, 0.56, 0.44]),
            (0.3 + 0.7 * tooth) * shadowed,
        )
        _paint(albedo, teeth & (enamel <= 0.55), np.array([0.22, 0.05, 0.05]), shadowed)

        key = np.clip((normal @ KEY_LIGHT + 0.25) / 1.25, 0, 1)
        fill = np.clip((normal @ FILL_LIGHT + 0.2) / 1.2, 0, 1)
        ambient = 0.22 + 0.08 * normal[:, 1]
        half = (KEY_LIGHT + np.array([0, 0, 1])) / np.linalg.norm(KEY_LIGHT + [0, 0, 1])
        shine = np.clip(normal @ half, 0, 1)
        gloss = np.where(teeth, 0.30 * shine**30, np.where(cavity, 0.02, 0.07) * shine**12)
        gloss = np.where(material == Material.HAIR, 0.015 * shine**10, gloss)
        light = ambient + 1.05 * key + 0.30 * fill
        return (albedo * light[:, None] + gloss[:, None]).astype(np.float32)

    def _sample_skin(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        scale = len(self._skin) / (2 * MAP_HALF_WIDTH_CM)
        nose = float(self._head.landmarks[1, 1])
        x = (places[:, 0] + MAP_HALF_WIDTH_CM) * scale - 0.5
        y = (MAP_HALF_WIDTH_CM - (places[:, 1] - nose)) * scale - 0.5
        padding = -len(x) % 1024  # remap takes pictures of at most 32767 pixels a side
        shape = (-1, 1024)
        columns = np.pad(x, (0, padding)).reshape(shape).astype(np.float32)
        rows = np.pad(y, (0, padding)).reshape(shape).astype(np.float32)
        colours = cv2.remap(self._skin, columns, rows, cv2.INTER_LINEAR).reshape(-1, 3)
        sampled: NDArray[np.float32] = colours[: len(x)].copy()
        return sampled

    def _draw_eyes(self, image: Image, depth: Image, pose: Pose) -> None:
        for loop in (EYE_RIGHT, EYE_LEFT):
            lids = self._head.landmarks[list(loop)]
            centre = np.array([[*lids[:, :2].mean(axis=0), np.median(lids[:, 2]) - 1.13]])
            world = (centre - self._centre) @ pose.rotation.T + self._centre
            x, y, distance = self._project(world)[0]
            radius = self._focal * EYE_RADIUS_CM / distance
            x0, x1 = max(0, int(x - radius)), min(self.width, int(x + radius) + 2)
            y0, y1 = max(0, int(y - radius)), min(self.height, int(y + radius) + 2)
            if x0 >= x1 or y0 >= y1:
                continue
            rows, columns = np.mgrid[y0:y1, x0:x1] + np.float32(0.5)
            across, up = (columns - x) / radius, (y - rows) / radius
            bulge = np.sqrt(np.clip(1 - across**2 - up**2, 0, 1))
            surface = distance - EYE_RADIUS_CM * bulge
            seen = (bulge > 0) & (surface < depth[y0:y1, x0:x1])
            colour = _eyeball(across, up, bulge, pose)
            image[y0:y1, x0:x1][seen] = colour[seen]

    def _draw_set(self) -> Image:
        rows, columns = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        unit = self.height / 512
        x = (columns - self.width / 2) / unit
        y = rows / unit
        image = np.array([0.17, 0.18, 0.20]) * (0.75 + 0.0008 * y)[..., None]
        image = image.astype(np.float32)
        chin = self._project(np.array([[0, self._head.landmarks[152, 1], 3.0]]))[0, 1] / unit
        neck_half = 86 + np.clip(y - chin - 60, 0, None) ** 2 / 220
        neck = (np.abs(x) < neck_half) & (y > chin - 90)
        roundness = np.clip(np.abs(x) / 98, 0, 1) ** 2
        under_chin = 0.55 * np.clip(1 - (y - chin) / 60, 0, 1)
        tone = np.clip(0.95 - 0.6 * roundness - under_chin, 0.05, 1)
        image[neck] = (np.array([0.33, 0.17, 0.11]) * tone[..., None])[neck]
        shirt = (x / 330) ** 2 + ((y - 600) / 150) ** 2 < 1
        fold = np.clip(1.1 - 0.4 * np.abs(x) / 300, 0.2, None)
        image[shirt] = (np.array([0.012, 0.035, 0.085]) * fold[..., None])[shirt]
        return image

    def _grain(self, number: int, image: Image) -> Image:
        rng = np.random.default_rng((self._seed, number))
        noise = rng.standard_normal(image.shape[:2], dtype=np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None]
        grain: Image = noise * (GRAIN * (0.3 + np.sqrt(np.maximum(image, 0))))
        return grain


def _paint(
    albedo: NDArray[np.float32],
    where: NDArray[np.bool_],
    colour: NDArray[np.float32],
    tone: NDArray[np.floating],
) -> None:
    albedo[where] = colour * tone[where, None]


def _vertex_normals(
    world: NDArray[np.float32], triangles: NDArray[np.int64]
) -> NDArray[np.float32]:
    a, b, c = (world[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(world)
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], face[:, axis], len(world))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    return normals


def _eyeball(
    across: NDArray[np.float32], up: NDArray[np.float32], bulge: NDArray[np.float32], pose: Pose
) -> NDArray[np.float32]:
    normal = np.stack([across, up, bulge], axis=-1)
    local = normal @ pose.rotation
    ring = np.hypot(local[..., 0], local[..., 1])[..., None] * EYE_RADIUS_CM
    iris = np.array([0.055, 0.035, 0.018]) * (0.7 + ring)
    white = np.array([0.52, 0.49, 0.46])
    colour = np.where(ring < 0.63, np.array([0.008, 0.006, 0.006]), white)
    colour = np.where(ring < 0.58, iris, colour)
    colour = np.where(ring < 0.24, np.array([0.003, 0.003, 0.003]), colour)
    shade = 0.35 + 0.75 * np.clip(normal @ KEY_LIGHT, 0, 1) + 0.15 * bulge
    lid_shadow = 1 - 0.5 * np.clip((up - 0.12) * 2.2, 0, 1)
    colour = colour * (shade * lid_shadow)[..., None]
    colour[np.hypot(across + 0.13, up - 0.16) < 0.075] = 1.6
    return colour.astype(np.float32)


def _row_of_teeth(head: Head, *, upper: bool) -> _Teeth:
    """An arch of teeth, six to a side, as a strip of quads behind the lips."""
    sizes = (0.86, 0.66, 0.76, 0.70, 0.70, 0.95) if upper else (0.54, 0.58, 0.66, 0.68, 0.70, 0.95)
    heights = (1.0, 0.88, 0.98, 0.85, 0.8, 0.75)
    edges = np.r_[0, np.cumsum(sizes)]
    lips = head.landmarks
    front = lips[13, 2] - 0.80
    bite = (lips[13, 1] + lips[14, 1]) / 2
    columns = 61
    rows = []
    for column in range(columns):
        along = (-1 + 2 * column / (columns - 1)) * edges[-1]
        tooth = min(int(np.searchsorted(edges, abs(along), side="right")) - 1, 5)
        within = (abs(along) - edges[tooth]) / sizes[tooth]
        roundness = max(0.0, 1 - (2 * within - 1) ** 6)
        angle = along / 2.75 * 0.95
        x = 2.30 * np.sin(angle) * (1 if upper else 0.93)
        z = front - 2.9 * (1 - np.cos(angle)) - (0 if upper else 0.4)
        height = heights[tooth]
        for rise, out, enamel in (
            (0.0, -0.05, 1.0), (0.12, 0.12 * roundness, 1.0), (height * 0.6, 0.16 * roundness, 1.0),
            (height, 0.05, 0.9), (height + 0.05, 0.05, 0.0), (height + 0.7, 0.1, 0.0),
        ):  # fmt: skip
            y = bite - 0.10 + rise if upper else bite - 0.22 - rise
            rows.append((x, y, z + out, enamel * (0.70 + 0.30 * roundness**0.5)))
    vertices = np.array(rows, np.float32)
    depth = len(rows) // columns
    corner = (np.arange(columns - 1)[:, None] * depth + np.arange(depth - 1)).ravel()
    quads = np.stack([corner, corner + 1, corner + depth + 1, corner + depth], axis=1)
    triangles = np.vstack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return _Teeth(vertices[:, :3], triangles.astype(np.int64), vertices[:, 3])
