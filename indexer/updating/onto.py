"""What a build does with the updates of the version that it takes the place of: it asks, drops them, or keeps them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from indexer.assemble import with_rows
from indexer.embedding.chunks import problems_of
from indexer.embedding.embed import embed
from indexer.embedding.plan import make_plan, open_workshop
from indexer.embedding.replicas import open_replicas
from indexer.errors import CorruptIndex, NoIndex
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import BadRecord, Entity
from indexer.kinds import kind_of
from indexer.kinds.milvus.server import MilvusServer
from indexer.update import Changes, changed, identity
from indexer.updating.kept import Group, kept_entities, kept_groups
from indexer.updating.notes import Updates, read_updates
from indexer.version import Version, newest, place, read_version
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import remove_folder
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip

NAMED = 5  # ids that a refusal names of each sort
WORKSHOP = "kept-updates"


class Decision(StrEnum):
    """What shall become of updates."""

    ASK = "ask"
    DISCARD = "discard"
    KEEP = "keep"


@dataclass(frozen=True)
class AtStake:
    """The version that is current, and the updates in it that a build of its own records does not hold."""

    version: Version
    updates: Updates

    def expect(self, decision: Decision) -> None:
        """Raises WikiClipError where nobody said what shall become of them, or what was said cannot be done."""
        if decision is Decision.ASK:
            raise WikiClipError(f"{self._said()} Say --keep-updates to apply them again, or --discard-updates.")
        if decision is Decision.KEEP and self.updates.built is None:
            raise WikiClipError(
                f"{self.version.id} has updates of a program that kept no note of them, so they cannot be applied"
                " again: make them once more with `python -m indexer.update`, and say --discard-updates here."
            )

    def _said(self) -> str:
        updates, version = self.updates, self.version
        if updates.built is None:
            return f"{version.id} has updates that this build would discard; which, it does not tell."
        put = [entity.entity_id for _, entity in kept_entities(version, built_shards=updates.built_shards)]
        return (
            f"{version.id} has {updates.count} updates that this build would discard: {len(put):,} records that are new"
            f" or replaced{_some(put)}, {len(updates.gone):,} removed{_some(updates.gone)}."
        )


def at_stake(home: Path) -> AtStake | None:
    """The updates that a build would discard; None where there are none."""
    try:
        version = read_version(home)
        updates = read_updates(version)
    except (NoIndex, CorruptIndex):
        return None
    return AtStake(version, updates) if updates.count else None


def with_updates(
    built: Version, stake: AtStake, home: Path, *, model: WikiClip, device: DeviceChoice, milvus: MilvusServer | None
) -> Version:
    """The version that a build made with the updates of the current one: in its place, and not current yet.

    Vectors of the same checkpoint are kept; else the records are embedded again.
    """
    current, updates = stake.version, stake.updates
    typer.echo(f"The {updates.count} updates of {current.id} are kept.")
    if updates.built == built.id:
        return current
    workshop = home / "building" / WORKSHOP
    asked = Changes(workshop, None, [], [], kept_from=(updates, current.id))
    wanted = identity(built.id, asked, updates.gone, strict=False)
    version = newest(home, lambda one: one.manifest.plan == wanted)
    if version is None:
        remove_folder(workshop)
        workshop.mkdir(parents=True)
        problems: list[BadRecord] = []
        if current.manifest.model.fingerprint == model.fingerprint:
            kind = kind_of(current.manifest.kind, milvus=milvus)
            groups = kept_groups(current, kind, workshop, built_shards=updates.built_shards)
        else:
            groups = list(_embedded_again(stake, workshop, model, device, problems))
        changes = Changes(workshop, None, [], problems, kept=groups, kept_from=asked.kept_from)
        kind = kind_of(built.manifest.kind, milvus=milvus)
        version = place(*changed(built, changes, updates.gone, kind, strict=False), home)
    remove_folder(workshop)
    return version


def _embedded_again(
    stake: AtStake, workshop: Path, model: WikiClip, device: DeviceChoice, problems: list[BadRecord]
) -> Iterator[Group]:
    """Groups of chunks by another checkpoint. What of pictures cannot be read any more is added to `problems`."""
    entities: dict[tuple[str | None, bool], list[Entity]] = {}
    for stamp, entity in kept_entities(stake.version, built_shards=stake.updates.built_shards):
        entities.setdefault((stamp.image_root, stamp.follow_links), []).append(entity)
    for number, ((root, follow_links), mine) in enumerate(entities.items()):
        records = workshop / f"records-{number}.jsonl"
        records.write_text("".join(json.dumps(line_of(entity)) + "\n" for entity in mine), encoding="utf-8")
        kb = JsonLines(records, images=None if root is None else Path(root), follow_links=follow_links)
        plan = make_plan(kb, model)
        place_ = open_workshop(plan, workshop)
        chunks = embed(kb, open_replicas(model, device), plan, place_)
        problems += problems_of(place_, chunks)
        yield Group(image_root=root, follow_links=follow_links, chunks=tuple(with_rows(place_, chunks)))


def line_of(entity: Entity) -> dict[str, Any]:
    """An entity as a line of JSON lines has it."""
    told = {name: value for name, value in entity._asdict().items() if value not in (None, ())}
    return told if entity.extra is None else {**told, "extra": json.loads(entity.extra)}


def _some(ids: list[str] | tuple[str, ...]) -> str:
    named = ", ".join(entity_id[:40] for entity_id in islice(ids, NAMED))
    return f" ({named}{', ...' if len(ids) > NAMED else ''})" if ids else ""
