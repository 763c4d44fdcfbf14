"""API keys: `python -m service.keys add NAME`. A key is shown once; the file keeps its checksum.

A key is 32 random bytes, so a plain checksum of it cannot be guessed back, as one of a password could.
"""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service.settings import read_settings
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text

PREFIX = "wk_"  # so that a scanner for secrets that were committed can find one
LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}) (?P<role>caller|admin) (?P<sha256>[0-9a-f]{64})")
app = typer.Typer(add_completion=False)


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

    Raises:
        WikiClipError: it cannot be read, or a line is not a key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _state(path)
        self._keys = read_keys(path)

    def find(self, secret: str) -> Key | None:
        """The key that this is. Compares with all of them, in a time that does not tell how much of it was right.

        A file that was changed for the worse leaves the keys as they were.
        """
        self._read_again()
        asked, found = _sha256(secret), None
        for key in self._keys:
            if hmac.compare_digest(asked, key.sha256):
                found = key
        return found

    def _read_again(self) -> None:
        try:
            state = _state(self._path)
            if state != self._state:
                self._keys, self._state = read_keys(self._path), state
        except WikiClipError:
            return


def read_keys(path: Path) -> list[Key]:
    """Raises WikiClipError where the file cannot be read or a line is not a key."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WikiClipError(f"The keys in {path} cannot be read: {error}.") from error
    keys = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise WikiClipError(f"{path}, line {number}, is not a key: add one with `python -m service.keys add NAME`.")
        keys.append(Key(match["name"], Role(match["role"]), match["sha256"]))
    return keys


File = Annotated[
    Path | None, typer.Option("--file", help="The file of keys; the one that WIKICLIP_KEYS names if left out.")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in the log.")],
    admin: Annotated[bool, typer.Option("--admin", help="A key for /admin and /metrics, too.")] = False,
    file: File = None,
) -> None:
    """Make a key, show it, and keep its checksum. A running service takes it from the next request on."""
    path = _file(file)
    keys = read_keys(path) if path.exists() else []
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(name, Role.ADMIN if admin else Role.CALLER, _sha256(secret))
    if LINE.fullmatch(key.line().strip()) is None:
        raise WikiClipError("A name has up to 64 letters, digits, dots, dashes and underscores.")
    _write([*keys, key], path)
    typer.echo(secret)
    typer.echo(f"This is shown once. {path} keeps its checksum; send it as `Authorization: Bearer ...`.", err=True)


@app.command("list")
def show(file: File = None) -> None:
    """Show names and roles."""
    for key in read_keys(_file(file)):
        typer.echo(f"{key.name}  {key.role}  sha256 {key.sha256[:12]}...")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Whose keys go.")], file: File = None) -> None:
    """Remove all keys of a name."""
    path = _file(file)
    keys = read_keys(path)
    kept = [key for key in keys if key.name != name]
    if len(kept) == len(keys):
        raise WikiClipError(f"{path} holds no key of {name!r}.")
    _write(kept, path)
    typer.echo(f"{len(keys) - len(kept)} of {len(keys)} keys removed.")


def _file(file: Path | None) -> Path:
    path = file or read_settings().keys
    if path is None:
        raise WikiClipError("Name the file of keys with --file or WIKICLIP_KEYS.")
    return path


def _write(keys: list[Key], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    old = os.umask(0o077)
    try:
        write_text(path, "".join(key.line() for key in keys))
    finally:
        os.umask(old)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise WikiClipError(f"The keys in {path} cannot be read: {error.strerror}.") from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


if __name__ == "__main__":
    run(app)
