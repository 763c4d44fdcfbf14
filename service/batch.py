"""The command line that links a whole set: `python -m service.batch --images DIR --out predictions.jsonl`."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from service.engine.serving import open_linker
from service.offline.linking import SetOptions, link_all
from service.offline.mentions import Annotations, Folder
from service.offline.rows import Rows
from service.settings import read_settings
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError

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
) -> None:
    """Link every mention of a set. A run that was stopped goes on where it was; what cannot be linked is a row, too."""
    settings = read_settings()
    torch.set_num_threads(settings.threads)
    if not images.is_dir():
        raise WikiClipError(f"There is no folder of pictures at {images}: name one with --images DIR.")
    if annotations is not None and not annotations.is_file():
        raise WikiClipError(f"There is no file of annotations at {annotations}: name one with --annotations FILE.")
    source = Folder(images) if annotations is None else Annotations(annotations, images)
    linker = open_linker(settings)
    options = SetOptions(top_k=top_k, min_score=min_score, batch=settings.batch, decoders=settings.decoders)
    with Rows(out, index_version=linker.index.version) as rows:
        before = len(rows)
        linked = link_all(source, linker, rows, options)
    typer.echo(f"{out}: {linked.added} rows added to {before}; {linked.failed} of those added say what went wrong.")


if __name__ == "__main__":
    run(app)
