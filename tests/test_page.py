"""The review page in a real browser, over a real service, on the synthetic actor."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from conftest import Dubbed
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from service_places import own_service_places, wait_for
from timeline_files import recut

from dubwright.trust import Keys, keys_folder
from dubwright_plugin import JobFailed, Service, connect

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "core" / "review_page"
BUILT = ROOT / "core" / "dubwright" / "service" / "page"
SMALLEST = {"width": 1280, "height": 800}
# WCAG 2.2, levels A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass(frozen=True)
class Desk:
    """A service that has dubbed the sample, and where it put it."""

    service: Service
    runtime: Path
    job: str
    output: Path


@pytest.fixture(scope="module")
def desk(dubbed: Dubbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("page")
    runtime = folder / "run" / "service.json"
    store = folder / "store"
    shutil.copytree(dubbed.store, store)
    with own_service_places(folder, runtime):
        process = subprocess.Popen(
            [sys.executable, "-m", "dubwright.cli", "serve", "--store", str(store)]
        )
        wait_for(runtime.exists, process=process)
        service = connect(start=False)
        subtitles = dubbed.sample.subtitles("en", "es", "fr")
        request = {
            "timeline": str(dubbed.sample.timeline),
            "languages": ["es", "fr"],
            "output": str(folder / "out"),
            "subtitles": {tag: str(path) for tag, path in subtitles.items()},
            "cast": str(dubbed.sample.cast),
            "original": "en",
        }
        job = service.submit("dub", request, title="Lighthouse")
        assert service.wait(job)["state"] == "done"
        yield Desk(service, runtime, job, folder / "out")
        service.stop()
        assert process.wait(20) == 0
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("DUBWRIGHT_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.skip("no Chromium: install Debian's, or name one with DUBWRIGHT_CHROMIUM")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def packages() -> Path:
    """What the page is built and checked with, exactly as its lock says."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    folder = SOURCE / "node_modules"
    if not folder.exists():
        subprocess.run([npm, "ci"], cwd=SOURCE, check=True, capture_output=True)
    return folder


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A tab that was let in; every fault in it fails the test, and so does a call elsewhere."""
    context = browser.new_context(viewport=SMALLEST)  # type: ignore[arg-type]
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    faults: list[str] = []
    own = f"http://127.0.0.1:{json.loads(desk.runtime.read_text())['port']}/"

    def said(message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource")  # told on the page
        if message.type == "error" and not refused:
            faults.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((own, "data:")):
            faults.append(request.url)

    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", said)
    tab.on("request", asked)
    tab.goto(desk.service.page())
    yield tab
    context.close()
    assert faults == []


def _review(page: Page, cue: str = "cue0001") -> None:
    # The newest job stands first; that of the desk, which the others came of, last.
    page.get_by_role("link", name="Review Lighthouse").last.click()
    page.locator(f"[data-cue={cue}]").click()
    expect(page.get_by_role("region", name=f"Cue {cue}")).to_be_visible()


def _frame(page: Page) -> int:
    return int(page.locator(".frame-number").inner_text().split()[1])


def _mean_colours(page: Page) -> tuple[str, ...]:
    """What the two close-ups show, as one number each."""
    script = """canvas => {
      const shown = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return String(shown.reduce((sum, value) => sum + value, 0));
    }"""
    return tuple(canvas.evaluate(script) for canvas in page.locator(".close-ups canvas").all())


def test_a_line_is_edited_rendered_alone_approved_and_found_in_the_timeline(
    page: Page, desk: Desk
) -> None:
    _review(page, "cue0002")
    before = {job["id"] for job in desk.service.jobs()}
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("Nadie me dijo nada.")
    page.keyboard.press("Escape")
    render = page.get_by_role("button", name="Render 1 changed line")
    expect(page.locator("[data-cue=cue0002]")).to_contain_text("Changed")
    render.click()
    page.get_by_role("link", name="Open v002").click(timeout=120_000)
    expect(page.locator(".version option:checked")).to_have_text("v002")
    (job,) = {job["id"] for job in desk.service.jobs()} - before
    worked = [chunk["label"] for chunk in _chunks(desk, job) if chunk["commits"]]
    about = [label for label in worked if "cue" in label]
    assert about and all("cue0002 in es" in label for label in about)
    assert {label for label in worked if label not in about} == {
        "plan", "mixing es", "rendering the es preview", "adding sound to the es preview",
        "adding sound to the fr preview", "deliver",
    }  # fmt: skip

    page.keyboard.press("n")
    page.keyboard.type("Lovely.")
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-cue=cue0002]")).to_contain_text("Approved")
    timeline = otio.adapters.read_from_file(str(desk.output / "v002" / "lighthouse.es.otio"))
    marker = next(m for m in timeline.tracks.markers if m.metadata["dubwright"]["cue"] == "cue0002")
    assert marker.color == "GREEN" and marker.comment.endswith(": Lovely.")
    review = json.loads((desk.output / "review.json").read_text(encoding="utf-8"))
    assert [decision["note"] for decision in review["decisions"]] == ["Lovely."]

    approve.click()
    expect(approve).to_have_attribute("aria-pressed", "false")
    assert json.loads((desk.output / "review.json").read_text())["decisions"] == []


def _chunks(desk: Desk, job: str) -> list[dict[str, object]]:
    return list(desk.service._json("GET", f"/v1/jobs/{job}/chunks"))


def test_pictures_play_in_step_and_stand_on_the_same_frame(page: Page, desk: Desk) -> None:
    _review(page)
    page.keyboard.press("l")
    page.wait_for_timeout(1500)
    page.keyboard.press("k")
    page.wait_for_timeout(300)
    played = _frame(page)
    assert played > 20
    times = page.locator(".screen video").evaluate_all("all => all.map(one => one.currentTime)")
    assert times[0] == times[1] == pytest.approx((played + 0.5) / 24, abs=1e-3)
    page.keyboard.press("ArrowRight")
    assert _frame(page) == played + 1
    page.keyboard.press("Shift+ArrowLeft")
    assert _frame(page) == played + 1 - 24
    page.keyboard.press("j")
    page.wait_for_timeout(400)
    page.keyboard.press("k")
    assert _frame(page) < played - 23


def test_the_mouths_are_seen_near_and_the_wipe_shows_both(page: Page) -> None:
    _review(page)
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)
    original, dubbed = _mean_colours(page)
    assert original != "0" and dubbed != "0" and original != dubbed
    clip = "dub => getComputedStyle(dub).clipPath"
    dub = page.locator(".screen video").nth(1)
    assert dub.evaluate(clip) == "inset(0px 0% 0px 0px)"
    page.keyboard.press("a")
    assert dub.evaluate(clip) == "inset(0px 100% 0px 0px)"
    assert dub.evaluate("dub => dub.muted")
    page.keyboard.press("w")
    assert dub.evaluate(clip) == "inset(0px 50% 0px 0px)"
    page.get_by_label("Wipe: how much of the dub is seen").fill("0.25")
    assert dub.evaluate(clip) == "inset(0px 75% 0px 0px)"


def test_everything_is_done_with_keys_and_keys_can_be_turned_off(page: Page) -> None:
    _review(page)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-cue=cue0002]")).to_have_attribute("aria-current", "true")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="fr")).to_be_checked()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.get_by_label("Single keys are shortcuts").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_role("radio", name="fr")).to_be_checked()
    page.reload()
    page.keyboard.press("1")
    expect(page.get_by_role("radio", name="fr")).to_be_checked()


def test_timing_voice_and_mouth_are_edited_and_kept(page: Page, desk: Desk) -> None:
    _review(page, "cue0003")
    editor = page.get_by_role("region", name="Cue cue0003")
    start = editor.get_by_label("Starts")
    was = start.input_value()
    start.press("ArrowUp")
    expect(start).not_to_have_value(was)
    start.fill("99:99:99:99")
    start.press("Tab")
    expect(start).not_to_have_value("99:99:99:99")
    voice = editor.get_by_label("Ada’s voice")
    voice.select_option(label="Like their own (with consent)")
    voice.select_option(label="Male 7")
    editor.get_by_label(re.compile("^Mouth, ")).fill("1.5")
    editor.get_by_label("Mouth later by, ms").fill("40")
    editor.get_by_label("Mouth later by, ms").press("Tab")
    editor.get_by_label(re.compile("^Jaw, ")).fill("0.8")
    editor.get_by_label("Mouth evened over, ms").fill("60")
    editor.get_by_label("Mouth evened over, ms").press("Tab")
    wait_for(lambda: _edited(desk).exists() and '"smoothing_ms": 60' in _edited(desk).read_text())
    edited = json.loads(_edited(desk).read_text())
    mouth = edited["cue_sheet"]["cues"][2]["mouth"]
    assert (mouth["intensity"], mouth["jaw"], mouth["offset_ms"]) == (1.5, 0.8, 40)
    assert edited["cast"]["speakers"][0]["voices"] == {"es": "m7"}
    # Ada speaks every line: her voice changes all of them.
    expect(page.get_by_role("button", name=re.compile("Render . changed lines"))).to_be_enabled()
    page.reload()
    expect(editor.get_by_label("Mouth later by, ms")).to_have_value("40")
    page.context.close()
    _forget_edits(desk)


def test_how_a_line_is_said_is_edited_and_only_that_line_changes(page: Page, desk: Desk) -> None:
    _review(page, "cue0003")
    editor = page.get_by_role("region", name="Cue cue0003")
    line = page.locator("[data-cue=cue0003]")
    expect(line).to_contain_text("fits")
    for field, text in (
        ("Style", "whisper"),
        ("Words said as", "Ada = Aida; faro = /ˈfaɾu/"),
    ):
        editor.get_by_label(field).fill(text)
        editor.get_by_label(field).press("Tab")
    for number, style in enumerate(("whisper", "croak")):
        expect(page.locator("#styles option").nth(number)).to_have_attribute("value", style)
    # espeak-ng says a line one way only.
    expect(editor.get_by_label("Another reading")).to_be_disabled()
    editor.get_by_label(re.compile("^Pace, ")).fill("0.5")
    editor.get_by_label(re.compile("^Pitch, ")).fill("-3")
    expect(line).to_contain_text("too long")
    editor.get_by_label("Words said as").fill("no pair")
    editor.get_by_label("Words said as").press("Tab")
    expect(editor.get_by_role("alert")).to_contain_text("Not taken")
    expect(editor.get_by_label("Words said as")).to_have_value("no pair")
    editor.get_by_label("Words said as").fill("Ada = Aida; faro = /ˈfaɾu/")
    editor.get_by_label("Words said as").press("Tab")
    expect(editor.get_by_role("alert")).to_have_count(0)
    wait_for(lambda: _edited(desk).exists() and '"pitch": -3' in _edited(desk).read_text())
    cue = json.loads(_edited(desk).read_text())["cue_sheet"]["cues"][2]
    assert cue["performance"] == {
        "style": "whisper", "pace": 0.5, "pitch": -3, "reading": 0,
        "pronunciations": {"Ada": "Aida", "faro": "/ˈfaɾu/"},
    }  # fmt: skip
    # In both languages, and no other line.
    expect(page.get_by_role("button", name="Render 2 changed lines")).to_be_enabled()
    page.context.close()
    _forget_edits(desk)


def test_cues_are_added_deleted_and_undone(page: Page, desk: Desk) -> None:
    _review(page, "cue0003")
    page.get_by_role("button", name="Delete this cue").click()
    expect(page.locator("[data-cue=cue0003]")).to_have_count(0)
    # It is gone from both languages.
    expect(page.get_by_role("button", name="Render 2 changed lines")).to_be_enabled()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-cue=cue0003]")).to_be_visible()
    page.wait_for_timeout(1100)
    page.locator(".waveform").click(position={"x": 5, "y": 40})
    page.get_by_role("button", name="New cue here").click()
    expect(page.get_by_role("region", name="Cue cue0004")).to_be_visible()
    expect(page.get_by_role("button", name="Nothing changed")).to_be_disabled()
    page.keyboard.press("e")
    page.keyboard.type("¡Mira!")
    expect(page.get_by_role("button", name="Render 1 changed line")).to_be_enabled()
    wait_for(lambda: _edited(desk).exists())
    page.keyboard.press("Escape")
    for _ in range(2):
        page.keyboard.press("u")
    expect(page.locator("[data-cue=cue0004]")).to_have_count(0)
    page.context.close()
    _forget_edits(desk)


def _edited(desk: Desk) -> Path:
    return desk.output / "lines" / "v001.json"


def _forget_edits(desk: Desk) -> None:
    _edited(desk).unlink(missing_ok=True)


def test_a_cues_edge_is_dragged_to_a_frame(page: Page, desk: Desk) -> None:
    _review(page)
    ends = page.get_by_role("region", name="Cue cue0001").get_by_label("Ends")
    was = ends.input_value()
    box = page.locator(".waveform").bounding_box()
    assert box is not None
    # The cue lies between the two margins of a fifth of its length that the waveform shows.
    edge = box["x"] + box["width"] * 1.2 / 1.4
    page.mouse.move(edge, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(edge - 60, box["y"] + 40, steps=5)
    page.mouse.up()
    expect(ends).not_to_have_value(was)
    expect(page.locator("[data-cue=cue0001]")).to_contain_text("Changed")
    wait_for(_edited(desk).exists)
    page.context.close()
    _forget_edits(desk)


def test_consents_are_recorded_looked_at_and_taken_back(page: Page, desk: Desk) -> None:
    Keys(keys_folder()).make("Test Pictures")
    _review(page)
    page.get_by_text("Consents", exact=True).click()
    region = page.get_by_role("region", name="Consents")
    expect(region).to_contain_text("no consent is needed")
    # Somebody who is in no cast yet speaks a line.
    page.locator("[data-cue=cue0003]").click()
    speaker = page.get_by_role("region", name="Cue cue0003").get_by_label("Speaker")
    speaker.fill("Grace")
    speaker.press("Enter")
    article = region.get_by_role("article", name="Grace")
    expect(article).to_contain_text("their lines are marked as drafts")
    article.get_by_role("button", name="Record a consent of Grace").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("The person’s own name").fill("Grace Hopper")
    dialog.get_by_label("Recorded by").fill("Kim")
    dialog.get_by_label("Languages").fill("es, fr")
    dialog.get_by_role("button", name="Sign and record").click()
    expect(article).to_contain_text("Grace Hopper Holds")
    expect(article).to_contain_text("es, fr; any country; from")
    _kept(desk, lambda cast: _consents(cast, "Grace") == ["Grace Hopper"])
    article.get_by_role("button", name="Take back").click()
    dialog.get_by_label("Recorded by").fill("Kim")
    dialog.get_by_label("Why").fill("she asked")
    dialog.get_by_role("button", name="Take it back").click()
    expect(article).to_contain_text("Does not hold")
    expect(article).to_contain_text("it was taken back on")
    page.get_by_role("button", name="Undo").click()
    expect(article).to_contain_text("it was taken back"), "on this machine nothing undoes it"
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    _kept(desk, lambda cast: _consents(cast, "Grace") == [])


def _consents(cast: dict[str, Any], name: str) -> list[str]:
    return [
        consent["person"]
        for speaker in cast["speakers"]
        if speaker["name"] == name
        for consent in speaker["consents"]
    ]


def _kept(desk: Desk, are: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until the cast that the service keeps is as it should be."""
    wait_for(lambda: are(desk.service._json("GET", f"/v1/jobs/{desk.job}/lines")["cast"]))


