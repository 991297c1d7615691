# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""OpenTimelineIO and Blender's sequencer, each from the other.

Blender has no OpenTimelineIO; its documents are JSON. Bridges what differs between Blender 4.2 and
5.x: since 4.4 strips are called strips, since 5.1 where they begin and end are handles.
"""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

import bpy

__all__ = [
    "PICTURES",
    "begin_of",
    "content_of",
    "end_of",
    "is_whole",
    "lay_timeline",
    "named_as_clips",
    "pictures_and_sounds",
    "plate_of",
    "strips_of",
    "write_timeline",
]

PICTURES = ("IMAGE", "MOVIE")
# On strips that were laid: the clip's name, which another strip may have had then.
NAME = "dubwright_clip"
RATES_DIFFER = 0.01
FOREIGN_RATE = "it has {:g} frames a second, the scene {:g}"
NUMBERED = re.compile(r"^(.*?)(\d+)(\.[^.]+)$")


def strips_of(owner):
    """The strips of a scene's editor, or of a meta strip."""
    return owner.strips if hasattr(owner, "strips") else owner.sequences


def begin_of(strip):
    """The first frame at which a strip is seen or heard."""
    return strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start


def end_of(strip):
    """The frame after the last one."""
    return strip.right_handle if hasattr(strip, "right_handle") else strip.frame_final_end


def content_of(strip):
    """Where all of a strip's media would begin, trimmed or not, and how many frames they are."""
    if hasattr(strip, "content_start"):
        return round(strip.content_start), strip.content_duration
    return round(strip.frame_start), strip.frame_duration


def pictures_and_sounds(strips):
    """Of some strips those that a timeline can have: movies, images and sounds, by their start."""
    known = [strip for strip in strips if strip.type in (*PICTURES, "SOUND")]
    return sorted(known, key=lambda strip: (begin_of(strip), strip.channel))


def is_retimed(strip):
    return bool(len(getattr(strip, "retiming_keys", ()))) or getattr(
        strip, "use_reverse_frames", False
    )


def is_whole(strip):
    """Whether a strip shows all of its media, as they are."""
    begin, length = content_of(strip)
    trims = _trim_of(strip), _trim_of(strip, "end")
    whole = (begin_of(strip), end_of(strip)) == (begin, begin + length)
    return whole and not any(trims) and not is_retimed(strip)


def _trim_of(strip, side="start"):
    """Frames of the media that a strip cannot show: what a hold split leaves."""
    if hasattr(strip, "content_trim_" + side):
        return getattr(strip, "content_trim_" + side)
    return getattr(strip, "animation_offset_" + side, 0)


def plate_of(strip, rate):
    """A movie or image strip as a plate for the service, and its first and last frame there.

    rate: frames a second, the scene's.

    Raises ValueError as write_timeline does.
    """
    if strip.type not in PICTURES:
        raise ValueError("{} is no movie and no images".format(strip.name))
    clip = _clip(strip, rate)
    media, shown = clip["media_references"]["DEFAULT_MEDIA"], clip["source_range"]
    first = shown["start_time"]["value"]
    frames = (first, first + shown["duration"]["value"] - 1)
    if strip.type == "MOVIE":
        return media["target_url"], frames
    name = media["name_prefix"] + "#" * media["frame_zero_padding"] + media["name_suffix"]
    return media["target_url_base"] + name, frames


def named_as_clips(meta):
    """Give what was laid the names of its clips, now that no other strip has them."""
    for strip in strips_of(meta):
        strip.name = strip.get(NAME, strip.name)


def write_timeline(scene, strips, path):
    """Write strips as an OpenTimelineIO timeline: a track for each channel.

    The timeline's first frame is the first strip's. Raises ValueError for a strip that OTIO could
    not give back: retimed, reversed, or of images that are not numbered one after another.
    """
    path = Path(bpy.path.abspath(str(path)))
    chosen = pictures_and_sounds(strips)
    if not chosen:
        raise ValueError("Select movie, image or sound strips")
    rate = scene.render.fps / scene.render.fps_base
    first = begin_of(chosen[0])
    tracks = []
    for kind, types in (("Video", PICTURES), ("Audio", ("SOUND",))):
        of_kind = [strip for strip in chosen if strip.type in types]
        for channel in sorted({strip.channel for strip in of_kind}):
            row = [strip for strip in of_kind if strip.channel == channel]
            tracks.append(_track(kind, channel, row, first, rate))
    document = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": path.stem,
        "global_start_time": None,
        "tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": tracks},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, indent=1), encoding="utf-8")
    partial.replace(path)


