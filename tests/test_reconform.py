"""A new cut of a timeline that was dubbed before."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from conftest import Dubbed, Sample, run_cli
from consents import authority_on
from timeline_files import recut

from dubwright.api import dub, lip_sync, reconform
from dubwright.conform.reconform import Place, Use, frames_later, places
from dubwright.dialogue import Cast, CueSheet, Decision, Review
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, write_wav
from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange
from dubwright.operations.carry import RECORD, DubRecord
from dubwright.operations.plan import DubPlan
from dubwright.operations.reconform import RECONFORM, Reconform, plan_reconform
from dubwright.operations.request import ReconformRequest
from dubwright.operations.run import run
from dubwright.operations.task import Task
from dubwright.store import Store


def _plate(first: int, frames: int, path: str = "/a.{frame}.exr", speed: str = "1") -> PlateSpec:
    return PlateSpec(
        kind="sequence", path=path, first=first, padding=4, frames=frames, rate=Fraction(24),
        speed=Fraction(speed),
    )  # fmt: skip


def _seen(start: int, plate: PlateSpec) -> Use:
    return Use(FrameRange(start, start + plate.frames), plate)


OLD = [_seen(0, _plate(1001, 100)), _seen(100, _plate(1, 50, "/b.{frame}.exr"))]


@pytest.mark.parametrize(
    ("frames", "new", "wanted"),
    [
        # Moved as a whole, and trimmed.
        ((10, 30), [_seen(40, _plate(1001, 100))], [Place(40, 20, 20)]),
        ((10, 30), [_seen(0, _plate(1021, 60))], [Place(-20, 10, 20)]),
        # Torn apart: most of it decides. Shown once more: two places. Cut without a gap: one.
        ((10, 30), [_seen(0, _plate(1001, 18)), _seen(50, _plate(1019, 40))], [Place(32, 12, 20)]),
        ((10, 30), [_seen(0, _plate(1001, 50)), _seen(80, _plate(1011, 15))],
         [Place(0, 20, 20), Place(70, 15, 20)]),
        ((10, 30), [_seen(5, _plate(1001, 15)), _seen(20, _plate(1016, 40))], [Place(5, 20, 20)]),
        # A line over a cut goes with the shot that shows more of it.
        ((80, 110), [_seen(0, _plate(1001, 100)), _seen(300, _plate(1, 50, "/b.{frame}.exr"))],
         [Place(0, 20, 30)]),
        ((80, 110), [_seen(7, _plate(1001, 100)), _seen(107, _plate(1, 50, "/b.{frame}.exr"))],
         [Place(7, 30, 30)]),
        # At another speed, where its first image is.
        ((10, 30), [_seen(0, _plate(1001, 50, speed="2"))], [Place(-5, 10, 20)]),
        # Where nothing was seen, with what is nearest.
        ((160, 170), [_seen(7, _plate(1, 50, "/b.{frame}.exr"))], [Place(-93, 1, 1)]),
        # Cut out, though what lay beside it is there; and other media of the same numbers.
        ((10, 30), [_seen(0, _plate(1031, 60)), _seen(60, _plate(1, 50, "/b.{frame}.exr"))], []),
        ((10, 30), [_seen(0, _plate(1001, 100, "/c.{frame}.exr"))], []),
    ],
)  # fmt: skip
def test_frames_are_found_in_another_cut(
    frames: tuple[int, int], new: list[Use], wanted: list[Place]
) -> None:
    assert places(FrameRange(*frames), OLD, new) == wanted


def _uses(*starts: int) -> list[Use]:
    return [_seen(start, _plate(1001, 50)) for start in starts]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ((0, 100), (0, 100), [[0], [0]]),
        ((0, 100), (50, 150), [[50], [50]]),
        ((0, 100), (0, 60), [[0], [-40]]),
        # One use more: the copy is of the last. One less: that which moved least is there.
        ((0, 100), (0, 100, 200), [[0], [0, 100]]),
        ((0, 100), (100,), [[], [0]]),
        ((0, 100), (10,), [[10], []]),
    ],
)
def test_each_use_of_a_plate_has_its_own_place(
    old: tuple[int, ...], new: tuple[int, ...], wanted: list[list[int]]
) -> None:
    found = [
        [place.later for place in places(FrameRange(at + 10, at + 30), _uses(*old), _uses(*new))]
        for at in old
    ]
    assert found == wanted


def test_plates_run_alike_or_not() -> None:
    plate = _plate(1001, 100)
    assert frames_later(_plate(1011, 10), plate) == 10
    assert frames_later(_plate(1011, 10, "/x/../a.{frame}.exr"), plate) == 10
    assert frames_later(_plate(1011, 10, speed="2"), plate) is None
    slow = plate.model_copy(update={"speed": Fraction(1, 2)})
    late = slow.model_copy(update={"first": 1003, "phase": Fraction(1, 2)})
    assert frames_later(late, slow) == 5
    assert frames_later(slow.model_copy(update={"phase": Fraction(1, 4)}), slow) is None
    twos = plate.model_copy(update={"step": 2, "speed": Fraction(1, 2)})
    assert frames_later(twos.model_copy(update={"first": 1005}), twos) == 4


# Between the first two lines, and after the first shot.
CUT, SHOT_END = 101, 180


def _planned(sample: Sample, version: Path, store: Path, timeline: Path) -> DubPlan:
    request = ReconformRequest(version=version, timeline=timeline, output=version.parent)
    return plan_reconform(request, Store(store), authority_on())


def test_a_version_that_was_not_asked_about_is_said_not_to_be_for_sale(
    dubbed: Dubbed, sample: Sample
) -> None:
    request = ReconformRequest(
        version=dubbed.result.folder,
        timeline=sample.timeline,
        output=dubbed.result.folder.parent,
        not_for_sale=True,
    )
    plan = plan_reconform(request, Store(dubbed.store), authority_on())
    record = plan.documents[RECORD]
    assert isinstance(record, DubRecord)
    assert record.request.engines.not_for_sale
    assert not DubRecord.of(dubbed.result.folder).request.engines.not_for_sale


def _note(plan: DubPlan) -> Reconform:
    note = plan.documents[RECONFORM]
    assert isinstance(note, Reconform)
    return note


def _stages(plan: DubPlan) -> Counter[str]:
    return Counter(task.stage for task in plan.tasks.values())


@pytest.fixture(scope="module")
def approved(dubbed: Dubbed) -> dict[tuple[str, str], Decision]:
    """What was decided of the version: every line is approved, with a note."""
    decisions = [
        Decision(
            cue=cue.cue, language=language.language, content=cue.content, verdict="approved",
            note=f"fine, {cue.cue}", at=datetime.now(UTC),
        )
        for language in dubbed.result.report.languages
        for cue in language.cues
    ]  # fmt: skip
    review = dubbed.result.folder.parent / "review.json"
    Review(decisions=tuple(decisions)).write(review)
    return {(decision.cue, decision.language): decision for decision in decisions}


def test_what_a_new_cut_keeps_is_not_made_again(
    dubbed: Dubbed, approved: dict[tuple[str, str], Decision], tmp_path: Path
) -> None:
    sample, old = dubbed.sample, dubbed.result.folder
    parts = [(SHOT_END, 276), 20, (0, CUT)]
    new = recut(sample.timeline, sample.folder / "second_cut.otio", parts)
    plan = _planned(sample, old, dubbed.store, new)
    note = _note(plan)
    assert note.lost == ("cue0002",)
    assert [(m.cue, m.start_ms - m.was_ms, m.shown == m.frames) for m in note.moved] == [
        ("cue0001", 4833, True),
        ("cue0003", -7500, True),
    ]
    for language in ("es", "fr"):
        spans = {("cue0003", "lighthouse_020"), ("cue0001", "lighthouse_010")}
        assert set(note.kept[language]) == spans and not note.anew[language]
    assert not {"track", "library", "curves", "choose", "draw", "check"} & set(_stages(plan))

    result = reconform(old, new, store=dubbed.store, out=tmp_path / "out")
    for language in ("es", "fr"):
        for shot in ("lighthouse_010", "lighthouse_020"):
            frames = sorted((result.folder / "frames" / language / shot).glob("*.exr"))
            assert len(frames) == {"lighthouse_010": CUT, "lighthouse_020": 96}[shot]
            for frame in frames:
                was = old / "frames" / language / shot / frame.name
                assert frame.read_bytes() == was.read_bytes()
        patches = sorted((result.folder / "patches" / language / "lighthouse_020").glob("*.exr"))
        assert patches and all(
            patch.read_bytes() == (old / "patches" / language / "lighthouse_020" / patch.name)
            .read_bytes() for patch in patches
        )  # fmt: skip
    # Takes, and what was decided, hold.
    report = {part.language: part for part in result.report.languages}
    for (cue, language), decision in approved.items():
        if cue != "cue0002":
            (row,) = (row for row in report[language].cues if row.cue == cue)
            assert row.content == decision.content
    timeline = otio.adapters.read_from_file(str(result.timelines["es"]))
    markers = {m.metadata["dubwright"]["cue"]: m for m in timeline.tracks.markers}
    assert markers["cue0003"].color == "GREEN" and "fine, cue0003" in markers["cue0003"].comment
    assert markers["cue0003"].marked_range.start_time.value == 187 - SHOT_END
    assert CueSheet.read(result.folder / "cue_sheet.json").cues[0].id == "cue0003"
    # And so they do from there to a third cut.
    third = recut(new, sample.folder / "third_cut.otio", [(116, 217), (0, 96)])
    again = _planned(sample, result.folder, dubbed.store, third)
    assert not {"track", "draw", "take"} & {t.stage for t in _undone(again, dubbed.store)}
    assert not _note(again).lost and not _note(again).anew["es"]


def _undone(plan: DubPlan, store: Path) -> list[Task]:
    return [task for task in plan.tasks.values() if Store(store).find(task.key) is None]


def test_only_a_line_whose_edge_is_new_is_drawn_anew(dubbed: Dubbed) -> None:
    sample = dubbed.sample
    parts = [(CUT, 276), 20, (0, CUT)]
    new = recut(sample.timeline, sample.folder / "swapped.otio", parts)
    plan = _planned(sample, dubbed.result.folder, dubbed.store, new)
    note = _note(plan)
    # The second line's mouth came from the first line's; now it must come from rest.
    assert note.anew["es"] == (("cue0002", "lighthouse_010"),)
    assert len(note.kept["es"]) == 2
    assert not any(task.stage == "take" for task in _undone(plan, dubbed.store))
    assert _stages(plan)["part of track"] == 3 and "track" not in _stages(plan)


def test_what_is_shown_twice_is_said_twice(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    parts = [(0, 276), (SHOT_END, 276)]
    new = recut(sample.timeline, sample.folder / "twice.otio", parts)
    note = _note(_planned(sample, dubbed.result.folder, dubbed.store, new))
    assert [(m.cue, m.was) for m in note.moved][-2:] == [
        ("cue0003", "cue0003"),
        ("cue0003-2", "cue0003"),
    ]
    assert not note.anew["es"] and len(note.kept["es"]) == 4
    # The cut that shows it twice is what comes of itself.
    result = reconform(dubbed.result.folder, new, store=dubbed.store, out=tmp_path)
    again = _planned(sample, result.folder, dubbed.store, new)
    assert [(m.cue, m.start_ms - m.was_ms) for m in _note(again).moved] == [
        ("cue0001", 0), ("cue0002", 0), ("cue0003", 0), ("cue0003-2", 0),
    ]  # fmt: skip
    assert not _note(again).anew["es"] and len(_note(again).kept["es"]) == 4


@pytest.mark.parametrize("frames", range(1, 12))
def test_lines_that_only_move_are_not_drawn_anew(dubbed: Dubbed, frames: int) -> None:
    sample = dubbed.sample
    new = recut(sample.timeline, sample.folder / f"later_{frames}.otio", [frames, (0, 276)])
    note = _note(_planned(sample, dubbed.result.folder, dubbed.store, new))
    assert not note.anew["es"] and not note.anew["fr"] and not note.lost


def test_a_line_whose_frames_are_cut_out_is_lost(dubbed: Dubbed) -> None:
    sample = dubbed.sample
    new = recut(sample.timeline, sample.folder / "shorter.otio", [(0, CUT), (SHOT_END, 276)])
    note = _note(_planned(sample, dubbed.result.folder, dubbed.store, new))
    assert note.lost == ("cue0002",)
    assert [(m.cue, m.start_ms) for m in note.moved] == [("cue0001", 400), ("cue0003", 4508)]


def test_what_is_half_cut_off_is_not_approved_any_more(dubbed: Dubbed) -> None:
    sample = dubbed.sample
    new = recut(sample.timeline, sample.folder / "half.otio", [(0, 215)])
    plan = _planned(sample, dubbed.result.folder, dubbed.store, new)
    assert {cue for part in plan.languages for cue in part.kept} == {"cue0001", "cue0002"}
    moved = {move.cue: (move.shown, move.frames) for move in _note(plan).moved}
    assert moved["cue0003"] == (28, 55)


def test_what_is_kept_is_kept_when_it_has_left_the_store(dubbed: Dubbed, tmp_path: Path) -> None:
    """Between planning and delivery a store may let go of what nothing waits for any more."""
    sample, store = dubbed.sample, Store(tmp_path / "store")
    shutil.copytree(dubbed.store / "objects", store.folder / "objects", dirs_exist_ok=True)
    new = recut(sample.timeline, sample.folder / "evicted.otio", [5, (0, 276)])
    plan = _planned(sample, dubbed.result.folder, store.folder, new)
    run(plan.tasks, store)
    for folder in (store.folder / "objects").glob("*/*"):
        if folder.name not in plan.tasks:
            shutil.rmtree(folder)
    assert _undone(_planned(sample, dubbed.result.folder, store.folder, new), store.folder) == []


def test_recordings_stay_with_their_lines(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    takes = tmp_path / "takes"
    takes.mkdir()
    shutil.copy(sample.folder / "audio" / "dialogue.en.wav", takes / "whole.wav")
    samples, rate = read_mono(takes / "whole.wav")
    line = samples[int(7.8 * rate) : int(10.1 * rate)]
    write_wav(takes / "cue0003.es.wav", line, rate)
    result = dub(
        sample.timeline, "es", tmp_path / "out", subtitles=sample.subtitles("en", "es"),
        cast=sample.cast, takes=takes, original="en", store=dubbed.store,
    )  # fmt: skip
    new = recut(sample.timeline, sample.folder / "takes.otio", [(0, 276), (SHOT_END, 276)])
    plan = _planned(sample, result.folder, dubbed.store, new)
    tasks = {cue: plan.tasks[key] for cue, key in plan.languages[0].takes.items()}
    assert tasks["cue0003-2"].where["recording"] == str(takes / "cue0003.es.wav")
    assert tasks["cue0003-2"].key == tasks["cue0003"].key


def test_a_lip_sync_keeps_its_recording(dubbed: Dubbed, tmp_path: Path) -> None:
    sample = dubbed.sample
    plate = sample.folder / "plates" / "lighthouse_020" / "lighthouse_020.####.exr"
    samples, rate = read_mono(sample.folder / "audio" / "dialogue.en.wav")
    write_wav(tmp_path / "line.wav", samples[int(7.8 * rate) : int(10.1 * rate)], rate)
    result = lip_sync(
        plate, tmp_path / "line.wav", tmp_path / "out", text="Meet me at the old lighthouse.",
        language="en", start_ms=300, cast=sample.cast, store=dubbed.store,
    )  # fmt: skip
    plan = _planned(sample, result.folder, dubbed.store, plate)
    (key,) = plan.languages[0].takes.values()
    assert plan.tasks[key].stage == "dialogue" and not _note(plan).anew["en"]


def test_a_record_names_results_and_nothing_else(dubbed: Dubbed, tmp_path: Path) -> None:
    for name in ("cue_sheet.json", "cast.json"):
        shutil.copy(dubbed.result.folder / name, tmp_path)
    record = json.loads((dubbed.result.folder / "dub.json").read_text())
    record["languages"]["es"]["spans"][0]["draw"][0] = str(tmp_path)
    (tmp_path / "dub.json").write_text(json.dumps(record))
    with pytest.raises(DubwrightError, match="record of a dub is not valid"):
        _planned(dubbed.sample, tmp_path, dubbed.store, dubbed.sample.timeline)
    with pytest.raises(ValueError, match="no key"):
        Store(dubbed.store).find(str(tmp_path))


@pytest.mark.parametrize("spoiled", ["plates", "draft", "text", "draws", "store", "consent"])
def test_what_was_changed_is_not_kept(dubbed: Dubbed, tmp_path: Path, spoiled: str) -> None:
    sample, old = dubbed.sample, dubbed.result.folder
    version, store = tmp_path / "dubs" / "v001", dubbed.store
    version.mkdir(parents=True)
    for name in ("dub.json", "cue_sheet.json", "cast.json"):
        shutil.copy(old / name, version)
    record = json.loads((version / "dub.json").read_text())
    sheet = json.loads((version / "cue_sheet.json").read_text())
    if spoiled == "plates":
        for shot in record["shots"].values():
            shot["content"] = "0" * 64
    elif spoiled == "draft":
        for part in record["languages"].values():
            part["draft"] = True
    elif spoiled == "draws":
        for span in record["languages"]["es"]["spans"]:
            span["draw"][0] = "0" * 64
    elif spoiled == "text":
        for cue in sheet["cues"]:
            cue["text"]["es"] = "Hola."
    elif spoiled == "store":
        store = tmp_path / "store"
    else:
        Cast().write(version / "cast.json")
    (version / "dub.json").write_text(json.dumps(record))
    (version / "cue_sheet.json").write_text(json.dumps(sheet))
    new = recut(sample.timeline, sample.folder / f"{spoiled}.otio", [(SHOT_END, 276), (0, 180)])
    note = _note(_planned(sample, version, store, new))
    assert not note.kept["es"] and len(note.anew["es"]) == 3
    assert len(note.moved) == 3


def test_another_rate_is_refused(dubbed: Dubbed, tmp_path: Path) -> None:
    record = json.loads((dubbed.result.folder / "dub.json").read_text()) | {"rate": "25"}
    for name in ("cue_sheet.json", "cast.json"):
        shutil.copy(dubbed.result.folder / name, tmp_path)
    (tmp_path / "dub.json").write_text(json.dumps(record))
    with pytest.raises(DubwrightError, match="another frame rate"):
        _planned(dubbed.sample, tmp_path, dubbed.store, dubbed.sample.timeline)


def test_the_command_says_what_it_would_keep(dubbed: Dubbed) -> None:
    sample = dubbed.sample
    new = recut(sample.timeline, sample.folder / "cli.otio", [(SHOT_END, 276)])
    done = run_cli(
        "reconform", dubbed.result.folder, new, "--store", dubbed.store, "--dry-run", "--json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["reconform"]["lost"] == ["cue0001", "cue0002"]
    assert summary["reconform"]["kept"]["fr"] == [["cue0003", "lighthouse_020"]]
    done = run_cli("reconform", dubbed.result.folder, new, "--store", dubbed.store, "--dry-run")
    assert "2 lines have no frames in the new cut: cue0001, cue0002" in done.stdout
