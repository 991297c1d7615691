# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Lines and dubs in the sequencer: a strip for each, a channel for each language.

One language plays at a time; where a dub plays, the sounds that it was made of are muted.
"""

from dubwright_blender.timelines import (
    PICTURES,
    begin_of,
    end_of,
    lay_timeline,
    named_as_clips,
    strips_of,
)

__all__ = [
    "has_original",
    "lay_dub",
    "lay_sound",
    "move_sound",
    "play_sound_of",
    "sequenced_languages",
]

# On our strips: whose line or which dub it is, and in which language.
LINE, LANGUAGE = "dubwright_line", "dubwright_language"
# On sounds that dubs were made of: the dubs, a line each, and whether they were muted before.
DUBBED, MUTED = "dubwright_dubbed", "dubwright_muted"


def lay_sound(scene, sound, who, line, language, first_frame):
    """Lay the sound of somebody's line into the sequencer, in place of what was there of it.

    sound: the WAV. Other languages of ours are muted. Raises RuntimeError in a Blender that was
    built without sound.
    """
    strips = strips_of(scene.sequence_editor_create())
    whose = "{}: {}".format(who, line)
    ours = [strip for strip in strips if LANGUAGE in strip]
    name = "{} ({})".format(whose, language)
    new = strips.new_sound(name, str(sound), _channel(strips, ours, language), first_frame)
    _remove(strips, ours, whose, language)
    # Now that no other strip has it.
    new.name = name
    new[LINE], new[LANGUAGE] = whose, language
    play_sound_of(scene, language)


def move_sound(scene, whose, language, later):
    """Move the sound of a line by frames, if there is one. whose: as in "Ana: line"."""
    editor = scene.sequence_editor
    for strip in strips_of(editor) if editor is not None else []:
        if strip.get(LINE) == whose and strip.get(LANGUAGE) == language:
            strip.frame_start += later


def lay_dub(scene, timeline, name, language, first_frame, originals):
    """Lay what a dub adds to its strips into the sequencer, in place of what was there of it.

    timeline: of the language, as the service delivers it. name: of the dub. first_frame: of the
    first strip that was dubbed. originals: the strips that were dubbed; new pictures are placed
    in the frame as those under them, and sounds are muted while a language of the dub plays.

    Returns the meta strip, and what could not be laid, for a person to read.
    """
    strips = strips_of(scene.sequence_editor_create())
    ours = [strip for strip in strips if LANGUAGE in strip]
    title = "{} ({})".format(name, language)
    channel = _channel(strips, ours, language)
    meta, notes = lay_timeline(scene, timeline, title, first_frame, channel, _is_added)
    _remove(strips, ours, name, language)
    # Where what it replaces was in its way.
    meta.channel = channel
    meta.name = title
    named_as_clips(meta)
    meta[LINE], meta[LANGUAGE] = name, language
    pictures = [strip for strip in originals if strip.type in PICTURES]
    for strip in strips_of(meta):
        if strip.type in PICTURES:
            _place_as(strip, pictures)
    for strip in originals:
        if strip.type == "SOUND":
            strip[DUBBED] = "\n".join(sorted({name, *_dubs_of(strip)}))
            strip[MUTED] = strip.get(MUTED, strip.mute)
    play_sound_of(scene, language)
    return meta, notes


def sequenced_languages(scene):
    """The languages that the sequencer has lines or dubs in."""
    if scene.sequence_editor is None:
        return []
    return sorted({s[LANGUAGE] for s in strips_of(scene.sequence_editor) if LANGUAGE in s})


def has_original(scene):
    """Whether the sequencer has sounds that dubs were made of."""
    editor = scene.sequence_editor
    return editor is not None and any(DUBBED in strip for strip in strips_of(editor))


def play_sound_of(scene, language):
    """Have one language's strips play, those of the others not; the original if language is ""."""
    if scene.sequence_editor is None:
        return
    strips = strips_of(scene.sequence_editor)
    for strip in strips:
        if LANGUAGE in strip:
            strip.mute = strip[LANGUAGE] != language
    playing = {strip[LINE] for strip in strips if LANGUAGE in strip and not strip.mute}
    for strip in strips:
        if DUBBED in strip:
            strip.mute = bool(strip[MUTED]) or not playing.isdisjoint(_dubs_of(strip))


def _dubs_of(strip):
    return [name for name in strip.get(DUBBED, "").split("\n") if name]


def _is_added(track):
    """Whether a track of a language's timeline is the dub's, and not the plates'."""
    return track.get("kind") == "Audio" or track.get("name", "").startswith("Dub ")


def _place_as(strip, pictures):
    """Place a picture in the frame as the topmost of those that are seen when it begins."""
    under = [p for p in pictures if begin_of(p) <= begin_of(strip) < end_of(p)]
    if not under:
        return
    original = max(under, key=lambda picture: picture.channel)
    for part in ("transform", "crop"):
        ours, theirs = getattr(strip, part), getattr(original, part)
        for field in theirs.bl_rna.properties:
            if not field.is_readonly:
                setattr(ours, field.identifier, getattr(theirs, field.identifier))
    strip.use_flip_x, strip.use_flip_y = original.use_flip_x, original.use_flip_y


def _remove(strips, ours, line, language):
    for strip in ours:
        if strip[LINE] == line and strip[LANGUAGE] == language:
            strips.remove(strip)


def _channel(strips, ours, language):
    """The language's channel; the first one above all others if it has none yet."""
    of_language = [strip.channel for strip in ours if strip[LANGUAGE] == language]
    return min(of_language, default=1 + max((strip.channel for strip in strips), default=0))