def test_a_version_is_looked_through_and_delivered_anew(page: Page, desk: Desk) -> None:
    version = desk.output / "v001"
    frame = next((version / "frames" / "es" / "lighthouse_010").glob("*.exr"))
    content = frame.read_bytes()
    frame.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    page.goto(desk.service.page(desk.job))
    page.get_by_text("Publish", exact=True).first.click()
    region = page.get_by_role("region", name="Publish")
    expect(region.get_by_role("button", name="Publish")).to_be_disabled()
    region.get_by_label("Languages").select_option("this")
    region.get_by_role("button", name="Look it through").click()
    shot = region.get_by_role("article", name="es lighthouse_010")
    expect(shot).to_contain_text("to mend", timeout=120_000)
    expect(shot).to_contain_text(frame.name)
    expect(region.get_by_role("status")).to_contain_text("must be mended", timeout=120_000)
    reading = region.get_by_role("article", name="es", exact=True)
    reading.get_by_role("button", name="Show cue").first.click()
    expect(page.get_by_role("region", name=re.compile("Cue cue000"))).to_be_visible()
    report = version.parent / "qc" / "v001" / "lighthouse.es.qc.html"
    expect(region).to_contain_text(str(report))
    assert frame.name in report.read_text("utf-8")
    before = {job["id"] for job in desk.service.jobs()}
    region.get_by_role("button", name="Deliver anew").click()
    page.get_by_role("link", name=re.compile("Open v0")).click(timeout=120_000)
    (again,) = {job["id"] for job in desk.service.jobs()} - before
    mended = Path(desk.service.state(again)["result"]["folder"])
    assert (mended / frame.relative_to(version)).read_bytes() == content
    frame.write_bytes(content)


