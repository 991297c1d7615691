"""What a viewer must be told, and the marks that tell it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.dialogue import Cast
from dubwright.model import Box, Likeness, Patch

__all__ = ["Disclosure", "burnt_in", "disclosure_for", "marked"]

DRAFT_TEXT: Final = "DRAFT - AI-MODIFIED, NO CONSENT ON RECORD"
LABEL_TEXT: Final = "AI-modified"
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
MARK_LIGHT: Final = 0.8
LABEL_LIGHT: Final = 235 / 255
SHADE: Final = 0.6


class Disclosure(StrEnum):
    """How visibly a dub must say what it is."""

    DRAFT = "draft"
    LABEL = "label"
    NONE = "none"


def disclosure_for(cast: Cast, speakers: Iterable[str], language: str, on: date) -> Disclosure:
    """The strictest disclosure that any of these speakers calls for.

    A real likeness, and an unknown one, needs consent: without it the dub is a draft, marked on
    every changed frame. With consent the preview is labelled, unless the consent says otherwise.
    A fictional likeness needs neither.
    """
    strictest = Disclosure.NONE
    for name in speakers:
        speaker = cast.speaker(name)
        if speaker.likeness is Likeness.FICTIONAL:
            continue
        consent = speaker.consent_for(language, on)
        if consent is None:
            return Disclosure.DRAFT
        if not consent.unmarked:
            strictest = Disclosure.LABEL
    return strictest


def marked(patch: Patch, width: int, height: int) -> Patch:
    """A patch with the draft's visible mark, which becomes part of its matte."""
    text, corner = _text(DRAFT_TEXT, width, height)
    mark = Box(corner[0], corner[1], corner[0] + text.shape[1], corner[1] + text.shape[0])
    box = patch.box.union(mark)
    rgb = np.zeros((box.height, box.width, 3), np.float32)
    alpha = np.zeros((box.height, box.width), np.float32)
    rows, columns = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(np.float32) + 0.5
    stmap = np.stack([columns / width, 1 - rows / height], axis=-1).astype(np.float32)
    inside = patch.box.within(box)
    rgb[inside], alpha[inside], stmap[inside] = patch.rgb, patch.alpha, patch.stmap
    place = mark.within(box)
    cover = np.maximum(text, SHADE * _shade(text))
    rgb[place] = rgb[place] * (1 - cover[..., None]) + MARK_LIGHT * text[..., None]
    alpha[place] = alpha[place] * (1 - cover) + cover
    return Patch(box, rgb, alpha, stmap)


Picture = TypeVar("Picture", NDArray[np.uint8], NDArray[np.float32])


def burnt_in(picture: Picture, disclosure: Disclosure) -> Picture:
    """A movie's frame with the label, [height, width, 3], uint8 or with white 1."""
    if disclosure is Disclosure.NONE:
        return picture
    height, width = picture.shape[:2]
    words = DRAFT_TEXT if disclosure is Disclosure.DRAFT else LABEL_TEXT
    text, (x, y) = _text(words, width, height)
    labelled = picture.copy()
    place = labelled[y : y + text.shape[0], x : x + text.shape[1]]
    cover = np.maximum(text, SHADE * _shade(text))[..., None]
    light = LABEL_LIGHT * (255 if picture.dtype == np.uint8 else 1)
    place[:] = (place * (1 - cover) + light * text[..., None]).astype(picture.dtype)
    return labelled


def _shade(text: NDArray[np.float32]) -> NDArray[np.float32]:
    """A dark surround that keeps light letters legible on a light picture."""
    size = max(3, text.shape[0] // 6) | 1
    return cv2.dilate(text, np.ones((size, size), np.uint8))


@lru_cache(maxsize=8)
def _text(words: str, width: int, height: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The words as coverage, float32 [h, w], and their corner at the bottom left."""
    scale = max(0.3, min(height / 900, width / (22 * len(words))))
    stroke = max(1, round(scale * 1.6))
    (text_width, text_height), baseline = cv2.getTextSize(words, FONT, scale, stroke)
    text_width, text_height = min(text_width + 4, width), min(text_height + baseline + 4, height)
    coverage = np.zeros((text_height, text_width), np.uint8)
    cv2.putText(
        coverage, words, (2, text_height - baseline - 2), FONT, scale, 255, stroke, cv2.LINE_AA
    )
    margin = min(round(height * 0.02), height - text_height)
    left = min(round(width * 0.02), width - text_width)
    return coverage.astype(np.float32) / np.float32(255), (left, height - text_height - margin)
