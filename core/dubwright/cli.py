"""The command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from dubwright._version import __version__
from dubwright.cli_consent import app as consent
from dubwright.cli_engines import app as engines
from dubwright.cli_models import app as models
from dubwright.cli_publish import publish
from dubwright.cli_translate import app as translate
from dubwright.errors import Cancelled, ColourSpaceUnknown, DubwrightError

if TYPE_CHECKING:
    from dubwright.trust import Head
    from dubwright_plugin import Service

__all__ = ["app", "bar", "first_and_last", "main", "pairs", "performed"]

app = typer.Typer(
    help="Dubbing and lip-sync on OpenTimelineIO timelines and EXR plates.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(consent, name="consent")
app.add_typer(engines, name="engines")
app.add_typer(models, name="models")
app.command("publish")(publish)
app.add_typer(translate, name="translate")
people = Console(stderr=True, markup=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path, typer.Option("--out", help="Folder that receives v001, v002...")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="Folder where results are kept for reuse.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Worker processes.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")]
ColourSpace = Annotated[
    str | None,
    typer.Option("--colorspace", help="Colour space of plates that do not name theirs."),
]
Ocio = Annotated[str | None, typer.Option("--ocio", help="OCIO config: a path or a name.")]
EdlRate = Annotated[
    str | None, typer.Option("--rate", help="Frames a second of an EDL, as in 24000/1001.")
]
Subtitles = Annotated[
    list[Path] | None,
    typer.Option("--subtitles", help="lines.es.srt, or a folder of such files; repeat."),
]
Cues = Annotated[Path | None, typer.Option("--cues", help="A cue sheet (JSON).")]
Original = Annotated[
    str | None, typer.Option("--original", help="Language of the plate's dialogue.")
]
CastFile = Annotated[Path | None, typer.Option("--cast", help="Speakers and their consents.")]
Rig = Annotated[
    str,
    typer.Option("--rig", help="arkit, oculus, vrm1, vrm0, cc4, or a rig of your own (JSON)."),
]
Flaps = Annotated[
    str, typer.Option("--flaps", help="Drawn mouths: rhubarb, preston_blair, sapi or three.")
]
FlapsOn = Annotated[
    int, typer.Option("--on", min=1, max=6, help="Frames that a drawn mouth is held.")
]
CharacterStyle = Annotated[
    str, typer.Option("--style", help="How the mouth moves: realistic, cartoon or anime.")
]
Intensity = Annotated[
    float, typer.Option("--intensity", min=0, max=2, help="How far the mouth moves.")
]
Offset = Annotated[
    int, typer.Option("--offset", help="Milliseconds that the mouth comes later than its sound.")
]
Emotion = Annotated[
    str | None, typer.Option("--emotion", help="Shown all along; arkit: happy, sad, angry...")
]
Engines = Annotated[
    list[str] | None,
    typer.Option("--engine", help="Which engine does a step: synthesizer=transformers-voice."),
]
EngineWeights = Annotated[
    list[str] | None,
    typer.Option(
        "--weights", help="What an engine loads, for a language: transformers-voice:es=FOLDER."
    ),
]

NotForSale = Annotated[
    bool,
    typer.Option(
        "--not-for-sale", help="Allow engines that forbid what is sold or shown for money."
    ),
]


def main() -> None:
    """Run the command line; a repairable error is one message and exit status 2."""
    try:
        app(standalone_mode=True)
    except DubwrightError as error:
        if "--json" in sys.argv:
            print_json({"error": error.as_dict()})
        people.print(str(error), style="red", markup=False, highlight=False)
        sys.exit(2)
    except (Cancelled, KeyboardInterrupt):
        people.print("Stopped. What is finished is kept; run the same command to go on.")
        sys.exit(130)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A version's folder, or a file of one.")],
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="Certificates that are trusted too, in PEM."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what was changed in a delivery, by what and with whose consent, and if it was tampered
    with; exit status 1 if it was."""
    from dataclasses import asdict

    from dubwright.trust import anchors, keys_folder
    from dubwright.trust import verify as verified

    trusted = anchors(keys_folder()) + (_certificates(trust) if trust else "")
    found = verified(path, trusted)
    if as_json:
        print_json(asdict(found))
    else:
        for line in found.account:
            typer.echo(f"  {line}")
        for fault in found.faults:
            typer.echo(f"NOT AS IT WAS  {fault.where}: {fault.what}")
        signers = f", signed by {', '.join(found.signers)}" if found.signers else ""
        tampered = any(not fault.unknown for fault in found.faults)
        unknown = "Signed by somebody unknown" if found.faults else "As it was made"
        typer.echo(f"{'Tampered with' if tampered else unknown}{signers}: {path}")
    if found.faults:
        raise typer.Exit(1)