def test_each_shot_says_what_to_look_at_and_why(page: Page) -> None:
    _review(page)
    quality = page.get_by_role("region", name="Quality of each shot")
    turned = quality.locator("article", has_text="lighthouse_020")
    expect(turned).to_contain_text("1 to look at")
    expect(turned).to_contain_text("turned away by more than 35 degrees")
    expect(turned).to_contain_text("frames keep the plate's own mouth")
    turned.get_by_role("button", name="cue0003").click()
    expect(page.locator("[data-cue=cue0003]")).to_have_attribute("aria-current", "true")


def test_a_host_fills_in_what_it_knows_and_finds_the_job_again(
    page: Page, desk: Desk, dubbed: Dubbed, tmp_path: Path
) -> None:
    timeline = dubbed.sample.timeline
    output = tmp_path / "Été & more" / "dubs"
    page.goto(desk.service.page_for(timeline, output, "host:1:2", "ACEScg"))
    expect(page.get_by_role("group", name="Timeline")).to_contain_text(str(timeline))
    expect(page.get_by_role("group", name="Output")).to_contain_text(str(output))
    expect(page.get_by_label("Colour space")).to_have_value("ACEScg")
    page.get_by_label("Into").fill("es")
    page.get_by_role("button", name="Dub it").click()
    expect(page.locator(".card").first).to_be_visible()
    (job,) = desk.service.jobs("host:1:2")
    with pytest.raises(JobFailed, match="There is nothing to say"):
        desk.service.wait(str(job["id"]))