def lay_timeline(scene, path, name, first_frame, channel, wanted=lambda _: True):
    """Lay a timeline's tracks into the sequencer, as one meta strip.

    path: of the OTIO document. first_frame: where its first frame goes. channel: the meta strip's.
    wanted: whether a track of the document is laid.

    Returns the meta strip, and what could not be laid, for a person to read. Raises ValueError
    where nothing of it could be.
    """
    path = Path(bpy.path.abspath(str(path)))
    document = json.loads(path.read_text(encoding="utf-8"))
    rate = scene.render.fps / scene.render.fps_base
    strips = strips_of(scene.sequence_editor_create())
    meta = strips.new_meta(name, channel, first_frame)
    try:
        rows = [track for track in document["tracks"]["children"] if wanted(track)]
        # Sounds below pictures, as Blender's own import lays them.
        rows.sort(key=lambda track: track.get("kind") != "Audio")
        notes, last = [], first_frame
        for row, track in enumerate(rows):
            end, of_track = _lay_track(
                strips_of(meta), track, path.parent, row + 1, first_frame, rate
            )
            last = max(last, end)
            notes += of_track
        if last == first_frame:
            raise ValueError("; ".join(notes) or "{} has no clips".format(path.name))
        _set_end(meta, last)
    except Exception:
        strips.remove(meta)
        raise
    return meta, notes


def _lay_track(strips, track, folder, channel, first_frame, rate):
    """The clips of a track as strips: where the last one ends, and what could not be laid."""
    notes, last, at = [], first_frame, float(first_frame)
    if track.get("source_range"):
        notes.append("{} is trimmed; all of it is laid".format(track.get("name", "a track")))
    for item in track["children"]:
        kind = item["OTIO_SCHEMA"].partition(".")[0]
        name = item.get("name") or kind
        if kind == "Transition":
            notes.append("{} is not laid: dissolves are cuts".format(name))
            continue
        begin, at = round(at), at + _frames(_range_of(item)["duration"], rate)
        if kind == "Clip" and item.get("enabled", True):
            try:
                _lay(strips, item, folder, channel, begin, round(at) - begin, rate)
                last = max(last, round(at))
            except (RuntimeError, ValueError) as error:
                notes.append("{}: {}".format(name, str(error).strip()))
        elif kind not in ("Clip", "Gap"):
            notes.append("{} is nested, and not laid".format(name))
    return last, notes


def _track(kind, channel, row, first, rate):
    children, at = [], first
    for strip in row:
        if begin_of(strip) > at:
            children.append(
                {
                    "OTIO_SCHEMA": "Gap.1",
                    "source_range": _range(0, begin_of(strip) - at, rate),
                }
            )
        children.append(_clip(strip, rate))
        at = end_of(strip)
    return {
        "OTIO_SCHEMA": "Track.1",
        "name": "{} {}".format(kind, channel),
        "kind": kind,
        "children": children,
    }


def _clip(strip, rate):
    if is_retimed(strip):
        raise ValueError("{} is retimed or reversed; render it to a file first".format(strip.name))
    if strip.type == "IMAGE":
        media, first = _image_sequence(strip, rate)
    else:
        file = strip.sound.filepath if strip.type == "SOUND" else strip.filepath
        media = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": _file(file)}
        first = _trim_of(strip)
        media["available_range"] = _range(0, first + content_of(strip)[1], rate)
        if strip.type == "MOVIE" and abs(strip.fps - rate) > RATES_DIFFER:
            raise ValueError("{}: {}".format(strip.name, FOREIGN_RATE.format(strip.fps, rate)))
    begin, length = content_of(strip)
    if begin_of(strip) < begin or end_of(strip) > begin + length:
        raise ValueError("{} is held longer than its media; trim it".format(strip.name))
    skipped = begin_of(strip) - begin
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": strip.name,
        "source_range": _range(first + skipped, end_of(strip) - begin_of(strip), rate),
        "media_references": {"DEFAULT_MEDIA": media},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _image_sequence(strip, rate):
    """The sequence that the images of a strip are, and the number of the first."""
    names = [element.filename for element in strip.elements]
    found = NUMBERED.match(names[0])
    numbers = [NUMBERED.match(name) for name in names]
    if found is None or any(
        each is None
        or (each.group(1), each.group(3)) != (found.group(1), found.group(3))
        or int(each.group(2)) != int(found.group(2)) + index
        for index, each in enumerate(numbers)
    ):
        raise ValueError("The images of {} are not numbered one after another".format(strip.name))
    prefix, number, suffix = found.groups()
    media = {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        "target_url_base": _file(strip.directory) + "/",
        "name_prefix": prefix,
        "name_suffix": suffix,
        "start_frame": int(number),
        "frame_step": 1,
        "rate": rate,
        "frame_zero_padding": len(number),
        "missing_frame_policy": "error",
        "available_range": _range(int(number), len(names), rate),
    }
    return media, int(number) + _trim_of(strip)


