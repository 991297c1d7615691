"""Faults as productions make them, put into a delivery that was sealed with them in it."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import opentimelineio as otio
import soundfile
from numpy.typing import NDArray

from dubwright.dialogue import CueSheet, Subtitle, write_subtitles
from dubwright.media.bwf import add_time_reference, read_time_reference
from dubwright.publish.delivery import Part
from dubwright.trust import (
    SEAL,
    Action,
    SourceType,
    credential,
    keys_folder,
    sealed,
    sign,
)

__all__ = ["FAULTS", "Fault", "sealed_again"]

LANGUAGE = "es"
SHOT = "lighthouse_010"
MADE = Action("c2pa.created", "A dub", SourceType.SYNTHETIC)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: for people.
        validator: the one, and the only one, that is to find it.
        put: puts it into a version.
        seal: whether the version was sealed with it in it: a fault of whoever made it, and not of
            whoever had it since.
        mended: whether delivering anew mends it.
    """

    name: str
    validator: str
    put: Callable[[Part, Part], None]
    seal: bool = True
    mended: bool = True


def sealed_again(folder: Path) -> None:
    """Seal a version as if it had been made as it is now."""
    previews = [
        f"preview/{folder_file.name}"
        for folder_file in sorted((folder / "preview").glob("*.mp4"))
        if ".original." not in folder_file.name
    ]
    root = sealed(folder, previews).root
    for name in previews:
        _sign_again(folder / name, {SEAL: {"root": root, "path": name}})


def _sign_again(path: Path, assertions: dict[str, Any]) -> None:
    before = path.with_name("before" + path.suffix)
    path.rename(before)
    sign(before, path, path.name, (), [MADE], credential(keys_folder()), assertions)
    before.unlink()


def _edited(shot: Part, at: int = 40) -> tuple[Path, Path]:
    """An edited frame and its patch."""
    frames = [frame for frame in shot.frames() if frame.patch is not None]
    assert frames[at].patch is not None
    return frames[at].path, frames[at].patch


def _unedited(shot: Part) -> Path:
    return next(frame.path for frame in shot.frames() if frame.patch is None)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _swap(shot: Part, _: Part) -> None:
    (one, _), (other, _) = _edited(shot, 20), _edited(shot, 60)
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


def _timecode(shot: Part, _: Part) -> None:
    path, _ = _edited(shot)
    content = bytearray(path.read_bytes())
    at = content.index(b"timeCode\0timecode\0") + len(b"timeCode\0timecode\0") + 4
    packed = struct.unpack_from("<I", content, at)[0]
    struct.pack_into("<I", content, at, packed ^ 1)
    path.write_bytes(content)


def _rate(shot: Part, _: Part) -> None:
    path, _ = _edited(shot)
    content = bytearray(path.read_bytes())
    at = content.index(b"framesPerSecond\0rational\0") + len(b"framesPerSecond\0rational\0") + 4
    struct.pack_into("<i", content, at, 25000)
    path.write_bytes(content)


def _colour(shot: Part, _: Part) -> None:
    path, _ = _edited(shot)
    content = path.read_bytes()
    assert content.count(b"lin_ap1_scene") == 1
    path.write_bytes(content.replace(b"lin_ap1_scene", b"lin_ap0_scene"))


def _pixel(shot: Part, _: Part) -> None:
    path, _ = _edited(shot)

    def nudge(_header: dict[str, Any], channels: dict[str, Any]) -> None:
        green = channels["G"]
        green[3, 5] = np.nextafter(green[3, 5], green.dtype.type(9))

    _rewrite_in_place(path, nudge)


def _graded(shot: Part, _: Part) -> None:
    def brighter(_header: dict[str, Any], channels: dict[str, Any]) -> None:
        channels["R"] *= channels["R"].dtype.type(1.01)

    _rewrite_in_place(_unedited(shot), brighter)


def _rewrite_in_place(
    path: Path, change: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None]
) -> None:
    """Change pixels of a frame whose codec keeps them; its headers stay, byte for byte."""
    from dubwright.media.exr.edit import PlaneEdit, edit_file
    from dubwright.model import Box

    with OpenEXR.File(str(path), separate_channels=True) as file:
        height, width = next(iter(file.channels().values())).pixels.shape

    def changed(planes: dict[str, NDArray[Any]], covered: Box) -> None:
        del covered
        change({}, planes)

    before = path.with_name("before.exr")
    path.rename(before)
    edit_file(before, path, PlaneEdit(0, Box(0, 0, width, height), changed))
    before.unlink()


