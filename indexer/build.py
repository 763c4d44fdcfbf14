"""The command line that makes an index: `python -m indexer.build --kb wordnet`."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.building.choice import AUTO, Backend, Choice
from indexer.building.job import Job
from indexer.embedding.estimate import estimate
from indexer.embedding.executors.executor import Executor, ExecutorName
from indexer.embedding.executors.local import Local
from indexer.embedding.executors.part import InParts, Part
from indexer.embedding.executors.ray_cluster import prepare_ray
from indexer.embedding.plan import Plan, make_plan
from indexer.embedding.replicas import Replicas, open_replicas
from indexer.kb import KnowledgeBase, KnowledgeBaseName, open_kb
from indexer.kb.jsonl import JsonLines
from indexer.kb.languages import warning
from indexer.kinds import KINDS, MILVUS, SHORT
from indexer.kinds.milvus.server import Uri, named_server
from indexer.updating.onto import Decision
from indexer.version import only_builder
from indexer.words.file import Words
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice, memory
from wikiclip.base.paths import index_home
from wikiclip.checkpoint import checkpoint_folder, made_by
from wikiclip.model import WikiClip
from wikiclip.presets.languages import reading_of

app = typer.Typer(add_completion=False)


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
    if not plan_only:  # before records are opened, which takes a while
        expect_what_it_needs(executor, choice)
    source = open_kb(kb, records=records, images=images, everything=everything, follow_links=follow_links)
    loaded = WikiClip.load(model)
    if plan_only:
        expect(source, open_replicas(loaded, device), choice)
        return
    if kb == KnowledgeBaseName.OVEN and not any_model:
        expect_fit_for_oven(model)
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


def expect_what_it_needs(executor: ExecutorName, choice: Choice) -> None:
    """Raises WikiClipError where an extra is not installed, or Milvus not named or not there."""
    if executor == ExecutorName.RAY:
        prepare_ray()
    choice.expect_server()


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
    from indexer.embedding.executors.on_ray import OnRay

    return OnRay(address, checkpoint_folder(model).absolute(), device)


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


if __name__ == "__main__":
    run(app)
