"""Labels to a file of masks, in chunks: a run that was stopped at any moment goes on where it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from indexer.errors import BadRecordFound
from training.annotate.annotator import Annotator
from training.annotate.chunks import chunk_path, read_chunk, write_chunk
from training.annotate.labels import Fault, Label, LabelSource
from training.annotate.outcome import Outcome
from training.annotate.plan import Plan
from training.annotate.publish import Published, publish, published
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import remove_folder, write_text
from wikiclip.base.locks import Held, locked

PLAN = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Job:
    """An annotation to be made.

    Attributes:
        out: the file of masks that it ends in.
        strict: a problem is the end; the chunks before it stay.
    """

    labels: LabelSource
    annotator: Annotator
    plan: Plan
    out: Path
    strict: bool = False

    @property
    def workshop(self) -> Path:
        """The folder that keeps the plan's chunks until all are published."""
        return self.out.with_name(f"{self.out.name}.chunks") / self.plan.id


def annotate(job: Job) -> Published:
    """Makes what is not yet made, publishes all of it, and returns what was made; shows a progress bar.

    A file that the same plan ended in before is left as it is.

    Raises:
        BadRecordFound: `strict`, and a label or its picture could not be read.
        WikiClipError: another process works on the same plan, or a chunk was changed.
    """
    if (before := published(job.out, job.plan.id)) is not None:
        return before
    job.workshop.mkdir(parents=True, exist_ok=True)
    try:
        with locked(job.workshop / "lock", wait=False):
            write_text(job.workshop / PLAN, job.plan.to_json())
            count = _fill(job)
            made = publish([chunk_path(job.workshop, number) for number in range(count)], job.out, job.plan.id)
    except Held as error:
        raise WikiClipError(f"Another process is making {job.out}: wait for it, or name another file.") from error
    remove_folder(job.workshop.parent)
    return made


def _fill(job: Job) -> int:
    """Makes the chunks that are not there, in order, and returns how many there are in all."""
    labels, chunks = iter(job.labels), 0
    with tqdm(total=len(job.labels), unit=" labels", desc=f"Annotating {job.labels.name}") as bar:
        while stretch := list(islice(labels, job.plan.chunk_labels)):
            path = chunk_path(job.workshop, chunks)
            if path.exists():
                bar.initial += len(stretch)  # so that the rate counts only what this run did
                bar.update(len(stretch))
            else:
                outcomes = []
                for found in _by_picture(stretch, job.annotator):
                    outcomes += found
                    bar.update(len(found))
                write_chunk(path, outcomes)
            if job.strict:
                _expect_no_problem(path)
            chunks += 1
    return chunks


def _by_picture(stretch: Sequence[Label | Fault], annotator: Annotator) -> Iterator[list[Outcome]]:
    """Yields what becomes of labels, those of one picture together, which is then looked at once."""
    yield [
        Outcome(data_id=fault.where, fate="problem", code=fault.code, why=fault.why)
        for fault in stretch
        if isinstance(fault, Fault)
    ]
    by_picture: dict[Path, list[Label]] = {}
    for label in stretch:
        if isinstance(label, Label):
            by_picture.setdefault(label.picture, []).append(label)
    for labels in by_picture.values():
        yield annotator.annotate(labels)


def _expect_no_problem(path: Path) -> None:
    for outcome in read_chunk(path):
        if outcome.code is not None:
            raise BadRecordFound(
                f"{outcome.data_id}: {outcome.code}: {outcome.why.rstrip('.')}. Mend it, or run without --strict."
            )
