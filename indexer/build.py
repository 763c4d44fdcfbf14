"""The command line that makes an index: `python -m indexer.build --kb wordnet`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from indexer.assemble import assemble, version_folder, with_rows
from indexer.embedding.estimate import estimate
from indexer.embedding.executors.executor import Executor, ExecutorName
from indexer.embedding.executors.local import Local
from indexer.embedding.executors.part import InParts, Part
from indexer.embedding.executors.ray_cluster import prepare_ray
from indexer.embedding.plan import Plan, make_plan, open_workshop, workshop_of
from indexer.embedding.replicas import Replicas, open_replicas
from indexer.embedding.reuse import embedded_before, unpack
from indexer.errors import BadRecordFound, CorruptIndex, NoIndex
from indexer.kb import FETCHED, KnowledgeBase, KnowledgeBaseName, open_kb
from indexer.kb.jsonl import JsonLines
from indexer.kb.languages import warning
from indexer.kinds import KINDS, MILVUS, SHORT, kind_of
from indexer.kinds.choose import choose, choose_in_milvus
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus.kind import Milvus
from indexer.kinds.milvus.server import MilvusServer, Uri, named_server
from indexer.kinds.milvus.upkeep import drop_stopped, expect_server, follow_with_alias, forget_what_is_lost
from indexer.search import EntityIndex
from indexer.self_check import expect_rows_find_themselves
from indexer.updating.onto import AtStake, Decision, at_stake, with_updates
from indexer.version import PROBLEMS, Version, make_current, newest, only_builder, place, read_version
from indexer.words.file import Words
from indexer.words.kept import words_of_version
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import remove_folder
from wikiclip.base.machine import DeviceChoice, memory
from wikiclip.base.paths import index_home
from wikiclip.checkpoint import checkpoint_folder, made_by
from wikiclip.languages import reading_of
from wikiclip.model import WikiClip

AUTO = "auto"
UNPACKED = "-again"  # the suffix of a workshop whose chunks were a version's
HELD_BACK = "held-back"  # in a workshop: all that its plan takes is embedded, and waits for --force
app = typer.Typer(add_completion=False)


class Backend(StrEnum):
    """Where an index has its vectors."""

    FAISS = "faiss"
    MILVUS = "milvus"


@app.command()
def build(
    kb: Annotated[KnowledgeBaseName, typer.Option(help="Which knowledge base to read.")],
    records: Annotated[
        Path | None, typer.Option(help="Its file of records, for jsonl, oven and encyclopedic-vqa.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="The folder that its pictures are named from.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also what cannot be seen, such as years and theorems, of wikipedia.")
    ] = False,
    follow_links: Annotated[
        bool,
        typer.Option(
            "--follow-links", help="Read and serve pictures that are links out of that folder, or behind one."
        ),
    ] = False,
    model: Annotated[str, typer.Option(help="The name of a checkpoint, or its folder.")] = "tiny",
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Build OVEN's with a checkpoint that was trained on the default data.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The folder that keeps the index versions; var/index if left out.")
    ] = None,
    index: Annotated[
        str, typer.Option(help=f"How vectors are kept and searched: auto, {', '.join([*SHORT, *KINDS, *MILVUS])}.")
    ] = AUTO,
    backend: Annotated[
        Backend, typer.Option(help="Where the vectors are: in the version's files, for FAISS, or in a Milvus server.")
    ] = Backend.FAISS,
    uri: Uri = None,
    memory_gb: Annotated[
        float | None,
        typer.Option(min=0.01, help="What `auto` may plan for an open index; half of this machine's if left out."),
    ] = None,
    words: Annotated[
        Words, typer.Option(help="Whose words records are found by: titles and other names, texts too, or none.")
    ] = Words.TEXTS,
    device: Annotated[
        DeviceChoice, typer.Option(help="Where to embed; auto takes all GPUs where there are some.")
    ] = "auto",
    executor: Annotated[ExecutorName, typer.Option(help="Who embeds: this process, or a Ray cluster.")] = (
        ExecutorName.LOCAL
    ),
    address: Annotated[
        str | None,
        typer.Option(
            help="For ray: HOST:PORT of its head, or auto for the one on this machine; one is started if left out."
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="Embed one part of several, such as 2/4, beside processes that embed the others."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first record or picture that cannot be read.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Embed again even if nothing changed; publish however few entities.")
    ] = False,
    keep_updates: Annotated[
        bool, typer.Option("--keep-updates", help="Apply the updates of the current version to what is built.")
    ] = False,
    discard_updates: Annotated[
        bool, typer.Option("--discard-updates", help="Build without the updates of the current version.")
    ] = False,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Only say what time, memory and disk the build is expected to take.")
    ] = False,
) -> None:
    """Embed a knowledge base and publish it as a new index version. A build that was stopped goes on where it was."""
    choice = Choice(
        index,
        memory() // 2 if memory_gb is None else int(memory_gb * 1e9),
        backend=backend,
        milvus=named_server(uri),
        words=words,
    )
    home = out or index_home()
    decision = decided(keep=keep_updates, discard=discard_updates)
    mine = None if part is None else Part.parse(part)
    expect_options_that_fit(executor, mine, address)
    source = open_kb(kb, records=records, images=images, everything=everything, follow_links=follow_links)
    loaded = WikiClip.load(model)
    if plan_only:
        expect(source, open_replicas(loaded, device), choice)
        return
    if kb == KnowledgeBaseName.OVEN and not any_model:
        expect_fit_for_oven(model)
    choice.expect_server()
    job = Job(
        source=source,
        choice=choice,
        home=home,
        strict=strict,
        force=force,
        updates=decision,
        model=loaded,
        device=device,
    )
    job.at_stake()
    if mine is None:
        with only_builder(home):
            job.finish(planned(source, loaded), executor_of(executor, model, loaded, device, address))
    else:
        plan, parts = planned(source, loaded), InParts(mine, loaded, device)
        if job.is_embedded(plan) or parts.make(source, plan, home, strict=strict):
            with only_builder(home, wait=True):
                job.finish(plan, parts)


def planned(source: KnowledgeBase, model: WikiClip) -> Plan:
    """The plan, once it was said which of one's own records are in languages that the model does not read."""
    plan, reading = make_plan(source, model), reading_of(model.preset)
    if isinstance(source, JsonLines) and reading is not None:
        said = warning(source.languages, reading, model.name)
        if said is not None:
            typer.echo(said, err=True)
    return plan


