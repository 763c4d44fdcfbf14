"""The command line that makes an index: `python -m indexer.build --kb wordnet`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from indexer.assemble import assemble
from indexer.command import run
from indexer.embed import embed
from indexer.errors import BadRecordFound, CorruptIndex, NoIndex
from indexer.kb import KnowledgeBaseName, open_kb
from indexer.lock import only_builder
from indexer.paths import index_home
from indexer.plan import Plan, make_plan, open_workshop
from indexer.version import PROBLEMS, Version, publish, read_version
from wikiclip.model import WikiClip

app = typer.Typer(add_completion=False)


@app.command()
def build(
    kb: Annotated[KnowledgeBaseName, typer.Option(help="Which knowledge base to read.")],
    records: Annotated[Path | None, typer.Option(help="Its file of records, for jsonl and oven.")] = None,
    images: Annotated[Path | None, typer.Option(help="The folder that its pictures are named from.")] = None,
    model: Annotated[str, typer.Option(help="The name of a packaged checkpoint, or a checkpoint's folder.")] = "tiny",
    out: Annotated[
        Path | None, typer.Option(help="The folder that keeps the index versions; var/index if left out.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first record or picture that cannot be read.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Embed again even if nothing changed.")] = False,
) -> None:
    """Embed a knowledge base and publish it as a new index version. A build that was stopped goes on where it was."""
    home = out or index_home()
    with only_builder(home):
        source, encoder = open_kb(kb, records=records, images=images), WikiClip.load(model)
        plan = make_plan(source, encoder)
        version = None if force else published(plan, home)
        if version is None:
            workshop = open_workshop(plan, home, fresh=force)
            chunks = embed(source, encoder, plan, workshop, strict=strict)
            version = publish(*assemble(workshop, chunks, plan), home)
            shutil.rmtree(workshop)
        report(version, strict=strict)


def published(plan: Plan, home: Path) -> Version | None:
    """The current version if it was made by this plan and is whole."""
    try:
        version = read_version(home)
        if version.manifest.plan != plan.id:
            return None
        version.verify()
    except (NoIndex, CorruptIndex):
        return None
    return version


def report(version: Version, *, strict: bool) -> None:
    """Says what the index holds.

    Raises:
        BadRecordFound: `strict`, and an earlier build that was not left something out.
    """
    counts = version.manifest.counts
    typer.echo(f"Index {version.id} in {version.folder}: {counts.entities} entities, {counts.rows} vectors.")
    if counts.problems:
        listed = f"{counts.problems} records or pictures could not be read; {version.folder / PROBLEMS} lists them."
        if strict:
            raise BadRecordFound(listed)
        typer.echo(listed, err=True)


if __name__ == "__main__":
    run(app)
