"""The client's command line: `python -m service.client link photo.jpg --box 1,2,30,40`."""

import base64
from pathlib import Path
from textwrap import shorten
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.client.client import URL, LinkClient
from service.client.connection import KEY_VARIABLE
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError

Where = Annotated[str, typer.Option(help="Where the service is.")]
Key = Annotated[str | None, typer.Option(help="An API key, if it asks for one.", envvar=KEY_VARIABLE)]
TagsAny = Annotated[list[str] | None, typer.Option(help="Only entities with one of these tags; may come often.")]
TagsAll = Annotated[list[str] | None, typer.Option(help="Only those with each of these.")]
TagsNone = Annotated[list[str] | None, typer.Option(help="Only those with none of these.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as it came.")]

TEXT = 160  # characters of a description

app = typer.Typer(add_completion=False)


@app.callback()
def main() -> None:
    """Ask a running service."""


@app.command()
def link(
    picture: Annotated[Path, typer.Argument(help="JPEG, PNG, WebP or GIF.")],
    box: Annotated[list[str] | None, typer.Option(help="A region: x,y,width,height in pixels. May come often.")] = None,
    polygon: Annotated[list[str] | None, typer.Option(help="A region: x,y,x,y,x,y,... May come often.")] = None,
    mask: Annotated[
        list[Path] | None, typer.Option(help="A region: a PNG of the picture's size, non-zero inside. May come often.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="A region: what /segment outlines at x,y. May come often.")
    ] = None,
    find: Annotated[bool, typer.Option("--find", help="Whatever stands out, in place of regions.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="With --find: the whole picture, too.")] = False,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="Candidates for each region.")] = 5,
    tags_any: TagsAny = None,
    tags_all: TagsAll = None,
    tags_none: TagsNone = None,
    url: Where = URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Print a table of what each region shows; without a region, of the whole picture."""
    content = _read(picture)
    points = [_numbers(text, "--point", count=2) for text in point or ()]
    regions: list[object] = [
        *({"box": _numbers(text, "--box", count=4)} for text in box or ()),
        *({"polygon": [_numbers(text, "--polygon")]} for text in polygon or ()),
        *({"png": base64.b64encode(_read(path)).decode()} for path in mask or ()),
    ]
    if find and (regions or points):
        raise WikiClipError("--find finds regions itself: give it, or regions.")
    if whole and not find:
        raise WikiClipError("--whole goes with --find: without regions the whole picture is linked anyway.")
    with LinkClient(url, key=key) as client:
        regions += [client.segment(content, point=each).regions[0].rle for each in points]
        answer = client.link(
            content,
            regions="find" if find else regions or None,
            whole=whole or None,
            top_k=top_k,
            tags=_tags(tags_any, tags_all, tags_none),
        )
    if as_json:
        typer.echo(answer.model_dump_json(indent=1))
        return
    names = [
        *(f"box {text}" for text in box or ()),
        *(f"polygon {text}" for text in polygon or ()),
        *map(str, mask or ()),
        *(f"point {text}" for text in point or ()),
    ]
    if find:
        found_at = [None if one.region is None else one.region.box for one in answer.results]
        names = [f"all of {picture}" if box is None else f"found at {','.join(map(str, box))}" for box in found_at]
        if not any(found_at):
            typer.echo("Nothing stands out in the picture.")
    elif not names:
        names = [f"all of {picture}"]
    for name, result in zip(names, answer.results, strict=True):
        sure = "" if result.confidence is None else f": {result.confidence:.0%} sure of the first"
        table = Table("", "title", "score", "id", "", title=escape(name) + sure, title_justify="left")
        for found in result.candidates:
            cells = (found.title, f"{found.score:.3f}", found.entity_id, found.text)
            table.add_row(str(found.rank), *map(escape, cells))
        Console().print(table)


@app.command()
def entities(
    title: Annotated[str, typer.Argument(help="How the title begins; case and accents do not count.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Entities at most.")] = 20,
    tags_any: TagsAny = None,
    tags_all: TagsAll = None,
    tags_none: TagsNone = None,
    url: Where = URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Print the entities whose title begins so."""
    with LinkClient(url, key=key) as client:
        answer = client.entities(title, limit=limit, tags=_tags(tags_any, tags_all, tags_none))
    if as_json:
        typer.echo(answer.model_dump_json(indent=1))
        return
    if not answer.entities:
        typer.echo("No entity's title begins so.")
        return
    table = Table("title", "id", "")
    for found in answer.entities:
        table.add_row(*map(escape, (found.title, found.entity_id, shorten(found.text, TEXT, placeholder="…"))))
    Console().print(table)


@app.command()
def find(
    words: Annotated[str, typer.Argument(help="Words of title, other names or text; the last may go on.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Entities at most.")] = 20,
    url: Where = URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Print the entities that hold these words, the best first, and where."""
    with LinkClient(url, key=key) as client:
        answer = client.find(words, limit=limit)
    if as_json:
        typer.echo(answer.model_dump_json(indent=1))
        return
    if not answer.entities:
        typer.echo("No entity holds these words.")
        return
    table = Table("title", "id", "where")
    for found in answer.entities:
        where = "; ".join(f"{place.where}: {_shown(place.pieces)}" for place in found.found)
        table.add_row(escape(found.title), escape(found.entity_id), where)
    Console().print(table)


@app.command()
def tags(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Tags at most.")] = 100,
    url: Where = URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Print the tags that entities have, the most frequent first."""
    with LinkClient(url, key=key) as client:
        answer = client.tags(limit=limit)
    if as_json:
        typer.echo(answer.model_dump_json(indent=1))
        return
    if not answer.tags:
        typer.echo("No entity has a tag.")
        return
    table = Table("tag", "entities", title=f"{len(answer.tags):,} of {answer.count:,} tags", title_justify="left")
    for found in answer.tags:
        table.add_row(escape(found.tag), f"{found.entities:,}")
    Console().print(table)


def _shown(pieces: list[str]) -> str:
    """What was looked for in bold."""
    escaped = [escape(piece) for piece in pieces]
    return "".join(f"[bold]{piece}[/bold]" if place % 2 else piece for place, piece in enumerate(escaped))


def _tags(*lists: list[str] | None) -> dict[str, list[str]] | None:
    """What the three options name; None where they name nothing."""
    return {name: tags for name, tags in zip(("any", "all", "none"), lists, strict=True) if tags} or None


def _numbers(text: str, option: str, *, count: int | None = None) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or (count is not None and len(found) != count):
        raise WikiClipError(f"{option} takes {count or 'six or more'} numbers with commas between, not {text[:60]!r}.")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WikiClipError(f"{path} cannot be read: {error.strerror}.") from error


if __name__ == "__main__":
    run(app)
