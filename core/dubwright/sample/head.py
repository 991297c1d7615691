"""The actor's head: a mesh over FaceMesh's topology with a mouth inside and keys that move it.

`face_mesh.npz` holds what FaceMesh returned for a painted oval face, made symmetric and scaled to
centimetres, and the triangles of its tesselation. Everything else is built here: a skull behind
the face, a mouth cavity, eye sockets, and one displacement field per control, spread from the
points that a control moves over the rest of the skin by solving Laplace's equation on the mesh.
x is the actor's left, y up, z towards the camera.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from importlib.resources import files
from typing import Any, Final

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve

from dubwright.face.landmarks import EYE_LEFT, EYE_RIGHT, FACE_OVAL, MESH_POINTS

__all__ = ["Head", "Material", "build_head", "rotate_jaw"]

Points = NDArray[np.floating[Any]]
Displacement = Callable[[int], Iterable[float]]

JAW_DEGREES: Final = 17.0
SUBDIVISIONS: Final = 2

# The rings of the lips from the inside out, each from the actor's right to left.
UPPER_LIP: Final = (
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
)
LOWER_LIP: Final = (
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
)
CORNERS: Final = (78, 62, 76, 61, 57, 308, 292, 306, 291, 287)
CAVITY_RIM: Final = (78, *UPPER_LIP[0], 308, *reversed(LOWER_LIP[0]))


class Material(IntEnum):
    SKIN = 0
    HAIR = 1
    CAVITY = 2
    TEETH = 3


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head at rest and how its controls move it.

    Attributes:
        vertices: float32 [vertices, 3] in centimetres; the first 468 are FaceMesh's points.
        triangles: int [triangles, 3], counter-clockwise seen from outside.
        materials: int [triangles] of Material.
        keys: float32 [vertices, 3] for each control's name, the displacement at weight 1.
        jaw_hinge: float64 [3], the axis that the jaw turns about.
        landmarks: float64 [468, 3], the coarse mesh's points.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int64]
    materials: NDArray[np.int64]
    keys: Mapping[str, NDArray[np.float32]]
    jaw_hinge: Points
    landmarks: Points

    def posed(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The vertices with these controls on, float32 [vertices, 3]."""
        vertices = self.vertices.copy()
        for name, weight in weights.items():
            if weight:
                vertices += np.float32(weight) * self.keys[name]
        return vertices


class _Mesh:
    """Vertices and triangles while they are being added."""

    def __init__(self, points: Points, triangles: NDArray[np.uint16]) -> None:
        self.vertices: list[NDArray[np.float64]] = list(points)
        self.triangles: list[tuple[int, int, int]] = [
            (int(a), int(b), int(c)) for a, b, c in triangles
        ]
        self.materials: list[Material] = [Material.SKIN] * len(self.triangles)

    def ring(self, points: Iterable[NDArray[np.float64]]) -> list[int]:
        first = len(self.vertices)
        self.vertices.extend(points)
        return list(range(first, len(self.vertices)))

    def stitch(self, inner: list[int], outer: list[int], material: Material) -> None:
        count = len(inner)
        for i in range(count):
            j = (i + 1) % count
            self.triangles += [(inner[i], inner[j], outer[j]), (inner[i], outer[j], outer[i])]
            self.materials += [material, material]

    def cap(self, ring: list[int], offset: Iterable[float], material: Material) -> None:
        centre = np.mean([self.vertices[i] for i in ring], axis=0) + np.array(list(offset))
        (tip,) = self.ring([centre])
        for i in range(len(ring)):
            self.triangles.append((ring[i], ring[(i + 1) % len(ring)], tip))
            self.materials.append(material)


