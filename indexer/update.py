"""Changes a few entities of an index: `python -m indexer.update --records changes.jsonl --delete gone.txt`.

What changed becomes a shard of its own; the other shards are linked into the new version as they are.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from indexer.assemble import SHARD_BYTES, fill_shards, with_rows
from indexer.embedding.chunks import StoredChunk, problems_of, read_problems, write_problems
from indexer.embedding.embed import embed
from indexer.embedding.plan import Plan, make_plan, open_workshop, workshop_of
from indexer.embedding.replicas import open_replicas
from indexer.errors import NothingLeft, NothingToDo, UnknownEntity
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import BadRecord
from indexer.kinds import MILVUS, kind_of
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus.server import MilvusServer, Uri, named_server
from indexer.kinds.milvus.upkeep import expect_server, follow_with_alias
from indexer.manifest import Counts, Manifest, ShardStamp, stamp_files
from indexer.records.catalogue import Catalogue
from indexer.records.table import from_batch
from indexer.self_check import expect_rows_find_themselves
from indexer.updating.kept import Group, kept_groups
from indexer.updating.notes import UPDATES, Outcome, Update, Updates, read_updates, write_updates
from indexer.version import (
    DELETED,
    PROBLEMS,
    SHARDS,
    Version,
    make_current,
    newest,
    only_builder,
    publish,
    read_version,
)
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
FOLD = 12  # small shards of updates from which on the next update makes one of them: each is searched by itself
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
    `indexer.build` asks whether it shall apply them again.
    """
    if records is None and delete is None:
        raise WikiClipError("Name what to change: --records FILE, --delete FILE, or both.")
    home = out or index_home()
    with only_builder(home):
        base = read_version(home)
        kind = kind_to_change(base, named_server(uri))
        gone = [] if delete is None else _listed(delete)
        source = None
        if records is not None:
            follows = base.manifest.follows_links if follow_links is None else follow_links
            source = planned(JsonLines(records, images=images, follow_links=follows), WikiClip.load(model), base)
        workshop = home / "building" / DELETIONS if source is None else workshop_of(source.plan, home)
        version = _made_before(base, source, gone, home, strict=strict)
        if version is None:
            changes = Changes(workshop, None, [], []) if source is None else embedded(source, home, device, strict)
            try:
                folder, manifest = changed(base, changes, gone, kind, strict=strict)
            except NothingToDo:
                remove_folder(workshop)
                raise
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


def kind_to_change(base: Version, milvus: MilvusServer | None) -> IndexKind:
    """The kind of a version that shall be changed.

    Raises:
        WikiClipError: it is gone, or the version's vectors are lost, so that nothing need be embedded to say so.
    """
    kind = kind_of(base.manifest.kind, milvus=milvus)
    expect_server(kind, base)
    return kind


@dataclass(frozen=True)
class Changes:
    """Records that were embedded, in a workshop; no plan where there are none.

    Attributes:
        kept: of another version's updates, with their vectors.
        kept_from: the note and the id of that version.
    """

    workshop: Path
    plan: Plan | None
    chunks: Sequence[StoredChunk]
    problems: Sequence[BadRecord]
    kept: Sequence[Group] = ()
    kept_from: tuple[Updates, str] | None = None

    def ids(self) -> Iterator[str]:
        """Of the entities."""
        for chunk in (*self.chunks, *(chunk for group in self.kept for chunk in group.chunks)):
            for batch in chunk.entities():
                yield from (entity.entity_id for entity in from_batch(batch))


@dataclass(frozen=True)
class Source:
    """Records that are to be embedded."""

    kb: JsonLines
    model: WikiClip
    plan: Plan


def planned(kb: JsonLines, model: WikiClip, base: Version) -> Source:
    """Looks through the records. Raises WrongModel where another checkpoint made the version."""
    base.expect_model(model.fingerprint)
    return Source(kb, model, make_plan(kb, model))


def embedded(source: Source, home: Path, device: DeviceChoice, strict: bool) -> Changes:
    """Embeds the records, in a workshop below `home`."""
    workshop = open_workshop(source.plan, home)
    chunks = embed(source.kb, open_replicas(source.model, device), source.plan, workshop, strict=strict)
    return Changes(workshop, source.plan, with_rows(workshop, chunks), list(problems_of(workshop, chunks)))


def _made_before(
    base: Version, source: Source | None, gone: Sequence[str], home: Path, *, strict: bool
) -> Version | None:
    """The version that these changes made of the current one, or that is current because of them.

    So an update that was killed while it published is finished when it is run again, and not made of its own outcome.
    """
    asked = Changes(home, None if source is None else source.plan, [], [])

    def is_theirs(version: Version) -> bool:
        parent = version.manifest.parent
        if parent is None or base.id not in (parent, version.id):
            return False
        return version.manifest.plan == identity(parent, asked, gone, strict=strict)

    return newest(home, is_theirs)


