"""One of several parts of a build, each made by a process on whichever machine: `--part 2/4`.

The parts share a workshop and nothing else. A chunk belongs to the part that its number falls to in turns, so parts
take about the same time, and none needs to know how many chunks there are before it has read the records.
"""

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from indexer.embedding.chunks import stored_numbers
from indexer.embedding.executors.local import Local
from indexer.embedding.plan import PLAN, Plan, open_workshop, workshop_of
from indexer.errors import IndexBusy
from indexer.kb.record import KnowledgeBase
from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import Held, locked
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip

PARTS = "parts.lock"  # in a workshop that parts share
FORM = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class Part:
    """Which part of how many, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Reads "2/4".

        Raises:
            WikiClipError: it is no part of a whole.
        """
        form = FORM.fullmatch(text)
        if not form or int(form[1]) > int(form[2]):
            raise WikiClipError(f"--part takes I/N with I from 1 to N, such as 1/4 and 4/4, and not {text[:40]!r}.")
        return cls(int(form[1]), int(form[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, chunk: int) -> bool:
        """Whether it makes the chunk of this number."""
        return chunk % self.of == self.number - 1

    def owner(self, chunk: int) -> "Part":
        """The part that makes the chunk of this number."""
        return Part(chunk % self.of + 1, self.of)


class InParts:
    """Makes the chunks of one part; once those of all are there, it is an executor that has nothing left to do."""

    def __init__(self, part: Part, model: WikiClip, device: DeviceChoice) -> None:
        self._part, self._local = part, Local(model, device, mine=part.has)
        self._chunks = 0

    def make(self, source: KnowledgeBase, plan: Plan, home: Path, *, strict: bool) -> bool:
        """Makes this part's chunks, and returns whether the version can be made now; says what is missing if not.

        Raises:
            IndexBusy: another process makes this part.
            BadRecordFound: `strict`, and a record or picture of this part could not be read.
        """
        workshop = self._open(plan, home)
        try:
            with self._alone(workshop):
                self._chunks = self._local.embed(source, plan, workshop, strict=strict)
        except FileNotFoundError:
            if (workshop / PLAN).exists():
                raise
        if not (workshop / PLAN).exists():
            return True  # others had all chunks meanwhile, and published: parts that overlap, of another number
        missing = sorted(set(range(self._chunks)) - stored_numbers(workshop))
        if missing:
            parts = sorted({self._part.owner(chunk).number for chunk in missing})
            typer.echo(
                f"Part {self._part} is done; {len(missing)} of {self._chunks} chunks are missing, of part"
                f" {_listed([f'{number}/{self._part.of}' for number in parts])}. The part that ends last publishes."
            )
        return not missing

    def embed(self, source: KnowledgeBase, plan: Plan, workshop: Path, *, strict: bool) -> int:
        """Returns how many chunks there are.

        Raises:
            WikiClipError: some are not there any more.
        """
        if not self._chunks or not stored_numbers(workshop).issuperset(range(self._chunks)):
            raise WikiClipError(f"Chunks in {workshop} were removed meanwhile; start the parts again.")
        return self._chunks

    def _open(self, plan: Plan, home: Path) -> Path:
        """The parts' workshop, which they open one after the other."""
        workshop = workshop_of(plan, home)
        workshop.mkdir(parents=True, exist_ok=True)
        with locked(workshop / PARTS):
            open_workshop(plan, home)
        for other in sorted(workshop.parent.glob(f"*/{PARTS}")):
            if other.parent != workshop and (differs := _difference(plan, other.with_name(PLAN))):
                typer.echo(
                    f"{other.parent} holds parts of another plan: its {differs} differ. Parts of one build need the"
                    " same records, pictures and checkpoint, at the same paths and with the same dates.",
                    err=True,
                )
        return workshop

    @contextmanager
    def _alone(self, workshop: Path) -> Iterator[None]:
        """Holds the part, so that it is not made twice by mistake; that would only waste time."""
        path = workshop / f"part-{self._part.number}-of-{self._part.of}.lock"
        try:
            with locked(path, wait=False) as descriptor:
                os.truncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()} on {socket.gethostname()}\n".encode())
                yield
        except Held as error:
            holder = path.read_text(encoding="utf-8").strip() or "unknown"
            raise IndexBusy(f"The process {holder} makes part {self._part} already; name another part.") from error


def _difference(plan: Plan, other: Path) -> str | None:
    """What of a plan that is kept in a file is not as in this one; None where that cannot be told."""
    try:
        kept = json.loads(other.read_text(encoding="utf-8"))
        mine = json.loads(plan.to_json())
        return _listed(sorted(name for name in {*kept, *mine} if kept.get(name) != mine.get(name)))
    except (OSError, ValueError, AttributeError, IndexError):
        return None


def _listed(names: list[str]) -> str:
    """Such as "1/4", "1/4 and 2/4", or the first few of many."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
