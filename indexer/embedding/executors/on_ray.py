"""Embedding on Ray Data: one task reads the records, one actor a GPU makes chunks of them and writes them.

Ray does again what a lost node had in hand. What counts is which chunks there are: where some are missing at the end of
a pass over the records, another pass makes them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from tqdm import tqdm

from indexer.embedding.chunks import stored_chunk, stored_numbers
from indexer.embedding.embed import expect_all_read, pass_over
from indexer.embedding.executors.local import expect_whole
from indexer.embedding.executors.ray_cluster import Node, joined
from indexer.embedding.executors.ray_reading import Stretches
from indexer.embedding.executors.ray_worker import Embedder, Task, lacking
from indexer.embedding.plan import Plan
from indexer.kb.record import KnowledgeBase
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.machine import DeviceChoice

MOST_CPUS = 8  # of an actor that encodes on the processor: from there on its threads wait for the interpreter
READY_SECONDS = 180  # for a node to import this program and to look at the files


class OnRay:
    """Makes chunks on a Ray cluster.

    Args:
        address: of the cluster; see `joined`.
        checkpoint: its folder, at the same path on every machine.
    """

    def __init__(self, address: str | None, checkpoint: Path, device: DeviceChoice) -> None:
        self._address, self._checkpoint, self._device = address, checkpoint, device

    def embed(self, source: KnowledgeBase, plan: Plan, workshop: Path, *, strict: bool) -> int:
        """Makes them, in whatever order, with a progress bar.

        Raises:
            WikiClipError: the cluster cannot be joined, a node of it lacks what it needs, or Ray gave up.
        """
        with joined(self._address) as nodes:
            crew = Crew.of(nodes, self._device)
            task = Task(
                plan=plan,
                checkpoint=self._checkpoint,
                workshop=workshop.absolute(),
                device="gpu" if crew.gpus else "cpu",
                threads=max(1, crew.cpus),
            )
            expect_ready(task, nodes)
            expect_whole(source, workshop)
            with tqdm(total=len(source), unit=" records", desc=f"Embedding {source.name} on {crew}") as bar:
                stored = stored_numbers(workshop)
                pass_over(min(len(stored) * plan.chunk_records, len(source)), bar)
                if strict:
                    for number in sorted(stored):
                        expect_all_read(stored_chunk(workshop, number))
                while True:
                    chunks = one_pass(dataset(source, task, crew), bar, workshop if strict else None)
                    before, stored = stored, stored_numbers(workshop)
                    if chunks is not None and stored.issuperset(range(chunks)):
                        return chunks
                    if stored == before:
                        raise WikiClipError(
                            f"Ray lost whatever it was given: look at its nodes with `ray status`. {len(stored)} chunks"
                            " are kept; run the command again."
                        )


@dataclass(frozen=True, kw_only=True)
class Crew:
    """The actors that a cluster has room for, and what each takes."""

    actors: int
    cpus: int
    gpus: int
    nodes: int

    @classmethod
    def of(cls, nodes: Sequence[Node], device: DeviceChoice) -> "Crew":
        """One actor a GPU where there are some, each with its share of its node's cores; else one for so many cores as
        the smallest node has.

        Raises:
            WikiClipError: there is no core, or GPUs are asked for and there is none.
        """
        with_gpu = [node for node in nodes if node.gpus] if device != "cpu" else []
        if with_gpu:
            cpus = min(node.cpus // node.gpus for node in with_gpu)  # none where there are fewer cores: they are shared
            return cls(actors=sum(node.gpus for node in with_gpu), cpus=cpus, gpus=1, nodes=len(with_gpu))
        if device == "gpu":
            raise WikiClipError("No node of the Ray cluster has a GPU: use --device cpu, or look at `ray status`.")
        working = [node for node in nodes if node.cpus]
        if not working:
            raise WikiClipError("No node of the Ray cluster has a core to give: start one with --num-cpus.")
        cpus = min(MOST_CPUS, *(node.cpus for node in working))
        return cls(actors=sum(node.cpus // cpus for node in working), cpus=cpus, gpus=0, nodes=len(working))

    def __str__(self) -> str:
        workers = f"{self.actors} {'GPU' if self.gpus else 'worker'}{'s' if self.actors > 1 else ''}"
        return f"{workers} of {self.nodes} node{'s' if self.nodes > 1 else ''}"


def expect_ready(task: Task, nodes: Sequence[Node]) -> None:
    """Raises WikiClipError where a node lacks the program, the checkpoint or a folder; one that is lost by now is
    passed over."""
    look = ray.remote(num_cpus=0, max_retries=0)(lacking)
    asked = {look.options(scheduling_strategy=on(node.id)).remote(task): node for node in nodes}
    waiting = list(asked)
    while waiting:
        ready, waiting = ray.wait(waiting, timeout=READY_SECONDS)
        if not ready:
            names = ", ".join(sorted(asked[one].name for one in waiting))
            raise WikiClipError(f"In {READY_SECONDS} s no answer came from {names}: look at `ray status`.")
        for one in ready:
            try:
                lacks = ray.get(one)
            except (ray.exceptions.NodeDiedError, ray.exceptions.WorkerCrashedError):
                continue
            except (ray.exceptions.RayError, ImportError) as error:
                lacks = f"cannot run this program ({last_line(error)}): install the same version of it there"
            if lacks is not None:
                raise WikiClipError(f"{asked[one].name} {lacks.removesuffix('.')}.")


def dataset(source: KnowledgeBase, task: Task, crew: Crew) -> "ray.data.Dataset":
    """From the records to rows of what became of each stretch; nothing is done yet."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # byte: a stretch is a block of its own, so that each may go to another actor
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    here = ray.get_runtime_context().get_node_id()
    rows = ray.data.read_datasource(
        Stretches(source, task.plan, task.workshop),
        override_num_blocks=1,
        num_cpus=0,
        label_selector={"ray.io/node-id": here},
    )
    made: ray.data.Dataset = rows.map_batches(
        Embedder,
        fn_constructor_args=(task,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=crew.actors, max_size=None),
        num_cpus=crew.cpus,
        num_gpus=crew.gpus or None,
    )
    return made


def one_pass(rows: "ray.data.Dataset", bar: "tqdm[Never]", strict: Path | None) -> int | None:
    """Has missing chunks made, and returns how many there are in all; None where the row that says so was lost.

    Args:
        strict: the workshop, where chunks shall be looked at as they come.

    Raises:
        BadRecordFound: one of them lacks something that could not be read.
        WikiClipError: a row tells of a fault, or Ray gave up.
    """
    chunks = None
    try:
        for done in rows.iter_rows():
            if done["fault"]:
                raise WikiClipError(done["fault"])
            if done["last"] is not None:
                chunks = int(done["last"])
                continue
            bar.update(done["records"])
            if strict is not None:
                expect_all_read(stored_chunk(strict, done["number"]))
    except ray.exceptions.RayError as error:
        raise WikiClipError(
            f"Ray gave up: {last_line(error)}. The chunks that are there are kept; run the command again."
        ) from error
    return chunks


def on(node: str) -> NodeAffinitySchedulingStrategy:
    """Just there."""
    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def last_line(error: BaseException) -> str:
    """What an error of Ray's is about, which stands at the end of a trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else first_line(error)
