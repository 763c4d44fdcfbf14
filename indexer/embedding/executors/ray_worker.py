"""What runs on the workers of a Ray cluster: a look whether all is there that they need, and the encoder."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch

from indexer.embedding.chunks import stored_chunk
from indexer.embedding.pending import PendingChunk, workers
from indexer.embedding.plan import PLAN, Plan
from indexer.embedding.replicas import Replicas, open_replicas
from indexer.kb.record import BadRecord, Entity
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.checkpoint import read_checkpoint
from wikiclip.model import WikiClip

# last: how many chunks there are, in the row that says so; else number: of the chunk that was made, of so many records.
OUTCOME = pa.schema([("last", pa.int64()), ("number", pa.int64()), ("records", pa.int64()), ("fault", pa.string())])


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker makes chunks of a plan with.

    Attributes:
        checkpoint: its folder, at the same path on every machine.
        workshop: the plan's, shared by all machines at the same path.
        threads: that read pictures and encode.
    """

    plan: Plan
    checkpoint: Path
    workshop: Path
    device: DeviceChoice
    threads: int

    @property
    def image_root(self) -> Path | None:
        return None if self.plan.image_root is None else Path(self.plan.image_root)


def lacking(task: Task) -> str | None:
    """What this machine lacks to make chunks of the plan, as the end of a sentence that begins with its name."""
    try:
        plan = (task.workshop / PLAN).read_text(encoding="utf-8")
    except OSError:
        return f"does not see {task.workshop}: share the folder of --out with it, at the same path"
    if plan != task.plan.to_json():
        return f"sees another plan in {task.workshop}, or has another version of this program"
    if task.image_root is not None and not task.image_root.is_dir():
        return f"does not see the pictures in {task.image_root}: share them with it, at the same path"
    try:
        _, _, fingerprint = read_checkpoint(task.checkpoint)
    except (WikiClipError, OSError) as error:
        return f"cannot read the checkpoint {task.checkpoint}, which must be at the same path there: {error}"
    return None if fingerprint == task.plan.model_fingerprint else f"has another checkpoint in {task.checkpoint}"


class Embedder:
    """An actor that holds the model and makes one chunk after the other; it writes them itself.

    What a user can mend comes back as a row with a fault: raised, it would come out of Ray as a trace, or be tried
    again.
    """

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.threads)
        self._task, self._fault = task, ""
        self._replicas: Replicas | None = None
        try:
            self._replicas = open_replicas(WikiClip.load(task.checkpoint), task.device)
        except WikiClipError as error:
            self._fault = str(error)

    def __call__(self, rows: pa.Table) -> pa.Table:
        (row,) = rows.to_pylist()
        if fault := row["fault"] or self._fault:
            return outcome(fault=fault)
        if row["records"] is None:
            return outcome(last=row["number"])
        try:
            return outcome(number=row["number"], records=self._make(row["number"], pickle.loads(row["records"])))
        except WikiClipError as error:
            return outcome(fault=str(error))
        except OSError as error:
            return outcome(fault=f"A chunk could not be written or read: {error}.")

    def _make(self, number: int, stretch: Sequence[Entity | BadRecord]) -> int:
        assert self._replicas is not None
        task, chunk = self._task, stored_chunk(self._task.workshop, number)
        if not chunk.exists():  # else a worker that was lost had it written before
            with workers() as pool:
                pending = PendingChunk(
                    stretch, task.image_root, self._replicas, pool, follow_links=task.plan.follow_links
                )
                chunk.write(pending.finish(_ignore))
        return len(stretch)


def outcome(
    *, last: int | None = None, number: int | None = None, records: int | None = None, fault: str | None = None
) -> pa.Table:
    """One row of what comes back."""
    return pa.table({"last": [last], "number": [number], "records": [records], "fault": [fault]}, schema=OUTCOME)


def _ignore(_: object) -> None:
    pass
