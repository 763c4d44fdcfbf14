"""The seam between a build and who embeds for it."""

from enum import StrEnum
from pathlib import Path
from typing import Protocol

from indexer.embedding.plan import Plan
from indexer.kb.record import KnowledgeBase


class ExecutorName(StrEnum):
    """The executors that can be named."""

    LOCAL = "local"
    RAY = "ray"


class Executor(Protocol):
    """Makes chunks. The plan settles what is in each, so those of one executor stand beside those of another."""

    def embed(self, source: KnowledgeBase, plan: Plan, workshop: Path, *, strict: bool) -> int:
        """Makes those chunks of a workshop that are not there yet, and returns how many there are in all.

        Raises:
            BadRecordFound: `strict`, and a record or picture could not be read; chunks that were made stay.
            WikiClipError: something keeps it from going on; chunks that were made stay.
        """
        ...
