"""What an index version's files say of the rows that a server keeps: enough to tell whether they still are the same."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from indexer.errors import CorruptIndex
from indexer.manifest import Count, Sha256, Strict
from wikiclip.base.regular_files import read_regular

FILE = "milvus.json"
MOST_BYTES = 2**16
SAMPLED = 8  # rows of a shard that are looked at whenever it is opened
ROW_BITS = 32  # of a primary key; those above name the shard

CollectionName = Annotated[str, Field(pattern=r"^wikiclip_[a-z0-9_]{1,60}$")]


class CollectionStamp(Strict):
    """What the shards share.

    Attributes:
        collection: holds them.
        lists: of its index, where that has some.
    """

    collection: CollectionName
    lists: Annotated[int, Field(ge=1)]


class SampledRow(Strict):
    """A row and the checksum of its vector."""

    row: Count
    sha256: Sha256


class RowsStamp(Strict):
    """A shard's rows, which are a partition of the collection.

    Attributes:
        key: names the shard by its content: equal rows have an equal key.
        rows: how many there are.
        dimension: the width of a vector.
        sha256: the checksum of all vectors in half precision, in the order of rows.
        sample: some of them.
    """

    collection: CollectionName
    key: Annotated[int, Field(ge=1, lt=2**31)]
    rows: Count
    dimension: Annotated[int, Field(ge=1)]
    sha256: Sha256
    sample: tuple[SampledRow, ...]

    @property
    def partition(self) -> str:
        return f"shard_{self.key:08x}"

    @property
    def first(self) -> int:
        """The primary key of the first row; the others count on."""
        return self.key << ROW_BITS


def stamp_rows(collection: str, vectors_NM: NDArray[np.float16], identity: Iterable[bytes]) -> RowsStamp:
    """Describes rows.

    Args:
        identity: what else tells them from other rows with equal vectors: the ids of their entities.
    """
    checksum = hashlib.sha256(np.ascontiguousarray(vectors_NM).tobytes())
    named = checksum.copy()
    for part in identity:
        named.update(len(part).to_bytes(8, "little"))
        named.update(part)
    drawn = np.unique(np.linspace(0, max(0, len(vectors_NM) - 1), SAMPLED).astype(np.int64))[: len(vectors_NM)]
    return RowsStamp(
        collection=collection,
        key=max(1, int.from_bytes(named.digest()[:4], "little") >> 1),
        rows=len(vectors_NM),
        dimension=vectors_NM.shape[1],
        sha256=checksum.hexdigest(),
        sample=tuple(SampledRow(row=row, sha256=vector_checksum(vectors_NM[row])) for row in drawn.tolist()),
    )


def vector_checksum(vector_M: NDArray[Any]) -> str:
    """Of a vector in half precision."""
    return hashlib.sha256(vector_M.astype(np.float16).tobytes()).hexdigest()


def read_collection(shared: Path) -> CollectionStamp:
    """Raises CorruptIndex where the file is not such a stamp."""
    found: CollectionStamp = _read(shared / FILE, CollectionStamp)
    return found


def read_rows(shard: Path, *, width: int | None = None) -> RowsStamp:
    """Raises CorruptIndex where the file is not such a stamp, or one of vectors of another width than is wanted."""
    stamp: RowsStamp = _read(shard / FILE, RowsStamp)
    if width is not None and stamp.dimension != width:
        raise CorruptIndex(f"{shard / FILE} tells of vectors of width {stamp.dimension}, not {width}.")
    return stamp


def read_all(shards: Sequence[Path], *, width: int) -> list[RowsStamp]:
    """The stamps of shards that are one index.

    Raises:
        CorruptIndex: a file is none, or they do not belong together.
    """
    stamps = [read_rows(shard, width=width) for shard in shards]
    if len({stamp.collection for stamp in stamps}) > 1 or len({stamp.key for stamp in stamps}) < len(stamps):
        raise CorruptIndex(f"{shards[0].parent} has shards that do not belong together; build the index again.")
    return stamps


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return kind.model_validate_json(read_regular(path, most=MOST_BYTES))
    except OSError as error:
        raise CorruptIndex(f"{path} cannot be read ({error.strerror}); build the index again.") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise CorruptIndex(f"{path} does not tell of rows in Milvus ({fault['msg']}).") from error
