"""Colour spaces by OpenColorIO: scene-linear for work, a display proxy for looking at faces."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import OpenEXR
import PyOpenColorIO as ocio
from numpy.typing import NDArray

from dubwright.errors import ColourSpaceUnknown, DubwrightError
from dubwright.media.names import is_config_file

__all__ = [
    "DEFAULT_CONFIG",
    "DISPLAY",
    "LINEAR_REC709",
    "SCENE_LINEAR",
    "ColourConfig",
    "decode_log",
    "display_preview",
    "display_proxy",
    "encode_log",
    "interop_id",
    "movie_tags",
]

DEFAULT_CONFIG: Final = "studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
SCENE_LINEAR: Final = "ACEScg"
DISPLAY: Final = "sRGB - Texture"
LINEAR_REC709: Final = "Linear Rec.709 (sRGB)"
ACES_INTEROP_ID: Final = "lin_ap0_scene"

# The names that the Color Interop Forum gave to the spaces of the built-in configs.
INTEROP_IDS: Final[Mapping[str, str]] = {
    "lin_ap0_scene": "ACES2065-1",
    "lin_ap1_scene": "ACEScg",
    "lin_rec709_scene": LINEAR_REC709,
    "lin_rec2020_scene": "Linear Rec.2020",
    "lin_p3d65_scene": "Linear P3-D65",
    "srgb_rec709_scene": DISPLAY,
}

# Values of colorInteropID that say that the space is not known, or that the image is no picture.
NO_CLAIM: Final = ("", "unknown", "data", None)
# By primaries and transfer of ITU-T H.273: the spaces of ITU-R BT.2100.
HDR_SPACES: Final[Mapping[tuple[int, int], str]] = {
    (9, 16): "Rec.2100-PQ - Display",
    (9, 18): "Rec.2100-HLG - Display",
}
VIDEO_TAGS: Final[Mapping[str, tuple[int, int]]] = {
    "Camera Rec.709": (1, 1),
    "Rec.1886 Rec.709 - Display": (1, 1),
    "sRGB - Display": (1, 13),
    "sRGB - Texture": (1, 13),
}
USUAL_MOVIE_SPACES: Final = (
    "Camera Rec.709",
    "Rec.1886 Rec.709 - Display",
    "ARRI LogC3 (EI800)",
    "ARRI LogC4",
    "S-Log3 S-Gamut3.Cine",
    "Log3G10 REDWideGamutRGB",
    "V-Log V-Gamut",
    "DaVinci Intermediate WideGamut",
)
MOST_CANDIDATES: Final = 8

# ACEScct, AMPAS S-2016-001, equations 6 to 8.
CCT_SLOPE, CCT_OFFSET = 10.5402377416545, 0.0729055341958355
CCT_BREAK_LINEAR, CCT_BREAK_LOG = 0.0078125, 0.155251141552511
CCT_SCALE, CCT_SHIFT = 17.52, 9.72

PROXY_TARGET: Final = 0.5
PROXY_PERCENTILE: Final = 90
PROXY_STEPS: Final = 65535

Array = NDArray[np.float32]


class ColourConfig:
    """An OCIO config.

    Args:
        name: a path, the name of a config built into OCIO, or None for $OCIO and else our default.

    Raises:
        DubwrightError: the config cannot be loaded.
    """

    def __init__(self, name: str | None = None) -> None:
        self._is_built_in = name is not None and not is_config_file(name)
        try:
            if name is None:
                environment = ocio.GetEnvVariable("OCIO")
                self._is_built_in = not environment or environment.startswith("ocio://")
                self._config = (
                    ocio.Config.CreateFromEnv() if environment else _built_in(DEFAULT_CONFIG)
                )
            elif is_config_file(name):
                self._config = ocio.Config.CreateFromFile(name)
            else:
                self._config = _built_in(name)
        except ocio.Exception as error:
            raise DubwrightError(
                "The OCIO config cannot be loaded",
                where=name or "$OCIO",
                why=str(error),
                repair="give the path of a config with --ocio, or set $OCIO",
            ) from error

    @property
    def identity(self) -> str:
        """A hash of the config's content."""
        return str(self._config.getCacheID())

    def table_places(self) -> list[Path]:
        """Where the config may look for the files of its transforms."""
        home = Path(self._config.getWorkingDir())
        context = self._config.getCurrentContext()
        folders = [home / context.resolveStringVar(f) for f in self._config.getSearchPaths()]
        names = [context.resolveStringVar(name) for name in _files_of(self._transforms())]
        return [*folders, *(folder / name for folder in folders or [home] for name in names)]

    def _transforms(self) -> Iterator[Any]:
        """The transforms of its spaces, looks and views; None where there is none."""
        config = self._config
        every = (ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL)
        for name in config.getColorSpaceNames(*every):
            space = config.getColorSpace(name)
            yield space.getTransform(ocio.COLORSPACE_DIR_TO_REFERENCE)
            yield space.getTransform(ocio.COLORSPACE_DIR_FROM_REFERENCE)
        for view in config.getViewTransforms():
            yield view.getTransform(ocio.VIEWTRANSFORM_DIR_TO_REFERENCE)
            yield view.getTransform(ocio.VIEWTRANSFORM_DIR_FROM_REFERENCE)
        for look in config.getLooks():
            yield look.getTransform()
            yield look.getInverseTransform()
        for named in config.getNamedTransforms():
            yield named.getTransform(ocio.TRANSFORM_DIR_FORWARD)
            yield named.getTransform(ocio.TRANSFORM_DIR_INVERSE)

    def resolve(self, name: str, where: str) -> str:
        """The config's own name for a colour space, alias or interop ID.

        Raises:
            DubwrightError: the config has no such space; the nearest names are listed.
        """
        space = self._found(name)
        if space is None:
            near = difflib.get_close_matches(name, self.names(), n=4, cutoff=0.3)
            raise DubwrightError(
                f"There is no colour space {name!r}",
                where=where,
                why="the OCIO config has no space, role or alias of this name",
                repair=f"nearest: {', '.join(near)}" if near else "see the config for its names",
            )
        return space

    def of_exr(self, header: Mapping[str, Any], named: str | None, path: Path) -> str:
        """The colour space of an EXR frame, by the first evidence that there is.

        Its header: colorInteropID, oiio:ColorSpace, the ACES flag, chromaticities. Then the file
        rules of the show's own config, but not its default. Then what the user named.

        Raises:
            ColourSpaceUnknown: there is none: the space is asked for, never guessed.
            DubwrightError: the config does not have the space that the user named.
        """
        claims = [str(claim) for claim in _claims(header) if claim]
        for claim in claims:
            if (space := self._found(claim)) is not None:
                return space
        if (space := self._by_rule(path)) is not None:
            return space
        if named:
            return self.resolve(named, str(path))
        raise self._unknown(
            path,
            f"its header says {claims[0]!r}, which the OCIO config does not have"
            if claims
            else "its header names none, and no file rule of the OCIO config is about it",
            [name for name in self.names() if self._is_linear(name)],
        )

    def of_movie(self, transfer: int, primaries: int, named: str | None, path: Path) -> str:
        """The colour space of a movie: as the user named it, or as HDR tags name it.

        The tags of Rec.709 are no evidence: log footage carries them too.

        Args:
            transfer: number of ITU-T H.273.
            primaries: number of ITU-T H.273.
            named: by the user.
            path: of the movie.

        Raises:
            ColourSpaceUnknown: nothing names it.
            DubwrightError: the config does not have the space.
        """
        if named:
            return self.resolve(named, str(path))
        tagged = HDR_SPACES.get((primaries, transfer))
        if tagged is not None:
            return self.resolve(tagged, str(path))
        usual = [name for name in USUAL_MOVIE_SPACES if self._found(name) is not None]
        raise self._unknown(path, "how its code values relate to light is not written in it", usual)

    def _found(self, name: str) -> str | None:
        """The config's own name for a colour space, alias or interop ID, or None."""
        space = self._config.getColorSpace(name)
        if space is None:
            space = self._config.getColorSpace(INTEROP_IDS.get(name, ""))
        return None if space is None else str(space.getName())

    def _by_rule(self, path: Path) -> str | None:
        """The space that a rule of the show's own config gives to a file."""
        if self._is_built_in or self._config.filepathOnlyMatchesDefaultRule(str(path)):
            return None
        name, _ = self._config.getColorSpaceFromFilepath(str(path))
        return self._found(name)

    def _is_linear(self, name: str) -> bool:
        return bool(self._config.isColorSpaceLinear(name, ocio.REFERENCE_SPACE_SCENE))

    def _unknown(self, path: Path, why: str, candidates: Sequence[str]) -> ColourSpaceUnknown:
        more = ", ..." if len(candidates) > MOST_CANDIDATES else ""
        listed = ", ".join(candidates[:MOST_CANDIDATES]) + more
        return ColourSpaceUnknown(
            "The colour space of a plate is unknown",
            where=str(path),
            why=why,
            repair=f"name it with --colorspace: {listed}; `dubwright show` remembers it",
        )

    @property
    def scene_linear(self) -> str:
        """The space that movies are edited and written in: the config's scene_linear role.

        Raises:
            DubwrightError: the config has none.
        """
        space = self._config.getColorSpace("scene_linear") or self._config.getColorSpace(
            SCENE_LINEAR
        )
        if space is None:
            raise DubwrightError(
                "The OCIO config has no scene-linear space",
                where="its roles",
                why="the role scene_linear is not defined",
                repair="define it, or choose another config with --ocio",
            )
        return str(space.getName())

    def require_linear(self, name: str, where: str) -> None:
        """Check that a plate's space is scene-linear, which edits rely on.

        Raises:
            DubwrightError: it is not.
        """
        if not self._is_linear(name):
            raise DubwrightError(
                f"A plate in {name} is not scene-linear",
                where=where,
                why="EXR frames are edited as light; log and display encodings are not light",
                repair="convert the plate to scene-linear, or correct the space that it names",
            )

    def names(self) -> list[str]:
        return list(self._config.getColorSpaceNames())

    def converted(self, image: Array, source: str, target: str) -> Array:
        """The image in another colour space, float32 [height, width, 3]."""
        if source == target:
            return image
        return _applied(_between(self._config, source, target), image)

    def rec709_light(self, image: Array, source: str) -> Array:
        """The image as linear light on Rec.709 primaries, whatever the config calls that."""
        return _applied(_to_rec709(self._config, source), image)


