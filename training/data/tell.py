"""What a person is told on the way: on stderr, and once however many processes share the work."""

import typer

from training import ranks


def tell(line: str) -> None:
    """Prints a line, on the first process only."""
    if ranks.rank() == 0:
        typer.echo(line, err=True)