def build_head() -> Head:
    """The head, subdivided and smooth; the same on every call."""
    data = np.load(str(files("dubwright.sample") / "face_mesh.npz"))
    points = _closed_lips(data["points"].astype(np.float64))
    mesh = _Mesh(points, data["triangles"])
    skull = _add_skull(mesh, points)
    cavity = _add_cavity(mesh, points)
    sockets = _add_eye_sockets(mesh, points)
    vertices = np.array(mesh.vertices)
    triangles = np.array(mesh.triangles)

    hinge = np.array([0.0, points[234, 1] - 1.0, points[234, 2] - 0.5])
    fields = _Fields(points, vertices, triangles, skull, cavity, sockets, hinge)
    keys = fields.all()

    smooth, fine, materials = _subdivide(len(vertices), triangles, np.array(mesh.materials))
    return Head(
        vertices=_interpolating(smooth, vertices).astype(np.float32),
        triangles=fine,
        materials=materials,
        keys={name: _interpolating(smooth, key).astype(np.float32) for name, key in keys.items()},
        jaw_hinge=hinge,
        landmarks=points,
    )


def rotate_jaw(points: Points, hinge: Points, openness: float) -> Points:
    """Points turned about the jaw's hinge by `openness` of the jaw's full angle."""
    angle = np.deg2rad(JAW_DEGREES * openness)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    turned: Points = (points - hinge) @ rotation.T + hinge
    return turned


def _closed_lips(points: Points) -> Points:
    """Lips rebuilt with a rounded profile that meet when nothing moves them."""
    points = points.copy()
    for i in range(9):
        upper, lower = points[UPPER_LIP[0][i]].copy(), points[LOWER_LIP[0][i]].copy()
        middle = (upper[1] + lower[1]) / 2
        depth = max(upper[2], lower[2]) - 0.12
        points[UPPER_LIP[0][i], 1:] = middle - 0.035, depth
        points[LOWER_LIP[0][i], 1:] = middle + 0.035, depth
        bulge = 1 - abs(i - 4) / 5.2
        outer_upper, outer_lower = UPPER_LIP[3][i], LOWER_LIP[3][i]
        points[outer_upper, 1] = max(points[outer_upper, 1], middle + 0.35 + 0.5 * bulge)
        points[outer_lower, 1] = min(points[outer_lower, 1], middle - 0.35 - 0.62 * bulge)
        for rings, profile in (
            (UPPER_LIP, ((1, 0.30, 0.13), (2, 0.68, 0.16))),
            (LOWER_LIP, ((1, 0.30, 0.16), (2, 0.68, 0.22))),
        ):
            for ring, share, height in profile:
                blend = points[rings[0][i]] * (1 - share) + points[rings[3][i]] * share
                points[rings[ring][i]] = blend + [0, 0, height * bulge + 0.05]
    return points


def _add_skull(mesh: _Mesh, points: Points) -> list[list[int]]:
    ear = points[234]
    rings = []
    previous = list(FACE_OVAL)
    for step, (spread, depth) in enumerate(
        ((1.10, -0.9), (1.17, -3.0), (1.15, -6.0), (0.92, -9.5), (0.5, -11.6))
    ):
        ring = []
        for index in FACE_OVAL:
            point = points[index]
            above = np.clip((point[1] - points[168, 1]) / (points[10, 1] - points[168, 1]), 0, 1)
            below = np.clip((ear[1] - point[1]) / (ear[1] - points[152, 1]), 0, 1)
            if point[1] > 1:
                squeeze = spread
            elif step < 4:
                squeeze = 1 - 0.05 * step
            else:
                squeeze = 0.5
            y = (point[1] - 1.2) * squeeze + 1.2 + 1.6 * above * min(step + 1, 2) / 2
            if step == 0:
                z = point[2] + depth * (0.55 if below > 0 else 0.6)
            else:
                z = min(point[2], ear[2] + above) + depth * (1 - 0.55 * below)
            ring.append(np.array([point[0] * spread, y, z]))
        current = mesh.ring(ring)
        mesh.stitch(previous, current, Material.HAIR)
        rings.append(current)
        previous = current
    mesh.cap(previous, (0, 0, -0.6), Material.HAIR)
    return rings