def _certificates(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DubwrightError(
            "Certificates cannot be read",
            where=str(path),
            why=getattr(error, "strerror", None) or "it is no PEM",
            repair="give a file of certificates in PEM with --trust",
        ) from error


@app.command()
def audit(
    versions: Annotated[
        list[Path] | None,
        typer.Argument(help="Versions that say how far the log had come when they were made."),
    ] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """See that the log of what was done to whom is whole, and print it."""
    from dubwright.store import Store, default_store_folder
    from dubwright.trust import AuditLog

    log = AuditLog(Store(store or default_store_folder()).folder)
    log.verify(*map(_told_head, versions or ()))
    for entry in log.entries():
        if as_json:
            typer.echo(entry.model_dump_json())
        else:
            about = ", ".join(
                f"{key} {_plainly(value)}" for key, value in entry.about.items() if value
            )
            typer.echo(f"{entry.number}  {entry.at}  {entry.by}  {entry.did}: {about}")


def _plainly(value: Any) -> str:
    """A value of a log's entry, for people."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plainly(each)}" for key, each in value.items() if each)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _told_head(version: Path) -> Head:
    """How far the log had come when a version was made."""
    from dubwright.trust import Head

    manifest = version / "manifest.json"
    try:
        return Head.model_validate(json.loads(manifest.read_text("utf-8"))["audit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DubwrightError(
            "A version does not say how far the log had come",
            where=str(manifest),
            why=getattr(error, "strerror", None) or "it holds no head of the log",
            repair="give a version's folder, such as dubs/v003",
        ) from error


@app.command()
def dub(
    timeline: Annotated[Path, typer.Argument(help="A timeline, a movie, or plate.####.exr.")],
    to: Annotated[list[str], typer.Option("--to", help="Target language; repeat, or use commas.")],
    out: Out = Path("dubs"),
    subtitles: Subtitles = None,
    cues: Cues = None,
    cast: CastFile = None,
    takes: Annotated[
        Path | None, typer.Option("--takes", help="Folder of <cue>.<language>.wav recordings.")
    ] = None,
    original: Original = None,
    rate: EdlRate = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    lip_sync: Annotated[bool, typer.Option(help="Redraw mouths, or dub the sound alone.")] = True,
    movie: Annotated[
        list[str] | None,
        typer.Option(
            "--movie", help="Deliver movies too: prores_4444, prores_422_hq, dnxhr_hqx; repeat."
        ),
    ] = None,
    unmarked: Annotated[
        bool,
        typer.Option("--unmarked", help="Leave the label off, where every consent allows that."),
    ] = False,
    movie_space: Annotated[
        str | None, typer.Option("--movie-space", help="Colour space of these movies.")
    ] = None,
    loudness: Annotated[
        str | None,
        typer.Option(
            "--loudness", help="Of the mixes: ebu_r128, atsc_a85, streaming_dialogue, streaming."
        ),
    ] = None,
    lexicon: Annotated[
        list[Path] | None,
        typer.Option("--lexicon", help="How words are said: PLS 1.0, one for each language."),
    ] = None,
    engine: Engines = None,
    weights: EngineWeights = None,
    not_for_sale: NotForSale = False,
    store: StoreFolder = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Dub and lip-sync a timeline into other languages."""
    from dubwright.operations.request import DubRequest, validated

    languages = tuple(tag.strip() for tags in to for tag in tags.split(",") if tag.strip())
    files = _subtitle_files(subtitles or [])
    others = [tag for tag in files if tag not in languages]
    request = validated(
        DubRequest,
        timeline=timeline,
        languages=languages,
        output=out,
        subtitles=files,
        cue_sheet=cues,
        cast=cast,
        takes=takes,
        original=original or (others[0] if len(others) == 1 else None),
        rate=rate,
        colour_space=colorspace,
        ocio=ocio,
        lip_sync=lip_sync,
        movies=tuple(movie or ()),
        unmarked=unmarked,
        movie_space=movie_space,
        loudness=loudness,
        lexicons=tuple(lexicon or ()),
        engines=_engines(engine, weights, not_for_sale),
    )
    _perform_or_plan("dub", request, store, workers, dry_run, as_json)


def _engines(
    engine: list[str] | None, weights: list[str] | None, not_for_sale: bool = False
) -> dict[str, Any]:
    """Which engine does which step, and what it loads, as the command line names them."""
    named = pairs("--engine", engine) | {"weights": pairs("--weights", weights)}
    return named | {"not_for_sale": not_for_sale}


def pairs(option: str, given: list[str] | None) -> dict[str, Any]:
    pairs = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise DubwrightError(
                "The command is not valid",
                where=f"{option} {pair}",
                why="it does not name something and, behind an equals sign, what it is to be",
                repair="write it as in --engine synthesizer=transformers-voice, "
                "--weights transformers-voice:es=facebook/mms-tts-spa",
            )
        pairs[name] = value
    return pairs


@app.command()
def lipsync(
    plate: Annotated[Path, typer.Argument(help="A movie, or a sequence such as plate.####.exr.")],
    dialogue: Annotated[Path, typer.Argument(help="The finished recording (WAV).")],
    language: Annotated[str, typer.Option("--language", help="Its language tag.")],
    text: Annotated[
        str, typer.Option("--text", help="What it says; else the mouth is guessed from the sound.")
    ] = "",
    out: Out = Path("lipsync"),
    frames: Annotated[
        str | None, typer.Option("--frames", help="Of the plate to work on, as in 1001-1100.")
    ] = None,
    start: Annotated[int, typer.Option("--start", min=0, help="When it begins, in ms.")] = 0,
    face: Annotated[
        int, typer.Option("--face", min=1, help="Which face speaks, counted from the largest.")
    ] = 1,
    cast: CastFile = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    engine: Engines = None,
    weights: EngineWeights = None,
    not_for_sale: NotForSale = False,
    store: StoreFolder = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Redraw the mouth on a plate to match a finished recording."""
    from dubwright.operations.request import LipSyncRequest, validated

    request = validated(
        LipSyncRequest,
        plate=plate,
        dialogue=dialogue,
        text=text,
        language=language,
        output=out,
        frames=first_and_last(frames),
        start_ms=start,
        face=face,
        cast=cast,
        colour_space=colorspace,
        ocio=ocio,
        engines=_engines(engine, weights, not_for_sale),
    )
    _perform_or_plan("lip_sync", request, store, workers, dry_run, as_json)


@app.command()
def cast(
    timeline: Annotated[Path, typer.Argument(help="A timeline, a movie, or plate.####.exr.")],
    out: Out = Path("cast"),
    subtitles: Subtitles = None,
    cues: Cues = None,
    known: Annotated[
        Path | None,
        typer.Option("--cast", help="Speakers known so far; faces are found anew."),
    ] = None,
    original: Original = None,
    rate: EdlRate = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    store: StoreFolder = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find who is seen in which shot: a cast to look through, and a sheet of the faces."""
    from dubwright.operations.request import CastRequest, validated

    request = validated(
        CastRequest,
        timeline=timeline,
        output=out,
        subtitles=_subtitle_files(subtitles or []),
        cue_sheet=cues,
        cast=known,
        original=original,
        rate=rate,
        colour_space=colorspace,
        ocio=ocio,
    )
    delivered = performed("cast", request, store, workers)
    if as_json:
        print_json(delivered)
        return
    people.print(f"Look through it: {delivered['folder']}", soft_wrap=True)


@app.command()
def transcribe(
    timeline: Annotated[Path, typer.Argument(help="A timeline, a movie, or a recording.")],
    out: Out = Path("transcript"),
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="A name, a folder or a file; else what you have."),
    ] = None,
    original: Original = None,
    cast: CastFile = None,
    voices: Annotated[bool, typer.Option(help="Tell voices apart.")] = True,
    voice_weights: Annotated[
        str | None,
        typer.Option("--voice-weights", help="By an ONNX file of a network that knows speakers."),
    ] = None,
    rate: EdlRate = None,
    store: StoreFolder = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find who says what when: a cue sheet, a cast and subtitles to look through."""
    from dubwright.operations.request import EngineChoice, TranscribeRequest, validated

    named = {EngineChoice().transcriber: weights} if weights else {}
    engines: dict[str, Any] = {"weights": named}
    if voice_weights:
        engines = {"diarizer": "voice-embedding",
                   "weights": named | {"voice-embedding": voice_weights}}  # fmt: skip
    request = validated(
        TranscribeRequest,
        timeline=timeline,
        output=out,
        original=original,
        cast=cast,
        voices=voices,
        rate=rate,
        engines=engines,
    )
    delivered = performed("transcribe", request, store, workers)
    if as_json:
        print_json(delivered)
        return
    people.print(f"Look through it: {delivered['cue_sheet']}", soft_wrap=True)


@app.command()
def align(
    timeline: Annotated[Path, typer.Argument(help="A timeline, a movie, or a recording.")],
    lines: Annotated[
        Path, typer.Argument(help="A script (.txt, .fountain, .fdx), subtitles or a cue sheet.")
    ],
    original: Annotated[str, typer.Option("--original", help="The lines' language.")],
    out: Out = Path("alignment"),
    rate: EdlRate = None,
    store: StoreFolder = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find when lines are said whose words are known: a cue sheet with exact times and phones."""
    from dubwright.dialogue.subtitles import SUBTITLE_FILES
    from dubwright.operations.request import AlignRequest, validated

    suffix = lines.suffix.lower()
    kind = "cue_sheet" if suffix == ".json" else "script"
    request = validated(
        AlignRequest,
        timeline=timeline,
        **{"subtitles" if suffix in SUBTITLE_FILES else kind: lines},
        original=original,
        output=out,
        rate=rate,
    )
    delivered = performed("align", request, store, workers)
    report = json.loads((Path(delivered["folder"]) / "alignment.json").read_text(encoding="utf-8"))
    if as_json:
        print_json(delivered | {"alignment": report})
        return
    people.print(f"Found {report['found']} of {report['of']} lines: {delivered['folder']}")
    if report["drift"] and report["drift"]["told"]:
        people.print(f"  the times that were given: {report['drift']['told']}", soft_wrap=True)
    if report["doubt"]:
        people.print(f"  {report['doubt']}", soft_wrap=True)
    for row in report["cues"]:
        if "look" in row:
            people.print(f"  look at {row['cue']}: {row['look']}", soft_wrap=True, markup=False)


@app.command()
def booth(
    timeline: Annotated[Path, typer.Argument(help="A timeline, or a movie.")],
    cues: Annotated[Path, typer.Option("--cues", help="A cue sheet (JSON).")],
    to: Annotated[list[str], typer.Option("--to", help="Language that is recorded; repeat.")],
    out: Out = Path("booth"),
    rate: EdlRate = None,
    store: StoreFolder = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Make what actors record to: ADR cue sheets, a guide, countdowns, each line by itself."""
    from dubwright.operations.request import BoothRequest, validated

    request = validated(
        BoothRequest,
        timeline=timeline,
        cue_sheet=cues,
        languages=tuple(tag.strip() for tags in to for tag in tags.split(",") if tag.strip()),
        output=out,
        rate=rate,
    )
    delivered = performed("booth", request, store, workers)
    if as_json:
        print_json(delivered)
        return
    people.print(f"For the booth: {delivered['folder']}", soft_wrap=True)


@app.command()
def animate(
    language: Annotated[str, typer.Option("--language", help="Its language tag.")],
    text: Annotated[
        str, typer.Argument(help="What the character says; else it is heard in the recording.")
    ] = "",
    out: Out = Path("character"),
    recording: Annotated[
        Path | None, typer.Option("--recording", help="An actor's take (WAV); else synthesised.")
    ] = None,
    phones: Annotated[
        Path | None,
        typer.Option("--phones", help="The recording's phones in IPA, as a label track."),
    ] = None,
    rate: Annotated[
        str, typer.Option("--rate", help="Frames a second, as in 24 or 24000/1001.")
    ] = "24",
    rig: Rig = "arkit",
    flaps: Flaps = "rhubarb",
    flaps_on: FlapsOn = 1,
    style: CharacterStyle = "realistic",
    intensity: Intensity = 1.0,
    offset: Offset = 0,
    emotion: Emotion = None,
    acting: Annotated[
        float, typer.Option("--acting", min=0, max=1, help="Blinks, brows and nods, from 0.")
    ] = 0.0,
    store: StoreFolder = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Have a character speak a line: its rig's controls, a drawn mouth, the sound."""
    from dubwright.dialogue.labels import read_phones
    from dubwright.operations.request import AnimateRequest, rig_fields, validated

    request = validated(
        AnimateRequest,
        **rig_fields(rig),
        text=text,
        language=language,
        recording=recording,
        phones=read_phones(phones) if phones else (),
        rate=rate,
        acting=acting,
        flaps=flaps,
        flaps_on=flaps_on,
        style=style,
        mouth={"intensity": intensity, "offset_ms": offset},
        emotion=emotion,
        output=out,
    )
    _character("animate", request, store, workers, as_json)


@app.command()
def capture(
    plate: Annotated[Path, typer.Argument(help="A movie, or a sequence such as plate.####.exr.")],
    out: Out = Path("character"),
    frames: Annotated[
        str | None, typer.Option("--frames", help="Of the plate, as in 1001-1100.")
    ] = None,
    face: Annotated[
        int, typer.Option("--face", min=1, help="Which face, counted from the largest.")
    ] = 1,
    rig: Rig = "arkit",
    flaps: Flaps = "rhubarb",
    flaps_on: FlapsOn = 1,
    style: CharacterStyle = "realistic",
    intensity: Intensity = 1.0,
    offset: Offset = 0,
    emotion: Emotion = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    store: StoreFolder = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Have a character's mouth follow an actor's, as a plate shows it."""
    from dubwright.operations.request import CaptureRequest, rig_fields, validated

    request = validated(
        CaptureRequest,
        **rig_fields(rig),
        plate=plate,
        frames=first_and_last(frames),
        face=face,
        flaps=flaps,
        flaps_on=flaps_on,
        style=style,
        mouth={"intensity": intensity, "offset_ms": offset},
        emotion=emotion,
        colour_space=colorspace,
        ocio=ocio,
        output=out,
    )
    _character("capture", request, store, workers, as_json)


@app.command()
def live(
    recording: Annotated[
        Path | None, typer.Argument(help="A sound that is played; else the microphone is heard.")
    ] = None,
    to: Annotated[
        str, typer.Option("--to", help="Who reads VMC protocol: a host and a UDP port.")
    ] = "127.0.0.1:39539",
    rate: Annotated[str, typer.Option("--rate", help="Frames a second.")] = "60",
    rig: Rig = "vrm1",
    intensity: Intensity = 1.0,
    store: StoreFolder = None,
) -> None:
    """Move a character's mouth while somebody speaks, in programs that read VMC protocol."""
    from dubwright.operations.live import LiveRequest, speak_live, taught_listener
    from dubwright.operations.request import rig_fields, validated
    from dubwright.store import Store, default_store_folder

    host, _, port = to.rpartition(":")
    request = validated(
        LiveRequest,
        **rig_fields(rig),
        recording=recording,
        host=host,
        port=port,
        rate=rate,
        intensity=intensity,
    )
    with bar() as show:
        listener = taught_listener(
            Store(store or default_store_folder()),
            listener=lambda at: show(at.done, at.total, at.label),
        )
    people.print(f"Speaking to {to}; Ctrl+C ends it.")
    speak_live(request, listener)


@app.command()
def reconform(
    old: Annotated[Path, typer.Argument(help="Folder of the version, such as dubs/v003.")],
    new: Annotated[Path, typer.Argument(help="The new cut: a timeline.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Receives the next version; OLD's own folder.")
    ] = None,
    rate: EdlRate = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    not_for_sale: NotForSale = False,
    store: StoreFolder = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Dub a new cut, keeping the takes, mouths and approvals that a version holds of it."""
    from dubwright.operations.request import ReconformRequest, validated

    request = validated(
        ReconformRequest,
        version=old,
        timeline=new,
        output=out or old.absolute().parent,
        rate=rate,
        colour_space=colorspace,
        ocio=ocio,
        not_for_sale=not_for_sale,
    )
    _perform_or_plan("reconform", request, store, workers, dry_run, as_json)


@app.command()
def merge(
    version: Annotated[Path, typer.Argument(help="Folder of the version, such as dubs/v003.")],
    edited: Annotated[Path, typer.Argument(help="A language's timeline, edited again.")],
    out: Annotated[Path, typer.Option("--out", help="The master to write, an .otio file.")],
    rate: EdlRate = None,
    as_json: AsJson = False,
) -> None:
    """Bring a timeline home that was edited again, as a master with every language."""
    from dataclasses import asdict

    from dubwright.operations.merge import merge_back

    conflicts = merge_back(version, edited, out, rate)
    if as_json:
        print_json({"timeline": str(out), "conflicts": [asdict(found) for found in conflicts]})
        return
    people.print(f"Merged: {out}", soft_wrap=True)
    for found in conflicts:
        people.print(f"  {found.where}: {found.what}", soft_wrap=True, markup=False)
    if not conflicts:
        people.print("  nothing to look at")


@app.command()
def sample(
    out: Annotated[Path, typer.Argument(help="Folder to write into.")],
    width: Annotated[int, typer.Option(min=64)] = 768,
    height: Annotated[int, typer.Option(min=64)] = 432,
    rate: Annotated[str, typer.Option(help="Frames a second, as in 24 or 24000/1001.")] = "24",
    seed: Annotated[int, typer.Option(help="Another seed is another actor.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Write the sample: a synthetic actor on a timeline, with dialogue, M&E and subtitles."""
    from fractions import Fraction

    from dubwright.model import exact_rate
    from dubwright.sample.scene import sample_scene, write_sample

    try:
        exact = exact_rate(Fraction(rate))
    except (ValueError, ZeroDivisionError) as error:
        raise typer.BadParameter("a rate looks like 24 or 24000/1001") from error
    scene = sample_scene(width, height, exact, seed)
    with bar() as show:
        path = write_sample(out, scene, lambda done, total: show(done, total, "drawing the actor"))
    if as_json:
        print_json({"timeline": str(path)})
    else:
        people.print(f"The sample's timeline: {path}", soft_wrap=True)


@app.command()
def languages(as_json: AsJson = False) -> None:
    """List the languages that the installed engines speak; weights have theirs."""
    from dubwright.engines import EngineKind, engine
    from dubwright.engines import engines as installed

    spoken = {
        card.name: engine(card.name, EngineKind.SYNTHESIZER).languages()
        for card in installed(EngineKind.SYNTHESIZER)
        if card.usable and not card.needs_weights
    }
    if as_json:
        print_json(spoken)
        return
    for name, tags in spoken.items():
        people.print(f"{name}: {len(tags)} languages")
        for tag, title in tags.items():
            typer.echo(f"{tag:14} {title}")


@app.command()
def doctor(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Check the environment and say how to repair it."""
    from dataclasses import asdict

    from dubwright.doctor import examine

    checks = examine(store)
    if as_json:
        print_json([asdict(check) for check in checks])
    for check in checks if not as_json else []:
        mark = "ok     " if check.good else ("MISSING" if check.needed else "absent ")
        typer.echo(f"{mark}  {check.name}: {check.detail}")
        if not check.good and check.repair:
            typer.echo(f"         {check.repair}")
    if any(check.needed and not check.good for check in checks):
        raise typer.Exit(2)


@app.command()
def serve(store: StoreFolder = None) -> None:
    """Run the local render service until it is stopped."""
    from dubwright.service.server import default_state_folder
    from dubwright.service.server import serve as run_service
    from dubwright.service.settings import settings_file
    from dubwright.store import default_store_folder
    from dubwright_plugin import runtime_file
    from dubwright_plugin.runtime import remember_installation

    remember_installation(sys.executable)
    run_service(
        runtime_file(), store or default_store_folder(), default_state_folder(), settings_file()
    )


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say whether the service runs, and what it is doing."""
    from dubwright_plugin import ServiceError, connect

    try:
        service = connect(start=False)
    except ServiceError as error:
        if as_json:
            print_json({"running": False})
        people.print(str(error), soft_wrap=True)
        raise typer.Exit(1) from error
    jobs = service.jobs()
    if as_json:
        print_json({"running": True, **service.health(), "jobs": jobs})
        return
    people.print(f"The service runs, version {service.health()['version']}, {len(jobs)} jobs.")
    for job in jobs:
        typer.echo(f"{job['id']}  {job['operation']:9} {job['state']:9} {job['label']}")


@app.command()
def review(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[VERSION|JOB|LINK]",
            help="A version's folder, a job's id, or a link of a QC report; every job without one.",
        ),
    ] = "",
    browser: Annotated[bool, typer.Option(help="Open a browser, or print the link.")] = True,
) -> None:
    """Open the review page: jobs, lines, pictures side by side, approvals."""
    import webbrowser

    from dubwright.service.links import is_link, read_link
    from dubwright_plugin import ServiceError, connect
    from dubwright_plugin.runtime import remember_installation

    remember_installation(sys.executable)
    try:
        service = connect()
        if is_link(what):
            named = read_link(what)
            job = _known_version(service, named.version)
            link = service.page(job, named.language, named.cue)
        elif what and Path(what).is_dir():
            link = service.page(service.version(Path(what).absolute()))
        else:
            link = service.page(what)
    except ServiceError as error:
        raise DubwrightError(
            "The review page cannot be opened",
            where=what or "the service",
            why=str(error),
            repair="see `dubwright status` and `dubwright logs`",
        ) from error
    if not browser or not webbrowser.open(link):
        typer.echo(link)


def _known_version(service: Service, folder: Path) -> str:
    """The newest job that delivered a version."""
    for job in service.jobs():
        if job["result"] and Path(job["result"]["folder"]) == folder:
            return str(job["id"])
    raise DubwrightError(
        "This version is not known here",
        where=str(folder),
        why="links open only what the service made or was shown, on the machine that has it",
        repair=f"run `dubwright review '{folder}'` once",
    )


@app.command()
def links() -> None:
    """Have this machine open the dubwright: links of QC reports in the review page."""
    from dubwright.service.links import handle_links

    typer.echo(f"Links are opened by {handle_links(Path.home())}")


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="The show's folder.")] = Path(),
    colorspace: Annotated[
        str | None, typer.Option("--colorspace", help="Of EXR plates that do not name theirs.")
    ] = None,
    movie_colorspace: Annotated[
        str | None, typer.Option("--movie-colorspace", help="Of movies that do not name theirs.")
    ] = None,
    ocio: Ocio = None,
    as_json: AsJson = False,
) -> None:
    """Say, or remember, what holds for every timeline in a folder: colour spaces, OCIO config."""
    from dubwright.media.colour import ColourConfig
    from dubwright.media.names import is_config_file
    from dubwright.operations.show import find_show, remember

    if ocio and is_config_file(ocio):
        ocio = str(Path(ocio).absolute())
    given = {"ocio": ocio, "colour_space": colorspace, "movie_colour_space": movie_colorspace}
    answers = {name: value for name, value in given.items() if value}
    if answers:
        config = ColourConfig(ocio or find_show(folder).ocio)
        for space in filter(None, (colorspace, movie_colorspace)):
            config.resolve(space, "the show")
        people.print(f"Remembered in {remember(folder, **answers)}", soft_wrap=True)
    found = find_show(folder).model_dump(include=set(given))
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        typer.echo(f"{name.replace('_', ' '):20} {value or 'not said'}")


@app.command()
def stop() -> None:
    """Stop the service and its jobs; what they finished is kept."""
    from dubwright_plugin import running_service

    service = running_service()
    if service is None:
        people.print("The service is not running.")
    else:
        service.stop()
        people.print("The service is stopping.")


@app.command()
def logs(lines: Annotated[int, typer.Option("--lines", min=1, help="How many.")] = 50) -> None:
    """Print the last lines of the service's log."""
    from collections import deque

    from dubwright.service.server import default_state_folder, log_file

    path = log_file(default_state_folder())
    if not path.exists():
        people.print(f"There is no log yet: {path}", soft_wrap=True)
        raise typer.Exit(1)
    with path.open(encoding="utf-8") as file:
        for line in deque(file, lines):
            typer.echo(line.rstrip())


@app.command()
def allow(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders that jobs may use.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Close these folders again.")] = False,
) -> None:
    """Let the service use folders, or list those that it may use."""
    from dubwright.service.settings import read_settings, settings_file, write_settings

    path = settings_file()
    settings = read_settings(path)
    named = [folder.resolve() for folder in folders or []]
    for folder in named:
        if not remove and not folder.is_dir():
            raise DubwrightError(
                "A folder cannot be opened to the service",
                where=str(folder),
                why="there is no such folder",
                repair="check the path, or connect its drive first",
            )
    kept = [folder for folder in settings.folders if folder not in named]
    changed = kept if remove else [*kept, *named]
    if named:
        write_settings(settings.model_copy(update={"folders": tuple(changed)}), path)
    for folder in changed:
        typer.echo(str(folder))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def print_json(content: Any) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1))