def _in_mouth(shot: Part, at: int, change: Callable[[NDArray[Any]], None]) -> None:
    """Change the pixels under the matte of an edited frame, [height, width] for each channel."""
    from dubwright.media.exr import read_patch

    path, patch_path = _edited(shot, at)
    patch = read_patch(patch_path)
    inside = np.zeros((shot.plate.height, shot.plate.width), bool)
    inside[patch.box.slices] = patch.alpha > 0

    def within(_: dict[str, Any], channels: dict[str, NDArray[Any]]) -> None:
        for name in "RGB":
            plane = channels[name].copy()
            change(plane)
            channels[name][inside] = plane[inside]

    _rewrite_in_place(path, within)


def _nan(shot: Part, _: Part) -> None:
    def broken(plane: NDArray[Any]) -> None:
        plane[:] = np.nan

    _in_mouth(shot, 40, broken)


def _infinite(shot: Part, _: Part) -> None:
    def broken(plane: NDArray[Any]) -> None:
        plane[plane == plane.max()] = np.inf
        plane[plane.shape[0] // 2 :] = np.inf

    _in_mouth(shot, 50, broken)


def _seam(shot: Part, _: Part) -> None:
    """The whole matte a quarter brighter, throughout: an edge, and nothing that moves."""

    def brighter(plane: NDArray[Any]) -> None:
        plane *= plane.dtype.type(1.5)

    for at in range(len([f for f in shot.frames() if f.patch is not None])):
        _in_mouth(shot, at, brighter)


def _flicker(shot: Part, _: Part) -> None:
    """Every other frame a little brighter around the lips."""

    def brighter(plane: NDArray[Any]) -> None:
        plane *= plane.dtype.type(1.1)

    for at in range(0, len([f for f in shot.frames() if f.patch is not None]), 2):
        _in_mouth(shot, at, brighter)


def _pop(shot: Part, _: Part) -> None:
    """One frame that has other skin."""

    def other(plane: NDArray[Any]) -> None:
        plane *= plane.dtype.type(1.12)

    _in_mouth(shot, 70, other)


def _stem(language: Part, name: str, change: Callable[[NDArray[Any], int], NDArray[Any]]) -> None:
    path = language.stem(name)
    samples, rate = soundfile.read(path, always_2d=True)
    begins = read_time_reference(path)
    assert begins is not None
    unsigned = path.with_name("unsigned.wav")
    soundfile.write(unsigned, change(samples, rate), rate, "PCM_24")
    add_time_reference(unsigned, begins, "")
    path.unlink()
    sign(unsigned, path, path.name, (), [MADE], credential(keys_folder()), {})
    unsigned.unlink()


def _both(language: Part, change: Callable[[NDArray[Any], int], NDArray[Any]]) -> None:
    """Change the dialogue, and the mix with it."""
    before, _ = soundfile.read(language.stem("DX"), always_2d=True)
    _stem(language, "DX", change)
    after, _ = soundfile.read(language.stem("DX"), always_2d=True)
    _stem(language, "mix", lambda samples, _: samples - before + after)


def _late(_: Part, language: Part) -> None:
    frames = 2
    rate = float(language.delivery.record.rate)

    def later(samples: NDArray[Any], sample_rate: int) -> NDArray[Any]:
        shift = round(frames * sample_rate / rate)
        return np.concatenate([np.zeros((shift, samples.shape[1])), samples])[: len(samples)]

    _both(language, later)


def _click(_: Part, language: Part) -> None:
    def clicked(samples: NDArray[Any], rate: int) -> NDArray[Any]:
        made = samples.copy()
        made[rate // 3] = 0.5
        return made

    _both(language, clicked)


def _clipped(_: Part, language: Part) -> None:
    """One word that was recorded too loud."""

    def clipped(samples: NDArray[Any], rate: int) -> NDArray[Any]:
        loudest = int(np.abs(samples).max(axis=1).argmax())
        made = samples.copy()
        near = slice(max(0, loudest - rate // 200), loudest + rate // 200)
        made[near] = np.clip(made[near] * 12, -0.99999, 0.99999)
        return made

    _stem(language, "DX", clipped)
    dialogue, _ = soundfile.read(language.stem("DX"), always_2d=True)
    behind, _ = soundfile.read(language.stem("ME"), always_2d=True)
    _stem(language, "mix", lambda *_: np.clip(dialogue + behind, -0.99999, 0.99999))


def _short(_: Part, language: Part) -> None:
    _stem(language, "ME", lambda samples, _: samples[:-480])


def _quiet(_: Part, language: Part) -> None:
    for name in ("DX", "ME", "mix"):
        _stem(language, name, lambda samples, _: samples * 0.7)


def _other_mix(_: Part, language: Part) -> None:
    """A mix whose M&E is another: a little of it, the other way round."""
    behind, _ = soundfile.read(language.stem("ME"), always_2d=True)
    _stem(language, "mix", lambda samples, _: samples - 2 * behind)


def _document(part: Part, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = part.folder / name
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _lines(language: Part, change: Callable[[dict[str, str]], None]) -> None:
    """Change the texts of all cues, and the subtitles with them."""

    def changed(content: dict[str, Any]) -> None:
        for cue in content["cues"]:
            change(cue["text"])

    _document(language, "cue_sheet.json", changed)
    sheet = CueSheet.read(language.folder / "cue_sheet.json")
    lines = [Subtitle(c.start_ms, c.end_ms, c.text[LANGUAGE]) for c in sheet.cues]
    note = language.disclosure.read_text(encoding="utf-8").strip()
    for path in language.subtitles:
        write_subtitles(path, lines, LANGUAGE, note)


def _foreign_lines(_: Part, language: Part) -> None:
    """French in the Spanish cue sheet and its subtitles."""
    _lines(language, lambda text: text.update({LANGUAGE: text["fr"]}))


def _old_subtitles(_: Part, language: Part) -> None:
    path = language.subtitles[0]
    path.write_text(path.read_text("utf-8").replace("cinco", "seis"), encoding="utf-8")


def _fast_subtitles(_: Part, language: Part) -> None:
    """Lines that nobody can read in their time: in the cue sheet and all files alike."""
    more = " Y los quiere ver todos, uno por uno, con calma y sin prisa."
    _lines(language, lambda text: text.update({LANGUAGE: text[LANGUAGE] + more}))


def _left_out(_: Part, language: Part) -> None:
    def refused(content: dict[str, Any]) -> None:
        row = next(r for r in content["languages"] if r["language"] == LANGUAGE)["cues"][1]
        row |= {"dubbed": False, "verdict": "refused", "reason": "too long for its slot"}

    _document(language, "report.json", refused)


def _span(change: dict[str, Any]) -> Callable[[Part, Part], None]:
    def put(shot: Part, _: Part) -> None:
        def measured(content: dict[str, Any]) -> None:
            row = next(r for r in content["languages"] if r["language"] == LANGUAGE)
            next(s for s in row["spans"] if s["shot"] == SHOT).update(change)

        _document(shot, "report.json", measured)

    return put


def _foreign_schema(_: Part, language: Part) -> None:
    path = language.timelines[0]
    content = json.loads(path.read_bytes())
    content["metadata"]["studio"] = {"OTIO_SCHEMA": "StudioNote.3", "text": "hello"}
    path.write_text(json.dumps(content), encoding="utf-8")


def _media_gone(_: Part, language: Part) -> None:
    path = language.timelines[0]
    timeline = otio.adapters.read_from_file(str(path))
    for clip in timeline.find_clips():
        reference = clip.media_reference
        if isinstance(reference, otio.schema.ExternalReference):
            reference.target_url = "elsewhere/gone.wav"
            break
    otio.adapters.write_to_file(timeline, str(path))


def _no_disclosure(_: Part, language: Part) -> None:
    language.disclosure.unlink()


def _no_note(_: Part, language: Part) -> None:
    path = language.subtitles[1]
    head, _, rest = path.read_text("utf-8").partition("NOTE\n")
    path.write_text(head + rest.partition("\n\n")[2], encoding="utf-8")


def _unsigned(_: Part, language: Part) -> None:
    path = language.stem("DX")
    samples, rate = soundfile.read(path, always_2d=True)
    begins = read_time_reference(path)
    assert begins is not None
    soundfile.write(path, samples, rate, "PCM_24")
    add_time_reference(path, begins, "")


def _forged(_: Part, language: Part) -> None:
    path = language.stem("mix")
    before = path.with_name("before.wav")
    path.rename(before)
    forger = credential(language.folder.parent / "forger")
    sign(before, path, path.name, (), [MADE], forger, {})
    before.unlink()


def _other_engine(identity: str) -> Callable[[Part, Part], None]:
    def put(_: Part, language: Part) -> None:
        def told(content: dict[str, Any]) -> None:
            content["engines"]["synthesizer"] = identity

        _document(language, "manifest.json", told)

    return put


def _weights(licence: str) -> Callable[[Part, Part], None]:
    def put(_: Part, language: Part) -> None:
        def told(content: dict[str, Any]) -> None:
            content["weights"] = {"somebody/voices@0123456789abcdef": licence}

        _document(language, "manifest.json", told)

    return put


def _unlabelled(_: Part, language: Part) -> None:
    """The preview of a language without consents' label: that of a fictional likeness."""

    def real(content: dict[str, Any]) -> None:
        from consents import signed_consent

        (speaker,) = content["speakers"]
        consent = signed_consent(person=speaker["name"], languages=("*",))
        speaker["likeness"] = "real"
        speaker["consents"] = [consent.model_dump(mode="json", exclude_defaults=True)]

    _document(language, "cast.json", real)


def _consent(**changes: object) -> Callable[[Part, Part], None]:
    def put(_: Part, language: Part) -> None:
        from consents import signed_consent

        def ended(content: dict[str, Any]) -> None:
            (speaker,) = content["speakers"]
            speaker["likeness"] = "real"
            speaker["consents"] = []
            if changes:
                consent = signed_consent(person=speaker["name"], **changes)
                speaker["consents"] = [consent.model_dump(mode="json", exclude_defaults=True)]

        _document(language, "cast.json", ended)
        _label(language)

    return put


def _label(language: Part) -> None:
    """Burn the label into a preview, as a real likeness has it."""
    import av

    from dubwright.trust import Disclosure, burnt_in

    before = language.preview.with_name("before.mp4")
    language.preview.rename(before)
    with av.open(str(before)) as source, av.open(str(language.preview), "w") as made:
        video = source.streams.video[0]
        out = made.add_stream("libx264", rate=video.average_rate)
        out.width, out.height, out.pix_fmt = video.width, video.height, "yuv420p"
        for frame in source.decode(video):
            picture = burnt_in(frame.to_ndarray(format="rgb24"), Disclosure.LABEL)
            made.mux(out.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(out.encode())
    before.unlink()


def _extra(shot: Part, _: Part) -> None:
    path, _ = _edited(shot)
    shutil.copyfile(path, path.with_name("copy of it.exr"))


def _truncated(shot: Part, _: Part) -> None:
    path, _ = _edited(shot)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _missing(shot: Part, _: Part) -> None:
    _unedited(shot).unlink()


FAULTS = [
    Fault("one bit of a frame", "FilesAsMade", lambda s, _: _flip(_edited(s)[0]), seal=False),
    Fault("swapped frames", "FilesAsMade", _swap, seal=False),
    Fault("a frame taken away", "FilesAsMade", lambda s, _: _unedited(s).unlink(), seal=False),
    Fault("a file put there", "FilesAsMade", _extra, seal=False),
    Fault("one bit of a stem", "FilesAsMade", lambda _, la: _flip(la.stem("DX")), seal=False),
    Fault("a frame never written", "FramesComplete", _missing),
    Fault("a frame cut short", "FramesComplete", _truncated),
    Fault("wrong timecode", "TimecodeLikePlate", _timecode),
    Fault("wrong rate in a header", "TimecodeLikePlate", _rate),
    Fault("other primaries", "ColourSpaceKnown", _colour),
    Fault("one pixel outside the matte", "UntouchedPixels", _pixel),
    Fault("an unedited frame graded", "UntouchedPixels", _graded),
    Fault("NaN in the mouth", "FiniteValues", _nan),
    Fault("infinite light", "FiniteValues", _infinite),
    Fault("a seam", "NoSeams", _seam),
    Fault("flicker", "NoFlicker", _flicker),
    Fault("one frame's texture", "NoPops", _pop),
    Fault("lips out of sync", "LipsInSync", _span({"lag_ms": 90.0}), mended=False),
    Fault("open lips on b", "LipsClose", _span({"closures_held": 0.5}), mended=False),
    Fault("a dub two frames late", "DialogueInTime", _late),
    Fault("a clipped peak", "TruePeak", _clipped),
    Fault("a click", "NoClicks", _click),
    Fault("a stem too short", "StemsAsLong", _short),
    Fault("a mix too quiet", "Loudness", _quiet),
    Fault("another mix", "MixOfStems", _other_mix),
    Fault("wrong language", "RightLanguage", _foreign_lines, mended=False),
    Fault("subtitles of an older version", "SubtitlesAsWritten", _old_subtitles),
    Fault("subtitles too fast", "ReadingSpeed", _fast_subtitles, mended=False),
    Fault("a line left out", "LinesCovered", _left_out, mended=False),
    Fault("foreign OTIO schema", "TimelinesOpen", _foreign_schema),
    Fault("media that are not there", "TimelinesOpen", _media_gone),
    Fault("no words for viewers", "DisclosureText", _no_disclosure),
    Fault("no note in the subtitles", "DisclosureText", _no_note),
    Fault("an unsigned stem", "ContentCredentials", _unsigned),
    Fault("a stem signed by a stranger", "ContentCredentials", _forged),
    Fault("missing consent", "Consents", _consent(), mended=False),
    Fault(
        "expired consent", "Consents", _consent(languages=("*",), valid_until="2026-02-01"),
        mended=False,
    ),
    Fault("consent to another language", "Consents", _consent(languages=("it",)), mended=False),
    Fault(
        "consent for another country", "Consents", _consent(languages=("*",), territories=("DE",)),
        mended=False,
    ),
    Fault("unlabelled", "Label", _unlabelled, mended=False),
    Fault("weights that may not be sold", "Licences", _weights("cc-by-nc-4.0"), mended=False),
    Fault("weights of no known licence", "Licences", _weights(""), mended=False),
    Fault("an engine that may not be sold", "Licences", _other_engine("mine/1"), mended=False),
]  # fmt: skip