def _add_cavity(mesh: _Mesh, points: Points) -> list[list[int]]:
    rings = []
    previous = list(CAVITY_RIM)
    for depth, height, spread in (
        (-0.45, 0.10, 1.0),
        (-1.1, 0.9, 1.02),
        (-3.0, 1.7, 0.95),
        (-5.5, 1.5, 0.6),
    ):
        ring = []
        for j, index in enumerate(CAVITY_RIM):
            side = 1 if 0 < j < 10 else (-1 if j > 10 else 0)
            middle = 1 - abs((j if j <= 10 else 20 - j) - 5) / 5
            ring.append(points[index] * [spread, 1, 1] + [0, side * height * middle**0.5, depth])
        current = mesh.ring(ring)
        mesh.stitch(previous, current, Material.CAVITY)
        rings.append(current)
        previous = current
    mesh.cap(previous, (0, 0, 0), Material.CAVITY)
    return rings


def _add_eye_sockets(mesh: _Mesh, points: Points) -> dict[tuple[int, ...], list[list[int]]]:
    sockets: dict[tuple[int, ...], list[list[int]]] = {}
    for loop in (EYE_RIGHT, EYE_LEFT):
        centre = points[list(loop)].mean(axis=0)
        rings = []
        previous = list(loop)
        for depth, scale in ((-0.25, 1.0), (-1.0, 1.06)):
            current = mesh.ring(
                centre + (points[i] - centre) * [scale, scale, 1] + [0, 0, depth] for i in loop
            )
            mesh.stitch(previous, current, Material.SKIN)
            rings.append(current)
            previous = current
        sockets[loop] = rings
    return sockets


