"""The Nuke adapter, on a fake that knows what docs/hosts lists, and with the real service."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Dubbed
from fake_hiero import FakeStudio, Project
from fake_nuke import FakeNuke, Node, read_exr
from nk_script import NkError, read_script
from service_places import own_service_places, wait_for

from dubwright.dialogue import CueSheet
from dubwright.model import Cue
from dubwright_plugin import connect

HOST = Path(__file__).parents[1] / "host_adapters" / "nuke"
GROUP = HOST / "lipsync.nk"


@pytest.fixture
def nuke(monkeypatch: pytest.MonkeyPatch) -> FakeNuke:
    fake = FakeNuke()
    fake.install(monkeypatch)
    return fake


@pytest.fixture
def adapter(nuke: FakeNuke, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The adapter, imported anew by this Nuke."""
    for name in [name for name in sys.modules if name.startswith("dubwright_nuke")]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("dubwright_nuke")


@pytest.fixture
def plate(dubbed: Dubbed) -> tuple[str, int, int]:
    """The short shot of the sample, as Nuke names it, with its first and last frame."""
    files = sorted(dubbed.sample.folder.glob("plates/*020*/*.exr"))
    stem, number, _ = files[0].name.rsplit(".", 2)
    pattern = f"{files[0].parent.as_posix()}/{stem}.%0{len(number)}d.exr"
    return pattern, int(number), int(files[-1].name.rsplit(".", 2)[1])


def _read(nuke: FakeNuke, plate: tuple[str, int, int]) -> Node:
    read = nuke.createNode("Read")
    read["file"].setValue(plate[0])
    for knob, frame in (("first", plate[1]), ("last", plate[2])):
        read[knob].setValue(frame)
    read.setSelected(True)
    return read