def test_a_timeline_is_taken_from_any_host_and_one_is_given_back(
    page: Page, desk: Desk, dubbed: Dubbed
) -> None:
    page.get_by_role("link", name="New dub").click()

    def choose(field: str, path: Path) -> None:
        page.get_by_role("button", name=field).click()
        dialog = page.get_by_role("dialog")
        dialog.locator(".place").first.wait_for()
        while not dialog.get_by_role("button", name=path.name, exact=True).count():
            shown = Path(dialog.locator("p.path").inner_text())
            if path.is_relative_to(shown) and shown.is_absolute():
                step = path.relative_to(shown).parts[0]
                dialog.get_by_role("button", name=step, exact=True).click()
            elif dialog.get_by_role("button", name="↑ Up").count():
                dialog.get_by_role("button", name="↑ Up").click()
            else:
                tops = dialog.locator(".place.folder").all_inner_texts()
                top = next(t for t in sorted(tops, key=len)[::-1] if path.is_relative_to(t))
                dialog.get_by_role("button", name=top, exact=True).click()
            expect(dialog.locator("p.path")).not_to_have_text(str(shown))
            dialog.locator(".place").first.wait_for()
        dialog.get_by_role("button", name=path.name, exact=True).click()

    choose("Choose Timeline", dubbed.sample.timeline)
    choose("Add subtitles…", dubbed.sample.subtitles("es")["es"])
    choose("Choose Cast", dubbed.sample.cast)
    page.get_by_label("Into").fill("es, nonsense!")
    expect(page.get_by_text("nonsense!: a tag looks like")).to_be_visible()
    page.get_by_label("Into").fill("es")
    page.get_by_label("Colour space").fill("ACEScg")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.get_by_role("button", name="Dub it").click()
    assert asked.value.post_data_json["request"]["colour_space"] == "ACEScg"
    card = page.locator(".card", has_text="timeline").first
    expect(card).to_contain_text(re.compile("Waiting|Running"))
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("Paused")
    card.get_by_role("button", name="Resume").click()
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("Cancelled")
    shutil.rmtree(dubbed.sample.folder / "dubs", ignore_errors=True)

    _review(page)
    page.get_by_text("Deliveries").click()
    with page.expect_download() as started:
        page.get_by_role("listitem").filter(has_text="Timeline in es").get_by_role(
            "link", name="Download"
        ).click()
    timeline = otio.adapters.read_from_file(str(_saved(started.value, desk)))
    assert timeline.metadata["dubwright"]["language"] == "es"


