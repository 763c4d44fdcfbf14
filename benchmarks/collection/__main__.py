"""A collection to try docs/collection.md on: `write FOLDER` makes it of packages, `ask FOLDER` asks who serves it."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.collection.asking import ask, lines
from benchmarks.collection.material import things, write
from service.client import LinkClient
from wikiclip.base.command import run

app = typer.Typer(add_completion=False)

Folder = Annotated[Path, typer.Argument(help="Where the collection is.")]


@app.command("write")
def write_collection(
    folder: Folder,
    pictured: Annotated[int, typer.Option(min=1, help="Records with a picture at most.")] = 1000,
    plain: Annotated[int, typer.Option(min=0, help="Records without one at most.")] = 2000,
    each: Annotated[int, typer.Option(min=1, max=2, help="Pictures of a record at most.")] = 1,
) -> None:
    """Write a table, a folder of pictures, and labelled photographs, out of the demo's packages."""
    write(folder, pictured=pictured, plain=plain, each=each)
    typer.echo(f"Wrote {folder}: things.csv, pictures, photos and labels.jsonl; {len(things())} things have a picture.")


@app.command("ask")
def ask_service(
    folder: Folder,
    url: Annotated[str, typer.Option(help="Where the service is.")] = "http://127.0.0.1:8000",
    fold: Annotated[int | None, typer.Option(help="Only labels of this fifth of the things; all if left out.")] = None,
    sure: Annotated[float, typer.Option(help="The confidence from which an answer counts as sure.")] = 0.5,
) -> None:
    """Ask a service that holds the collection about every label, and print a table."""
    with LinkClient(url) as client:
        typer.echo("\n".join(lines(list(ask(client, folder, fold)), sure)))


if __name__ == "__main__":
    run(app)
