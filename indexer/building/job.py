"""A build from its plan to the version that is current, whoever embeds for it."""

from dataclasses import dataclass
from pathlib import Path

import typer

from indexer.building.choice import Choice
from indexer.building.make import HELD_BACK, expect_no_collapse, made_before, make_in_place
from indexer.building.report import expect_no_problems, report
from indexer.embedding.executors.executor import Executor
from indexer.embedding.plan import Plan, open_workshop, workshop_of
from indexer.embedding.reuse import embedded_before, unpack
from indexer.errors import CorruptIndex
from indexer.kb import KnowledgeBase
from indexer.kinds.milvus.server import MilvusServer
from indexer.kinds.milvus.upkeep import drop_stopped, follow_with_alias
from indexer.updating.onto import AtStake, Decision, at_stake, with_updates
from indexer.version import make_current
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import remove_folder
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip

UNPACKED = "-again"  # the suffix of a workshop whose chunks were a version's


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked of a build, whoever embeds for it."""

    source: KnowledgeBase
    choice: "Choice"
    home: Path
    strict: bool
    force: bool
    model: WikiClip
    updates: Decision = Decision.ASK
    device: DeviceChoice = "auto"

    def at_stake(self) -> AtStake | None:
        """The updates of the current version. Raises WikiClipError where nobody said what shall become of them."""
        if (found := at_stake(self.home)) is not None:
            found.expect(self.updates)
        return found

    def is_embedded(self, plan: Plan) -> bool:
        """Whether a version holds the vectors of this plan, so that parts have nothing to make.

        Raises:
            WikiClipError: all shall be embedded again, and parts cannot tell chunks of before from their own.
        """
        if self._anew(plan):
            raise WikiClipError("--force embeds everything again, which parts cannot; build without --part for that.")
        return embedded_before(plan, self.home) is not None

    def finish(self, plan: Plan, executor: Executor) -> None:
        """Makes what is missing for a version of the plan, and publishes it; the home is held meanwhile."""
        home, anew, stake = self.home, self._anew(plan), self.at_stake()
        version = None if anew else made_before(plan, home, self.choice)
        if version is not None:
            if not self.force:
                expect_no_collapse(version.manifest.counts.entities, plan, home)
            self.choice.expect_server(version)
        else:
            before = None if anew else embedded_before(plan, home)
            if before is None:
                if anew:
                    clear(workshop_of(plan, home), home, self.choice.milvus)
                workshop = open_workshop(plan, home)
                chunks = executor.embed(self.source, plan, workshop, strict=self.strict)
            else:
                if self.strict:
                    expect_no_problems(before)
                typer.echo(f"Index {before.id} holds these vectors; nothing is embedded again.")
                workshop = open_workshop(plan, home, suffix=UNPACKED)
                chunks = unpack(before, workshop, milvus=self.choice.milvus)
            version = make_in_place(workshop, chunks, plan, self.choice, home, force=self.force)
        if stake is not None and self.updates is Decision.KEEP:
            milvus = self.choice.milvus
            version = with_updates(version, stake, home, model=self.model, device=self.device, milvus=milvus)
        make_current(version, home, as_newest=True)  # also one that was there: what was current is before it
        follow_with_alias(version, self.choice.milvus)
        for suffix in ("", UNPACKED):  # whatever a build left that was killed, too
            try:
                clear(workshop_of(plan, home, suffix=suffix), home, self.choice.milvus)
            except WikiClipError as error:  # the version is published: what is in the way of this one is none of its
                typer.echo(
                    f"What a stopped build left in Milvus stays until `versions prune --unfinished`: {error}", err=True
                )
        report(version, strict=self.strict)

    def _anew(self, plan: Plan) -> bool:
        """What was embedded for a version that was held back is what --force publishes."""
        return self.force and not (workshop_of(plan, self.home) / HELD_BACK).exists()


def clear(workshop: Path, home: Path, milvus: MilvusServer | None) -> None:
    """Removes a workshop, and the collections of builds that were stopped in it: none of them where a file cannot be
    read that may name one.

    Raises:
        WikiClipError: there are such, and their server is not named or does not answer; nothing is removed then.
    """
    try:
        for name in drop_stopped(workshop, home, milvus):
            typer.echo(f"Removed the collection {name} from Milvus, which a stopped build left.")
    except CorruptIndex as error:
        typer.echo(f"What a stopped build left in Milvus stays there: {error}", err=True)
    remove_folder(workshop)
