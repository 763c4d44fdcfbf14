"""A kind of index whose vectors are in Milvus. Its files name the collection, and what it has to hold.

Axes: B query, K hit, M vector width, N index row, S sample row.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.kinds.files import unwritten
from indexer.kinds.kind import Cost
from indexer.kinds.milvus.server import MilvusServer, milvus_server

if TYPE_CHECKING:
    from indexer.kinds.milvus.connection import Connection
    from indexer.kinds.milvus.searcher import MilvusSearcher

FILE = "milvus.json"
STAMP_BYTES = 1_500  # of a shard's file
LINKS, BUILD_WIDTH = 16, 200  # of HNSW: Milvus's M and efConstruction
LEAST_WIDTH = 128  # of a search in the graph
PROBES = 64
MOST_LISTS = 65_536
KindName = Literal["milvus-flat", "milvus-hnsw", "milvus-ivf-sq8"]


@dataclass(frozen=True, kw_only=True)
class Milvus:
    """Rows in a collection, a partition for each shard.

    Attributes:
        name: what `--index` calls it.
        server: where the collection is; the server of the environment if None.
    """

    name: KindName
    server: MilvusServer | None = None
    mapped = (FILE,)

    def train(self, sample_SM: NDArray[np.float32], *, rows: int, folder: Path) -> None:
        """Names the collection, which the first shard makes: a name that is on the disk is never forgotten."""
        from indexer.kinds.milvus.stamp import CollectionStamp

        name = f"wikiclip_{datetime.now(UTC):%Y%m%dt%H%M%S}_{secrets.token_hex(4)}"
        _write(folder / FILE, CollectionStamp(collection=name, lists=_lists(rows)).model_dump_json(indent=2))

    def write(self, vectors_NM: NDArray[np.float16], folder: Path, shared: Path) -> None:
        """Inserts one shard, whose entities are in `folder` already, and waits until the server has it.

        Raises:
            IndexUnreachable: the server does not answer.
        """
        from indexer.embedding.chunks import StoredChunk
        from indexer.kinds.milvus.collection import Named, create_collection, fill_partition
        from indexer.kinds.milvus.stamp import read_collection, read_rows, stamp_rows
        from indexer.records.table import from_batch

        stamp, width = read_collection(shared), vectors_NM.shape[1]
        told = StoredChunk(folder)
        entities = [Named(one.entity_id, one.title) for batch in told.entities() for one in from_batch(batch)]
        owners_N = told.entity_of_row()
        others = [path for path in folder.parent.iterdir() if path != folder and (path / FILE).is_file()]
        connection = self.connection()
        if not others:
            index = self._index(stamp.lists)
            create_collection(connection, stamp.collection, dimension=width, index=index)
        # The same rows may come twice among updates: those that were there before make theirs another shard.
        before = sorted(read_rows(path, width=width).key.to_bytes(4, "little") for path in others)
        identity = [*before, *(entity.entity_id.encode() for entity in entities), owners_N.tobytes()]
        rows = stamp_rows(stamp.collection, vectors_NM, identity)
        fill_partition(connection, rows, vectors_NM, entities, owners_N)
        _write(folder / FILE, rows.model_dump_json(indent=2))

    def open(self, shards: Sequence[Path], shared: Path, *, width: int, threads: int = 1) -> "MilvusSearcher":
        """Loads the collection, counts its rows and looks at some. `threads` is for the server to say."""
        from indexer.kinds.milvus.searcher import MilvusSearcher
        from indexer.kinds.milvus.stamp import read_all

        return MilvusSearcher(self.connection(), read_all(shards, width=width), care=self._care, kind=self.name)

    def kept(self, shard: Path, *, width: int) -> NDArray[np.float16]:
        return self.open([shard], shard, width=width).kept()

    def cost(self, rows: int, width: int) -> Cost:
        bytes_of_row = {"milvus-ivf-sq8": width, "milvus-hnsw": 4 * width + 8 * LINKS}.get(self.name, 4 * width)
        held, kept = rows * bytes_of_row / 1e9, 4 * rows * width / 1e9
        says = f"the server holds about {held:.2f} GB in memory and {kept:.2f} GB on its disk"
        return Cost(memory=0, disk=2 * STAMP_BYTES, says=says)

    def connection(self) -> "Connection":
        """The process's connection to the server. Raises WikiClipError where none is named, or it does not answer."""
        from indexer.kinds.milvus.connection import connected

        return connected(self.server or milvus_server())

    def _index(self, lists: int) -> dict[str, Any]:
        if self.name == "milvus-hnsw":
            return {"index_type": "HNSW", "params": {"M": LINKS, "efConstruction": BUILD_WIDTH}}
        if self.name == "milvus-ivf-sq8":
            return {"index_type": "IVF_SQ8", "params": {"nlist": lists}}
        return {"index_type": "FLAT", "params": {}}

    def _care(self, k: int) -> dict[str, Any]:
        """How thoroughly a search for k hits looks."""
        if self.name == "milvus-hnsw":
            return {"ef": max(LEAST_WIDTH, 2 * k)}
        return {"nprobe": PROBES} if self.name == "milvus-ivf-sq8" else {}


def _lists(rows: int) -> int:
    """About as many lists as Milvus advises, 4 sqrt(N)."""
    return min(MOST_LISTS, max(1, 4 * isqrt(rows)))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritten(path, error) from error
