"""The command line that links a whole set: `python -m service.batch --images DIR --out predictions.jsonl`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer

from indexer.records.tag_filter import TagFilter
from service.engine.serving import open_linker
from service.offline.counted import counted
from service.offline.finding import Finding
from service.offline.linking import SetOptions, link_all
from service.offline.mentions import Annotations, Folder
from service.offline.rows import Rows
from service.offline.sheet import MOST_PICTURES, write_sheet
from service.offline.table import write_table
from service.settings import read_settings
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.picture_files import others
from wikiclip.segmenters import open_segmenter

app = typer.Typer(add_completion=False)


@app.command()
def batch(
    images: Annotated[Path, typer.Option(help="The folder of pictures.")],
    out: Annotated[Path, typer.Option(help="Where rows are added, one JSON object a line.")],
    annotations: Annotated[
        Path | None, typer.Option(help="Mentions, as a COCO file; every picture as a whole if left out.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="Candidates for each mention.")] = 10,
    min_score: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Leaves out candidates that score less.")
    ] = None,
    tags_any: Annotated[
        list[str] | None, typer.Option(help="Compare only entities with one of these tags; may come often.")
    ] = None,
    tags_all: Annotated[list[str] | None, typer.Option(help="Only those with each of these.")] = None,
    tags_none: Annotated[list[str] | None, typer.Option(help="Only those with none of these.")] = None,
    find: Annotated[
        bool, typer.Option("--find", help="Also link what stands out in each picture, without annotations.")
    ] = False,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", help="Also write a table for spreadsheets, a line a candidate; of tabs, as FILE.tsv."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a sheet of the pictures with their answers, one HTML file.")
    ] = None,
    follow_links: Annotated[
        bool, typer.Option(help="Whether to go into linked folders, where every picture of a folder is linked.")
    ] = True,
) -> None:
    """Link every mention of a set. A run that was stopped goes on where it was; what cannot be linked is a row, too.

    Rows that hold an error are tried again by the next run.
    """
    settings = read_settings()
    torch.set_num_threads(settings.threads)
    if not images.is_dir():
        raise WikiClipError(f"There is no folder of pictures at {images}: name one with --images DIR.")
    if annotations is not None and not annotations.is_file():
        raise WikiClipError(f"There is no file of annotations at {annotations}: name one with --annotations FILE.")
    if find and annotations is not None:
        raise WikiClipError("--find proposes regions where there are none: leave out --annotations.")
    _expect_places({"--out": out, "--csv": csv_file, "--sheet": sheet}, {"--annotations": annotations})
    source = Folder(images, follow_links=follow_links) if annotations is None else Annotations(annotations, images)
    linker = open_linker(settings)
    options = SetOptions(
        top_k=top_k,
        min_score=min_score,
        tags=TagFilter.of(tags_any or (), tags_all or (), tags_none or ()),
        batch=settings.batch,
        decoders=settings.decoders,
    )
    with Rows(out, index_version=linker.index.version, tags=options.tags) as rows:
        if find and isinstance(source, Folder):
            tower = linker.model.vision
            segmenter = open_segmenter(settings.segmenter, tower=tower, device=settings.device)
            finding = Finding(source, linker, segmenter, is_done=rows.holds)
            rows.expect_set(finding.known())
            before = len(rows)
            link_all(finding, linker, rows, options)
        else:
            rows.expect_set(source)
            before = len(rows)
            link_all(source, linker, rows, options)
    added, failed = counted(rows.added, "row", "rows"), counted(rows.failed, "says", "say")
    typer.echo(f"{out}: {added} added to {before:,}; of those added {failed} what went wrong.")
    if isinstance(source, Folder) and source.others:
        found = counted(len(source.others), "picture is", "pictures are")
        typer.echo(
            f"{found} none of {others.READ} and left out, such as {source.others[0]!r}: convert them first.", err=True
        )
    for line in _more_to_say(source, rows):
        typer.echo(line)
    mentions = source if isinstance(source, Annotations) else None
    if csv_file is not None:
        write_table(out, csv_file, pictures=images, mentions=mentions)
        typer.echo(f"Wrote {csv_file}")
    if sheet is not None:
        on_it = write_sheet(out, images, sheet, records=linker.index, sure=settings.sure, mentions=mentions)
        typer.echo(f"Wrote {sheet}, with {counted(on_it, 'picture', 'pictures')} (at most {MOST_PICTURES}).")


def _expect_places(written: Mapping[str, Path | None], read: Mapping[str, Path | None]) -> None:
    """Raises WikiClipError where a file cannot be written, or would take another's place: said before hours of work,
    since the table and the sheet are written last. Their folders are made."""
    known = {path.resolve(): option for option, path in read.items() if path is not None}
    for option, path in written.items():
        if path is None:
            continue
        if path.is_dir():
            raise WikiClipError(f"{path} is a folder: name a file with {option} FILE.")
        if (other := known.setdefault(path.resolve(), option)) != option:
            raise WikiClipError(f"{option} and {other} name one file, {path}: name another with {option} FILE.")
        path.parent.mkdir(parents=True, exist_ok=True)


def _more_to_say(source: Folder | Annotations, rows: Rows) -> Iterator[str]:
    """A line for whatever else a user should know of a run."""
    if len(rows) and not rows.added and not rows.mended:
        yield "Every mention has a row already: to link them with other options, name another --out."
    if rows.mended:
        yield f"{counted(rows.mended, 'row that held an error is', 'rows that held errors are')} linked now."
    if rows.errors:
        yield f"{counted(rows.errors, 'row holds an error', 'rows hold errors')}; the next run tries again."
    if isinstance(source, Annotations) and source.copies:
        yield f"{counted(source.copies, 'annotation is', 'annotations are')} left out: another says it word for word."
    if isinstance(source, Folder) and source.linked:
        links = counted(len(source.linked), "link to a folder", "links to folders")
        done = "followed" if source.follow_links else "left out (--follow-links reads what is there)"
        yield f"{links} outside, {done}: {', '.join(map(repr, source.linked[:3]))}."


if __name__ == "__main__":
    run(app)