def _files_of(transforms: Iterable[Any]) -> Iterator[str]:
    """The names of the files that transforms read, those in groups too."""
    for transform in transforms:
        if isinstance(transform, ocio.FileTransform):
            yield transform.getSrc()
        elif isinstance(transform, ocio.GroupTransform):
            yield from _files_of(transform)


def _claims(header: Mapping[str, Any]) -> Iterator[Any]:
    """What an EXR's header says of its colour space, the surest first."""
    if header.get("colorInteropID") not in NO_CLAIM:
        yield header.get("colorInteropID")
    yield header.get("oiio:ColorSpace")
    if header.get("acesImageContainerFlag"):
        yield ACES_INTEROP_ID
    chromaticities = header.get("chromaticities")
    if isinstance(chromaticities, tuple):
        yield OpenEXR.chromaticitiesToColorInteropID(chromaticities)


def _applied(processor: Any, image: Array) -> Array:
    converted = np.array(image, np.float32, order="C", copy=True)
    processor.applyRGB(converted)
    return converted


@lru_cache(maxsize=64)
def _between(config: Any, source: str, target: str) -> Any:
    try:
        return config.getProcessor(source, target).getDefaultCPUProcessor()
    except ocio.Exception as error:
        raise _no_way(source, target, error) from error


@lru_cache(maxsize=64)
def _to_rec709(config: Any, source: str) -> Any:
    """By the spaces that configs share with OCIO's own (its interchange roles)."""
    try:
        processor = ocio.Config.GetProcessorToBuiltinColorSpace(config, source, LINEAR_REC709)
    except ocio.Exception as error:
        raise _no_way(source, LINEAR_REC709, error) from error
    return processor.getDefaultCPUProcessor()


