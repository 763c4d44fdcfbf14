"""The command line that makes records of what people have: `python -m indexer.convert table|darwin-core|wikidata`."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.convert.columns import Columns, separators
from indexer.convert.darwin_core import drafts_of_archive
from indexer.convert.outcome import write
from indexer.convert.pictures import PictureFolder
from indexer.convert.tables import drafts_of_table
from indexer.convert.wikidata import drafts_of_dump
from wikiclip.base.command import run

app = typer.Typer(add_completion=False, no_args_is_help=True)
Out = Annotated[Path, typer.Option(help="The file of JSON lines to write; one that is there is replaced.")]
Images = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        help="The folder of pictures; a picture that is not in it is left out and counted.",
    ),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="A column that no record has anything of, since everybody who may ask sees extra; may be repeated.",
    ),
]
OUT = Path("records.jsonl")


@app.command()
def table(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet.")],
    out: Out = OUT,
    images: Images = None,
    entity_id: Annotated[str | None, typer.Option("--id", help="The column with ids, each of them once.")] = None,
    title: Annotated[str | None, typer.Option(help="The column with names.")] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="A column with descriptions; several are joined, in this order.")
    ] = None,
    image: Annotated[list[str] | None, typer.Option(help="A column with pictures' paths; may be repeated.")] = None,
    url: Annotated[str | None, typer.Option(help="The column with web pages.")] = None,
    attribution: Annotated[str | None, typer.Option(help="The column that says whom to name.")] = None,
    aliases: Annotated[str | None, typer.Option(help="The column with other names.")] = None,
    tags: Annotated[str | None, typer.Option(help="The column with words to filter by.")] = None,
    lang: Annotated[str | None, typer.Option(help="The column with languages.")] = None,
    language: Annotated[str | None, typer.Option(help="The language of all records, such as de.")] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ROLE=]SEPARATOR",
            help="What separates several pictures, names or tags in a cell, ; if left out; of one kind as"
            " tags=, or aliases=; or images=; and may be repeated.",
        ),
    ] = None,
    leave_out: LeaveOut = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What separates cells of CSV; found in the first line if left out.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of CSV, such as cp1252.")] = "utf-8",
) -> None:
    """Make records of a table's rows. Columns that are not named are found by usual names; all others go to `extra`."""
    one = {"entity_id": entity_id, "title": title, "url": url, "attribution": attribution}
    one |= {"aliases": aliases, "tags": tags, "lang": lang}
    named: dict[str, tuple[str, ...]] = {key: (column,) for key, column in one.items() if column is not None}
    named |= {key: tuple(of) for key, of in {"text": text, "images": image}.items() if of}
    columns = Columns(named=named, split=separators(split or ()), language=language, left_out=tuple(leave_out or ()))
    folder = _folder(images)
    write(drafts_of_table(file, columns, images=folder, delimiter=delimiter, encoding=encoding), out, source=file)


@app.command("darwin-core")
def darwin_core(
    archive: Annotated[Path, typer.Argument(help="A zip with a meta.xml in it.")],
    out: Out = OUT,
    images: Images = None,
    language: Annotated[str | None, typer.Option(help="Of descriptions, such as en; of any if left out.")] = None,
    leave_out: LeaveOut = None,
) -> None:
    """Make records of the taxa or specimens of a Darwin Core archive."""
    left_out = tuple(leave_out or ())
    write(drafts_of_archive(archive, images=_folder(images), language=language, left_out=left_out), out, source=archive)


@app.command()
def wikidata(
    dump: Annotated[Path, typer.Argument(help="Wikidata's entity dump, or lines of it: plain, gzip or bzip2.")],
    out: Out = OUT,
    images: Images = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Of title and text, the first that an item has; en if left out.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="Only items with a page there, such as enwiki.")] = None,
    instance_of: Annotated[
        list[str] | None, typer.Option(help="Only instances of it (P31), such as Q11446; may be repeated.")
    ] = None,
) -> None:
    """Make records of the items of a Wikidata entity dump."""
    languages = tuple(language or ("en",))
    kinds = tuple(instance_of or ())
    write(drafts_of_dump(dump, languages=languages, images=_folder(images), site=site, kinds=kinds), out, source=dump)


def _folder(images: Path | None) -> PictureFolder | None:
    return None if images is None else PictureFolder(images)


if __name__ == "__main__":
    run(app)
