"""The seam between an index and the many ways to search vectors: what a kind of index offers.

Axes: B query, K hit, M vector width, N index row, S sample row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from indexer.kinds.among import Among


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found: best first, among equal scores the lower row first; row -1 where there are fewer than K."""

    rows_BK: NDArray[np.int64]
    scores_BK: NDArray[np.float32]


class Searcher(Protocol):
    """Finds the rows nearest to each query by inner product; rows count on from shard to shard. Safe on any thread."""

    def __len__(self) -> int: ...  # rows

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        """The k best rows of each query.

        Args:
            k: at least 1.
            among: leaves all other rows out before it compares, so that the k best of these are found.
        """

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]: ...  # [K, M], as stored


@runtime_checkable
class GroupingSearcher(Protocol):
    """A searcher that makes an entity's rows one where they are. It need not find all that it is asked for; those that
    it finds are the best."""

    @property
    def most(self) -> int: ...  # hits that it gives at most, whatever k is

    def search_entities(self, queries_BM: NDArray[np.float32], k: int) -> Hits: ...  # the best row of each entity


class OpenShards(Searcher, Protocol):
    """A searcher over the files of shards."""

    @property
    def counts(self) -> Sequence[int]: ...  # how many rows each shard has


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an index of some size takes.

    Attributes:
        memory: bytes of anonymous memory while it is open, beside what the process takes without it.
        disk: bytes of its files.
        says: the same, and what the search reads, in a sentence.
    """

    memory: int
    disk: int
    says: str


class IndexKind(Protocol):
    """A way to keep vectors so that they can be searched."""

    @property
    def name(self) -> str: ...  # what `--index` calls it

    @property
    def mapped(self) -> tuple[str, ...]: ...  # files of a shard that are read while it is open, and must not shrink

    def train(self, sample_SM: NDArray[np.float32], *, rows: int, folder: Path) -> None:
        """Writes what all shards share into `folder`: nothing, for a kind that learns nothing.

        Args:
            sample_SM: rows drawn from the whole index, one or more. An equal sample gives equal files.
            rows: N of the whole index.
            folder: exists, and is the `shared` of the other methods.
        """

    def write(self, vectors_NM: NDArray[np.float16], folder: Path, shared: Path) -> None:
        """Writes one shard's files into `folder`, which exists. Equal vectors give equal files.

        Raises:
            WikiClipError: the disk is full or cannot be written.
            CorruptIndex: what the shards share cannot be read.
        """

    def open(self, shards: Sequence[Path], shared: Path, *, width: int, threads: int = 1) -> OpenShards:
        """Opens the shards' folders, in the order of their rows, as one; no row that it finds will be out of range.

        Args:
            threads: how many threads one search may take. OpenMP counts them for each calling thread, so a server
                with several callers would otherwise start that many times the cores.

        Raises:
            CorruptIndex: a file is not what this kind writes.
        """

    def kept(self, shard: Path, *, width: int) -> NDArray[np.float16]:
        """The vectors [N, M] that `write` was given for a shard: no kind may lose them, or a build of another kind
        would have to embed all records again.

        Raises:
            CorruptIndex: a file is not what this kind writes.
        """

    def cost(self, rows: int, width: int) -> Cost: ...
