"""In which colour space a project says its clips are, by the name that OCIO's configs have."""

from typing import Any, Tuple

from dubwright_resolve.live import ask

__all__ = ["colour_space"]

UNMANAGED = "davinciYRGB"
# Resolve's names on the left, those of OCIO's built-in ACES configs on the right.
SPACES = {
    "ACEScg": "ACEScg",
    "ACES2065-1": "ACES2065-1",
    "ACEScct": "ACEScct",
    "Linear": "Linear Rec.709 (sRGB)",
    "sRGB": "sRGB - Texture",
    "Rec.709": "Camera Rec.709",
    "Rec.709 Gamma 2.4": "Gamma 2.4 Rec.709 - Texture",
    "ARRI LogC": "ARRI LogC3 (EI800)",
    "ARRI LogC3": "ARRI LogC3 (EI800)",
    "ARRI LogC4": "ARRI LogC4",
    "S-Gamut3.Cine/S-Log3": "S-Log3 S-Gamut3.Cine",
    "S-Gamut3/S-Log3": "S-Log3 S-Gamut3",
    "REDWideGamutRGB/Log3G10": "Log3G10 REDWideGamutRGB",
    "Canon Cinema Gamut/Canon Log 3": "CanonLog3 CinemaGamut D55",
    "Canon Cinema Gamut/Canon Log 2": "CanonLog2 CinemaGamut D55",
    "Panasonic V-Gamut/V-Log": "V-Log V-Gamut",
}


def colour_space(project: Any, timeline: Any) -> Tuple[str, str]:
    """The space that all of a timeline's clips are in, and what is to be said if there is none.

    Only a colour managed project knows it; elsewhere both are "".
    """
    if ask(project, "GetSetting", "colorScienceMode") in (None, "", UNMANAGED):
        return "", ""
    named = set()
    for track in range(1, (ask(timeline, "GetTrackCount", "video") or 0) + 1):
        for item in ask(timeline, "GetItemListInTrack", "video", track) or []:
            clip = ask(item, "GetMediaPoolItem")
            if clip is not None:
                named.add(str(ask(clip, "GetClipProperty", "Input Color Space") or "none"))
    if len(named) > 1:
        return "", (
            "The clips are in different colour spaces ({}); dub them in parts, or convert them to "
            "one.".format(", ".join(sorted(named)))
        )
    name = next(iter(named), "none")
    if name not in SPACES:
        return "", "The colour space {} has no name here; choose it on the page.".format(name)
    return SPACES[name], ""
