"""What a viewer must be told, and the marks that tell it."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dubwright.model import Box, Patch
from dubwright.trust.consents import Permission

__all__ = [
    "Disclosure",
    "burnt_in",
    "disclosure_for",
    "draft_mark_box",
    "draft_tone",
    "label_seen",
    "marked",
]

DRAFT_TEXT: Final = "DRAFT - AI-MODIFIED, NO CONSENT ON RECORD"
LABEL_TEXT: Final = "AI-modified"
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
MARK_LIGHT: Final = 0.8
LABEL_LIGHT: Final = 235 / 255
SHADE: Final = 0.6
# How like its letters the picture is on them and their surround: .89 at least over footage, white
# and textures through JPEG; .2 at most without the label.
SEEN: Final = 0.6
HALF: Final = 0.5
TONE_S: Final = 0.15
TONE_HZ: Final = 1000
TONE_PEAK: Final = 10 ** (-26 / 20)


class Disclosure(StrEnum):
    """How visibly a dub must say what it is."""

    DRAFT = "draft"
    LABEL = "label"
    NONE = "none"


def disclosure_for(agreed: Permission, unmarked: bool) -> Disclosure:
    """How visibly a dub must say what it is.

    Without a consent that it needs it is a draft, marked on every changed frame and at each line.
    With consents it is labelled; the label is left off where every consent allows that and it is
    asked for. A fictional likeness needs no consent, and no label.

    Args:
        unmarked: whether the label is to be left off.
    """
    if agreed.missing:
        return Disclosure.DRAFT
    if not agreed.consents or (unmarked and agreed.unmarked):
        return Disclosure.NONE
    return Disclosure.LABEL


def draft_tone(rate: int) -> NDArray[np.float32]:
    """What is heard as each line of a draft begins: mono float32, full scale 1."""
    times = np.arange(round(TONE_S * rate)) / rate
    swell = np.sin(np.pi * times / TONE_S) ** 2
    return (TONE_PEAK * swell * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)


def draft_mark_box(seen: Box) -> Box:
    """Where the draft's mark stands in a frame of which so much is seen and held."""
    text, (x, y) = _text(DRAFT_TEXT, seen.width, seen.height)
    corner = seen.x0 + x, seen.y0 + y
    return Box(*corner, corner[0] + text.shape[1], corner[1] + text.shape[0])


def marked(patch: Patch, width: int, height: int, seen: Box) -> Patch:
    """A patch with the draft's visible mark, which becomes part of its matte.

    Args:
        width, height: of the display window.
        seen: what of it the frame holds, where its data window ends before.
    """
    text, _ = _text(DRAFT_TEXT, seen.width, seen.height)
    mark = draft_mark_box(seen)
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


def label_seen(picture: NDArray[np.uint8], disclosure: Disclosure) -> bool:
    """Whether a movie's frame, uint8 [height, width, 3], carries its label where it is burnt in."""
    height, width = picture.shape[:2]
    words = DRAFT_TEXT if disclosure is Disclosure.DRAFT else LABEL_TEXT
    text, (x, y) = _text(words, width, height)
    grey = picture[y : y + text.shape[0], x : x + text.shape[1]].mean(axis=2)
    # What surrounds the letters' own dark surround is the picture's, and may be anything.
    near = _shade(text) > HALF
    seen, wanted = grey[near], text[near]
    return bool(seen.std() > 0 and np.corrcoef(seen, wanted)[0, 1] > SEEN)


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
