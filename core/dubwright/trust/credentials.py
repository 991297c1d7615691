"""Content Credentials: what a movie or a sound says of itself, signed (C2PA specification 2.2).

Nothing is fetched from anywhere, neither when signing nor when reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dubwright._version import __version__
from dubwright.errors import DubwrightError
from dubwright.store import whole
from dubwright.trust.certificates import Credential

__all__ = ["SEAL", "Action", "Credentials", "Ingredient", "read_credentials", "sign"]

SEAL: Final = "org.dubwright.seal"
KINDS: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".wav": "audio/wav"}
SETTINGS: Final[Mapping[str, Any]] = {
    "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What something was made from.

    Attributes:
        name: for the actions that speak of it.
        title: for people; a file's name.
        kind: media type.
        identity: of its content, as a URI.
        is_parent: whether it is what was opened and changed, or one part among others.
        file: of a movie or a sound, whose own credentials are kept beneath; None of anything else.
    """

    name: str
    title: str
    kind: str
    identity: str
    is_parent: bool = False
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What was done.

    Attributes:
        action: its name in the specification, section 18.14, as in "c2pa.edited".
        description: for people.
        source_type: IPTC's digital source type of what came of it; "" where none is fitting.
        agent: identity of the engine that did it; "" for Dubwright.
        ingredient: name of the one that it speaks of; "" for none.
        about: further values: cue, shot, consent...
    """

    action: str
    description: str
    source_type: str = ""
    agent: str = ""
    ingredient: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file says of itself, and whether that can be believed.

    Attributes:
        signer: whose certificate signed it.
        trusted: whether it is one that this machine trusts.
        faults: what does not fit: the file was changed, or what it says was.
        title: as it was signed.
        actions: as the specification has them.
        seal: the root of the tree over the files that it was delivered with; "" without one.
        sealed_as: its path among them.
    """

    signer: str
    trusted: bool
    faults: tuple[str, ...]
    title: str
    actions: tuple[dict[str, Any], ...]
    seal: str
    sealed_as: str


def sign(
    source: Path,
    destination: Path,
    title: str,
    ingredients: Sequence[Ingredient],
    actions: Sequence[Action],
    credential: Credential,
    assertions: Mapping[str, Any],
    parent: str = "",
) -> None:
    """Write a copy of an MP4, MOV or WAV file that says what it is.

    Args:
        destination: takes the place of what is there.
        assertions: further values by their labels, as JSON.
        parent: the name, for the actions that speak of it, of the source itself as what was opened:
            what credentials it has are then kept beneath the new ones. They are lost if "".

    Raises:
        DubwrightError: it cannot be signed.
    """
    import c2pa

    manifest = {
        "claim_generator_info": [{"name": "Dubwright", "version": __version__}],
        "title": title,
        "ingredients": [_ingredient(each) for each in ingredients if not _has_own(each)],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [_action(each) for each in actions]}},
            *({"label": label, "data": data} for label, data in assertions.items()),
        ],
    }
    told = c2pa.C2paSignerInfo(
        credential.algorithm.encode(), credential.chain.encode(), credential.key.encode(), None
    )
    try:
        context = c2pa.Context(settings=c2pa.Settings.from_dict(dict(SETTINGS)))
        with whole(destination) as partial:
            # The library tells the kind of a file by its suffix, and overwrites none.
            signed = partial.with_name(f".signing-{destination.name}")
            signed.unlink(missing_ok=True)
            with c2pa.Signer.from_info(told) as signer, c2pa.Builder(manifest, context) as builder:
                for each in filter(_has_own, ingredients):
                    assert each.file is not None
                    _add(builder, _ingredient(each), each.file)
                if parent:
                    named = {"title": source.name, "relationship": "parentOf", "label": parent}
                    _add(builder, named, source)
                builder.sign_file(source, signed, signer)
            signed.replace(partial)
    except c2pa.C2paError as error:
        raise DubwrightError(
            "A delivery cannot be signed",
            where=str(destination),
            why=" ".join(str(error).split()),
            repair="see that the certificate in the folder of keys is one for C2PA: "
            "`dubwright consent certificate` says what is asked of it",
        ) from error


def read_credentials(path: Path, anchors: str) -> Credentials | None:
    """What a file says of itself; None where it says nothing.

    Args:
        anchors: certificates that are trusted, in PEM; "" for none.

    Raises:
        DubwrightError: the file cannot be read.
    """
    import c2pa

    settings = {**SETTINGS, **({"trust": {"trust_anchors": anchors}} if anchors else {})}
    try:
        context = c2pa.Context(settings=c2pa.Settings.from_dict(settings))
        reader = c2pa.Reader.try_create(path, context=context)
    except (c2pa.C2paError, OSError) as error:
        raise DubwrightError(
            "A file's credentials cannot be read",
            where=str(path),
            why=" ".join(str(error).split()),
            repair="see that the file is whole; take it from the delivery again",
        ) from error
    if reader is None:
        return None
    with reader:
        manifest = reader.get_active_manifest() or {}
        results = (reader.get_validation_results() or {}).get("activeManifest", {})
    failures = {failure["code"]: failure.get("explanation", "") for failure in results["failure"]}
    untrusted = failures.pop("signingCredential.untrusted", None) is not None
    assertions = {each["label"]: each["data"] for each in manifest.get("assertions", ())}
    return Credentials(
        signer=manifest.get("signature_info", {}).get("common_name", "nobody known"),
        trusted=not untrusted,
        faults=tuple(f"{code}: {why}" for code, why in failures.items()),
        title=manifest.get("title", ""),
        actions=tuple(assertions.get("c2pa.actions.v2", {}).get("actions", ())),
        seal=assertions.get(SEAL, {}).get("root", ""),
        sealed_as=assertions.get(SEAL, {}).get("path", ""),
    )


def _has_own(ingredient: Ingredient) -> bool:
    """Whether an ingredient is a file that may have credentials of its own."""
    return ingredient.file is not None and ingredient.file.suffix.lower() in KINDS


def _add(builder: Any, told: Mapping[str, str], file: Path) -> None:
    """Add a file as an ingredient, with what it says of itself."""
    kind = KINDS[file.suffix.lower()]
    with file.open("rb") as opened:
        builder.add_ingredient({**told, "format": kind}, kind, opened)


def _ingredient(ingredient: Ingredient) -> dict[str, str]:
    return {
        "title": ingredient.title,
        "format": ingredient.kind,
        "instance_id": ingredient.identity,
        "relationship": "parentOf" if ingredient.is_parent else "componentOf",
        "label": ingredient.name,
    }


def _action(action: Action) -> dict[str, Any]:
    told: dict[str, Any] = {"action": action.action, "description": action.description}
    if action.source_type:
        told["digitalSourceType"] = action.source_type
    if action.agent:
        name, _, version = action.agent.partition("/")
        told["softwareAgent"] = {"name": name, "version": version}
    parameters: dict[str, Any] = {f"org.dubwright.{key}": v for key, v in action.about.items()}
    if action.ingredient:
        parameters["ingredientIds"] = [action.ingredient]
    if parameters:
        told["parameters"] = parameters
    return told