def changed(
    base: Version,
    changes: Changes,
    gone: Sequence[str],
    kind: IndexKind,
    *,
    strict: bool,
    outcomes: Sequence[Outcome] = (),
) -> tuple[Path, Manifest]:
    """Fills a folder in the workshop with the version after the changes, and describes it.

    Args:
        gone: ids of entities that are to be no more, unless the changes bring them anew.
        kind: the base's.
        outcomes: what becomes of each change that a service was sent, which the version notes.

    Raises:
        UnknownEntity: `strict`, and an id of `gone` is not in the index.
        NothingToDo: there is no record to put, and no entity to remove.
        NothingLeft: no entity would be left.
    """
    folder = changes.workshop / "updated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    updates = read_updates(base)
    catalogue = Catalogue(base.shards, base.deleted())
    new = list(changes.ids())
    replaced, _ = _numbers(catalogue, new)
    removed, unknown = _numbers(catalogue, gone)
    if unknown and strict:
        raise UnknownEntity(f"The index holds no entity {unknown[0][:100]!r}, which --delete names.")
    problems = [*changes.problems, *(BadRecord(where=entity_id, why="no entity to delete") for entity_id in unknown)]
    if not new and not removed and changes.kept_from is None:
        first = f"; the first: {problems[0].where}: {problems[0].why}" if problems else ""
        raise NothingToDo(f"None of the changes can be made, so no version was published{first}.")

    ids = dict.fromkeys(new)
    no_more = [entity_id for entity_id in dict.fromkeys(gone) if entity_id not in ids and entity_id not in {*unknown}]
    shards = _shards(base, changes, kind, updates, {*ids, *no_more})
    deleted_E = np.union1d(base.deleted(), np.array([*replaced, *removed], np.uint32)).astype(np.uint32)
    deleted_E = deleted_E[deleted_E < sum(stamp.entities for stamp in shards.kept)]
    np.save(folder / DELETED, deleted_E)
    told = Update(put=len(ids), removed=len(no_more), outcomes=tuple(outcomes))
    write_updates(_note(updates, changes, told, put=ids, removed=no_more), folder)

    kept = {name: stamp for name, stamp in base.manifest.files.items() if shards.keeps(name)}
    for name in kept:
        link(base.folder / name, folder / name)
    stamps = list(shards.kept)
    for chunks, plan in shards.filled:
        stamps += fill_shards(folder, chunks, plan, kind, first=len(stamps), words=words_of_version(base))
    if len(stamps) > len(shards.kept):
        filled = [folder / stamp.folder for stamp in stamps[len(shards.kept) :]]
        expect_rows_find_themselves(kind.open(filled, folder / base.shared.name, width=base.manifest.dimension))
    entities = sum(stamp.entities for stamp in stamps) - len(deleted_E)
    if not entities:
        raise NothingLeft("No entity would be left in the index.")
    counts = Counts(
        entities=entities,
        deleted=len(deleted_E),
        rows=sum(stamp.rows for stamp in stamps),
        problems=write_problems([*read_problems(base.folder / PROBLEMS), *problems], folder / PROBLEMS),
    )
    manifest = Manifest(
        plan=identity(base.id, changes, gone, strict=strict),
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


@dataclass(frozen=True)
class Shards:
    """What the shards of a version are to be.

    Attributes:
        kept: those of the base that are linked, which are its first ones.
        filled: chunks that make new ones.
    """

    kept: Sequence[ShardStamp]
    filled: Sequence[tuple[Sequence[StoredChunk], Plan]]

    def keeps(self, name: str) -> bool:
        """Whether a file of the base is linked: of one that is another in each version, none is."""
        if name in (PROBLEMS, DELETED, UPDATES):
            return False
        return not name.startswith(f"{SHARDS}/") or any(name.startswith(f"{stamp.folder}/") for stamp in self.kept)


def _shards(base: Version, changes: Changes, kind: IndexKind, updates: Updates, changing: Collection[str]) -> Shards:
    """Linked, all of the base's, and the changes' own behind them. Where many small shards of updates came together,
    what lives of them and does not change becomes one with the changes.

    A shard of Milvus is a partition, of which the server searches all at once, and stays.
    """
    stamps = base.manifest.shards
    groups = list(changes.kept)
    if changes.plan is not None and changes.chunks:
        plan = changes.plan
        groups.append(Group(image_root=plan.image_root, follow_links=plan.follow_links, chunks=tuple(changes.chunks)))
    of_updates = stamps[updates.built_shards :]
    roots = {(stamp.image_root, stamp.follow_links) for stamp in of_updates}
    small = [stamp for stamp in of_updates if 4 * stamp.rows * base.manifest.dimension < SHARD_BYTES]
    if len(small) >= FOLD + len(roots) - 1 and kind.name not in MILVUS:
        stamps = stamps[: updates.built_shards]
        workshop = changes.workshop / "folded"
        shutil.rmtree(workshop, ignore_errors=True)
        groups += kept_groups(base, kind, workshop, built_shards=len(stamps), without=changing)
    joined: dict[tuple[str | None, bool], Group] = {}
    for group in groups:
        key = group.image_root, group.follow_links
        before = joined.get(key)
        joined[key] = group if before is None else replace(before, chunks=(*before.chunks, *group.chunks))
    return Shards(stamps, [(group.chunks, group.planned(base)) for group in joined.values()])


def _note(
    updates: Updates, changes: Changes, told: Update, *, put: Collection[str], removed: Collection[str]
) -> Updates:
    if changes.kept_from is None:
        return updates.with_one(told, put=put, removed=removed)
    note, _ = changes.kept_from
    return note.model_copy(update={"built": updates.built, "built_shards": updates.built_shards})


def _numbers(catalogue: Catalogue, ids: Iterator[str] | Sequence[str]) -> tuple[list[int], list[str]]:
    """Numbers of those that the index holds, and the ids of the others."""
    known, unknown = [], []
    for entity_id in ids:
        try:
            known.append(catalogue.number_of(entity_id))
        except UnknownEntity:
            unknown.append(entity_id)
    return known, unknown


def identity(base: str, changes: Changes, gone: Sequence[str], *, strict: bool) -> str:
    """Names what was asked for: what was made without `strict` may lack what it would have stopped at."""
    told = [base, "strict" if strict else "", "" if changes.plan is None else changes.plan.id, *gone]
    if changes.kept_from is not None:
        told.append(f"kept from {changes.kept_from[1]}")
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
            f"{after.deleted} old entries stay in the files, left out of answers. `indexer.build --keep-updates` drops"
            " them, and applies the updates to what it builds.",
            err=True,
        )


if __name__ == "__main__":
    run(app)