def _perform_or_plan(
    operation: str,
    request: Any,
    store_folder: Path | None,
    workers: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Plan or do an operation; a colour space that nobody named is asked for once a show."""
    while True:
        try:
            return _once(operation, request, store_folder, workers, dry_run, as_json)
        except ColourSpaceUnknown as unknown:
            if as_json or not sys.stdin.isatty():
                raise
            _ask_for_colour_space(unknown, request)


def _ask_for_colour_space(unknown: ColourSpaceUnknown, request: Any) -> None:
    from dubwright.media.colour import ColourConfig
    from dubwright.operations.show import find_show, remember

    media = getattr(request, "timeline", None) or request.plate
    people.print(str(unknown), soft_wrap=True, markup=False)
    config = ColourConfig(getattr(request, "ocio", None) or find_show(media.parent).ocio)
    answer = "colour_space" if unknown.where.lower().endswith(".exr") else "movie_colour_space"
    while True:
        try:
            space = config.resolve(typer.prompt("Colour space"), unknown.where)
        except DubwrightError as error:
            people.print(str(error), soft_wrap=True, markup=False)
        else:
            remembered = remember(media.parent, **{answer: space})
            people.print(f"Remembered for the show in {remembered}", soft_wrap=True)
            return


def _once(
    operation: str,
    request: Any,
    store_folder: Path | None,
    workers: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from dubwright.operations.operation import OPERATIONS
    from dubwright.operations.summary import plan_summary, summary_text
    from dubwright.store import EVERYWHERE, Store, default_store_folder
    from dubwright.trust import Authority

    if dry_run:
        store = Store(store_folder or default_store_folder())
        authority = Authority.of_this_machine()
        plan: Any = OPERATIONS[operation].plan(request, store, authority, EVERYWHERE)
        summary = plan_summary(plan, store)
        if as_json:
            print_json(summary)
        else:
            typer.echo(summary_text(summary))
        return
    delivered = performed(operation, request, store_folder, workers)
    if as_json:
        print_json(delivered)
        return
    people.print(f"Done: {delivered['folder']}", soft_wrap=True)
    for tag, path in delivered["previews"].items():
        people.print(f"  watch {tag}:  {path}", soft_wrap=True)
    people.print(f"  report:    {delivered['report']}", soft_wrap=True)


def performed(
    operation: str, request: Any, store_folder: Path | None, workers: int | None
) -> dict[str, Any]:
    from dubwright import api
    from dubwright.store import Store, default_store_folder

    store = Store(store_folder or default_store_folder())
    with bar() as show:
        running = api.Running(
            workers, lambda at: show(at.done, at.total, at.label), forewarned=_forewarn
        )
        return api.perform(operation, request, store, running)


def first_and_last(frames: str | None) -> tuple[str, ...] | None:
    """A range as it is written, 1001-1100; the request checks what it holds."""
    return tuple(frames.split("-")) if frames else None


def _character(
    operation: str, request: Any, store: Path | None, workers: int | None, as_json: bool
) -> None:
    delivered = performed(operation, request, store, workers)
    if as_json:
        print_json(delivered)
        return
    people.print(f"The character's mouth: {delivered['folder']}", soft_wrap=True)


def _forewarn(missing: list[str]) -> None:
    for what in missing:
        people.print(f"missing: {what}", soft_wrap=True, markup=False)


def _subtitle_files(given: list[Path]) -> dict[str, Path]:
    from dubwright.dialogue import subtitle_language

    files: dict[str, Path] = {}
    for path in given:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in inside:
            language = subtitle_language(file)
            if language:
                files[language] = file
            elif not path.is_dir():
                raise DubwrightError(
                    "The language of a subtitle file is unknown",
                    where=str(file),
                    why="its name has no language tag",
                    repair=f"name it like {file.stem}.es{file.suffix or '.srt'}",
                )
    return files


@contextmanager
def bar() -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar for people, on standard error."""
    with Progress(
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=people,
        transient=True,
    ) as progress:
        bar = progress.add_task("starting", total=None)

        def show(done: int, total: int, label: str) -> None:
            progress.update(bar, completed=done, total=total, description=label)

        try:
            yield show
        except KeyboardInterrupt:
            raise Cancelled from None


if __name__ == "__main__":
    main()
