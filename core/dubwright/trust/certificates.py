"""The certificate that Content Credentials are signed with: the production's, or a self-made one.

A self-made chain is a certificate authority and a leaf beneath it, for C2PA takes no certificate
that signed itself (Content Credentials specification 2.2, section 14.5).
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock

from dubwright.errors import DubwrightError
from dubwright.store import whole

__all__ = ["Credential", "anchors", "credential", "import_credential"]

CHAIN: Final = "certificate.pem"
KEY: Final = "certificate.key"
# Roots of what was signed with before.
EARLIER: Final = "certificate.earlier.pem"
LOCK: Final = "certificate.lock"
SELF_MADE: Final = "Dubwright, self-made"
YEARS: Final = 10
CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class Credential:
    """What signs: a chain of certificates in PEM, the leaf first; its key in PEM; its algorithm."""

    chain: str
    key: str
    algorithm: str


def credential(folder: Path) -> Credential:
    """The certificate in a folder of keys; a self-made one is put there where there is none.

    Raises:
        DubwrightError: what lies there cannot be read, or does not belong together.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / LOCK):
        if not (folder / CHAIN).exists():
            _write(folder, *_self_made())
    return _read(folder / CHAIN, folder / KEY)


def import_credential(folder: Path, chain: Path, key: Path) -> Credential:
    """Have a production's own certificate sign from now on.

    Args:
        folder: of keys.
        chain: the certificates in PEM, the leaf first.
        key: of the leaf, in PEM without a password.

    Raises:
        DubwrightError: they cannot be read, or do not belong together.
    """
    read = _read(chain, key)
    if not _is_authority(read.chain):
        raise _unusable(
            chain, "its last certificate is no authority's: give the chain up to its root"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / LOCK):
        # What was signed before stays trusted.
        earlier = anchors(folder)
        with whole(folder / EARLIER) as partial:
            partial.write_text(earlier, encoding="ascii")
        _write(folder, read.chain, read.key)
    return read


def anchors(folder: Path) -> str:
    """The certificates that this machine trusts, in PEM: the roots of its own chain and of those
    that it signed with before.

    Raises:
        DubwrightError: they cannot be read.
    """
    chain, earlier = folder / CHAIN, folder / EARLIER
    if not chain.exists():
        return ""
    try:
        root = _pem(x509.load_pem_x509_certificates(chain.read_bytes())[-1])
        before = earlier.read_text(encoding="ascii") if earlier.exists() else ""
    except (OSError, ValueError) as error:
        raise _unusable(chain, str(error)) from error
    return before if root in before else before + root


def _is_authority(chain: str) -> bool:
    root = x509.load_pem_x509_certificates(chain.encode())[-1]
    try:
        return bool(root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _read(chain: Path, key: Path) -> Credential:
    try:
        text, secret = chain.read_text(encoding="ascii"), key.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise _unusable(chain, str(error)) from error
    try:
        leaf = x509.load_pem_x509_certificates(text.encode())[0]
        private = load_pem_private_key(secret.encode(), None)
    except (ValueError, TypeError) as error:
        raise _unusable(
            chain, "the chain or its key is no PEM, or the key has a password"
        ) from error
    if _public(private.public_key()) != _public(leaf.public_key()):
        raise _unusable(chain, f"its key is not the one in {key.name}")
    if leaf.not_valid_before_utc > datetime.datetime.now(datetime.UTC):
        raise _unusable(chain, f"it begins on {leaf.not_valid_before_utc:%Y-%m-%d}")
    if leaf.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise _unusable(chain, f"it ended on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    elif isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in CURVES:
        algorithm = CURVES[private.curve.name]
    elif isinstance(private, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        raise _unusable(chain, "C2PA signs with Ed25519, ECDSA and RSA keys only")
    return Credential(text, secret, algorithm)


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _self_made() -> tuple[str, str]:
    authority, leaf = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    root = (
        _certificate(f"{SELF_MADE} authority", authority.public_key(), f"{SELF_MADE} authority")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    end = (
        _certificate(SELF_MADE, leaf.public_key(), f"{SELF_MADE} authority")
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(issuer, critical=False)
        .sign(authority, hashes.SHA256())
    )
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    # The authority's key is thrown away: it has nothing else to sign.
    return _pem(end) + _pem(root), key


def _certificate(name: str, key: ec.EllipticCurvePublicKey, issuer: str) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SELF_MADE),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _write(folder: Path, chain: str, key: str) -> None:
    # The key first: a chain without one would be taken for a whole credential.
    with whole(folder / KEY) as partial:
        file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as opened:
            opened.write(key)
    with whole(folder / CHAIN) as partial:
        partial.write_text(chain, encoding="ascii")


def _unusable(path: Path, why: str) -> DubwrightError:
    return DubwrightError(
        "The certificate that signs deliveries cannot be used",
        where=str(path),
        why=why,
        repair="give a chain and its key with `dubwright consent certificate`, or remove "
        f"{CHAIN} and {KEY} there to have a self-made one",
    )
