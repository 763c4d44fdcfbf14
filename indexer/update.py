"""Changes a few entities of an index: `python -m indexer.update --records changes.jsonl --delete gone.txt`.

What changed becomes a shard of its own; the other shards are linked into the new version as they are.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from indexer.assemble import fill_shards, with_rows
from indexer.embedding.chunks import StoredChunk, problems_of, read_problems, write_problems
from indexer.embedding.embed import embed
from indexer.embedding.plan import Plan, make_plan, open_workshop, workshop_of
from indexer.embedding.replicas import open_replicas
from indexer.errors import UnknownEntity
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import BadRecord
from indexer.kinds import kind_of
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus.server import Uri, named_server
from indexer.kinds.milvus.upkeep import expect_server, follow_with_alias
from indexer.manifest import Counts, Manifest, stamp_files
from indexer.records.catalogue import Catalogue
from indexer.records.table import from_batch
from indexer.self_check import expect_rows_find_themselves
from indexer.version import DELETED, PROBLEMS, Version, make_current, newest, only_builder, publish, read_version
from indexer.words.kept import words_of_version
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import link, remove_folder
from wikiclip.base.machine import DeviceChoice
from wikiclip.base.paths import index_home
from wikiclip.base.text_files import read_text
from wikiclip.model import WikiClip

DELETIONS = "deletions"  # the workshop where nothing is embedded
WORN = 0.2  # share of entities that are no more from which on a build pays
app = typer.Typer(add_completion=False)


@app.command()
def update(
    records: Annotated[
        Path | None, typer.Option(help="JSON lines as of --kb jsonl: new entities, and new content of old ones.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="The folder that their pictures are named from.")] = None,
    follow_links: Annotated[
        bool | None,
        typer.Option(
            "--follow-links/--no-follow-links",
            help="Read and serve pictures that are links out of that folder; as the version does if left out.",
        ),
    ] = None,
    delete: Annotated[Path | None, typer.Option(help="A file with ids of entities to remove, one a line.")] = None,
    model: Annotated[str, typer.Option(help="The checkpoint that the index was made with.")] = "tiny",
    out: Annotated[
        Path | None, typer.Option(help="The folder that keeps the index versions; var/index if left out.")
    ] = None,
    device: Annotated[
        DeviceChoice, typer.Option(help="Where to embed; auto takes all GPUs where there are some.")
    ] = "auto",
    uri: Uri = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a record that cannot be read, or an id that is unknown.")
    ] = False,
) -> None:
    """Add, replace and remove entities of the current version, and publish the result as a new one.

    Nothing else is embedded again. The same changes, made once more of the same version, are made already. A later
    `indexer.build` makes an index of its knowledge base without these changes.
    """
    if records is None and delete is None:
        raise WikiClipError("Name what to change: --records FILE, --delete FILE, or both.")
    home = out or index_home()
    with only_builder(home):
        base = read_version(home)
        # Before anything is embedded: one of a kind that is gone, or whose vectors are lost, cannot be changed.
        kind = kind_of(base.manifest.kind, milvus=named_server(uri))
        expect_server(kind, base)
        gone = [] if delete is None else _listed(delete)
        source = None
        if records is not None:
            follows = base.manifest.follows_links if follow_links is None else follow_links
            kb = JsonLines(records, images=images, follow_links=follows)
            source = _planned(kb, WikiClip.load(model), base)
        workshop = home / "building" / DELETIONS if source is None else workshop_of(source.plan, home)
        version = _made_before(base, source, gone, home, strict=strict)
        if version is None:
            changes = Changes(workshop, None, [], []) if source is None else _embedded(source, home, device, strict)
            folder, manifest = changed(base, changes, gone, kind, strict=strict)
            version = publish(folder, manifest, home)
            _report(base, version)
        else:
            make_current(version, home)
            typer.echo(f"Index {version.id} in {version.folder} holds these changes already.")
        follow_with_alias(version, named_server(uri))
        remove_folder(workshop)


def _listed(path: Path) -> list[str]:
    """The ids in a file, one a line."""
    return [line.strip() for line in read_text(path).split("\n") if line.strip()]


@dataclass(frozen=True)
class Changes:
    """Records that were embedded, in a workshop; no plan where there are none."""

    workshop: Path
    plan: Plan | None
    chunks: Sequence[StoredChunk]
    problems: Sequence[BadRecord]

    def ids(self) -> Iterator[str]:
        """Of the entities."""
        for chunk in self.chunks:
            for batch in chunk.entities():
                yield from (entity.entity_id for entity in from_batch(batch))


@dataclass(frozen=True)
class Source:
    """Records that are to be embedded."""

    kb: JsonLines
    model: WikiClip
    plan: Plan


def _planned(kb: JsonLines, model: WikiClip, base: Version) -> Source:
    base.expect_model(model.fingerprint)
    return Source(kb, model, make_plan(kb, model))


def _embedded(source: Source, home: Path, device: DeviceChoice, strict: bool) -> Changes:
    workshop = open_workshop(source.plan, home)
    chunks = embed(source.kb, open_replicas(source.model, device), source.plan, workshop, strict=strict)
    return Changes(workshop, source.plan, with_rows(workshop, chunks), list(problems_of(workshop, chunks)))


def _made_before(
    base: Version, source: Source | None, gone: Sequence[str], home: Path, *, strict: bool
) -> Version | None:
    """The version that these changes made of the current one, or that is current because of them.

    So an update that was killed while it published is finished when it is run again, and not made of its own outcome.
    """
    plan = None if source is None else source.plan

    def is_theirs(version: Version) -> bool:
        parent = version.manifest.parent
        if parent is None or base.id not in (parent, version.id):
            return False
        return version.manifest.plan == _identity(parent, plan, gone, strict=strict)

    return newest(home, is_theirs)


def changed(
    base: Version, changes: Changes, gone: Sequence[str], kind: IndexKind, *, strict: bool
) -> tuple[Path, Manifest]:
    """Fills a folder in the workshop with the version after the changes, and describes it.

    Args:
        gone: ids of entities that are to be no more, unless the changes bring them anew.
        kind: the base's.

    Raises:
        UnknownEntity: `strict`, and an id of `gone` is not in the index.
        WikiClipError: no entity would be left.
    """
    folder = changes.workshop / "updated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = {name: stamp for name, stamp in base.manifest.files.items() if name not in (PROBLEMS, DELETED)}
    for name in kept:
        link(base.folder / name, folder / name)

    catalogue = Catalogue(base.shards, base.deleted())
    replaced, _ = _numbers(catalogue, changes.ids())
    removed, unknown = _numbers(catalogue, gone)
    if unknown and strict:
        raise UnknownEntity(f"The index holds no entity {unknown[0][:100]!r}, which --delete names.")
    problems = [*changes.problems, *(BadRecord(where=entity_id, why="no entity to delete") for entity_id in unknown)]
    deleted_E = np.union1d(base.deleted(), np.array([*replaced, *removed], np.uint32)).astype(np.uint32)
    np.save(folder / DELETED, deleted_E)

    stamps = list(base.manifest.shards)
    if changes.plan is not None and changes.chunks:
        first = len(stamps)
        stamps += fill_shards(folder, changes.chunks, changes.plan, kind, first=first, words=words_of_version(base))
        new = [folder / stamp.folder for stamp in stamps[first:]]
        expect_rows_find_themselves(kind.open(new, folder / base.shared.name, width=base.manifest.dimension))
    entities = sum(stamp.entities for stamp in stamps) - len(deleted_E)
    if not entities:
        raise WikiClipError("No entity would be left in the index.")
    counts = Counts(
        entities=entities,
        deleted=len(deleted_E),
        rows=sum(stamp.rows for stamp in stamps),
        problems=write_problems([*read_problems(base.folder / PROBLEMS), *problems], folder / PROBLEMS),
    )
    manifest = Manifest(
        plan=_identity(base.id, changes.plan, gone, strict=strict),
        parent=base.id,
        knowledge_base=base.manifest.knowledge_base,
        model=base.manifest.model,
        kind=base.manifest.kind,
        dimension=base.manifest.dimension,
        counts=counts,
        shards=tuple(stamps),
        files=stamp_files(folder, known=kept),
    )
    return folder, manifest


def _numbers(catalogue: Catalogue, ids: Iterator[str] | Sequence[str]) -> tuple[list[int], list[str]]:
    """Numbers of those that the index holds, and the ids of the others."""
    known, unknown = [], []
    for entity_id in ids:
        try:
            known.append(catalogue.number_of(entity_id))
        except UnknownEntity:
            unknown.append(entity_id)
    return known, unknown


def _identity(base: str, plan: Plan | None, gone: Sequence[str], *, strict: bool) -> str:
    """Names what was asked for: what was made without `strict` may lack what it would have stopped at."""
    told = [base, "strict" if strict else "", "" if plan is None else plan.id, *gone]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _report(base: Version, version: Version) -> None:
    before, after = base.manifest.counts, version.manifest.counts
    typer.echo(
        f"Index {version.id} in {version.folder}: {after.entities} entities, {before.entities} before;"
        f" {after.deleted - before.deleted} replaced or removed."
    )
    if after.problems > before.problems:
        listed = (
            f"{after.problems - before.problems} changes could not be made; {version.folder / PROBLEMS} lists them."
        )
        typer.echo(listed, err=True)
    if after.deleted > WORN * after.entities:
        typer.echo(
            f"{after.deleted} old entries stay in the files, left out of answers. `indexer.build` would drop them; it"
            " makes an index of its records alone, without updates that they do not hold.",
            err=True,
        )


if __name__ == "__main__":
    run(app)