def expect_options_that_fit(executor: ExecutorName, part: Part | None, address: str | None) -> None:
    """Raises WikiClipError where one option makes another meaningless."""
    if address is not None and executor != ExecutorName.RAY:
        raise WikiClipError("--address names a Ray cluster; add --executor ray.")
    if part is not None and executor != ExecutorName.LOCAL:
        raise WikiClipError("--part is for machines without Ray, which shares the chunks out itself; leave one out.")


def decided(*, keep: bool, discard: bool) -> Decision:
    """What shall become of updates. Raises WikiClipError where both were said."""
    if keep and discard:
        raise WikiClipError("--keep-updates and --discard-updates exclude each other; leave one out.")
    return Decision.KEEP if keep else Decision.DISCARD if discard else Decision.ASK


def executor_of(
    name: ExecutorName, model: str, loaded: WikiClip, device: DeviceChoice, address: str | None
) -> Executor:
    """Who makes the chunks. Ray is imported only where it is asked for."""
    if name == ExecutorName.LOCAL:
        return Local(loaded, device)
    prepare_ray()
    from indexer.embedding.executors.on_ray import OnRay

    return OnRay(address, checkpoint_folder(model).absolute(), device)


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
        make_current(version, home)
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


class Choice:
    """Which kind of index is wanted: one by name, or what suits the size and the memory (bytes) of an open index.

    Args:
        milvus: the server, if one is named.
        words: which words of the records are to be kept.

    Raises:
        WikiClipError: there is no such kind.
    """

    def __init__(
        self,
        name: str,
        memory: int,
        *,
        backend: Backend = Backend.FAISS,
        milvus: MilvusServer | None = None,
        words: Words = Words.TEXTS,
    ) -> None:
        in_milvus = f"milvus-{name}"
        if backend is Backend.MILVUS and in_milvus in MILVUS:
            name = in_milvus
        self._named = None if name == AUTO else kind_of(name, milvus=milvus)
        self._among: Mapping[str, IndexKind] = MILVUS if backend is Backend.MILVUS else KINDS
        if backend is Backend.MILVUS and self._named is not None and self._named.name not in MILVUS:
            short = ", ".join(kind.removeprefix("milvus-") for kind in MILVUS)
            raise WikiClipError(f"With --backend milvus, --index is one of auto, {short}; {name} is a kind of FAISS's.")
        self._memory, self.milvus, self.words = memory, milvus, words

    def allows(self, version: Version) -> bool:
        """Whether an index of this kind will do: none of a kind that is gone, none that keeps other words.

        Raises:
            CorruptIndex: its words are none.
        """
        kind = version.manifest.kind
        fits = kind in self._among if self._named is None else self._named.name == kind
        return fits and words_of_version(version) is self.words

    def kind(self, rows: int, width: int) -> IndexKind:
        """The kind, and why it was chosen, printed."""
        if self._named is not None:
            return self._named
        name, why = (choose_in_milvus if self._among is MILVUS else choose)(rows, width, self._memory)
        typer.echo(why)
        return kind_of(name, milvus=self.milvus)

    def expect_server(self, version: Version | None = None) -> None:
        """Raises IndexUnreachable where the vectors belong into a server that does not answer, and CorruptIndex where
        it does not have those of a version."""
        if self._among is MILVUS or isinstance(self._named, Milvus):
            expect_server(self._named or kind_of("milvus-flat", milvus=self.milvus), version)


