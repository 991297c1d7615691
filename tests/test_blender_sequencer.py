"""The sequencer of the real Blender: timelines in and out, and strips that the service dubs."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
import soundfile
from blender_scripts import run_script
from conftest import Sample
from movie_files import small_movie

# Movies and images of the sample in the sequencer; a Blender without sound has no sound strips.
BEGIN_SEQUENCE = """
from dubwright_blender.timelines import begin_of, end_of, strips_of
scene.render.fps, scene.render.fps_base = 24, 1
strips = strips_of(scene.sequence_editor_create())

def images(name, folder, stem, first, count, channel, at):
    names = ["%s.%04d.exr" % (stem, first + n) for n in range(count)]
    strip = strips.new_image(name, folder + "/" + names[0], channel, at)
    for each in names[1:]:
        strip.elements.append(each)
    return strip

def sound(name, path, channel, at):
    try:
        return strips.new_sound(name, path, channel, at)
    except RuntimeError:
        return None

def told(owner):
    return sorted(
        [s.name, s.type, begin_of(s), end_of(s), s.channel, s.mute] for s in strips_of(owner)
    )

def trimmed(strip, begin, end):
    new = hasattr(strip, "left_handle")
    setattr(strip, "left_handle" if new else "frame_final_start", begin)
    setattr(strip, "right_handle" if new else "frame_final_end", end)
"""


def _laid(sample: Sample, folder: Path) -> str:
    plates = sample.folder / "plates" / "lighthouse_010"
    movie = small_movie(folder / "a movie.mov", Fraction(24), frames=48)
    return f"""
plate = images("plate", {str(plates)!r}, "lighthouse_010", 1001, 60, 3, 100)
trimmed(plate, 110, 150)
movie = strips.new_movie("movie", {str(movie)!r}, 3, 160)
trimmed(movie, 170, 190)
music = sound("music", {str(sample.folder / "audio" / "m_and_e.wav")!r}, 1, 90)
"""


def test_strips_are_written_as_a_timeline_and_laid_again(
    blender: str, sample: Sample, tmp_path: Path
) -> None:
    """Each where it was, as long as it was, from the frames that it showed."""
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + _laid(sample, tmp_path)
        + """
if music:
    trimmed(music, 100, 180)
dubwright_blender.write_timeline(scene, list(strips), out + "/cut.otio")
first = min(begin_of(strip) for strip in strips)
meta, notes = dubwright_blender.lay_timeline(scene, out + "/cut.otio", "again", first, 9)
laid = strips_of(meta)
said = {
    "laid": told(meta), "meta": [begin_of(meta), end_of(meta)], "notes": notes,
    "images": [e.filename for s in laid if s.type == "IMAGE" for e in s.elements][:1],
    "movie": [[s.frame_start, s.frame_duration] for s in laid if s.type == "MOVIE"],
    "sound": music is not None,
}
""",
    )
    timeline = otio.adapters.read_from_file(str(tmp_path / "out" / "cut.otio"))
    first = 100 if said["sound"] else 110
    plate, movie = timeline.video_tracks()[0].find_clips()
    assert plate.source_range.start_time.value == 1011
    assert plate.source_range.duration.value == 40
    assert plate.media_reference.number_of_images_in_sequence() == 60
    assert movie.source_range.start_time.value == 10 and movie.source_range.duration.value == 20
    assert plate.transformed_time_range(
        plate.trimmed_range(), timeline.tracks
    ).start_time.value == (110 - first)
    # Names are given once in a scene.
    laid = [[row[0].partition(".")[0], *row[1:4]] for row in said["laid"]]
    assert [row for row in laid if row[1] != "SOUND"] == [
        ["movie", "MOVIE", 170, 190],
        ["plate", "IMAGE", 110, 150],
    ]
    assert said["images"] == ["lighthouse_010.1011.exr"]
    assert said["meta"] == [first, 190] and said["notes"] == []
    assert said["movie"][0] == [160, 48]
    if said["sound"]:
        (music,) = timeline.audio_tracks()[0].find_clips()
        assert music.source_range.start_time.value == 10
        assert ["music", "SOUND", 100, 180] in laid


def test_what_a_timeline_cannot_hold_is_told(blender: str, sample: Sample, tmp_path: Path) -> None:
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + _laid(sample, tmp_path)
        + """
def refused(strip):
    try:
        dubwright_blender.write_timeline(scene, [strip] if strip else [], out + "/cut.otio")
    except ValueError as error:
        return str(error)
plate.elements[5].filename = "lighthouse_010.9999.exr"
held = images("held", os.path.dirname(plate.directory), "x", 1, 3, 5, 10)
trimmed(held, 10, 30)
movie.use_reverse_frames = True
colour = {"name": "c", "type": "COLOR", "channel": 8, "frame_start": 1}
known = {p.identifier for p in strips.bl_rna.functions["new_effect"].parameters}
colour.update({"length": 5} if "length" in known else {"frame_end": 6})
said = [refused(plate), refused(held), refused(movie), refused(strips.new_effect(**colour))]
said = {"said": said, "written": os.path.exists(out + "/cut.otio")}
""",
    )
    for told, why in zip(
        said["said"],
        ["numbered one after another", "longer than its media", "reversed", "Select movie"],
        strict=True,
    ):
        assert why in told
    assert not said["written"]


def test_a_hold_split_shows_the_frames_that_it_shows(
    blender: str, sample: Sample, tmp_path: Path
) -> None:
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + _laid(sample, tmp_path)
        + """
