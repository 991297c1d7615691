"""Any program of this machine that speaks: described in a document, run for each line.

Commands come from a folder of the user of this machine and from nowhere else: whoever may ask for
a dub must not be able to say what is run.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dubwright.engines import Ability, EngineCard, EngineKind, Speech, VoiceSample
from dubwright.errors import DubwrightError
from dubwright.media.audio import read_mono, write_wav
from dubwright.model import LanguageTag, Performance
from dubwright.store import content_key

__all__ = ["CommandVoice", "VoiceCommand", "command_voices"]

PLAIN: Final = Performance()
TIMEOUT_S: Final = 600
PARTS: Final = (
    "text", "text_file", "output", "language", "voice", "pace", "slowness", "semitones", "style",
    "reading", "sample", "sample_text",
)  # fmt: skip
ABILITY_OF: Final = {
    "pace": Ability.PACE,
    "slowness": Ability.PACE,
    "semitones": Ability.PITCH,
    "style": Ability.STYLE,
    "reading": Ability.READINGS,
    "sample": Ability.CLONING,
}


class VoiceCommand(BaseModel):
    """How a program is run. What its arguments name between braces it can do.

    {output} is the WAV file that it is to write; {text}, or {text_file} in UTF-8, what it says, or
    its standard input where neither is named. {pace} is times its natural pace, {slowness} one by
    that; {semitones} are above its voice's pitch; {sample} is a WAV file of the voice to speak in,
    and {sample_text} what is said there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Literal["dubwright.voice_command"] = "dubwright.voice_command"
    version: Literal[1] = 1
    licence: str = Field(min_length=1, description="Of the program and its voices.")
    commercial_use: bool = Field(description="Whether what it says may be sold.")
    trained: bool = Field(
        True, description="Whether a model speaks that was trained on data; not for rules alone."
    )
    command: tuple[str, ...] = Field(min_length=1, description="The program and its arguments.")
    languages: dict[LanguageTag, str] = Field(
        min_length=1, description="Tags of what it speaks, with what {language} is for it."
    )
    voices: dict[str, str] = Field(
        default_factory=dict, description="Its voices, with what {voice} is; '' is the usual one."
    )
    styles: tuple[str, ...] = Field((), description="Those that it knows; none for any.")

    @model_validator(mode="after")
    def _names_what_there_is(self) -> VoiceCommand:
        try:
            written = [part.format_map(dict.fromkeys(PARTS, "")) for part in self.command]
        except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
            raise ValueError(f"an argument names {error}; there are {', '.join(PARTS)}") from error
        if not self._names("output") or not written[0]:
            raise ValueError("the command needs a program, and {output} for what it writes")
        return self

    def _names(self, part: str) -> bool:
        return any(f"{{{part}}}" in argument for argument in self.command)

    @property
    def abilities(self) -> tuple[Ability, ...]:
        named = {ability for part, ability in ABILITY_OF.items() if self._names(part)}
        return tuple(sorted(named))

    @property
    def reads_input(self) -> bool:
        return not self._names("text") and not self._names("text_file")


