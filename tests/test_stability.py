"""Figures of how steady a mouth is, on pictures whose motion is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dubwright.face.landmarks import LIPS_INNER, LIPS_OUTER, OUTER_EYE_LEFT, OUTER_EYE_RIGHT
from dubwright.quality.stability import StabilityFigures, measure_stability

SIDE, IOD, FRAMES = 400, 150, 12
MOUTH = np.array([200, 240])
OPEN = np.full(FRAMES, 0.3)


def _landmarks() -> NDArray[np.float32]:
    """A face that looks straight ahead, its mouth wide open."""
    points = np.full((478, 3), 200.0)
    points[OUTER_EYE_RIGHT, :2], points[OUTER_EYE_LEFT, :2] = (125, 120), (275, 120)
    for indices, width, height in ((LIPS_OUTER, 45, 40), (LIPS_INNER, 35, 28)):
        angles = np.linspace(0, 2 * np.pi, len(indices), endpoint=False)
        around = np.stack([width * np.cos(angles), height * np.sin(angles)], axis=1)
        points[list(indices), :2] = MOUTH + around
    return np.repeat(points[None], FRAMES, axis=0).astype(np.float32)


def _texture(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(128, 120, (SIDE, SIDE, 3))
    return cv2.GaussianBlur(noise, (0, 0), 2).clip(0, 255).astype(np.uint8)


def _moved(picture: NDArray[np.uint8], x: float, y: float) -> NDArray[np.uint8]:
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(picture, shift, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)


def _measured(pictures: list[NDArray[np.uint8]]) -> StabilityFigures:
    return measure_stability(pictures, _landmarks(), OPEN)


@pytest.mark.parametrize("pixels", [0, 1.5, 3])
def test_teeth_that_slide_are_measured(pixels: float) -> None:
    still, mask = _texture(1), np.zeros((SIDE, SIDE), np.uint8)
    inside = _landmarks()[0][list(LIPS_INNER), :2].astype(np.int32)
    cv2.fillPoly(mask, [inside], 255)
    pictures = [
        np.where(mask[..., None] > 0, _moved(still, 0, pixels * (n % 2)), still)
        for n in range(FRAMES)
    ]
    figures = _measured(pictures)
    assert figures.teeth_slide == pytest.approx(pixels / IOD, abs=0.15 / IOD)
    assert figures.teeth_lost == 0


def test_teeth_that_are_others_are_lost_and_do_not_slide() -> None:
    one, other = _texture(1), _texture(2)
    few = _measured([other if n % 4 == 2 else one for n in range(FRAMES)])
    assert few.teeth_slide is None and few.teeth_lost == pytest.approx(6 / 11)
    frames = 4 * FRAMES
    longer = np.repeat(_landmarks()[:1], frames, axis=0)
    pictures = [other if n % 4 == 2 else one for n in range(frames)]
    many = measure_stability(pictures, longer, np.full(frames, 0.3))
    assert many.teeth_lost == pytest.approx(24 / 47)
    assert many.teeth_slide == pytest.approx(0, abs=0.01 / IOD)


def test_a_jump_now_and_then_is_a_slide() -> None:
    still = _texture(1)
    pictures = [_moved(still, 0, 4 if n % 4 == 2 else 0) for n in range(FRAMES)]
    figures = _measured(pictures)
    assert figures.teeth_slide is not None and figures.teeth_slide > 2 / IOD


def test_of_few_open_mouths_nothing_is_said() -> None:
    still = _texture(1)
    figures = measure_stability([still] * 6, _landmarks()[:6], OPEN[:6])
    assert figures.teeth_slide is None and figures.teeth_lost is None


def test_a_texture_that_pops_is_told_from_one_that_moves() -> None:
    one, other = _texture(1), _texture(2)
    moving = [_moved(one, 0.7 * n, 0.4 * n) for n in range(FRAMES)]
    popping = [other if n % 4 == 2 else one for n in range(FRAMES)]
    calm, popped = _measured(moving).pops, _measured(popping).pops
    assert calm is not None and popped is not None
    assert popped > 4 * calm


def test_a_face_that_is_lost_has_no_figures() -> None:
    gone = np.full((FRAMES, 478, 3), np.nan, np.float32)
    figures = measure_stability([_texture(1)] * FRAMES, gone, OPEN)
    assert figures == StabilityFigures(None, None, None)
    shut = measure_stability([_texture(1)] * FRAMES, _landmarks(), np.zeros(FRAMES))
    assert shut.teeth_slide is None and shut.pops == pytest.approx(0, abs=0.05)