@pytest.fixture(scope="module")
def served(dubbed: Dubbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running service that hosts may start again; the file that announces it."""
    folder = tmp_path_factory.mktemp("nuke service")
    runtime = folder / "run" / "service.json"
    with own_service_places(folder, runtime):
        from dubwright_plugin.runtime import remember_installation

        remember_installation(sys.executable)
        command = [sys.executable, "-m", "dubwright.cli", "serve"]
        process = subprocess.Popen(command)
        wait_for(runtime.exists, process=process)
        yield runtime
        subprocess.run([sys.executable, "-m", "dubwright.cli", "stop"], check=True)
        process.wait(20)
    shutil.rmtree(folder)


@pytest.fixture
def lip_sync(
    nuke: FakeNuke, adapter: ModuleType, plate: tuple[str, int, int], dubbed: Dubbed, tmp_path: Path
) -> Node:
    """A LipSync node behind the Read of the plate, in a saved script, for twelve frames."""
    _read(nuke, plate)
    node: Node = adapter.create()
    node["dialogue"].setValue((dubbed.sample.folder / "audio" / "dialogue.en.wav").as_posix())
    node["frame_range"].setValue("custom")
    node["first"].setValue(plate[1] + 6)
    node["last"].setValue(plate[1] + 17)
    nuke.scriptSaveAs((tmp_path / "Plan d'été.nk").as_posix(), 1)
    return node


def _state(node: Node) -> str:
    return str(node._knobs["state"]._value)


def _tag(node: Node) -> str:
    from dubwright_nuke.node import identity, results_folder, tag_of

    return str(tag_of(identity(node), results_folder(node)))


def _has_ended(node: Node) -> Callable[[], bool]:
    """Whether a node says so, and can be asked for something else."""
    from dubwright_nuke import actions

    identity = str(node._knobs["dubwright_id"]._value)
    return lambda: _state(node) not in ("not rendered", "") and identity not in actions.WORKS._works


def _same(one: dict[str, np.ndarray], other: dict[str, np.ndarray], tolerance: float) -> bool:
    names = ("rgba.red", "rgba.green", "rgba.blue")
    return all(np.allclose(one[name], other[name], atol=tolerance) for name in names)


# --- The group, as text -------------------------------------------------------------------------


def test_the_group_is_a_script_that_nuke_reads() -> None:
    script = read_script(GROUP.read_text())
    (group,) = script.nodes
    assert group.kind == "Group" and {knob.name for knob in group.user_knobs} >= {
        "dialogue", "language", "cue_sheet", "speaker", "face", "frame_range", "engine",
        "intensity", "jaw", "mouth_width", "smoothing", "offset", "softness", "results",
        "colour_space", "render", "cancel", "update", "review",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Dot {\n name A\n", "not closed"),
        ("end_group\n", "closes nothing"),
        ("Group {\n inputs 0\n}\n", "no end_group"),
        ("push $N1\n", "not set"),
        ("Dot {\n}\n", "takes 1 inputs"),
        ("Read {\n inputs 0\n file a b\n}\n", "unquoted"),
        ('Read {\n inputs 0\n label "[value x]"\n}\n', "evaluated"),
        ("Read {\n inputs 0\n addUserKnob {4 k Q 1}\n}\n", "no Q"),
        ("set N1 [stack 0]\n", "no stack 0"),
        ("nonsense\n", "not a command"),
    ],
)
def test_what_nuke_would_not_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(NkError, match=why):
        read_script(text)


def test_the_buttons_say_what_to_do_where_dubwright_is_not_installed(
    nuke: FakeNuke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dubwright_nuke", None)
    node = nuke.nodePaste(GROUP.as_posix())
    for button in ("render", "cancel", "update", "review"):
        node[button].execute()
        assert "not installed here" in nuke._said.pop()


def test_the_python_in_the_group_is_that_of_nuke_14() -> None:
    (group,) = read_script(GROUP.read_text()).nodes
    scripts = [knob.options["T"] for knob in group.user_knobs if knob.kind == 22]
    assert len(scripts) == 4
    for script in (*scripts, group.knobs["onCreate"]):
        ast.parse(str(script), feature_version=(3, 9))


def test_nodes_belong_to_nukes_own_thread(nuke: FakeNuke) -> None:
    node, said = nuke.createNode("Read"), []
    for touch in (node.name, lambda: node["first"], lambda: node["first"].value(), nuke.root):

        def wrongly(touch: Callable[[], Any] = touch) -> None:
            try:
                touch()
            except AssertionError as error:
                said.append(str(error))

        thread = threading.Thread(target=wrongly)
        thread.start()
        thread.join()
    assert len(said) == 3 + 1 and all("off the main thread" in line for line in said)


def test_nuke_is_not_asked_what_the_table_does_not_list(nuke: FakeNuke) -> None:
    node = nuke.createNode("Read")
    for call in ("hashes", "setAlpha"):
        assert not hasattr(node, call)
    with pytest.raises(NameError):
        node["fille"]
    with pytest.raises(TypeError):
        node["first"].setValue("1")
    with pytest.raises(RuntimeError, match="Unknown command"):
        nuke.createNode("LipSync")
    with pytest.raises(AssertionError, match="hangs"):
        nuke.executeInMainThreadWithResult(nuke.root)


def test_a_copy_has_results_of_its_own_and_the_original_keeps_its(
    adapter: ModuleType, nuke: FakeNuke, lip_sync: Node
) -> None:
    from dubwright_nuke.node import results_folder

    before, known = results_folder(lip_sync), lip_sync["dubwright_id"].value()
    copy = adapter.create()
    copy["dubwright_id"].setValue(known)
    nuke._made([copy])
    assert copy["dubwright_id"].value() != known == lip_sync["dubwright_id"].value()
    assert results_folder(copy) != before == results_folder(lip_sync)
    before.mkdir(parents=True)
    lip_sync.setName("Renamed")
    assert results_folder(lip_sync) == before, "its results are found again"


# --- The plate ----------------------------------------------------------------------------------


def _prints(adapter: ModuleType, node: Node) -> dict[int, str]:
    from dubwright_nuke import actions
    from dubwright_nuke.node import asked_of

    return dict(actions._prints(asked_of(node), uuid.uuid4().hex))


def _sent(adapter: ModuleType, node: Node) -> Any:
    """The plate as it is sent, rendered where that is needed."""
    from dubwright_nuke import actions
    from dubwright_nuke.node import asked_of
    from dubwright_nuke.plate import plain_plate
    from dubwright_nuke.threads import Work

    asked = asked_of(node)
    return plain_plate(node, asked) or actions._send(asked, "main", Work("plate"))


def _own_copy(node: Node, folder: Path) -> Path:
    """Have the Read before a node read a copy of its files; their name, with the number open."""
    read = node.input(0)
    assert read is not None
    named = Path(str(read["file"].value()))
    shutil.copytree(named.parent, folder)
    read["file"].setValue((folder / named.name).as_posix())
    return folder / named.name


def _through_a_grade(nuke: FakeNuke, node: Node) -> Node:
    grade = nuke.createNode("Grade")
    grade.setInput(0, node.input(0))
    node.setInput(0, grade)
    return grade


def test_a_read_of_exr_files_as_they_are_is_sent_by_its_path(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, plate: tuple[str, int, int]
) -> None:
    sent = _sent(adapter, lip_sync)
    assert (sent.pattern, sent.sent, nuke._rendered) == (plate[0], False, [])
    read = lip_sync.input(0)
    assert read is not None
    lip_sync["last"].setValue(lip_sync["first"].value())
    for knob, value in (
        ("colorspace", "sRGB"), ("frame", "frame+1"), ("premultiplied", True), ("last", plate[1])
    ):  # fmt: skip
        before = read[knob].value()
        read[knob]._values += [str(value)]
        read[knob].setValue(value)
        assert _sent(adapter, lip_sync).sent, knob
        read[knob].setValue(before)


def test_pictures_of_other_formats_are_rendered_and_sent_frame_by_frame(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, tmp_path: Path
) -> None:
    read = lip_sync.input(0)
    assert read is not None
    first = int(lip_sync["first"].value())
    for number in range(12):
        cv2.imwrite(str(tmp_path / f"a.{first + number}.png"), np.full((8, 8, 3), 20 * number))
    read["file"].setValue((tmp_path / "a.%04d.png").as_posix())
    for again in range(2):
        sent = _sent(adapter, lip_sync)
        values = [read_exr(sent.file(first + n))["rgba.red"].max() for n in range(12)]
        assert np.allclose(values, [20 * n / 255 for n in range(12)], atol=1e-3)
        assert len(nuke._rendered) == 12, "again nothing is rendered"
        nuke._frame = first + again
    still = (tmp_path / f"a.{first + 3}.png").as_posix()
    read["file"].setValue(still)
    sent = _sent(adapter, lip_sync)
    assert len(nuke._rendered) == 24 and sent.file(first + 11).is_file()


def test_files_alike_by_size_and_time_are_not_taken_for_each_other(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, tmp_path: Path
) -> None:
    for file in _own_copy(lip_sync, tmp_path / "copy").parent.iterdir():
        os.truncate(file, 200_000)
        os.utime(file, (1, 1))
    _through_a_grade(nuke, lip_sync)
    assert len(set(_prints(adapter, lip_sync).values())) == 12


def test_what_cannot_be_watched_is_rendered_each_time(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node
) -> None:
    grade = _through_a_grade(nuke, lip_sync)
    assert _prints(adapter, lip_sync) == _prints(adapter, lip_sync)
    # A node that is no input of anything, named by an expression, is watched.
    control = nuke.createNode("Grade")
    grade["white"].setExpression(f"{control.name()}.white")
    before = _prints(adapter, lip_sync)
    control["white"].setValue(3.0)
    assert not set(before.values()) & set(_prints(adapter, lip_sync).values())
    grade["white"]._expression = ""
    text = nuke.createNode("Expression")
    text.setInput(0, grade)
    lip_sync.setInput(0, text)
    assert _prints(adapter, lip_sync) == _prints(adapter, lip_sync)
    for unknown in (f"r * {control.name()}.white", "r * [value Control.white]"):
        text["expr0"].setValue(unknown)
        assert _prints(adapter, lip_sync) != _prints(adapter, lip_sync)


def test_a_render_of_nukes_own_is_waited_for(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    _through_a_grade(nuke, lip_sync)
    nuke._busy = 4
    monkeypatch.setattr("dubwright_nuke.actions.BUSY_S", 0.001)
    assert _sent(adapter, lip_sync).sent and len(nuke._rendered) == 12


def test_missing_frames_are_as_the_read_says(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, tmp_path: Path
) -> None:
    read = lip_sync.input(0)
    assert read is not None
    first = int(lip_sync["first"].value())
    Path(str(_own_copy(lip_sync, tmp_path / "copy")) % (first + 2)).unlink()
    from dubwright_nuke import actions
    from dubwright_nuke.node import asked_of
    from dubwright_nuke.threads import Work

    with pytest.raises(Exception, match=f"Frame {first + 2} of the plate .* Missing file"):
        actions._send(asked_of(lip_sync), "main", Work("plate"))
    assert lip_sync.node("send")["disable"].value()  # type: ignore[union-attr]
    read["on_error"].setValue("black")
    sent = actions._send(asked_of(lip_sync), "main", Work("plate"))
    assert read_exr(sent.file(first + 2))["rgba.red"].max() == 0
    assert read_exr(sent.file(first + 3))["rgba.red"].max() > 0


def test_one_view_of_several_is_worked_on(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dubwright_nuke.plate import view_of

    nuke._views[:] = ["left", "right"]
    aside = nuke.createNode("OneView")
    aside.setInput(0, lip_sync.input(0))
    lip_sync.setInput(1, aside)
    with pytest.raises(Exception, match="2 views"):
        view_of(lip_sync)
    chosen = nuke.createNode("OneView")
    chosen["view"].setValue("right")
    chosen.setInput(0, lip_sync.input(0))
    lip_sync.setInput(0, chosen)
    assert view_of(lip_sync) == "right"


def test_old_plates_are_removed_but_for_the_newest_and_the_one_shown(
    adapter: ModuleType, tmp_path: Path
) -> None:
    from dubwright_nuke.plate import forget_old_plates

    for number in range(7):
        folder = tmp_path / "plate" / str(number)
        folder.mkdir(parents=True)
        (folder / "prints.json").write_text("{}")
        os.utime(folder / "prints.json", (number, number))
    forget_old_plates(tmp_path, (tmp_path / "plate" / "1" / "plate.%04d.exr").as_posix())
    assert {folder.name for folder in (tmp_path / "plate").iterdir()} == set("13456")


@pytest.mark.parametrize(
    ("named", "exact"),
    [(24.0, "24"), (23.976, "24000/1001"), (29.97, "30000/1001"), (12.5, "25/2"), (25.0, "25")],
)
def test_rates_are_exact(nuke: FakeNuke, lip_sync: Node, named: float, exact: str) -> None:
    from dubwright_nuke.node import asked_of

    nuke.root()["fps"].setValue(named)
    assert asked_of(lip_sync).rate == Fraction(exact)


def test_the_config_of_a_managed_script_goes_with_its_names(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from dubwright_nuke.colour import working_colours

    monkeypatch.delenv("OCIO", raising=False)
    root = nuke.root()
    assert working_colours() == ("Linear Rec.709 (sRGB)", None)
    root["colorManagement"].setValue("OCIO")
    root["workingSpaceLUT"].setValue("ACES - ACEScg")
    root["OCIO_config"].setValue("aces_1.2")
    config = tmp_path / "plugins/OCIOConfigs/configs/aces_1.2/config.ocio"
    config.parent.mkdir(parents=True)
    config.write_text("")
    nuke.env["ExecutablePath"] = str(tmp_path / "Nuke15.1")
    assert working_colours() == ("ACES - ACEScg", config.as_posix())
    read = lip_sync.input(0)
    assert read is not None
    # What "default" means is the config's to say, and so the plate is rendered.
    assert _sent(adapter, lip_sync).sent
    read["colorspace"]._values += ["ACES - ACEScg"]
    read["colorspace"].setValue("ACES - ACEScg")
    assert not _sent(adapter, lip_sync).sent


def test_only_what_changed_is_another_frame(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node
) -> None:
    grade = _through_a_grade(nuke, lip_sync)
    first = int(lip_sync["first"].value())
    grade["white"].setValueAt(1.2, first)
    grade["white"].setValueAt(1.2, first + 5)
    before = _prints(adapter, lip_sync)
    grade["white"].setValueAt(1.4, first + 11)
    after = _prints(adapter, lip_sync)
    assert [f - first for f in after if after[f] != before[f]] == [6, 7, 8, 9, 10, 11]
    grade["label"].setValue("a note")
    grade.setName("Renamed")
    assert _prints(adapter, lip_sync) == after
    grade["mix"].setExpression("frame")
    assert len(set(_prints(adapter, lip_sync).values())) == 12
    grade["gamma"].setValue(1.1)
    assert not set(_prints(adapter, lip_sync).values()) & set(after.values())


def test_where_a_node_looks_at_other_frames_all_change_with_any(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node
) -> None:
    offset, grade = nuke.createNode("TimeOffset"), nuke.createNode("Grade")
    grade.setInput(0, lip_sync.input(0))
    offset.setInput(0, grade)
    lip_sync.setInput(0, offset)
    before = _prints(adapter, lip_sync)
    first = int(lip_sync["first"].value())
    grade["white"].setValueAt(1.0, first)
    grade["white"].setValueAt(1.2, first + 1)
    after = _prints(adapter, lip_sync)
    assert len(set(after.values())) == 12
    assert not set(after.values()) & set(before.values())


def test_a_file_that_was_written_over_is_another_frame(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, tmp_path: Path
) -> None:
    named = str(_own_copy(lip_sync, tmp_path / "copy"))
    _through_a_grade(nuke, lip_sync)
    before = _prints(adapter, lip_sync)
    changed = int(lip_sync["first"].value()) + 3
    with Path(named % changed).open("ab") as file:
        file.write(b"more")
    after = _prints(adapter, lip_sync)
    assert [f for f in after if after[f] != before[f]] == [changed]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda nuke, node: node.setInput(0, None), "Connect the plate"),
        (lambda nuke, node: node["dialogue"].setValue(""), "Choose the recording"),
        (lambda nuke, node: node["dialogue"].setValue("/gone.wav"), "is not there"),
        (lambda nuke, node: node["last"].setValue(1), "ends before it begins"),
        (lambda nuke, node: nuke.root()["name"].setValue("Root"), "Save the script first"),
        (lambda nuke, node: nuke._views.append("left"), "OneView"),
        (lambda nuke, node: node["results"].setValue("/proc/nowhere"), "cannot be read or written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    nuke: FakeNuke,
    served: Path,
    lip_sync: Node,
    spoil: Callable[[FakeNuke, Node], Any],
    says: str,
) -> None:
    spoil(nuke, lip_sync)
    lip_sync["render"].execute()
    nuke.run_until(lambda: bool(nuke._said))
    (said,) = nuke._said
    assert says in said and "\n" not in said and "Errno" not in said


def test_moving_controls_are_sent_for_every_frame(adapter: ModuleType, lip_sync: Node) -> None:
    from dubwright_nuke.node import asked_of

    first = int(lip_sync["first"].value())
    lip_sync["starts_after"].setValue(2)
    lip_sync["jaw"].setValueAt(1.0, first)
    lip_sync["jaw"].setValueAt(2.1, first + 11)
    lip_sync["mouth_width"].setExpression("0.5")
    mouth = asked_of(lip_sync).mouth
    assert {name for name in mouth if name != "keys"} == {"intensity", "smoothing_ms", "offset_ms"}
    assert len(mouth["keys"]) == 12 and mouth["keys"][2]["at_ms"] == 0
    assert mouth["keys"][5]["jaw"] == pytest.approx(1.5) and mouth["keys"][5]["width"] == 0.5


def test_a_generator_is_asked_for_with_its_weights(lip_sync: Node, tmp_path: Path) -> None:
    from dubwright_nuke.node import Refused, asked_of

    lip_sync["engine"].setValues(["automatic", "actor", "follow wav2lip"])

    def engines() -> dict[str, Any] | None:
        return asked_of(lip_sync).request("plate", None, "ACEScg").get("engines")

    assert engines() is None
    lip_sync["engine"].setValue("actor")
    assert engines() == {"mouth_renderer": "actor"}
    lip_sync["engine"].setValue("follow wav2lip")
    lip_sync["weights"].setValue(str(tmp_path / "wav2lip.onnx"))
    with pytest.raises(Refused, match="is not there"):
        engines()
    (tmp_path / "wav2lip.onnx").touch()
    lip_sync["not_for_sale"].setValue(True)
    assert engines() == {
        "mouth_generator": "wav2lip",
        "weights": {"wav2lip": str(tmp_path / "wav2lip.onnx")},
        "not_for_sale": True,
    }


# --- Whole stories, with the real service -------------------------------------------------------


def test_a_shot_goes_out_and_its_mouth_comes_back(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    read = lip_sync.input(0)
    assert read is not None
    first = int(lip_sync["first"].value())
    frame = first + 5
    assert _same(lip_sync._picture(frame) or {}, read._picture(frame) or {}, 0)
    lip_sync["engine"].setValue("retrieval")
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert _state(lip_sync).startswith("v001, 12 of 12"), nuke._said
    assert lip_sync["engine"].values() == [
        "automatic", "actor", "retrieval", "follow latentsync", "follow musetalk", "follow wav2lip",
    ]  # fmt: skip
    assert 100 in nuke._shown and not nuke._said
    assert nuke._panels == ["LipSync"]
    (version,) = tmp_path.glob("dubwright/*/results/v001")
    (whole,) = version.glob(f"frames/*/*/*.{frame}.exr")
    shown, plain = lip_sync._picture(frame), read._picture(frame)
    assert shown is not None and plain is not None
    assert _same(shown, read_exr(whole), 1e-3)
    outside = shown["matte.alpha"] == 0
    assert outside.mean() > 0.5 and (shown["matte.alpha"] > 0.9).any()
    assert (shown["rgba.red"][outside] == plain["rgba.red"][outside]).all()
    assert not _same(shown, plain, 1e-2)
    assert shown["stmap.red"].max() > 0 and "dubwright.red" not in shown

    # A grade before the node: live outside the mouth, and in it where that is asked for.
    grade = nuke.createNode("Grade")
    grade["multiply"].setValue(1.5)
    grade.setInput(0, read)
    lip_sync.setInput(0, grade)
    graded = lip_sync._picture(frame) or {}
    inside = shown["matte.alpha"] > 0.99
    assert np.allclose(graded["rgba.red"][outside], 1.5 * plain["rgba.red"][outside])
    assert np.allclose(graded["rgba.red"][inside], shown["rgba.red"][inside], atol=1e-3)
    lip_sync["follow_grade"].setValue(True)
    followed = lip_sync._picture(frame) or {}
    assert np.allclose(followed["rgba.red"], 1.5 * shown["rgba.red"], rtol=2e-3, atol=1e-3)

    # A softer matte, and a mask that holds the mouth out on the left.
    lip_sync["softness"].setValue(1.0)
    softer = lip_sync._picture(frame) or {}
    assert np.allclose(softer["matte.alpha"], shown["matte.alpha"] ** 2, atol=1e-3)
    lip_sync["softness"].setValue(0.0)
    mask = nuke.createNode("Expression")
    mask.setInput(0, read)
    mask["expr3"].setValue("r > 9 ? 1 : 0")
    lip_sync.setInput(1, mask)
    assert ((lip_sync._picture(frame) or {})["matte.alpha"] == 0).all()

    # Without Dubwright the saved script shows the same.
    lip_sync.setInput(1, None)
    saved = (tmp_path / "saved.nk").as_posix()
    nuke.scriptSaveAs(saved, 1)
    other = FakeNuke()
    other.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "dubwright_nuke", None)
    other.scriptOpen(saved)
    (group,) = other.allNodes("Group")
    assert _same(group._picture(frame) or {}, followed, 0)


def test_what_changed_before_the_node_is_rendered_again_and_no_more(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path
) -> None:
    grade = _through_a_grade(nuke, lip_sync)
    nuke.root()["proxy"].setValue(True)
    first = int(lip_sync["first"].value())
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert _state(lip_sync).startswith("v001"), nuke._said
    assert nuke._rendered == list(range(first, first + 12))
    assert nuke.root()["proxy"].value() and lip_sync.node("send")["disable"].value()  # type: ignore[union-attr]
    sent = lip_sync.node("sent")
    assert sent is not None and sent._picture(first)["rgba.red"].shape == (288, 512)  # type: ignore[index]
    nuke._rendered.clear()
    grade["white"].setValueAt(1.0, first + 8)
    grade["white"].setValueAt(1.3, first + 11)
    lip_sync["state"].setValue("")
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert nuke._rendered == [first + 9, first + 10, first + 11]
    assert _state(lip_sync).startswith("v002"), nuke._said


def test_a_change_while_the_plate_is_rendered_is_noticed(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path
) -> None:
    grade = _through_a_grade(nuke, lip_sync)
    first = int(lip_sync["first"].value())

    def meddle(frame: int) -> None:
        if frame == first + 4:
            grade["gamma"].setValue(1.2)

    nuke._before_frame = meddle
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert "changed while it was rendered" in _state(lip_sync)
    assert connect(start=False).jobs(_tag(lip_sync)) == []


def test_cancel_stops_it_and_the_last_result_stays(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path, plate: tuple[str, int, int]
) -> None:
    # Seconds of work that nothing in the store saves.
    lip_sync["first"].setValue(plate[1])
    lip_sync["last"].setValue(plate[2])
    lip_sync["intensity"].setValue(1.37)
    lip_sync["render"].execute()
    tag = _tag(lip_sync)
    nuke.run_until(lambda: bool(connect(start=False).jobs(tag)))
    lip_sync["render"].execute()
    assert "is being worked on" in nuke._said.pop()
    lip_sync["cancel"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert _state(lip_sync) == "Cancelled; the last result stays." and not nuke._said
    assert not lip_sync["has_result"].value()
    nuke._cancelled = True
    lip_sync["state"].setValue("")
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert {job["state"] for job in connect(start=False).jobs(tag)} == {"cancelled"}


def test_the_plate_can_be_cancelled_too(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path
) -> None:
    _through_a_grade(nuke, lip_sync)
    nuke._before_frame = lambda frame: lip_sync["cancel"].execute()
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    assert _state(lip_sync).startswith("Cancelled") and len(nuke._rendered) == 1
    nuke._before_frame = lambda frame: None
    lip_sync["cancel"].execute()
    lip_sync["state"].setValue("")
    lip_sync["render"].execute()
    nuke.run_until(_has_ended(lip_sync))
    # What was rendered before it was cancelled is not rendered again.
    assert _state(lip_sync).startswith("v001") and len(nuke._rendered) == 12, nuke._said


def test_nuke_may_be_closed_meanwhile(
    nuke: FakeNuke,
    adapter: ModuleType,
    lip_sync: Node,
    served: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lip_sync["render"].execute()
    saved = (tmp_path / "Plan d'été.nk").as_posix()
    nuke.scriptSaveAs(saved, 1)
    tag = _tag(lip_sync)
    nuke.run_until(lambda: bool(connect(start=False).jobs(tag)))
    # This Nuke answers nobody any more; another one opens the script.
    later = FakeNuke(gui=False)
    later.install(monkeypatch)
    for name in [name for name in sys.modules if name.startswith("dubwright_nuke")]:
        monkeypatch.delitem(sys.modules, name)
    again = importlib.import_module("dubwright_nuke")
    later.scriptOpen(saved)
    (node,) = later.allNodes("Group")
    again.update(node)
    assert _state(node).startswith("v001, 12 of 12"), later._said
    links: list[str] = []
    again.open_review(node, links.append)
    assert links


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_service_that_is_killed_is_started_again_and_goes_on(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path
) -> None:
    import json
    import os
    import signal

    lip_sync["render"].execute()
    tag = _tag(lip_sync)
    nuke.run_until(lambda: bool(connect(start=False).jobs(tag)))
    os.kill(json.loads(served.read_text())["pid"], signal.SIGKILL)
    nuke.run_until(_has_ended(lip_sync))
    assert _state(lip_sync).startswith("v001, 12 of 12"), nuke._said


def test_a_farm_renders_it_by_a_call_and_writes_nothing_else(
    monkeypatch: pytest.MonkeyPatch, plate: tuple[str, int, int], dubbed: Dubbed, served: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    farm = FakeNuke(gui=False)
    farm.install(monkeypatch)
    for name in [name for name in sys.modules if name.startswith("dubwright_nuke")]:
        monkeypatch.delitem(sys.modules, name)
    adapter = importlib.import_module("dubwright_nuke")
    read = _read(farm, plate)
    node = adapter.create()
    node["results"].setValue((tmp_path / "out").as_posix())
    line = Cue(id="a", speaker="Ana", start_ms=300, end_ms=2600, text={"es": "Mi madre los ve."})
    CueSheet(cues=(line,)).write(tmp_path / "cues.json")
    node["cue_sheet"].setValue((tmp_path / "cues.json").as_posix())
    with pytest.raises(Exception, match="language"):
        adapter.render(node)
    node["language"].setValue("es")
    adapter.render(node)
    assert _state(node).startswith("v001, "), farm._said
    assert any("%" in line for line in farm._said)
    assert not _same(node._picture(plate[1] + 20) or {}, read._picture(plate[1] + 20) or {}, 1e-2)


def test_no_service_is_one_sentence_and_nuke_goes_on(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, tmp_path: Path
) -> None:
    with own_service_places(tmp_path / "none", tmp_path / "none" / "service.json"):
        lip_sync["render"].execute()
        nuke.run_until(_has_ended(lip_sync))
    assert "The Dubwright service is not running" in nuke._said[0]
    assert "\n" not in nuke._said[0]


def test_a_folder_that_cannot_be_written_is_one_sentence(
    nuke: FakeNuke, adapter: ModuleType, lip_sync: Node, served: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    lip_sync["results"].setValue((tmp_path / "file" / "out").as_posix())
    lip_sync["render"].execute()
    nuke.run_until(lambda: bool(nuke._said))
    assert "cannot be read or written: Not a directory" in nuke._said[0]
    assert "\n" not in nuke._said[0]


def test_the_menu_makes_the_node(nuke: FakeNuke, adapter: ModuleType) -> None:
    exec(compile((HOST / "menu.py").read_text(), "menu.py", "exec"), {"nuke": nuke})
    nuke._menus["Nodes"]._menus["Dubwright"]._commands["LipSync"]()
    (node,) = nuke.allNodes("Group")
    assert node.name() == "LipSync"


# --- Nuke Studio --------------------------------------------------------------------------------


@pytest.mark.parametrize("makes_tags", [False, True])
def test_studio_gets_a_sequence_for_each_language_with_its_lines(
    nuke: FakeNuke, adapter: ModuleType, dubbed: Dubbed, served: Path, makes_tags: bool,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    studio = FakeStudio(makes_tags)
    studio.install(monkeypatch)
    nuke.env["studio"] = True
    adapter.add_menus()
    entry = studio.menus["Dubwright"]["Bring Results In"]

    def bring() -> None:
        before = len(nuke._said)
        entry()
        nuke.run_until(lambda: len(nuke._said) > before)

    request = {
        "timeline": str(dubbed.sample.timeline), "languages": ["es"], "output": str(tmp_path),
        "subtitles": {"es": str(dubbed.sample.subtitles("es")["es"])}, "lip_sync": False,
        "cast": str(dubbed.sample.cast),
    }  # fmt: skip
    service = connect(start=False)
    service.wait(service.submit("dub", request, title="Lighthouse"))
    bring()
    assert "No project is open" in nuke._said.pop()
    project = Project("Reel 1")
    studio.projects.append(project)
    nuke._answer = False
    bring()
    assert "Lighthouse v001" in nuke._said.pop() and not project.sequences()
    nuke._answer = True
    bring()
    nuke.run_until(lambda: "Brought in" in nuke._said[-1])
    bring()
    nuke.run_until(lambda: "All of it" in nuke._said[-1])
    assert nuke._said[-1] == "All of it is there already."
    (sequence,) = project.sequences()
    assert sequence.name().endswith("(es) v001")
    assert [b.name() for b in project.clipsBin().bins()] == ["Dubwright"]
    assert len(sequence.tags()) == 3
    if not makes_tags:
        assert all(tag.note() for tag in sequence.tags())
