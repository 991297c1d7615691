"""Puts a finished dub into its output folder as the next version, whole or not at all.

Everything is written into a hidden folder named by the plan, which is renamed to v001, v002... at
the end. An interrupted delivery is taken up where it stopped; a plan that was delivered before is
not delivered again.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import dubwright._version
from dubwright.conform.read import read_timeline
from dubwright.conform.review import mark_timelines
from dubwright.conform.write import DubbedShot, DubbedSound, LanguageVersion, write_timelines
from dubwright.dialogue import REVIEW_FILE, Decision, Review, Subtitle, write_subtitles
from dubwright.errors import DubwrightError, StorageUnavailable
from dubwright.media.audio import audio_format
from dubwright.media.bwf import add_time_reference
from dubwright.media.exr import DWA_CODECS, DWA_LEVEL
from dubwright.media.plate import PlateSpec
from dubwright.model import FrameRange
from dubwright.operations.account import (
    background_actions,
    deeds_of,
    dub_actions,
    made_of,
    original_sound,
    plates_used,
    require_agreed,
    told_of,
    weights_used,
)
from dubwright.operations.movies import MOVIE
from dubwright.operations.plan import DubPlan, LanguagePlan
from dubwright.operations.player import player_data, preview_name
from dubwright.operations.reporting import build_report, drawn_reasons, sheet_name
from dubwright.operations.results import drawn_frames, read_json
from dubwright.quality.report import render_html
from dubwright.store import Store, content_key, rename, whole
from dubwright.trust import (
    SEAL,
    AuditLog,
    Authority,
    credential,
    disclosure_text,
    keys_folder,
    sealed,
    sign,
)

__all__ = [
    "DAY_S",
    "MANIFEST",
    "check_output",
    "copied",
    "deliver",
    "deliver_once",
    "delivered",
    "next_version",
    "output_error",
    "write_manifest",
]

VERSION: Final = re.compile(r"v(\d{3,})")
MANIFEST: Final = "manifest.json"
DAY_S: Final = 24 * 3600


def check_output(output: Path) -> None:
    """Make the output folder and see that it can be written.

    Raises:
        DubwrightError: it cannot.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise DubwrightError(
            "The output folder cannot be written",
            where=str(output),
            why=error.strerror or str(error),
            repair="choose a folder that you may write to with --out",
        ) from error


def delivered(plan: str, output: Path) -> Path | None:
    """The version that the plan with this key was delivered as before, or None."""
    for version in sorted(output.glob("v*")):
        if VERSION.fullmatch(version.name) and (version / MANIFEST).is_file():
            manifest = json.loads((version / MANIFEST).read_text(encoding="utf-8"))
            if manifest.get("plan") == plan:
                return version
    return None


def deliver(plan: DubPlan, store: Store, output: Path) -> Path:
    """Write frames, patches, stems, subtitles, timelines, previews, report and manifest.

    Returns:
        The version's folder.

    Raises:
        DubwrightError: the folder cannot be written, or the disk is full; what was delivered
            before is untouched.
    """
    return deliver_once(
        plan.key,
        store,
        output,
        lambda folder, version: _Delivery(plan, store, folder, version).write(),
    )


def deliver_once(
    plan: str, store: Store, output: Path, write: Callable[[Path, Path], None]
) -> Path:
    """Have the next version written, unless this plan was delivered before.

    One delivery into a folder waits for another from the same store, in whatever process it runs.

    Args:
        plan: the key of the plan, which the manifest names.
        store: what is delivered from.
        output: receives the version.
        write: called with the folder to write into, which may hold what an interrupted delivery
            wrote whole, and with the place that it will be renamed to.

    Raises:
        DubwrightError: the folder cannot be written, or the disk is full.
    """
    check_output(output)
    try:
        with store.lock(str(output.resolve())):
            before = delivered(plan, output)
            if before is not None:
                return before
            version = output / next_version(output)
            partial = output / f".dubwright-{plan[:16]}"
            partial.mkdir(exist_ok=True)
            write(partial, version)
            rename(partial, version)
    except OSError as error:
        raise output_error(error, output) from error
    return version


