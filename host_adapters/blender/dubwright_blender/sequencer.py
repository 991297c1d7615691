# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Sound of lines in the sequencer: a strip for each line, a channel for each language.

Bridges what differs between Blender 4.2 and 5.x: since 4.4 strips are called strips.
"""

__all__ = ["lay_sound", "play_sound_of"]

# On our strips: whose line it is, and in which language.
LINE, LANGUAGE = "dubwright_line", "dubwright_language"


def lay_sound(scene, sound, who, line, language, first_frame):
    """Lay the sound of somebody's line into the sequencer, in place of what was there of it.

    sound: the WAV. Other languages of ours are muted. Raises RuntimeError in a Blender that was
    built without sound.
    """
    strips = _strips(scene.sequence_editor_create())
    whose = "{}: {}".format(who, line)
    ours = [strip for strip in strips if LANGUAGE in strip]
    name = "{} ({})".format(whose, language)
    new = strips.new_sound(name, str(sound), _channel(strips, ours, language), first_frame)
    for strip in ours:
        if strip[LINE] == whose and strip[LANGUAGE] == language:
            strips.remove(strip)
    # Now that no other strip has it.
    new.name = name
    new[LINE], new[LANGUAGE] = whose, language
    play_sound_of(scene, language)


def play_sound_of(scene, language):
    """Have one language's sounds play; those of the others are muted."""
    if scene.sequence_editor is not None:
        for strip in _strips(scene.sequence_editor):
            if LANGUAGE in strip:
                strip.mute = strip[LANGUAGE] != language


def _channel(strips, ours, language):
    """The language's channel; the first one above all others if it has none yet."""
    of_language = [strip.channel for strip in ours if strip[LANGUAGE] == language]
    return min(of_language, default=1 + max((strip.channel for strip in strips), default=0))


def _strips(editor):
    return editor.strips if hasattr(editor, "strips") else editor.sequences