from dubwright_blender.timelines import plate_of
trimmed(plate, 100, 160)
name = "content_trim_start" if hasattr(plate, "content_trim_start") else "animation_offset_start"
setattr(plate, name, 20)
said = {"frames": plate_of(plate, 24)[1], "length": end_of(plate) - begin_of(plate)}
try:
    plate_of(movie, 25)
except ValueError as error:
    said["told"] = str(error)
""",
    )
    assert said["frames"] == [1021, 1020 + said["length"]]
    assert "movie: it has 24 frames a second, the scene 25" in said["told"]


def test_timelines_of_other_programs_are_laid_as_far_as_they_can_be(
    blender: str, sample: Sample, tmp_path: Path
) -> None:
    """Edges are rounded, not durations; nothing half made is left where it cannot be laid."""
    movie = small_movie(tmp_path / "a clip.mov", Fraction(24), frames=48)
    reference = otio.schema.ExternalReference(movie.as_uri())

    def clip(name: str, frames: int, rate: float = 25) -> otio.schema.Clip:
        part = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(frames, rate)
        )
        return otio.schema.Clip(name, reference.clone(), part)

    clips = [clip(f"clip {number}", 37) for number in range(20)]
    faster = clip("faster", 10)
    faster.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    off = clip("off", 25)
    off.enabled = False
    track = otio.schema.Track("V1", [*clips, faster, off, clip("last", 25)])
    track.insert(
        1,
        otio.schema.Transition(
            "dissolve",
            in_offset=otio.opentime.RationalTime(5, 25),
            out_offset=otio.opentime.RationalTime(5, 25),
        ),
    )
    timeline = otio.schema.Timeline("foreign")
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(tmp_path / "foreign.otio"))
    track[0].media_reference = otio.schema.MissingReference()
    track[0].source_range = None
    otio.adapters.write_to_file(timeline, str(tmp_path / "unknown.otio"))
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + f"""
meta, notes = dubwright_blender.lay_timeline(scene, {str(tmp_path / "foreign.otio")!r}, "f", 1, 2)
said = {{"laid": {{row[0]: row[2:4] for row in told(meta)}}, "notes": notes}}
before = len(strips)
try:
    dubwright_blender.lay_timeline(scene, {str(tmp_path / "unknown.otio")!r}, "u", 1, 3)
except ValueError as error:
    said["told"] = str(error)
