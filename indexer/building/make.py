"""A version of embedded chunks: made in its place, tried, and held back where it would leave little of what was."""

from pathlib import Path

import typer

from indexer.assemble import assemble, version_folder, with_rows
from indexer.building.choice import Choice
from indexer.embedding.plan import Plan, open_workshop
from indexer.errors import CorruptIndex, NoIndex
from indexer.kb import FETCHED
from indexer.kinds.milvus.upkeep import forget_what_is_lost
from indexer.search import EntityIndex
from indexer.self_check import expect_rows_find_themselves
from indexer.version import Version, make_current, newest, place, read_version
from wikiclip.base.errors import WikiClipError

HELD_BACK = "held-back"  # in a workshop: all that its plan takes is embedded, and waits for --force


def make(workshop: Path, chunks: int, plan: Plan, choice: Choice, home: Path, *, force: bool = False) -> Version:
    """Makes a version of embedded chunks, lets it search, and publishes it.

    Raises:
        CorruptIndex: it does not find what it holds.
        WikiClipError: it holds far less than what is current, and is not forced.
    """
    version = make_in_place(workshop, chunks, plan, choice, home, force=force)
    make_current(version, home)
    return version


def make_in_place(
    workshop: Path, chunks: int, plan: Plan, choice: Choice, home: Path, *, force: bool = False
) -> Version:
    """As `make`, and leaves the current version current."""
    rows = sum(len(chunk.vectors()) for chunk in with_rows(workshop, chunks))
    kind = choice.kind(rows, plan.dimension)
    forget_what_is_lost(version_folder(workshop, kind, choice.words), kind, width=plan.dimension)
    folder, manifest = assemble(workshop, chunks, plan, kind, words=choice.words)
    if not force:
        expect_no_collapse(manifest.counts.entities, plan, home)
    expect_rows_find_themselves(EntityIndex(Version("unpublished", folder, manifest), milvus=choice.milvus).rows)
    return place(folder, manifest, home)


def expect_no_collapse(entities: int, plan: Plan, home: Path) -> None:
    """A file of records that was cut off, or another one, should not replace what is served without a word.

    What was embedded stays, and is noted as held back. A knowledge base whose data is fetched may replace another such
    one: one command makes it again.

    Raises:
        WikiClipError: the current version holds more than twice as many.
    """
    try:
        current = read_version(home)
    except (NoIndex, CorruptIndex):
        return
    before = current.manifest.knowledge_base
    if before != plan.knowledge_base and {before, plan.knowledge_base} <= {*FETCHED}:
        typer.echo(f"{home} held {before} until now; `python -m indexer.versions rollback --out {home}` takes it back.")
        return
    if 2 * entities < current.manifest.counts.entities:
        (open_workshop(plan, home) / HELD_BACK).touch()
        raise WikiClipError(
            f"This would leave {entities} of the {current.manifest.counts.entities} entities that {current.id} holds,"
            " so it was not published. If that is meant, add --force: nothing is embedded again. Else mend the"
            " records, or name another --out."
        )


def made_before(plan: Plan, home: Path, choice: Choice) -> Version | None:
    """The newest version that was made by this plan, is of a kind that will do, and is whole."""
    return newest(home, lambda one: one.manifest.plan == plan.id and choice.allows(one))
