"""Looks after the index versions that a folder keeps: `python -m indexer.versions list|verify|rollback|prune`.

Moves them between machines, too: `push|pull|keygen`.
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from indexer.bundles import commands as bundles
from indexer.errors import CorruptIndex, NoIndex
from indexer.kinds import kind_of
from indexer.kinds.milvus.searcher import MilvusSearcher
from indexer.kinds.milvus.server import MilvusServer, Uri, named_server
from indexer.kinds.milvus.upkeep import drop_unnamed, follow_with_alias
from indexer.search import EntityIndex
from indexer.self_check import expect_rows_find_themselves
from indexer.updating.unnamed import remove_unnamed
from indexer.version import Version, make_current, only_builder, read_version, unpublished_ids, version_ids
from wikiclip.base.command import run
from wikiclip.base.files import remove_folder
from wikiclip.base.paths import index_home

app = typer.Typer(add_completion=False, no_args_is_help=True)
Home = Annotated[Path | None, typer.Option("--out", help="The folder that keeps them; var/index if left out.")]
Named = Annotated[str | None, typer.Argument(help="A version's id.")]
for command in (bundles.push, bundles.pull, bundles.keygen):
    app.command()(command)


@app.command("list")
def list_versions(home: Home = None) -> None:
    """List the versions, the newest first; the current one is marked."""
    home = home or index_home()
    current = read_version(home).id
    table = Table("", Column("version", no_wrap=True), "knowledge base", "kind", "model", "entities", "vectors", "GB")
    for name in version_ids(home):
        mark = "*" if name == current else ""
        try:
            version = read_version(home, name)
        except CorruptIndex as error:
            table.add_row(mark, name, f"damaged: {error}")
            continue
        manifest = version.manifest
        size = sum(stamp.size for stamp in manifest.files.values()) / 1e9
        counts = (f"{manifest.counts.entities:,}", f"{manifest.counts.rows:,}", f"{size:.2f}")
        source = manifest.knowledge_base + ", changed" * (manifest.parent is not None)
        source += ", follows links" * manifest.follows_links
        table.add_row(mark, name, source, manifest.kind, manifest.model.name, *counts)
    Console(width=150).print(table)


@app.command()
def verify(version: Named = None, home: Home = None, uri: Uri = None) -> None:
    """Compare every file of a version, the current one if none is named, with its checksum; then search with it."""
    found = read_version(home or index_home(), version)
    _verify(found, named_server(uri))
    typer.echo(f"{found.id} is whole: {len(found.manifest.files)} files, {found.manifest.counts.entities:,} entities.")


@app.command()
def rollback(version: Named = None, home: Home = None, uri: Uri = None) -> None:
    """Make an older version current, after it was verified: the one before the current, if none is named."""
    home = home or index_home()
    with only_builder(home):
        current = read_version(home).id
        if version is None:
            names = version_ids(home)
            older = names[names.index(current) + 1 :]
            if not older:
                raise NoIndex(f"{home} keeps no version older than {current}.")
            version = older[0]
        found = read_version(home, version)
        _verify(found, named_server(uri))
        make_current(found, home)
        follow_with_alias(found, named_server(uri))
    typer.echo(f"{found.id} is current now; it was {current}.")


@app.command()
def prune(
    home: Home = None,
    keep: Annotated[int, typer.Option(min=0, help="How many versions to keep besides the current one.")] = 1,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also remove what builds left behind that were stopped.")
    ] = False,
    uri: Uri = None,
) -> None:
    """Remove old versions, and pictures that came with changes and are named by none of the others.

    A process that has a version open keeps its files until it lets go of them.
    """
    home = home or index_home()
    with only_builder(home):
        current = read_version(home)
        others = [name for name in version_ids(home) if name != current.id]
        folders = [current.folder.parent / name for name in others[keep:]]
        if unfinished:
            folders += [current.folder.parent / name for name in unpublished_ids(home)]
            folders += (home / "building").glob("*/version-milvus-*")
        kept = [current.folder.parent / name for name in (current.id, *others[:keep])]
        follow_with_alias(current, named_server(uri))
        for name in drop_unnamed(folders, kept, named_server(uri)):
            typer.echo(f"Removed the collection {name} from Milvus.")
        for name in others[keep:]:
            remove_folder(current.folder.parent / name)
            typer.echo(f"Removed {name}.")
        for doomed in current.folder.parent.glob(".*.removed"):  # of a prune that was cut off
            shutil.rmtree(doomed)
        if unfinished:
            for name in unpublished_ids(home):
                remove_folder(current.folder.parent / name)
            remove_folder(home / "building")
        _remove_unnamed_pictures(home)
    typer.echo(f"Kept {current.id} and {min(keep, len(others))} more.")


def _remove_unnamed_pictures(home: Path) -> None:
    try:
        removed = remove_unnamed(home)
    except (CorruptIndex, OSError) as error:
        typer.echo(f"Pictures that came with changes stay: {error}", err=True)
        return
    if removed.pictures:
        typer.echo(f"Removed {removed.pictures:,} pictures that nothing names any more, {removed.bytes / 1e6:.1f} MB.")


def _verify(version: Version, milvus: MilvusServer | None) -> None:
    kind_of(version.manifest.kind)  # before all files are read: one of a kind that is gone is said at once
    version.verify()
    rows = EntityIndex(version, milvus=milvus).rows
    if isinstance(rows, MilvusSearcher):
        rows.examine()
    expect_rows_find_themselves(rows)


if __name__ == "__main__":
    run(app)
