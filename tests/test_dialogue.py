"""Subtitles, cue sheets and casts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubwright.dialogue import (
    CueSheet,
    Decision,
    Review,
    Subtitle,
    cue_sheet_from_subtitles,
    read_subtitles,
    subtitle_language,
    write_subtitles,
)
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind

XML = "http://www.w3.org/XML/1998/namespace"
WORDS = st.text(st.characters(whitelist_categories=["L"], max_codepoint=0x24F), min_size=1)


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(40, 5000), WORDS), max_size=5))
def test_subtitles_survive_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, int, str]]
) -> None:
    path = tmp_path_factory.mktemp("srt") / "lines.es.srt"
    given_lines = sorted((Subtitle(s, s + d, t) for s, d, t in lines), key=lambda x: x.start_ms)
    for written in (path, path.with_suffix(".vtt"), path.with_suffix(".ttml")):
        write_subtitles(written, given_lines, "es")
        if given_lines:
            assert read_subtitles(written) == given_lines


def test_imsc_says_its_profile_and_its_times(tmp_path: Path) -> None:
    path = tmp_path / "lines.ar.ttml"
    said = "<&> \u0645\u0631\u062d\u0628\u0627"
    write_subtitles(path, [Subtitle(3_723_004, 3_725_000, said)], "ar")
    root = ElementTree.parse(path).getroot()
    tt = "{http://www.w3.org/ns/ttml}"
    assert root.tag == f"{tt}tt" and root.attrib[f"{{{XML}}}lang"] == "ar"
    assert root.attrib["{http://www.w3.org/ns/ttml#parameter}contentProfiles"].endswith("/text")
    (line,) = root.iter(f"{tt}p")
    assert (line.attrib["begin"], line.attrib["end"]) == ("01:02:03.004", "01:02:05.000")
    assert "".join(line.itertext()) == said


def test_webvtt_names_speakers(tmp_path: Path) -> None:
    path = tmp_path / "lines.en.vtt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:02.500\n<v Ada>Good <i>morning</i>,\nfriend.</v>\n")
    assert read_subtitles(path) == [Subtitle(1000, 2500, "Good morning, friend.", "Ada")]


def test_a_file_that_is_no_subtitle_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lines.es.srt"
    path.write_text("this is not a subtitle file")
    with pytest.raises(DubwrightError, match="subtitle file cannot be read"):
        read_subtitles(path)


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.es.srt", "es"), ("a.pt-BR.vtt", "pt-BR"), ("a.srt", None), ("a.es.txt", None)],
)
def test_the_language_stands_in_the_name(name: str, language: str | None) -> None:
    assert subtitle_language(Path(name)) == language


def test_languages_are_merged_by_time() -> None:
    sheet = cue_sheet_from_subtitles(
        {
            "en": [Subtitle(0, 1000, "One."), Subtitle(1500, 3000, "Two.", "Ada")],
            "es": [Subtitle(100, 1100, "Uno."), Subtitle(1400, 2900, "Dos.")],
        },
        "en",
    )
    assert [cue.text for cue in sheet.cues] == [
        {"en": "One.", "es": "Uno."},
        {"en": "Two.", "es": "Dos."},
    ]
    assert [cue.speaker for cue in sheet.cues] == ["Speaker 1", "Ada"]


def test_a_subtitle_where_nobody_speaks_is_refused() -> None:
    with pytest.raises(DubwrightError, match="nobody speaks"):
        cue_sheet_from_subtitles(
            {"en": [Subtitle(0, 1000, "One.")], "es": [Subtitle(5000, 6000, "Uno.")]}, "en"
        )


def test_a_cue_sheet_survives_a_round_trip(tmp_path: Path) -> None:
    sheet = CueSheet(
        original="en",
        cues=(
            Cue(id="b", speaker="Ada", start_ms=10, end_ms=20, text={"en": "Hé", "pt-BR": "Ei"}),
            Cue(id="a", speaker="Ada", start_ms=0, end_ms=5, kind=CueKind.LAUGH),
        ),
    )
    sheet.write(tmp_path / "cues.json")
    assert CueSheet.read(tmp_path / "cues.json") == sheet
    assert [cue.id for cue in sheet.cues] == ["a", "b"]
    assert [cue.id for cue in sheet.spoken_in("pt-BR")] == ["b"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "the document"),
        ('{"cues": [{"id": "a b"}]}', "cues > 0"),
        ('{"version": 9}', "version"),
        ('{"surprise": 1}', "surprise"),
    ],
)
def test_a_faulty_cue_sheet_names_the_place(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "cues.json"
    path.write_text(text)
    with pytest.raises(DubwrightError) as caught:
        CueSheet.read(path)
    assert place in caught.value.where


def test_a_line_may_borrow_half_of_the_silence_after_it() -> None:
    first = Cue(id="a", speaker="s", start_ms=0, end_ms=1000)
    second = Cue(id="b", speaker="s", start_ms=1400, end_ms=2000)
    sheet = CueSheet(cues=(first, second))
    assert sheet.room_ms(first, 9000) == 1200
    assert sheet.room_ms(second, 9000) == 600 + 500
    assert sheet.room_ms(second, 2400) == 600 + 200


def _decision(**changes: object) -> Decision:
    facts = {
        "cue": "cue0001",
        "language": "es",
        "content": "0" * 64,
        "verdict": "approved",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Decision.model_validate(facts | changes)


def test_a_word_on_a_cue_holds_for_what_was_seen(tmp_path: Path) -> None:
    first, second = _decision(), _decision(language="fr", verdict="rejected", note="late")
    review = Review().decided(first).decided(second).decided(_decision(verdict="rejected"))
    assert len(review.decisions) == 2
    found = review.on("cue0001", "es", "0" * 64)
    assert found is not None and found.verdict == "rejected"
    assert review.on("cue0001", "es", "1" * 64) is None
    assert review.withdrawn("cue0001", "es", "0" * 64).decisions == (second,)
    review.write(tmp_path / "review.json")
    assert Review.read(tmp_path / "review.json") == review
    assert Review.read(tmp_path / "none.json") == Review()


def test_recordings_in_a_sheet_lie_beside_it(tmp_path: Path) -> None:
    cue = Cue(id="a", speaker="Jo", start_ms=0, end_ms=1, takes={"es": Path("a.wav")})
    elsewhere = Cue(id="b", speaker="Jo", start_ms=2, end_ms=3, takes={"es": Path("/takes/b.wav")})
    sheet = CueSheet(cues=(cue, elsewhere)).with_takes_in(tmp_path)
    assert [cue.takes["es"] for cue in sheet.cues] == [tmp_path / "a.wav", Path("/takes/b.wav")]


def test_a_document_of_a_later_version_says_so(tmp_path: Path) -> None:
    later = tmp_path / "cues.json"
    later.write_text('{"version": 9, "cues": [], "moods": []}', encoding="utf-8")
    with pytest.raises(DubwrightError, match="another version") as caught:
        CueSheet.read(later)
    assert "9" in caught.value.why