class _Fields:
    """Displacement fields of the controls over the coarse mesh, each float64 [vertices, 3]."""

    def __init__(
        self,
        points: Points,
        vertices: Points,
        triangles: NDArray[np.int64],
        skull: list[list[int]],
        cavity: list[list[int]],
        sockets: dict[tuple[int, ...], list[list[int]]],
        hinge: Points,
    ) -> None:
        self._points = points
        self._vertices = vertices
        self._skull = skull
        self._cavity = cavity
        self._sockets = sockets
        self._hinge = hinge
        self._laplacian = _graph_laplacian(len(vertices), triangles)
        self._half_width = abs(float(points[61, 0]))
        inside = {i for ring in cavity for i in ring}
        upper_face = np.flatnonzero(vertices[:, 1] > points[4, 1] - 0.6)
        behind = {i for ring in skull[1:] for i in ring}
        self._still = ({int(i) for i in upper_face} | behind | {len(vertices) - 1}) - inside
        self._lip_ring = {
            index: (side, ring)
            for side, rings in ((1, UPPER_LIP), (-1, LOWER_LIP))
            for ring, indices in enumerate(rings)
            for index in indices
        } | dict.fromkeys(CORNERS, (0, 2))

    def all(self) -> dict[str, Points]:
        jaw = self._jaw()
        keys = {"jawOpen": jaw, "mouthClose": self._lips(lambda i: self._close(jaw, i), follow=0.6)}
        for name, displacement in self._lip_controls().items():
            keys[name] = self._lips(displacement)
        for name, displacement in self._sided_lip_controls().items():
            keys[name + "Left"] = self._lips(self._one_side(displacement, 1))
            keys[name + "Right"] = self._lips(self._one_side(displacement, -1))
        keys["eyeBlinkRight"] = self._blink(EYE_RIGHT, -1)
        keys["eyeBlinkLeft"] = self._blink(EYE_LEFT, 1)
        keys["browInnerUp"] = self._brows()
        return keys

    def _spread(
        self, moved: Mapping[int, Iterable[float]], still: Iterable[int], order: int
    ) -> Points:
        """The smoothest field that takes these values (harmonic, or biharmonic for order 2)."""
        fixed = {i: np.zeros(3) for i in still} | {i: np.array(list(v)) for i, v in moved.items()}
        index = np.array(sorted(fixed))
        values = np.array([fixed[i] for i in index])
        free = np.setdiff1d(np.arange(len(self._vertices)), index)
        operator = self._laplacian @ self._laplacian if order == 2 else self._laplacian
        field = np.zeros((len(self._vertices), 3))
        field[index] = values
        rows = operator.tocsr()[free]
        field[free] = spsolve(rows[:, free].tocsc(), -(rows[:, index] @ values))
        return field

    def _lateral(self, index: int) -> float:
        return float(self._points[index, 0]) / self._half_width

    def _bell(self, index: int) -> float:
        return float(np.sqrt(max(0.0, 1 - self._lateral(index) ** 2)))

    def _jaw(self) -> Points:
        points = self._points
        weight: dict[int, float] = {}
        for ring, indices in enumerate(LOWER_LIP):
            base, reach = (0.42, 1.0) if ring == 0 else (0.5, 1.05)
            for i in indices:
                middle = max(0.0, 1 - (self._lateral(i) / reach) ** 2)
                weight[i] = base + (1 - base) * float(np.sqrt(middle))
        weight |= dict.fromkeys(CORNERS, 0.40)
        chin = (152, 148, 377, 175, 199, 200, 176, 400, 171, 396, 208, 428, 18, 83, 313)
        weight |= dict.fromkeys(chin, 1.0)
        for pair, share in (
            ((149, 378), 0.97), ((150, 379), 0.9), ((136, 365), 0.75),
            ((172, 397), 0.55), ((58, 288), 0.32), ((132, 361), 0.12),
        ):  # fmt: skip
            weight |= dict.fromkeys(pair, share)
        upper = [i for ring in UPPER_LIP for i in ring]
        upper += [164, 2, 97, 326, 98, 327, 167, 393, 165, 391, 92, 322]
        weight |= dict.fromkeys(upper, 0.02)
        for ring_of_cavity in self._cavity:
            weight |= dict.fromkeys(ring_of_cavity[1:10], 0.02)
            weight |= dict.fromkeys(ring_of_cavity[11:20], 0.97)
            weight |= dict.fromkeys((ring_of_cavity[0], ring_of_cavity[10]), 0.42)
        for depth, skull_ring in enumerate(self._skull):
            for vertex, index in zip(skull_ring, FACE_OVAL, strict=True):
                if points[index, 1] < points[61, 1]:
                    under = max(0.0, 1 - 0.45 * (depth + 1))
                    weight[vertex] = under * max(0.0, 1 - abs(points[index, 0]) / 6.5)
        moved = {i: (w, 0.0, 0.0) for i, w in weight.items()}
        share_of_turn = self._spread(moved, self._still - set(moved), order=1)[:, :1].clip(0, 1)
        turned = rotate_jaw(self._vertices, self._hinge, 1.0)
        field: Points = share_of_turn * (turned - self._vertices)
        return field

    def _lips(self, displacement: Displacement, follow: float = 0.5) -> Points:
        moved: dict[int, NDArray[np.float64]] = {
            index: np.array(list(displacement(index))) for index in self._lip_ring
        }
        for depth, ring in enumerate(self._cavity):
            share = follow ** (depth + 1) if depth else 0.9
            for vertex, index in zip(ring, CAVITY_RIM, strict=True):
                moved[vertex] = np.array(list(displacement(index))) * share
        still = self._still | {152, 148, 377, 176, 400} | {i for ring in self._skull for i in ring}
        return self._spread(moved, still - set(moved), order=2)

    def _close(self, jaw: Points, index: int) -> Iterable[float]:
        """Undo the jaw on the lips: a closed mouth over an open jaw."""
        side, ring = self._lip_ring[index]
        if side < 0:
            closed: Points = -jaw[index] * (0.97, 0.95, 0.85, 0.62)[ring]
            return closed
        if side == 0:
            lifted: Points = -jaw[index] * 0.6
            return lifted
        return (0.0, -0.05, 0.0)

    def _lip_controls(self) -> dict[str, Displacement]:
        def funnel(i: int) -> Iterable[float]:
            side, ring = self._lip_ring[i]
            bell = self._bell(i)
            rise = {1: 0.30, -1: -0.38, 0: 0.0}[side] * bell
            return -self._points[i, 0] * 0.38, rise, 0.75 * (0.4 + 0.6 * bell) * (1 - 0.12 * ring)

        def pucker(i: int) -> Iterable[float]:
            side, ring = self._lip_ring[i]
            bell = self._bell(i)
            rise = 0.06 * side * bell * (1 + ring)
            return -self._points[i, 0] * 0.50, rise, 0.95 * (0.35 + 0.65 * bell) * (1 - 0.12 * ring)

        def roll_lower(i: int) -> Iterable[float]:
            side, ring = self._lip_ring[i]
            if side >= 0:
                return 0.0, 0.0, 0.0
            rise, back = (0.06, 0.20, 0.34, 0.12)[ring], (-0.55, -0.50, -0.36, -0.10)[ring]
            return 0.0, rise * self._bell(i), back * self._bell(i)

        def roll_upper(i: int) -> Iterable[float]:
            side, ring = self._lip_ring[i]
            if side <= 0:
                return 0.0, 0.0, 0.0
            fall, back = (0.06, 0.16, 0.28, 0.08)[ring], (-0.5, -0.45, -0.3, -0.08)[ring]
            return 0.0, -fall * self._bell(i), back * self._bell(i)

        def shrug_lower(i: int) -> Iterable[float]:
            side, _ = self._lip_ring[i]
            bell = self._bell(i)
            if side < 0:
                return 0.0, 0.22 * bell, 0.18 * bell
            return (0.0, 0.10 * bell, 0.05) if side > 0 else (0.0, 0.0, 0.0)

        return {
            "mouthFunnel": funnel,
            "mouthPucker": pucker,
            "mouthRollLower": roll_lower,
            "mouthRollUpper": roll_upper,
            "mouthShrugLower": shrug_lower,
        }

    def _sided_lip_controls(self) -> dict[str, Displacement]:
        def smile(i: int) -> Iterable[float]:
            x = self._lateral(i)
            out = abs(x) ** 1.5
            return np.sign(x) * 0.75 * out, 0.75 * x**2 - 0.10 * (1 - abs(x)), -0.35 * out

        def stretch(i: int) -> Iterable[float]:
            x = self._lateral(i)
            out = abs(x) ** 1.5
            return np.sign(x) * 0.70 * out, -0.18 * x**2, -0.30 * out

        def upper_up(i: int) -> Iterable[float]:
            side, _ = self._lip_ring[i]
            return (0.0, 0.52 * self._bell(i), 0.05) if side > 0 else (0.0, 0.0, 0.0)

        def lower_down(i: int) -> Iterable[float]:
            side, _ = self._lip_ring[i]
            return (0.0, -0.60 * self._bell(i), 0.03) if side < 0 else (0.0, 0.0, 0.0)

        def press(i: int) -> Iterable[float]:
            side, ring = self._lip_ring[i]
            flatten = -side * (0.0, 0.10, 0.14, 0.06)[ring] * self._bell(i)
            return 0.0, flatten, -0.12 * self._bell(i) * (ring > 0)

        return {
            "mouthSmile": smile,
            "mouthStretch": stretch,
            "mouthUpperUp": upper_up,
            "mouthLowerDown": lower_down,
            "mouthPress": press,
        }

    def _one_side(self, displacement: Displacement, side: int) -> Displacement:
        def sided(i: int) -> Iterable[float]:
            share = np.clip(0.5 + 1.1 * side * self._lateral(i), 0, 1)
            moved: Points = np.array(list(displacement(i))) * share
            return moved

        return sided

    def _blink(self, loop: tuple[int, ...], side: int) -> Points:
        points = self._points
        moved: dict[int, Iterable[float]] = {loop[0]: np.zeros(3), loop[8]: np.zeros(3)}
        for upper, lower in zip(loop[1:8], loop[15:8:-1], strict=True):
            gap = points[lower] - points[upper]
            moved[upper] = gap * 0.92 + [0, 0, 0.12]
            moved[lower] = -gap * 0.05
        far = [
            i
            for i in range(len(self._vertices))
            if i >= MESH_POINTS or points[i, 0] * side < 0.8 or points[i, 1] < points[4, 1]
        ]
        field = self._spread(moved, set(far) - set(moved), order=1)
        for share, ring in zip((0.9, 0.2), self._sockets[loop], strict=True):
            field[ring] = field[list(loop)] * share
        return field

    def _brows(self) -> Points:
        inner = dict.fromkeys((107, 66, 55, 65, 336, 296, 285, 295), (0.0, 0.7, 0.1))
        low, high = self._points[159, 1] + 0.2, self._points[10, 1] - 0.3
        y = self._vertices[:, 1]
        still = [i for i in range(len(y)) if i >= MESH_POINTS or y[i] < low or y[i] > high]
        return self._spread(inner, set(still) - set(inner), order=1)