def _saved(download: object, desk: Desk) -> Path:
    path = desk.output / "downloaded.otio"
    download.save_as(path)  # type: ignore[attr-defined]
    return path


def test_lines_that_were_changed_elsewhere_are_not_lost(page: Page, desk: Desk) -> None:
    _review(page)
    lines = desk.service._json("GET", f"/v1/jobs/{desk.job}/lines")
    for cue in lines["cue_sheet"]["cues"][:2]:
        cue["note"] = "changed elsewhere"
    changed = {name: lines[name] for name in ("revision", "cue_sheet", "cast")}
    desk.service._json("POST", f"/v1/jobs/{desk.job}/lines", changed)
    page.keyboard.press("e")
    page.keyboard.type("Hola. ")
    # The second cue is as it was left elsewhere; of the first, which both changed, this one stands.
    told = page.get_by_role("alert")
    expect(told).to_contain_text("The lines were changed elsewhere too")
    expect(told).to_contain_text("cue0001")
    first, second, _ = json.loads(_edited(desk).read_text())["cue_sheet"]["cues"]
    assert (first["note"], second["note"]) == ("", "changed elsewhere")
    assert first["text"]["es"].startswith("Hola. ") or first["text"]["es"].endswith("Hola. ")
    page.locator("[data-cue=cue0002]").click()
    expect(page.get_by_label("Note", exact=True)).to_have_value("changed elsewhere")
    page.context.close()
    _forget_edits(desk)