def _lay(strips, clip, folder, channel, at, frames, rate):
    """One clip as a strip, trimmed to what the timeline shows of it."""
    if any(effect.get("time_scalar", 1) != 1 for effect in clip.get("effects", ())):
        raise ValueError("it is retimed")
    media = _media_of(clip)
    first = _rounded(_range_of(clip)["start_time"], rate)
    available = media.get("available_range")
    skipped = first - (_rounded(available["start_time"], rate) if available else 0)
    name = clip.get("name", "")
    kind = media["OTIO_SCHEMA"].partition(".")[0]
    if kind == "ImageSequenceReference":
        files = _images(media, folder, skipped, frames, rate)
        strip = strips.new_image(name, str(files[0]), channel, at)
        for file in files[1:]:
            strip.elements.append(file.name)
    elif kind == "ExternalReference":
        file = _there(_path(media["target_url"], folder))
        is_sound = file.suffix.lower() in bpy.path.extensions_audio
        new = strips.new_sound if is_sound else strips.new_movie
        strip = new(name, str(file), channel, at - skipped)
        own_rate = rate if is_sound else strip.fps
        if abs(own_rate - rate) > RATES_DIFFER:
            strips.remove(strip)
            raise ValueError(FOREIGN_RATE.format(own_rate, rate))
        _set_begin(strip, at)
    else:
        raise ValueError("its media are missing")
    _set_end(strip, at + frames)
    strip[NAME] = name


def _images(media, folder, skipped, frames, rate):
    """The files of the images that a clip shows."""
    if media.get("frame_step", 1) != 1:
        raise ValueError("only every {}th image is there".format(media["frame_step"]))
    if abs(media["rate"] - rate) > RATES_DIFFER:
        raise ValueError(FOREIGN_RATE.format(media["rate"], rate))
    base = _path(media["target_url_base"], folder)
    padded = "{{:0{}d}}".format(media["frame_zero_padding"])
    numbers = range(media["start_frame"] + skipped, media["start_frame"] + skipped + frames)
    files = [
        base / (media["name_prefix"] + padded.format(number) + media["name_suffix"])
        for number in numbers
    ]
    _there(files[0])
    return files


def _there(file):
    if not file.is_file():
        raise ValueError("{} is not there".format(file))
    return file


def _set_begin(strip, frame):
    name = "left_handle" if hasattr(strip, "left_handle") else "frame_final_start"
    setattr(strip, name, frame)


def _set_end(strip, frame):
    name = "right_handle" if hasattr(strip, "right_handle") else "frame_final_end"
    setattr(strip, name, frame)


def _file(path):
    return Path(os.path.normpath(bpy.path.abspath(path))).as_posix()


def _path(url, folder):
    """The file of a target_url: a file URL, a path, or one beside the timeline."""
    if url.startswith("file:"):
        parsed = urlparse(url, allow_fragments=False)
        host = "//" + parsed.netloc if parsed.netloc not in ("", "localhost") else ""
        return Path(url2pathname(host + parsed.path))
    return folder / (unquote(url) if "%20" in url else url)


def _range(start, duration, rate):
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": start},
        "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": duration},
    }


def _media_of(clip):
    if clip.get("media_reference"):
        return clip["media_reference"]
    key = clip.get("active_media_reference_key", "DEFAULT_MEDIA")
    return clip.get("media_references", {}).get(key) or {"OTIO_SCHEMA": "MissingReference.1"}


def _range_of(item):
    """What is shown of an item. Raises ValueError where it does not say."""
    found = item.get("source_range") or _media_of(item).get("available_range")
    if found is None:
        name = item.get("name") or item["OTIO_SCHEMA"]
        raise ValueError("{} does not say how long it is; flatten the timeline".format(name))
    return found


def _frames(time, rate):
    """A time of the document in the scene's frames."""
    return time["value"] * rate / time["rate"]


def _rounded(time, rate):
    return round(_frames(time, rate))
