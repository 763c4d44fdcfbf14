"""How every command line ends: what a user can mend is said in one line."""

import sys

import typer

from wikiclip.base.errors import WikiClipError


def run(app: typer.Typer) -> None:
    """Runs a command. Errors of ours and of the file system are printed without a traceback, and exit with 1."""
    try:
        app()
    except (WikiClipError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)