def output_error(error: OSError, output: Path) -> DubwrightError:
    """What kept a delivery from being written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    kind = StorageUnavailable if full else DubwrightError
    return kind(
        "The disk is full" if full else "The output cannot be written",
        where=str(output),
        why=error.strerror or str(error),
        repair="free some space or choose another folder with --out, and run the same command "
        "again: what is finished will not be made again",
    )


class _Delivery:
    def __init__(self, plan: DubPlan, store: Store, folder: Path, final: Path) -> None:
        self._plan = plan
        self._store = store
        self._folder = folder
        self._final = final.absolute()
        self._reasons = {part.language: drawn_reasons(plan, part, store) for part in plan.languages}
        self._log = AuditLog(store.folder)
        self._credential = credential(keys_folder())

    def write(self) -> None:
        plan = self._plan
        _remove_unfinished(self._folder)
        # Results that were there before were not made by this plan, and nobody asked then.
        for part in plan.languages:
            require_agreed(plan, part, Authority.of_this_machine())
        versions = [self._language(part) for part in plan.languages]
        _, source = read_timeline(plan.timeline.path, rate_named=plan.timeline.rate)
        write_timelines(source, plan.timeline, versions, self._folder)
        plan.sheet.write(self._folder / "cue_sheet.json")
        plan.cast.write(self._folder / "cast.json")
        self._copy_preview(plan.original.preview, "original")
        player = json.dumps(player_data(plan, self._store), ensure_ascii=False)
        _write_text(self._folder / "preview" / "player.json", player)
        for name, document in plan.documents.items():
            _write_text(self._folder / name, document.model_dump_json(indent=1))
        report = build_report(plan, self._store)
        sheets = self._folder / "sheets"
        self._make(sheets)
        for part in plan.languages:
            for planned in part.spans:
                picture = self._store.path(planned.check) / "sheet.jpg"
                if picture.is_file():
                    copied(picture, sheets / sheet_name(part.language, planned))
        _write_text(self._folder / "report.json", report.model_dump_json(indent=1))
        _write_text(self._folder / "report.html", render_html(report, sheets))
        _write_text(self._folder / MANIFEST, json.dumps(self._manifest(), indent=1))
        # Late, for people decide meanwhile.
        mark_timelines(self._folder, self._decisions())
        self._seal()

    def _seal(self) -> None:
        """Sign the languages' previews, each with the root over all other files."""
        previews = {
            f"preview/{preview_name(self._plan, part.language)}": part
            for part in self._plan.languages
        }
        root = sealed(self._folder, previews).root
        for name, part in previews.items():
            source = self._store.path(part.preview) / "preview.mp4"
            self._sign(source, self._folder / name, part, pictured=True, seal=root)
        about = {"plan": self._plan.key, "version": self._final.name, "root": root}
        languages = {part.language: deeds_of(part) for part in self._plan.languages}
        self._log.add("delivered", about | {"languages": languages})

    def _sign(
        self, source: Path, destination: Path, part: LanguagePlan, *, pictured: bool, seal: str = ""
    ) -> None:
        """Sign a movie of a language, or its dialogue or mix, with what was done to make it."""
        drawn = self._drawn(part) if pictured else {}
        sign(
            source,
            destination,
            destination.name,
            plates_used(self._plan) if drawn else (),
            list(dub_actions(self._plan, part, drawn)),
            self._credential,
            {SEAL: {"root": seal, "path": f"preview/{destination.name}"}} if seal else {},
        )

    def _drawn(self, part: LanguagePlan) -> dict[str, list[FrameRange]]:
        """The frames of each shot whose mouths were redrawn."""
        reasons = self._reasons[part.language]
        runs = {uid: _drawn_runs(frames) for uid, frames in reasons.items()}
        return {uid: frames for uid, frames in runs.items() if frames}

    def _decisions(self) -> dict[tuple[str, str], Decision]:
        """What was decided in earlier versions and holds for this one: nothing of it changed."""
        review = Review.read(self._final.parent / REVIEW_FILE)
        return {
            (cue.id, part.language): decision
            for part in self._plan.languages
            for cue in part.cues
            if (decision := review.on(cue.id, part.language, part.content(cue)))
        }

    def _copy_preview(self, key: str, language: str) -> None:
        movie = self._folder / "preview" / preview_name(self._plan, language)
        copied(self._store.path(key) / "preview.mp4", movie)

    def _language(self, part: LanguagePlan) -> LanguageVersion:
        language, name = part.language, self._plan.timeline.file_stem
        for folder in ("stems", "subtitles", "preview"):
            self._make(self._folder / folder)
        for movie_format, key in part.movies.items():
            self._make(self._folder / "movies")
            movie = self._folder / "movies" / f"{name}.{language}.{movie_format}.mov"
            if not movie.exists():
                self._sign(self._store.path(key) / MOVIE, movie, part, pictured=True)
        note = f"{disclosure_text(told_of(self._plan, part), language)}\n{self._made_of(part)}"
        self._make(self._folder / "disclosure")
        _write_text(self._folder / "disclosure" / f"{name}.{language}.txt", note)
        worded = [cue for cue in part.cues if cue.text.get(language)]
        lines = [Subtitle(c.start_ms, c.end_ms, c.text[language]) for c in worded]
        for suffix in ("srt", "vtt", "ttml"):
            written = self._folder / "subtitles" / f"{name}.{language}.{suffix}"
            write_subtitles(written, lines, language, note)
        sounds = []
        for stem, track in (("DX", f"DX {language}"), ("ME", "M&E"), ("mix", f"Mix {language}")):
            file = f"{name}.{language}.{stem}.wav"
            mixed = self._store.path(part.mix) / f"{stem}.wav"
            rate, _ = audio_format(mixed)
            self._write_stem(mixed, file, rate, part, stem)
            if stem != "mix":
                samples = self._plan.tasks[part.mix].parameters["samples"]
                sounds.append(DubbedSound(track, self._final / "stems" / file, samples, rate))
        return LanguageVersion(language, tuple(self._shots(part)), tuple(sounds), part.cues)

    def _made_of(self, part: LanguagePlan) -> str:
        return made_of(self._plan, part, picture=bool(self._drawn(part))).value

    def _write_stem(self, mixed: Path, name: str, rate: int, part: LanguagePlan, stem: str) -> None:
        """A stem that says when on the timeline's clock it begins, and what it is."""
        timeline = self._plan.timeline
        # A clock's: a timeline with pre-roll may begin before midnight.
        begins = round(timeline.start_frame * rate / timeline.rate) % (DAY_S * rate)

        written = self._folder / "stems" / name
        if written.exists():
            return
        kind = made_of(self._plan, part, picture=False)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".sign-") as temporary:
            unsigned = Path(temporary) / name
            shutil.copyfile(mixed, unsigned)
            add_time_reference(unsigned, begins, name if stem == "ME" else f"{name}; {kind}")
            if stem != "ME":
                self._sign(unsigned, written, part, pictured=False)
                return
            separator = self._plan.cards.get("separator")
            how = read_json(self._store.path(part.mix) / "mix.json")["effects"]
            original = content_key(self._plan.tasks[part.mix].parameters["sounds"])
            sign(
                unsigned, written, name, [original_sound(original)],
                list(background_actions(how, separator)), self._credential, {},
            )  # fmt: skip

    def _shots(self, part: LanguagePlan) -> list[DubbedShot]:
        reasons = self._reasons[part.language]
        shots = []
        for shot in self._plan.shots:
            frames = reasons.get(shot.uid, [])
            if "" not in frames:
                continue
            spec = self._plan.plates[shot.uid]
            place = Path("frames") / part.language / shot.uid
            prefix = f"{shot.uid}.{part.language}."
            padding = max(4, spec.padding)
            self._write_frames(part, shot.uid, spec, place, prefix, padding)
            shots.append(
                DubbedShot(
                    shot=shot,
                    plate=spec,
                    folder=self._final / place,
                    prefix=prefix,
                    padding=padding,
                    edited=tuple(_drawn_runs(frames)),
                )
            )
        return shots

    def _write_frames(
        self,
        part: LanguagePlan,
        uid: str,
        spec: PlateSpec,
        place: Path,
        prefix: str,
        padding: int,
    ) -> None:
        folder = self._folder / place
        patches = self._folder / "patches" / part.language / uid
        self._make(folder)
        self._make(patches)
        keys = [k for planned in part.spans if planned.span.shot == uid for k in planned.draw]
        drawn = drawn_frames(self._store.path(key) for key in keys)
        decoded = drawn_frames(self._store.path(key) for key in self._plan.decoded.get(uid, ()))
        for media_frame, frame in shown_as(spec, drawn).items():
            number = f"{spec.first + media_frame * spec.step:0{padding}d}"
            source = drawn.get(frame) or decoded.get(frame) or spec.file(frame)
            if source is None:  # missing in the plate, and shown black
                continue
            copied(source, folder / f"{prefix}{number}.exr")
            if frame in drawn:
                patch = source.with_name(f"{frame}.patch.exr")
                copied(patch, patches / f"{prefix}patch.{number}.exr")
        if spec.kind == "sequence":
            # What a fast clip leaves out is there too: the timeline runs through it.
            for media_frame in spec.media_frames:
                number = f"{spec.first + media_frame * spec.step:0{padding}d}"
                source = spec.media_file(media_frame)
                if source.is_file():
                    copied(source, folder / f"{prefix}{number}.exr")

    def _manifest(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "document": "dubwright.manifest",
            "version": 1,
            "software": f"dubwright {dubwright._version.__version__}",
            "plan": plan.key,
            "folder": str(self._final),
            "timeline": plan.timeline.name,
            "statement": "Dialogue was replaced and mouths were redrawn by software.",
            "audit": self._log.head().model_dump(),
            "engines": plan.engines,
            "weights": weights_used(plan),
            "languages": {part.language: self._provenance(part) for part in plan.languages},
        }

    def _provenance(self, part: LanguagePlan) -> dict[str, Any]:
        reasons = self._reasons[part.language]
        speakers = sorted({cue.speaker for cue in part.cues})
        return {
            "digital_source_type": self._made_of(part),
            "disclosure": part.disclosure.value,
            "draft": part.is_draft,
            "speakers": {
                name: {
                    "likeness": self._plan.cast.speaker(name).likeness.value,
                    "consents": [
                        consent.model_dump(mode="json", exclude_defaults=True)
                        for consent in part.permission.consents.get(name, ())
                    ],
                    "missing": part.permission.missing.get(name, ""),
                }
                for name in speakers
            },
            "cues": [cue.id for cue in part.cues],
            "draw_tasks": [key for planned in part.spans for key in planned.draw],
            "edited_again": {
                uid: f"touched chunks are {codec}, level {DWA_LEVEL:g}"
                if codec in DWA_CODECS
                else f"touched chunks are {codec}"
                for uid in reasons
                if (codec := self._plan.plates[uid].lossy_codec)
            },
            "changed_frames": {
                uid: [[run.start, run.end] for run in _drawn_runs(frames)]
                for uid, frames in reasons.items()
                if "" in frames
            },
        }

    def _make(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)