def test_editing_goes_on_while_what_was_asked_for_is_rendered(desk: Desk) -> None:
    service = desk.service
    spoken = [f"¿Quién lo dijo, {name}?" for name in ("Ana", "Eva")]
    lines = service._json("GET", f"/v1/jobs/{desk.job}/lines")
    _save(desk, lines, spoken[0])
    job = service._json("POST", f"/v1/jobs/{desk.job}/revise", {})["id"]
    lines = service._json("GET", f"/v1/jobs/{desk.job}/lines")
    _save(desk, lines, spoken[1])
    done = service.wait(job)
    assert done["state"] == "done", done
    version = Path(done["result"]["folder"])
    delivered = json.loads((version / "cue_sheet.json").read_text(encoding="utf-8"))
    assert delivered["cues"][0]["text"]["es"] == spoken[0]
    # The version that came of the edits goes on with them; a dub asked for anew does not.
    goes_on = service._json("GET", f"/v1/jobs/{job}/lines")
    assert goes_on["cue_sheet"]["cues"][0]["text"]["es"] == spoken[1]
    request = service._json("GET", f"/v1/jobs/{desk.job}/request")
    other = service.submit("dub", request | {"languages": ["fr"]}, title="Lighthouse")
    assert service.wait(other)["state"] == "done"
    anew = service._json("GET", f"/v1/jobs/{other}/lines")
    assert anew["cue_sheet"]["cues"][0]["text"]["es"] not in spoken
    _forget_edits(desk)


