"""Signatures of statements: Ed25519 (RFC 8032), by keys in PEM files. Needs the extra `sign`."""

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.bundles.errors import Refused
from wikiclip.base.errors import WikiClipError, first_line, how_to_install
from wikiclip.base.regular_files import read_regular

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHM = b"ed25519 "
DOMAIN = b"wikiclip bundle 1\n"  # so that no signature over anything else is one over a statement
MOST_BYTES = 2**16


class SigningKey:
    """Signs statements. Raises WikiClipError where the file holds no such key."""

    def __init__(self, path: Path) -> None:
        _expect_cryptography()
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = _read(path, lambda pem: load_pem_private_key(pem, password=None))
        if not isinstance(key, Ed25519PrivateKey):
            raise WikiClipError(f"{path} is no private key of Ed25519; `python -m indexer.versions keygen` makes one.")
        self._key = key

    @property
    def public(self) -> "VerifyKey":
        """The key that checks what this one signs."""
        return VerifyKey(self._key.public_key())

    def sign(self, line: bytes) -> bytes:
        """The line that belongs below a statement's."""
        return ALGORITHM + base64.b64encode(self._key.sign(DOMAIN + line))


class VerifyKey:
    """Checks signatures."""

    def __init__(self, key: "Ed25519PublicKey") -> None:
        self._key = key

    @classmethod
    def read(cls, path: Path) -> "VerifyKey":
        """Raises WikiClipError where the file holds no such key."""
        _expect_cryptography()
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key = _read(path, load_pem_public_key)
        if not isinstance(key, Ed25519PublicKey):
            raise WikiClipError(f"{path} is no public key of Ed25519; name the .pub that `keygen` wrote.")
        return cls(key)

    def is_signed(self, line: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the line."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(base64.b64decode(signature.removeprefix(ALGORITHM), validate=True), DOMAIN + line)
        except (InvalidSignature, binascii.Error):
            return False
        return signature.startswith(ALGORITHM)

    def expect_signed(self, line: bytes, signature: bytes, *, where: str) -> None:
        """Raises Refused where it is not."""
        if not signature:
            raise Refused(f"{where} is not signed, and a key to check it with was given; push it with --sign-key.")
        if not self.is_signed(line, signature):
            raise Refused(f"{where} is not signed with the key that was given; nothing of it is taken.")


def make_keys(path: Path) -> Path:
    """Writes a new private key, for its owner alone to read, and the public one beside it, whose path is returned.

    Raises:
        WikiClipError: one of the files is there already, or cannot be written.
    """
    _expect_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    public = path.with_name(f"{path.name}.pub")
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for file, pem, mode in ((path, private_pem, 0o600), (public, public_pem, 0o644)):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as writable:
                writable.write(pem)
        except OSError as error:
            raise WikiClipError(f"{file} cannot be written ({error.strerror}); no key is replaced.") from error
    return public


def _read(path: Path, load: Any) -> Any:
    try:
        return load(read_regular(path, most=MOST_BYTES))
    except OSError as error:
        raise WikiClipError(f"The key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:  # no PEM, the other half of a pair, or one with a password
        raise WikiClipError(f"{path} holds no key of the kind that is wanted ({first_line(error)}).") from error


def _expect_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise WikiClipError(f"Signatures need the package cryptography: {how_to_install('sign')}.") from error