said["left"] = len(strips) - before
""",
    )
    for number in range(20):
        begin, end = (1 + 37 * n * 24 / 25 for n in (number, number + 1))
        assert said["laid"][f"clip {number}"] == [round(begin), round(end)]
    assert "faster" not in said["laid"] and "off" not in said["laid"]
    begin = round(1 + (37 * 20 + 35) * 24 / 25)
    assert said["laid"]["last"] == [begin, begin + 24]
    assert any("dissolve" in note for note in said["notes"])
    assert any("faster: it is retimed" in note for note in said["notes"])
    assert "does not say how long it is" in said["told"] and said["left"] == 0


def test_missing_media_are_told_and_the_rest_is_laid(
    blender: str, sample: Sample, tmp_path: Path
) -> None:
    timeline = json.loads(sample.timeline.read_text())
    clips = timeline["tracks"]["children"][0]["children"]
    clips[1]["media_references"]["DEFAULT_MEDIA"] = {"OTIO_SCHEMA": "MissingReference.1"}
    path = sample.folder / "with a hole.otio"
    path.write_text(json.dumps(timeline))
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + f"""
meta, notes = dubwright_blender.lay_timeline(scene, {str(path)!r}, "cut", 1, 2)
said = {{"notes": notes, "laid": [row[0] for row in told(meta) if row[1] != "SOUND"]}}
""",
    )
    assert said["laid"] == ["lighthouse_010"]
    assert any("lighthouse_020: its media are missing" in note for note in said["notes"])


@pytest.mark.usefixtures("served")
def test_strips_are_dubbed_into_languages_that_switch(
    blender: str, sample: Sample, tmp_path: Path
) -> None:
    """A meta strip for each; the original's sound rests while one plays; again replaces them."""
    plates = sample.folder / "plates"
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + f"""
first = images("first", {str(plates / "lighthouse_010")!r}, "lighthouse_010", 1001, 180, 3, 50)
second = images("second", {str(plates / "lighthouse_020")!r}, "lighthouse_020", 1001, 96, 3, 230)
line = sound("dialogue", {str(sample.folder / "audio" / "dialogue.en.wav")!r}, 1, 50)
music = sound("music", {str(sample.folder / "audio" / "m_and_e.wav")!r}, 2, 50)
first.transform.scale_x = first.transform.scale_y = 2.5
first.transform.offset_x, second.crop.min_x, second.use_flip_x = 12, 30, True
if music:
    music.mute = True  # by the user
states = []
for _ in range(3):
    report = dubwright_blender.dub(
        scene, list(s for s in strips if s.type != "META"), ["es", "fr"], out, name="Lighthouse",
        subtitles={str(sample.folder / "subtitles")!r}, original="en",
        cast={str(sample.cast)!r}, progress=lambda state: states.append(state["label"]),
    )
from dubwright_blender.sequencer import play_sound_of, sequenced_languages
metas = {{s.name: s for s in strips if s.type == "META"}}
playing = told(scene.sequence_editor)
play_sound_of(scene, "")
said = {{
    "report": report, "languages": sequenced_languages(scene), "playing": playing,
    "original": told(scene.sequence_editor), "heard": line is not None,
    "es": told(metas["Lighthouse (es)"]), "moved": len(states) > 3,
    "placed": sorted(
        [begin_of(s), s.transform.scale_x, s.transform.offset_x, s.crop.min_x, s.use_flip_x]
        for s in strips_of(metas["Lighthouse (es)"]) if s.type == "IMAGE"
    ),
    "files": [e.filename for s in strips_of(metas["Lighthouse (es)"]) if s.type == "IMAGE"
              for e in s.elements][:1],
}}
""",
    )
    assert said["languages"] == ["es", "fr"] and said["moved"]
    metas = {row[0]: row for row in said["playing"] if row[1] == "META"}
    assert set(metas) == {"Lighthouse (es)", "Lighthouse (fr)"}, said["report"]
    assert [metas[f"Lighthouse ({tag})"][5] for tag in ("es", "fr")] == [True, False]
    # Above all that is there, however often it is dubbed.
    assert (metas["Lighthouse (es)"][4], metas["Lighthouse (fr)"][4]) == (4, 5)
    assert metas["Lighthouse (es)"][2] == 50
    drawn = [row for row in said["es"] if row[1] == "IMAGE"]
    assert drawn and all(50 <= row[2] < row[3] <= 326 for row in drawn)
    assert ".es." in said["files"][0]
    for begins, scale, offset, crop, flipped in said["placed"]:
        expected = (2.5, 12, 0, False) if begins < 230 else (1, 0, 30, True)
        assert (scale, offset, crop, flipped) == expected
    assert {begins < 230 for begins, *_ in said["placed"]} == {True, False}
    assert {row[0]: row[5] for row in said["original"] if row[1] == "META"} == {
        "Lighthouse (es)": True, "Lighthouse (fr)": True,
    }  # fmt: skip
    if said["heard"]:
        mutes = {row[0]: row[5] for row in said["playing"] if row[1] == "SOUND"}
        assert mutes == {"dialogue": True, "music": True}
        mutes = {row[0]: row[5] for row in said["original"] if row[1] == "SOUND"}
        assert mutes == {"dialogue": False, "music": True}, "as the user had them"
        assert {row[0] for row in said["es"] if row[1] == "SOUND"} == {
            f"{name}.es.{stem}" for name in ("Lighthouse",) for stem in ("DX", "ME")
        }


@pytest.mark.usefixtures("served")
def test_a_strip_is_lip_synced_to_a_sound(blender: str, sample: Sample, tmp_path: Path) -> None:
    plates = sample.folder / "plates" / "lighthouse_010"
    dialogue = sample.folder / "audio" / "dialogue.en.wav"
    samples, rate = soundfile.read(dialogue)
    line = tmp_path / "line.wav"
    soundfile.write(line, samples[: 2 * rate], rate)
    said = run_script(
        blender,
        tmp_path,
        BEGIN_SEQUENCE
        + f"""
plate = images("plate", {str(plates)!r}, "lighthouse_010", 1001, 120, 3, 50)
trimmed(plate, 60, 130)
line = sound("line", {str(line)!r}, 1, 65)
said = {{}}
if line:
    report = dubwright_blender.lip_sync(
        scene, plate, line, "en", out, text="The light is on.", cast={str(sample.cast)!r}
    )
    (meta,) = [s for s in strips if s.type == "META"]
    said = {{"meta": told(scene.sequence_editor), "in it": told(meta), "report": report}}
    early, cut = sound("early", {str(line)!r}, 1, 10), sound("cut", {str(line)!r}, 5, 70)
    trimmed(cut, 70, 80)
    said["told"] = []
    for picture, other in ((plate, early), (plate, cut), (line, line)):
        try:
            dubwright_blender.lip_sync(scene, picture, other, "en", out)
        except ValueError as error:
            said["told"].append(str(error))
""",
    )
    if not said:
        pytest.skip("this Blender was built without sound")
    drawn = [row for row in said["in it"] if row[1] == "IMAGE"]
    assert drawn and all(60 <= row[2] < row[3] <= 130 for row in drawn)
    assert {row[0]: row[5] for row in said["meta"] if row[1] == "SOUND"} == {"line": True}
    for told, why in zip(
        said["told"],
        ["begins before", "trimmed or retimed", "no movie and no images"],
        strict=True,
    ):
        assert why in told