def test_a_new_cut_is_dubbed_and_its_lines_are_edited(desk: Desk, dubbed: Dubbed) -> None:
    service, sample = desk.service, dubbed.sample
    done = service.wait(desk.job)
    new = recut(sample.timeline, sample.folder / "page.otio", [7, (0, 276)])
    request = {
        "version": done["result"]["folder"],
        "timeline": str(new),
        "output": str(desk.output.parent / "recut"),
    }
    job = service.submit("reconform", request, title="Lighthouse, second cut")
    done = service.wait(job)
    assert done["state"] == "done", done
    note = done["result"]["reconform"]
    assert not note["anew"]["es"] and len(note["kept"]["es"]) == 3
    lines = service._json("GET", f"/v1/jobs/{job}/lines")
    _save(desk, lines, "Hola a todos, y adiós.", job)
    again = service.wait(service._json("POST", f"/v1/jobs/{job}/revise", {})["id"])
    assert again["state"] == "done", again
    assert again["operation"] == "reconform"
    note = again["result"]["reconform"]
    assert note["anew"]["es"] == [["cue0001", "lighthouse_010"]]
    assert ["cue0003", "lighthouse_020"] in note["kept"]["es"] and not note["anew"]["fr"]


def _save(desk: Desk, lines: Any, spanish: str, job: str = "") -> None:
    lines["cue_sheet"]["cues"][0]["text"]["es"] = spanish
    kept = {name: lines[name] for name in ("revision", "cue_sheet", "cast")}
    desk.service._json("POST", f"/v1/jobs/{job or desk.job}/lines", kept)


def test_a_field_is_not_changed_under_the_hands_that_type(page: Page, desk: Desk) -> None:
    _review(page)
    starts = page.get_by_role("region", name="Cue cue0001").get_by_label("Starts")
    was = starts.input_value()
    starts.fill("00:00")
    line = {"text": "Hola.", "language": "es", "output": str(desk.output.parent / "line")}
    assert desk.service.wait(desk.service.submit("animate", line))["state"] == "done"
    page.wait_for_timeout(600)
    expect(starts).to_have_value("00:00")
    starts.press("Escape")
    expect(starts).to_have_value(was)
    # An end before the start is not taken, and the field says what holds.
    ends = page.get_by_role("region", name="Cue cue0001").get_by_label("Ends")
    was = ends.input_value()
    ends.fill("00:00:00:00")
    ends.press("Enter")
    expect(ends).to_have_value(was)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(60000, 1001)])
def test_drop_frame_timecode_is_read_as_opentimelineio_does(packages: Path, rate: Fraction) -> None:
    texts = ["00:00:59;29", "00:01:00;04", "00:09:59;29", "00:10:00;00", "01:00:00;00"]
    script = f"""
      import {{ transformSync }} from "esbuild";
      import {{ readFileSync }} from "node:fs";
      const source = readFileSync("src/time.ts", "utf8");
      const {{ code }} = transformSync(source, {{ loader: "ts" }});
      const time = await import("data:text/javascript," + encodeURIComponent(code));
      const rate = {{ over: {rate.numerator}, under: {rate.denominator} }};
      const texts = {json.dumps([*texts, "00:01:00;00"])};
      console.log(JSON.stringify(texts.map((text) => time.frameOfTimecode(text, rate))));
    """
    said = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        cwd=packages.parent,
        check=True,
        capture_output=True,
    )
    expected = [round(otio.opentime.from_timecode(text, float(rate)).value) for text in texts]
    # The last names a frame that drop-frame timecode leaves out.
    assert json.loads(said.stdout) == [*expected, None]


