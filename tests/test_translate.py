"""Lines in other languages: to translators and back, and by an engine, with timing in mind."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tiny_models import tiny_m2m100, tiny_madlad, tiny_marian, tiny_seamless

from dubwright.api import perform
from dubwright.dialogue import CueSheet
from dubwright.dialogue.glossary import Glossary
from dubwright.dialogue.tables import read_table, write_table
from dubwright.dialogue.translation import export_lines, import_lines
from dubwright.dialogue.xliff import (
    Translation,
    TranslationUnit,
    fill_xliff,
    read_xliff,
    write_xliff,
)
from dubwright.engines import EngineKind, Speech, engine
from dubwright.engines.conformance import translator_faults
from dubwright.errors import DubwrightError
from dubwright.model import Cue, CueKind
from dubwright.operations.request import TranslateRequest, validated
from dubwright.speech.engines.transformers_translator import TransformersTranslator
from dubwright.speech.translate import Wanted, ranked
from dubwright.store import Store

neural = pytest.mark.skipif(
    bool(TransformersTranslator.card.missing_packages), reason="transformers is not installed"
)

# What tools add of their own, in their namespaces, as their documentation shows it.
XLIFF = Path(__file__).parent / "xliff"
MEMOQ = (XLIFF / "memoq.xlf").read_text("utf-8")
TRADOS = (XLIFF / "trados.xlf").read_text("utf-8")
SPLIT = (XLIFF / "split.xlf").read_text("utf-8")


def _sheet() -> CueSheet:
    def cue(number: int, text: str, **rest: object) -> Cue:
        return Cue.model_validate(
            {
                "id": f"cue000{number}", "speaker": "Ada", "start_ms": number * 3000,
                "end_ms": number * 3000 + 2000, "text": {"en": text}, **rest,
            }
        )  # fmt: skip

    return CueSheet(
        original="en",
        cues=(
            cue(1, "We bought five boats."),
            cue(2, 'Say "hi" & <come> in; = 2 + 2?', note="shouted"),
            cue(3, "Ugh!", kind=CueKind.EFFORT),
            cue(4, "今日は、いい天気🙂"),
        ),
    )


SPANISH = {
    "cue0001": "Compramos cinco barcos.",
    "cue0002": "Di «hola» & <pasa>",
    "cue0004": "مرحبا 🙂",
}


@pytest.mark.parametrize("suffix", [".xlf", ".xliff", ".csv"])
def test_lines_go_to_a_translator_and_come_home(suffix: str, tmp_path: Path) -> None:
    sheet, path = _sheet(), tmp_path / f"lines{suffix}"
    export_lines(sheet, "es", path)
    if suffix == ".csv":
        rows = read_table(path)
        assert [row["cue"] for row in rows] == list(SPANISH) and rows[0]["seconds"] == "2.0"
        write_table(path, list(rows[0]), [row | {"es": SPANISH[row["cue"]]} for row in rows])
    else:
        units = read_xliff(path).units
        assert [unit.id for unit in units] == list(SPANISH)
        assert units[1].source == sheet.cues[1].text["en"] and not units[1].target
        assert any("Ada, 2.0 s" in note for note in units[0].notes)
        assert any("shouted" in note for note in units[1].notes)
        fill_xliff(path, path, SPANISH)
    brought = import_lines(sheet, "es", path)
    assert {c.id: c.text["es"] for c in brought.sheet.cues if "es" in c.text} == SPANISH
    assert (brought.missing, brought.unknown, brought.changed) == ((), (), ())
    export_lines(brought.sheet, "es", path)
    assert import_lines(sheet, "es", path).sheet == brought.sheet


def test_subtitles_come_home_by_their_times(tmp_path: Path) -> None:
    sheet, path = _sheet(), tmp_path / "lines.es.srt"
    path.write_text(
        "1\n00:00:03,100 --> 00:00:04,000\nCompramos cinco\n\n"
        "2\n00:00:04,000 --> 00:00:05,000\nbarcos.\n\n3\n00:01:00,000 --> 00:01:01,000\nNadie.\n",
        "utf-8",
    )
    brought = import_lines(sheet, "es", path)
    assert brought.sheet.cues[0].text["es"] == "Compramos cinco barcos."
    assert brought.missing == ("cue0002", "cue0004") and brought.unknown == ("Nadie.",)


@pytest.mark.parametrize(
    ("content", "spanish"),
    [(MEMOQ, "Compramos cinco barcos."), (TRADOS, "Compramos cinco barcos. Ven."),
     (SPLIT, "Compramos cinco barcos. Ven.")],
    ids=["memoQ", "Trados", "2.1, split"],
)  # fmt: skip
def test_what_tools_add_goes_home_with_them(content: str, spanish: str, tmp_path: Path) -> None:
    path = tmp_path / "back.xlf"
    path.write_text(content, "utf-8")
    (unit,) = read_xliff(path).units
    assert (unit.id, unit.target) == ("cue0001", spanish)
    assert unit.source.startswith("We bought five boats.")
    brought = import_lines(_sheet(), "es", path)
    assert brought.sheet.cues[0].text["es"] == spanish and "cue0002" in brought.missing

    def others(file: Path) -> list[bytes]:
        """Everything in a file but its targets and their states."""
        root = etree.parse(str(file)).getroot()
        for element in root.iter("{*}target"):
            element.getparent().remove(element)
        for element in root.iter("{*}segment"):
            element.attrib.pop("state", None)
        return etree.tostring(root, method="xml").split()

    before = others(path)
    fill_xliff(path, tmp_path / "filled.xlf", {"cue0001": "Otra cosa.", "nobody": "x"})
    assert read_xliff(tmp_path / "filled.xlf").units[0].target == "Otra cosa."
    assert others(tmp_path / "filled.xlf") == before
    fill_xliff(path, tmp_path / "same.xlf", {})
    assert read_xliff(tmp_path / "same.xlf") == read_xliff(path)


words = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
    min_size=1, max_size=30,
)  # fmt: skip


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5), st.sampled_from(["1.2", "2.0"]))
def test_any_text_survives_xliff(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], version: str
) -> None:
    path = tmp_path_factory.mktemp("xliff") / "any.xlf"
    units = tuple(
        TranslationUnit(f"cue{number}", source, target)
        for number, (source, target) in enumerate(texts)
    )
    write_xliff(path, Translation("en", "es", units), version)  # type: ignore[arg-type]
    read = read_xliff(path)
    assert [(u.id, u.source, u.target) for u in read.units] == [
        (u.id, u.source, u.target) for u in units
    ]


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_any_text_survives_a_table(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "any.csv"
    rows = [{"cue": f"c{n}", "en": a, "es": b} for n, (a, b) in enumerate(cells)]
    write_table(path, ["cue", "en", "es"], rows)
    assert read_table(path) == rows


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xlf", "<html/>", "no XLIFF"),
        ("a.xlf", "<xliff", "no XLIFF"),
        ("a.xlf", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "no XLIFF"),
        ("a.xlf", MEMOQ.replace("es-ES", "fr-FR"), "another language"),
        ("a.xlf", MEMOQ.replace("cue0001", "cue7777"), "None of the lines"),
        ("a.csv", "cue,en\ncue0001,x\n", "lacks columns"),
        ("a.csv", "cue,en,es\ncue0001,x,y,z\n", "cannot be read"),
    ],
)
def test_what_cannot_come_home_is_told(name: str, content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(DubwrightError, match=told):
        import_lines(_sheet(), "es", path)


def test_an_original_that_has_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "back.xlf"
    path.write_text(MEMOQ.replace("We bought", "We sold"), "utf-8")
    assert import_lines(_sheet(), "es", path).changed == ("cue0001",)


def test_a_glossary_is_kept_and_its_violations_told(tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("en;es;ja\nlighthouse;faro;灯台\nKeeper;Guardián|Farero;\nboat;;船\n", "utf-8")
    terms = Glossary.read(path)
    assert terms.violations("The lighthouse keeper", "en", "El farero del faro", "es") == []
    assert terms.violations("The lighthouse", "en-GB", "La torre", "es-419") == [
        "lighthouse is to be called faro"
    ]
    assert terms.violations("The boathouse", "en", "La casa", "es") == []
    assert terms.violations("A boat", "en", "船です", "ja") == []
    assert terms.violations("使用AI技术", "zh", "We use AI", "en") == []
    path.write_text("en,es\npath,C:\\datos\n", "utf-8")
    assert Glossary.read(path).kept("the path", "en", "el path", "es") == "el C:\\datos"
    path.write_text("en;es\nlighthouse;faro\n", "utf-8")
    assert terms.kept("The Lighthouse", "en", "El Lighthouse", "es") == "El faro"
    path.write_text("en\nboat\n", "utf-8")
    with pytest.raises(DubwrightError, match="one language only"):
        Glossary.read(path)


def _read(text: str, language: str) -> Speech:
    spoken: Speech = engine("espeak-ng", EngineKind.SYNTHESIZER).speak(text, language, 1.0)
    return spoken


def test_candidates_that_can_be_said_in_time_come_first() -> None:
    wanted = Wanted("We bought boats.", 1200, 1300, on_screen=False)
    long = "Nosotros hemos comprado varios barcos nuevos el verano pasado en el puerto."
    rows = ranked(wanted, [long, "Compramos barcos."], "en", "es", _read)
    assert [row.text for row in rows] == ["Compramos barcos.", long]
    assert not rows[0].flag and "too long" in rows[1].flag and rows[0].closures is None
    slow, fast = (ranked(wanted, [long], "en", "es", _read, pace)[0] for pace in (0.8, 1.25))
    assert slow.estimated_ms > 1.5 * fast.estimated_ms


def test_lips_that_close_together_count_where_they_are_seen() -> None:
    wanted = Wanted("Papa, papa.", 1000, 1500, on_screen=True)
    first, second = "Nada, nada.", "Mama, mama."
    rows = ranked(wanted, [first, second], "es", "es", _read)
    assert [row.text for row in rows] == [second, first]
    assert rows[0].closures == 1.0 and rows[1].closures == 0.0


def test_subtitles_of_lines_that_overlap_come_home_to_their_own(tmp_path: Path) -> None:
    long, short = (
        Cue(id=name, speaker="Ada", start_ms=start, end_ms=end, text={"en": name} | more)
        for name, start, end, more in (
            ("long", 0, 5000, {"es": "Larga"}), ("short", 1000, 3000, {"es": "No"}),
        )
    )  # fmt: skip
    bare = Cue(id="bare", speaker="Ada", start_ms=6000, end_ms=7000, text={"en": "Untranslated"})
    sheet, path = CueSheet(original="en", cues=(long, short, bare)), tmp_path / "lines.es.srt"
    export_lines(sheet, "es", path)
    brought = import_lines(sheet, "es", path)
    assert brought.sheet == sheet and brought.missing == ("bare",)


def test_what_cannot_be_spoken_is_no_candidate() -> None:
    nobody_says = Wanted("...", 500, 900, on_screen=True)
    assert ranked(nobody_says, ["Sí."], "en", "es", _read)[0].closures is None
    wanted = Wanted("Yes.", 500, 900, on_screen=True)
    assert [r.text for r in ranked(wanted, ["...", "Sí."], "en", "es", _read)] == ["Sí."]


@neural
@pytest.mark.parametrize(
    ("make", "target"),
    [
        (tiny_marian, "es"),
        (tiny_m2m100, "fr"),
        (tiny_madlad, "pt-BR"),
        (tiny_seamless, "fr"),
        (partial(tiny_seamless, version=1), "es"),
    ],
)
def test_translators_conform(make, target: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    translator = engine("transformers-translator", EngineKind.TRANSLATOR, make(tmp_path))
    assert translator_faults(translator, "en", target) == []
    assert not translator.translates("en", "tlh")
    with pytest.raises(DubwrightError, match="do not translate"):
        translator.translate(["x"], "en", "tlh", 1)
    # Lines of one length are translated at once, and more of them than that.
    words = ("good", "morning", "where", "is", "boat")
    lines = [f"{one} {other}" for one in words for other in words]
    alone = [translator.translate([line], "en", target, 3)[0] for line in lines]
    assert translator.translate([*lines, lines[0]], "en", target, 3) == [*alone, alone[0]]
    assert len(set(alone)) > 1


@neural
def test_a_sheet_is_translated_and_a_sixteenth_language_does_only_what_is_new(
    tmp_path: Path,
) -> None:
    sheet = tmp_path / "sheet.json"
    written = _sheet().cues[0].model_copy(update={"text": {"en": "Hi.", "es": "Hola."}})
    _sheet().model_copy(update={"cues": (written, *_sheet().cues[1:])}).write(sheet)
    weights, store = tiny_m2m100(tmp_path / "m2m"), Store(tmp_path / "store")

    def translated(*languages: str) -> Path:
        request = validated(
            TranslateRequest, cue_sheet=sheet, languages=languages, output=tmp_path / "out",
            engines={"weights": {"transformers-translator": str(weights)}},
        )  # fmt: skip
        return Path(perform("translate", request, store)["folder"])

    folder = translated("es")
    cues = {cue.id: cue for cue in CueSheet.read(folder / "cue_sheet.json").cues}
    assert cues["cue0001"].text["es"] == "Hola.", "what a person wrote stays"
    assert cues["cue0002"].text["es"] and "es" not in cues["cue0003"].text
    report = json.loads((folder / "translation.json").read_text("utf-8"))["cues"]
    candidates = report["cue0002"]["es"]
    assert candidates[0]["text"] == cues["cue0002"].text["es"] and "pace" in candidates[0]
    assert read_xliff(folder / "lines.es.xlf").units[0].target == "Hola."
    before = set(store.folder.rglob("candidates.json"))
    translated("es", "fr")
    assert len(set(store.folder.rglob("candidates.json")) - before) == 1