class CommandVoice:
    """A program as a synthesizer. Called, it gives itself: it needs no weights."""

    def __init__(self, name: str, command: VoiceCommand) -> None:
        self._command = command
        self.card = EngineCard(
            name=name,
            kind=EngineKind.SYNTHESIZER,
            version=1,
            licence=command.licence,
            commercial_use=command.commercial_use,
            trained=command.trained,
            abilities=command.abilities,
            styles=command.styles,
            limits="A program that this machine's user described.",
            content=content_key([command.model_dump(mode="json")])[:16],
        )

    def __call__(self, *_: Path | None) -> CommandVoice:
        return self

    def languages(self) -> dict[str, str]:
        return {tag: tag for tag in self._command.languages}

    def voices(self, language: str) -> dict[str, str]:
        return {"": "Standard"} | {name: name for name in self._command.voices if name}

    def speak(
        self,
        text: str,
        language: str,
        speed: float,
        voice: str = "",
        performance: Performance = PLAIN,
        sample: VoiceSample | None = None,
    ) -> Speech:
        """Run the program. See the protocol."""
        with tempfile.TemporaryDirectory(prefix="dubwright-voice-") as temporary:
            folder = Path(temporary)
            output, text_file = folder / "line.wav", folder / "line.txt"
            text_file.write_text(text, encoding="utf-8")
            told: dict[str, Any] = {
                "text": text,
                "text_file": text_file,
                "output": output,
                "language": self._language(language),
                "voice": self._voice(voice),
                "pace": f"{speed:.4f}",
                "slowness": f"{1 / speed:.4f}",
                "semitones": f"{performance.pitch:g}",
                "style": performance.style,
                "reading": performance.reading,
                "sample": "",
                "sample_text": sample.text if sample else "",
            }
            if sample is not None:
                told["sample"] = folder / "sample.wav"
                write_wav(folder / "sample.wav", sample.samples, sample.sample_rate)
            self._run([_filled(part, told) for part in self._command.command], text)
            if not output.is_file():
                raise self._failed(text, "it wrote no sound")
            samples, rate = read_mono(output)
        return Speech(samples.clip(-1, 1), rate, ())

    def _run(self, arguments: list[str], text: str) -> None:
        given = text + "\n" if self._command.reads_input else ""
        try:
            done = subprocess.run(
                arguments, input=given.encode(), capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise self._failed(text, f"it did not end within {TIMEOUT_S} s") from None
        except OSError as error:
            raise self._failed(text, f"{arguments[0]}: {error.strerror}") from error
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise self._failed(text, lines[-1] if lines else f"exit status {done.returncode}")

    def _language(self, language: str) -> str:
        known = self._command.languages
        found = known.get(language) or known.get(language.partition("-")[0])
        if found is None:
            raise DubwrightError(
                f"No engine speaks {language}",
                where="the target languages",
                why=f"{self.card.name} is described as speaking {', '.join(known)}",
                repair="see `dubwright languages`, or give recordings with --takes",
            )
        return found

    def _voice(self, voice: str) -> str:
        if voice and voice not in self._command.voices:
            raise DubwrightError(
                "No engine has this voice",
                where=f"the voice {voice!r}",
                why=f"{self.card.name} is described without it",
                repair=f"choose one of {', '.join(filter(None, self._command.voices)) or 'none'}",
            )
        return self._command.voices.get(voice, voice)

    def _failed(self, text: str, why: str) -> DubwrightError:
        return DubwrightError(
            f"{self.card.name} could not speak a line",
            where=text,
            why=why,
            repair=f"run it by hand: {' '.join(self._command.command)}",
        )


def _filled(argument: str, told: Mapping[str, Any]) -> str:
    """An argument of the command; what is asked for must not pass for an option."""
    filled = argument.format_map(told)
    asked = argument.startswith(("{text}", "{style}", "{sample_text}"))
    return f" {filled}" if asked and filled.startswith("-") else filled


class BrokenVoice:
    """A program whose description is not valid: listed with what is wrong, and not run."""

    def __init__(self, name: str, error: DubwrightError) -> None:
        self._error = error
        self.card = EngineCard(
            name=name,
            kind=EngineKind.SYNTHESIZER,
            version=1,
            licence="unknown",
            commercial_use=False,
            limits=f"Cannot be used. {error.what}: {error.why}",
            usable=False,
        )

    def __call__(self, *_: Path | None) -> CommandVoice:
        raise self._error


def command_voices() -> Mapping[str, CommandVoice | BrokenVoice]:
    """The programs that this machine's user described: a JSON file each, named as the engine.

    They lie in $DUBWRIGHT_VOICES, or in the folder `voices` of the user's configuration.
    """
    named = os.environ.get("DUBWRIGHT_VOICES")
    folder = Path(named) if named else Path(platformdirs.user_config_dir("dubwright")) / "voices"
    found: dict[str, CommandVoice | BrokenVoice] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = CommandVoice(path.stem, _read(path))
        except DubwrightError as error:
            found[path.stem] = BrokenVoice(path.stem, error)
    return found


def _read(path: Path) -> VoiceCommand:
    try:
        return VoiceCommand.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        fault = error.errors()[0] if isinstance(error, ValidationError) else None
        raise DubwrightError(
            "A voice's description is not valid",
            where=f"{path}, {'.'.join(map(str, fault['loc'])) or 'the document'}"
            if fault
            else str(path),
            why=fault["msg"] if fault else str(error),
            repair="correct it, or take it out of the folder",
        ) from error