def _graph_laplacian(count: int, triangles: NDArray[np.int64]) -> sparse.csr_matrix:
    a = triangles[:, [0, 1, 2]].ravel()
    b = triangles[:, [1, 2, 0]].ravel()
    links = sparse.coo_matrix((np.ones(len(a)), (a, b)), (count, count)).tocsr()
    links = ((links + links.T) > 0).astype(float)
    degree = np.asarray(links.sum(axis=1)).ravel()
    return sparse.identity(count) - sparse.diags(1 / degree) @ links


def _subdivide(
    count: int, triangles: NDArray[np.int64], materials: NDArray[np.int64]
) -> tuple[sparse.csr_matrix, NDArray[np.int64], NDArray[np.int64]]:
    """Loop's subdivision (Charles Loop, 1987): smoothing matrix, triangles, materials."""
    smooth = sparse.identity(count, format="csr")
    for _ in range(SUBDIVISIONS):
        step, triangles = _loop_step(smooth.shape[0], triangles)
        materials = np.repeat(materials, 4)
        smooth = step @ smooth
    return smooth, triangles, materials


def _loop_step(
    count: int, triangles: NDArray[np.int64]
) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    corners = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 3, 2)
    opposite = triangles[:, [2, 0, 1]].ravel()
    edges, edge_of = np.unique(np.sort(corners.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    uses = np.bincount(edge_of, minlength=len(edges))
    interior = uses == 2
    new = count + np.arange(len(edges))

    def entries(rows: NDArray[np.int64], columns: NDArray[np.int64], value: float) -> None:
        parts.append((rows, columns, np.full(len(rows), value)))

    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    for end in (0, 1):
        entries(new[interior], edges[interior, end], 0.375)
        entries(new[~interior], edges[~interior, end], 0.5)
    inner_use = interior[edge_of]
    entries(new[edge_of][inner_use], opposite[inner_use], 0.125)

    border = np.unique(edges[~interior])
    on_border = np.zeros(count, bool)
    on_border[border] = True
    for end in (0, 1):
        entries(edges[~interior, end], edges[~interior, 1 - end], 0.125)
    entries(border, border, 0.75)

    valence = np.bincount(edges.ravel(), minlength=count)
    beta = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / np.maximum(valence, 1))) ** 2) / np.maximum(
        valence, 1
    )
    inner = np.flatnonzero(~on_border)
    parts.append((inner, inner, 1 - valence[inner] * beta[inner]))
    for end in (0, 1):
        keep = ~on_border[edges[:, end]]
        rows = edges[keep, end]
        parts.append((rows, edges[keep, 1 - end], beta[rows]))

    rows, columns, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    matrix = sparse.csr_matrix((values, (rows, columns)), (count + len(edges), count))

    middle = (count + edge_of).reshape(-1, 3)
    a, b, c = triangles.T
    ab, bc, ca = middle.T
    fine = np.stack(
        [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))], axis=1
    )
    return matrix, fine.reshape(-1, 3)


def _interpolating(smooth: sparse.csr_matrix, coarse: Points) -> Points:
    """The smoothed values, with FaceMesh's own points kept where they were."""
    control = coarse.copy()
    for _ in range(6):
        control[:MESH_POINTS] += 0.8 * (coarse - (smooth @ control)[: len(coarse)])[:MESH_POINTS]
    fine: Points = smooth @ control
    return fine