VIEWS = ["", "#/new", "#/jobs/{job}/es/cue0001", "#/jobs/{job}/fr/cue0003"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_accessible_and_fits_a_small_screen(
    browser: Browser, desk: Desk, packages: Path, view: str
) -> None:
    # The checker is put into the page, which the page's own policy would not allow.
    context = browser.new_context(viewport=SMALLEST, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(desk.service.page())
    page.goto(page.url.partition("#")[0] + view.format(job=desk.job))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if "jobs" in view:
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.wait_for_timeout(300)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= SMALLEST["width"]
    page.add_script_tag(path=packages / "axe-core" / "axe.min.js")
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
    )
    context.close()
    assert [(fault["id"], fault["nodes"]) for fault in found["violations"]] == []


def _get(desk: Desk, path: str, **headers: str) -> http.client.HTTPResponse:
    port = json.loads(desk.runtime.read_text())["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_link_lets_one_browser_in_once(desk: Desk) -> None:
    path = "/" + desk.service.page().split("/", 3)[3]
    assert _get(desk, path, Sec_Fetch_Site="cross-site").status == 403
    opened = _get(desk, path)
    place, cookie = opened.headers["Location"], opened.headers["Set-Cookie"]
    assert opened.status == 303 and f"Path={place}" in cookie
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert _get(desk, path).status == 410
    secret = cookie.partition(";")[0]
    assert _get(desk, place, Cookie=secret).status == 200
    assert _get(desk, place + "v1/jobs", Cookie=secret).status == 200
    # Cookies do not know ports: any program here may have set others, malformed ones too.
    assert _get(desk, place, Cookie=f"nameless; a/b=1; {secret}; f(x)=2").status == 200
    assert _get(desk, place, Cookie="dubwright=guessed").status == 401
    assert _get(desk, place).status == 401
    assert _get(desk, "/v1/jobs", Cookie=secret).status == 401
    assert _get(desk, place + "v1/jobs", Cookie=secret, Sec_Fetch_Site="same-site").status == 403
    assert _get(desk, place + "v1/jobs", Cookie=secret, Origin="http://evil.example").status == 403


def test_a_page_elsewhere_cannot_change_anything(desk: Desk) -> None:
    opened = _get(desk, "/" + desk.service.page().split("/", 3)[3])
    place = opened.headers["Location"]
    secret = opened.headers["Set-Cookie"].partition(";")[0]
    port = json.loads(desk.runtime.read_text())["port"]
    for origin, status in ((None, 403), ("null", 403), (f"http://127.0.0.1:{port}", 200)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Cookie": secret, "Content-Type": "application/json"}
        headers |= {"Origin": origin} if origin else {}
        body = json.dumps({"cue": "cue0001", "language": "es", "verdict": None})
        connection.request("POST", f"{place}v1/jobs/{desk.job}/review", body, headers)
        assert connection.getresponse().status == status
        connection.close()


def test_what_is_delivered_is_shown_and_never_run(desk: Desk) -> None:
    bearer = {"Authorization": f"Bearer {desk.service._token}"}
    report = _get(desk, f"/v1/jobs/{desk.job}/files/report.html", **bearer)
    assert report.headers["Content-Security-Policy"].startswith("sandbox")
    assert report.headers["X-Content-Type-Options"] == "nosniff"


def test_the_built_page_is_that_of_the_source(packages: Path, tmp_path: Path) -> None:
    subprocess.run(["npm", "run", "--silent", "check"], cwd=packages.parent, check=True)
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=packages.parent, check=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in BUILT.iterdir()}
    assert built == committed, "run `npm run build` in core/review_page and commit what it writes"