def _remove_unfinished(folder: Path) -> None:
    """What an interrupted delivery had begun to write; what it wrote whole stays."""
    for path in list(folder.rglob("*")):
        if path.name.startswith(".") or path.name.endswith(".partial"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def shown_as(spec: PlateSpec, drawn: Mapping[int, Path]) -> dict[int, int]:
    """For each frame of the media that a shot shows, the shot's frame that it is taken from.

    A slow clip shows one several times: the first that was drawn stands for all.
    """
    shown: dict[int, int] = {}
    for frame in sorted(range(spec.frames), key=lambda frame: frame not in drawn):
        shown.setdefault(spec.media_frame(frame), frame)
    return shown


def _drawn_runs(reasons: list[str]) -> list[FrameRange]:
    runs, start = [], None
    for frame, reason in enumerate([*reasons, "end"]):
        if not reason and start is None:
            start = frame
        elif reason and start is not None:
            runs.append(FrameRange(start, frame))
            start = None
    return runs


def write_manifest(folder: Path, plan: str, statement: str, **more: Any) -> None:
    """Write the manifest of a delivery that changes no picture.

    Args:
        folder: of the version.
        plan: the key that `deliver_once` was given.
        statement: what this is, for people.
        more: other values, as JSON.
    """
    content = {
        "document": "dubwright.manifest",
        "version": 1,
        "software": f"dubwright {dubwright._version.__version__}",
        "plan": plan,
        "statement": statement,
        **more,
    }
    _write_text(folder / MANIFEST, json.dumps(content, indent=1))


def next_version(output: Path) -> str:
    """The name of the next version in an output folder."""
    taken = [int(m[1]) for p in output.iterdir() if (m := VERSION.fullmatch(p.name))]
    return f"v{max(taken, default=0) + 1:03d}"


def copied(source: Path, destination: Path) -> None:
    """Copy a file byte for byte; one that is there already is whole."""
    if not destination.exists():
        with whole(destination) as partial:
            shutil.copyfile(source, partial)


def _write_text(path: Path, text: str) -> None:
    with whole(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
