"""API keys: `python -m service.keys add NAME`. A key is shown once; the file keeps its checksum."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from service.http.key_ring import LINE, Key, Role, checksum, read_keys
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text

PREFIX = "wk_"  # so that a scanner for secrets that were committed can find one
app = typer.Typer(add_completion=False)

File = Annotated[
    Path | None,
    typer.Option(
        "--file", envvar="WIKICLIP_KEYS", help="The file of keys; the one that WIKICLIP_KEYS names if left out."
    ),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in the log.")],
    admin: Annotated[bool, typer.Option("--admin", help="A key for /admin and /metrics, too.")] = False,
    file: File = None,
) -> None:
    """Make a key, show it, and keep its checksum. A running service takes it from the next request on."""
    path = _expect(file)
    keys = read_keys(path) if path.exists() else []
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(name, Role.ADMIN if admin else Role.CALLER, checksum(secret))
    if LINE.fullmatch(key.line().strip()) is None:
        raise WikiClipError("A name has up to 64 letters, digits, dots, dashes and underscores.")
    _write([*keys, key], path)
    typer.echo(secret)
    typer.echo(f"This is shown once. {path} keeps its checksum; send it as `Authorization: Bearer ...`.", err=True)


@app.command("list")
def show(file: File = None) -> None:
    """Show names and roles."""
    for key in read_keys(_expect(file)):
        typer.echo(f"{key.name}  {key.role}  sha256 {key.sha256[:12]}...")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Whose keys go.")], file: File = None) -> None:
    """Remove all keys of a name."""
    path = _expect(file)
    keys = read_keys(path)
    kept = [key for key in keys if key.name != name]
    if len(kept) == len(keys):
        raise WikiClipError(f"{path} holds no key of {name!r}.")
    _write(kept, path)
    typer.echo(f"{len(keys) - len(kept)} of {len(keys)} keys removed.")


def _expect(file: Path | None) -> Path:
    if file is None:
        raise WikiClipError("Name the file of keys with --file or WIKICLIP_KEYS.")
    return file


def _write(keys: list[Key], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    old = os.umask(0o077)
    try:
        write_text(path, "".join(key.line() for key in keys))
    finally:
        os.umask(old)


if __name__ == "__main__":
    run(app)