def expect_fit_for_oven(model: str) -> None:
    """Raises WikiClipError for a checkpoint that was trained on the default data: days of work would find little."""
    data = made_by(checkpoint_folder(model)).get("data")
    if isinstance(data, dict) and data.get("data") == "scenes":
        raise WikiClipError(
            f"The checkpoint {model} was trained on a few hundred stamps, and OVEN's entities are six million. Take a"
            " tower that knows text (`python -m wikiclip.make --preset clip`, then --model clip), train a checkpoint on"
            " OVEN (`python -m training.train --data oven ...`), or build with this one nevertheless: --any-model."
        )


def expect(source: KnowledgeBase, replicas: Replicas, choice: Choice) -> None:
    """Says what a build would take."""

    def kind_cost(rows: int, width: int) -> tuple[int, int]:
        cost = choice.kind(rows, width).cost(rows, width)
        return cost.memory, cost.disk

    typer.echo("\n".join(estimate(source, replicas, kind_cost).lines()))


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


def report(version: Version, *, strict: bool) -> None:
    """Says what the index holds.

    Raises:
        BadRecordFound: `strict`, and an earlier build that was not left something out.
    """
    counts = version.manifest.counts
    typer.echo(f"Index {version.id} in {version.folder}: {counts.entities} entities, {counts.rows} vectors.")
    if strict:
        expect_no_problems(version)
    if counts.problems:
        typer.echo(_problems(version), err=True)


def expect_no_problems(version: Version) -> None:
    """Raises BadRecordFound where the build of a version left something out."""
    if version.manifest.counts.problems:
        raise BadRecordFound(_problems(version))


def _problems(version: Version) -> str:
    count = version.manifest.counts.problems
    return f"{count} records or pictures could not be read; {version.folder / PROBLEMS} lists them."


if __name__ == "__main__":
    run(app)
