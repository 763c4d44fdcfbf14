"""A file of API keys: a line each, with a name, a role and the key's checksum.

A key is 32 random bytes, so a plain checksum of it cannot be guessed back, as one of a password could.
"""

import hashlib
import hmac
import logging
import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wikiclip.base.errors import WikiClipError
from wikiclip.base.regular_files import read_regular
from wikiclip.base.text_files import decode_text

logger = logging.getLogger(__name__)

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}) (?P<role>caller|admin) (?P<sha256>[0-9a-f]{64})")


class Role(StrEnum):
    """What a key is for: asking, or also looking after the service."""

    CALLER = "caller"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key. Several may have one name: a new one is handed out before the old one goes."""

    name: str
    role: Role
    sha256: str

    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.name} {self.role} {self.sha256}\n"


class KeyRing:
    """The keys of a file, which is read again once it has changed.

    A file that was changed for the worse leaves the keys as they were, removed ones too: a mistake locks nobody out. It
    is logged as an error, once, and `fault` tells it.

    Attributes:
        fault: why the file cannot be read as it is now; None where the keys are those of the file.

    Raises:
        WikiClipError: it cannot be read, others may write it, or a line is not a key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _state(path)
        self._keys = read_keys(path)
        self.fault: str | None = None

    def find(self, secret: str) -> Key | None:
        """The key that this is. Compares with all of them, in a time that does not tell how much of it was right."""
        self.read_again()
        asked, found = checksum(secret), None
        for key in self._keys:
            if hmac.compare_digest(asked, key.sha256):
                found = key
        return found

    @property
    def has_admin(self) -> bool:
        """Whether any of them is an admin's."""
        return any(key.role is Role.ADMIN for key in self._keys)

    def read_again(self) -> None:
        """Takes the file's keys over where it has changed and can be read."""
        try:
            state = _state(self._path)
            if state != self._state:
                self._keys, self._state = read_keys(self._path), state
            self.fault = None
        except WikiClipError as error:
            if self.fault != str(error):
                logger.error("Keys that were removed may still be valid: %s", error)
            self.fault = str(error)


def read_keys(path: Path) -> list[Key]:
    """Raises WikiClipError where the file cannot be read, others may write it, or a line is not a key."""
    try:
        mode = path.stat().st_mode
        lines = decode_text(read_regular(path), path).splitlines()
    except (OSError, WikiClipError) as error:
        raise WikiClipError(f"The keys in {path} cannot be read: {error}") from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WikiClipError(f"Others may write the keys in {path}, and let anyone in: chmod go-w {path}")
    keys = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise WikiClipError(f"{path}, line {number}, is not a key: add one with `python -m service.keys add NAME`.")
        keys.append(Key(match["name"], Role(match["role"]), match["sha256"]))
    return keys


def checksum(secret: str) -> str:
    """What the file keeps of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _state(path: Path) -> tuple[int, int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise WikiClipError(f"The keys in {path} cannot be read: {error.strerror}.") from error
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
