"""What is wrong with an annotated set: counted, listed in a file, and left out."""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Literal, Self, get_args

from indexer.errors import BadRecordFound
from indexer.kb.record import BadRecord
from training.data.annotation import Annotation, MentionCode

ProblemCode = Literal[
    "unreadable-record",  # a malformed line, a missing key, a value of the wrong type
    "duplicate-id",
    "unknown-entity",  # not in the knowledge base
    MentionCode,  # found when the mention is decoded
]
PROBLEM_CODES: tuple[ProblemCode, ...] = get_args(ProblemCode)


class Problems:
    """Collects the problems of one pass over a set. Safe on any thread.

    Args:
        report: a file of JSON lines, `{"code", "where", "why"}`, to which each problem is added as it is found.
        strict: the first problem is the end.

    Attributes:
        counts: how often each problem was found.
        read: how many annotations were looked at, the bad ones included; `checked` counts them.
    """

    def __init__(self, report: Path, *, strict: bool = False) -> None:
        self.counts: Counter[ProblemCode] = Counter()
        self.read = 0
        self._strict = strict
        self._lock = Lock()
        self._report = report
        report.parent.mkdir(parents=True, exist_ok=True)
        self._file = report.open("a", encoding="ascii", buffering=1)  # a line at a time, so that a kill loses none

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, code: ProblemCode, where: str, why: str) -> None:
        """Notes one annotation that is left out.

        Args:
            where: its data_id, or where its record is.
            why: a sentence.

        Raises:
            BadRecordFound: `strict`.
        """
        with self._lock:
            self.counts[code] += 1
            self._file.write(json.dumps({"code": code, "where": where, "why": why}) + "\n")
        if self._strict:
            raise BadRecordFound(f"{where}: {code}: {why.rstrip('.')}. Mend it, or run without --strict.")

    def summary(self) -> str:
        """Returns one line for a person."""
        return summary(self.read, self.counts, self._report)


def summary(read: int, counts: Mapping[ProblemCode, int], report: Path) -> str:
    """Returns what was left out of a set, in one line for a person.

    Args:
        read: how many annotations were looked at.
        counts: how often each problem was found.
        report: the file that lists them.
    """
    total, found = f"{read:,} annotations", sum(counts.values())
    if not found:
        return f"None of {total} was left out."
    kinds = ", ".join(f"{count:,} {code}" for code, count in Counter(counts).most_common())
    were, them = ("was", "it") if found == 1 else ("were", "them")
    return f"{found:,} of {total} {were} left out: {kinds}; {report} lists {them}."


def checked(
    annotations: Iterable[Annotation | BadRecord], known: Container[str], problems: Problems
) -> Iterator[Annotation]:
    """Lets the first annotation of each id through if its entity is known; looks at no picture.

    Ids are remembered as 64-bit hashes, which a set of Python's keeps in 60 to 90 bytes each: at most 0.45 GB for
    five million. That any two of so many share one, and the second is left out, has a chance below one in a million.

    Args:
        known: the ids of the knowledge base's entities.

    Raises:
        BadRecordFound: the problems are `strict`, and there is one.
    """
    seen: set[int] = set()
    for found in annotations:
        problems.read += 1
        if isinstance(found, BadRecord):
            problems.add("unreadable-record", found.where, found.why)
            continue
        key = _hash(found.data_id)
        if key in seen:
            problems.add("duplicate-id", found.data_id, "The data_id was given before.")
        elif found.entity_id not in known:
            problems.add("unknown-entity", found.data_id, f"{found.entity_id} is not in the knowledge base.")
        else:
            yield found
        seen.add(key)


def _hash(data_id: str) -> int:
    """The same in every process, unlike Python's own, so that every run leaves out the same."""
    return int.from_bytes(hashlib.blake2b(data_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