def _no_way(source: str, target: str, error: Exception) -> DubwrightError:
    return DubwrightError(
        "The OCIO config cannot convert a picture",
        where=f"from {source} to {target}",
        why=str(error),
        repair="give the config the roles scene_linear and aces_interchange, or choose another "
        "with --ocio",
    )


def _built_in(name: str) -> Any:
    return ocio.Config.CreateFromBuiltinConfig(name)


def movie_tags(space: str) -> tuple[int, int]:
    """Primaries and transfer, numbers of ITU-T H.273, of a movie in a space; 2 where none fits."""
    hdr = {name: numbers for numbers, name in HDR_SPACES.items()}
    return VIDEO_TAGS.get(space) or hdr.get(space, (2, 2))


def interop_id(space: str) -> str | None:
    """The Color Interop Forum's ID of a space of the built-in configs, or None."""
    return next((name for name, known in INTEROP_IDS.items() if known == space), None)


def display_proxy(image: Array, space: str, config: ColourConfig) -> NDArray[np.uint8]:
    """A picture for detectors: uint8 sRGB, exposed so that a face can be seen.

    One way only; no pixel of it returns to a plate.
    """
    linear = config.rec709_light(image, space)
    bright = float(np.percentile(linear.max(axis=2)[::4, ::4], PROXY_PERCENTILE))
    return _srgb(linear * np.float32(PROXY_TARGET / max(bright, 1e-4)))


def display_preview(image: Array, space: str, config: ColourConfig) -> NDArray[np.uint8]:
    """A picture for people: uint8 sRGB at the plate's own exposure, clipped at 1."""
    return _srgb(config.rec709_light(image, space))


def _srgb(linear: Array) -> NDArray[np.uint8]:
    steps = np.clip(linear * np.float32(PROXY_STEPS), 0, PROXY_STEPS).astype(np.uint16)
    return _srgb_codes()[steps]


@lru_cache(maxsize=1)
def _srgb_codes() -> NDArray[np.uint8]:
    """sRGB's code values (IEC 61966-2-1) for 65536 steps of light."""
    light = np.arange(PROXY_STEPS + 1) / PROXY_STEPS
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (encoded * 255 + 0.5).astype(np.uint8)


def encode_log(linear: Array) -> Array:
    """Scene-linear light on the ACEScct curve, whatever its primaries; decode_log undoes it."""
    above = np.log(np.maximum(linear, CCT_BREAK_LINEAR)) * np.float32(1 / np.log(2))
    return np.where(
        linear <= CCT_BREAK_LINEAR,
        np.float32(CCT_SLOPE) * linear + np.float32(CCT_OFFSET),
        ((above + CCT_SHIFT) / CCT_SCALE).astype(np.float32),
    )


def decode_log(encoded: Array) -> Array:
    """The inverse of encode_log."""
    return np.where(
        encoded <= CCT_BREAK_LOG,
        (encoded - np.float32(CCT_OFFSET)) / np.float32(CCT_SLOPE),
        np.exp((encoded * np.float32(CCT_SCALE) - np.float32(CCT_SHIFT)) * np.float32(np.log(2))),
    ).astype(np.float32)
