"""The collection of an index: made, filled shard by shard, and asked how many rows it has.

Axes: M vector width, N row of a shard.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential, wait_random
from tqdm import tqdm

from indexer.errors import CorruptIndex, IndexUnreachable
from indexer.kinds.milvus.connection import PATIENT_S, Connection, NotOffered
from indexer.kinds.milvus.stamp import ROW_BITS, RowsStamp, vector_checksum

ROW, ENTITY, ENTITY_ID, TITLE, VECTOR = "row", "entity", "entity_id", "title", "vector"
LONGEST_ID, LONGEST_TITLE = 65_535, 1_000  # bytes; Milvus takes no longer string
BATCH_BYTES = 2**22  # of one insert; a server takes 64 MiB
FETCHED_ROWS = 1024  # of one look
PATIENCE_S = 60.0  # for which an insert is tried again
STRONG, BOUNDED = "Strong", "Bounded"


class Named(NamedTuple):
    """What the collection tells of an entity."""

    entity_id: str
    title: str


def create_collection(connection: Connection, name: str, *, dimension: int, index: dict[str, Any]) -> None:
    """Makes an empty collection, unless it is there. It is not loaded: what is inserted first is indexed."""
    client = connection.client
    if exists(connection, name):
        return
    from pymilvus import DataType

    schema = client.create_schema(
        auto_id=False,
        enable_dynamic_field=False,
        description="Entity vectors of WikiCLIP. An index version counts its rows: change nothing here.",
    )
    schema.add_field(ROW, DataType.INT64, is_primary=True)
    schema.add_field(ENTITY, DataType.INT64)
    schema.add_field(ENTITY_ID, DataType.VARCHAR, max_length=LONGEST_ID)
    schema.add_field(TITLE, DataType.VARCHAR, max_length=LONGEST_TITLE)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
    indexes = client.prepare_index_params()
    indexes.add_index(VECTOR, metric_type="IP", **index)
    connection.ask(
        lambda: client.create_collection(name, schema=schema, consistency_level=BOUNDED, timeout=PATIENT_S),
        what="make a collection",
    )
    connection.ask(lambda: client.create_index(name, indexes, timeout=PATIENT_S), what="make an index")


def fill_partition(
    connection: Connection,
    stamp: RowsStamp,
    vectors_NM: NDArray[np.float16],
    entities: Sequence[Named],
    entity_of_row_N: NDArray[np.uint32],
) -> None:
    """Inserts a shard's rows. A partition that is there and not the same is of a process that was killed, and goes.

    Raises:
        IndexUnreachable: the server did not answer for `PATIENCE_S`.
    """
    client, name, partition = connection.client, stamp.collection, stamp.partition
    if connection.ask(lambda: client.has_partition(name, partition), what="look for a partition"):
        load(connection, name)
        if is_whole(connection, stamp):
            return
        drop_partition(connection, name, partition)
    connection.ask(lambda: client.create_partition(name, partition, timeout=PATIENT_S), what="make a partition")
    batches = _batches(stamp, vectors_NM, entities, entity_of_row_N)
    with tqdm(total=stamp.rows, desc="Inserting into Milvus", unit=" rows", disable=stamp.rows < FETCHED_ROWS) as bar:
        for batch in batches:
            _insert(connection, stamp, batch)
            bar.update(len(batch))
    connection.ask(lambda: client.flush(name, timeout=PATIENT_S), what="flush")


def _insert(connection: Connection, stamp: RowsStamp, batch: list[dict[str, Any]]) -> None:
    """Tries again with growing pauses; what may have arrived is replaced then, not doubled."""
    attempts = Retrying(
        retry=retry_if_exception_type(IndexUnreachable),
        wait=wait_exponential(multiplier=0.2, max=10) + wait_random(0, 0.2),
        stop=stop_after_delay(PATIENCE_S),
        reraise=True,
    )
    for attempt in attempts:
        with attempt:
            put = connection.client.insert if attempt.retry_state.attempt_number == 1 else connection.client.upsert
            connection.ask(
                partial(put, stamp.collection, batch, partition_name=stamp.partition, timeout=PATIENCE_S),
                what="insert",
            )


def _batches(
    stamp: RowsStamp,
    vectors_NM: NDArray[np.float16],
    entities: Sequence[Named],
    entity_of_row_N: NDArray[np.uint32],
) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for row, (vector_M, own) in enumerate(zip(vectors_NM, entity_of_row_N.tolist(), strict=True)):
        entity = entities[own]
        title = entity.title.encode()[:LONGEST_TITLE].decode(errors="ignore")
        batch.append(
            {
                ROW: stamp.first + row,
                ENTITY: stamp.first + own,
                ENTITY_ID: entity.entity_id,
                TITLE: title,
                VECTOR: vector_M.astype(np.float32),
            }
        )
        size += 4 * len(vector_M) + len(entity.entity_id) + len(title)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def load(connection: Connection, name: str) -> None:
    """Has the server take a collection into memory; returns at once where it did."""
    client = connection.client
    connection.ask(lambda: client.load_collection(name, timeout=PATIENT_S), what="load the collection")


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a collection of that name."""
    return bool(connection.ask(lambda: connection.client.has_collection(name), what="look for a collection"))


def aliases(connection: Connection, name: str) -> list[str]:
    """The aliases that name a collection."""
    return list(connection.ask(lambda: connection.client.list_aliases(name)["aliases"], what="list aliases"))


def drop(connection: Connection, name: str) -> None:
    """Removes a collection, and the aliases that name it."""
    client = connection.client
    for alias in aliases(connection, name):
        connection.ask(partial(client.drop_alias, alias), what="remove an alias")
    connection.ask(lambda: client.drop_collection(name, timeout=PATIENT_S), what="remove a collection")


def point_alias(connection: Connection, alias: str, name: str) -> None:
    """Makes an alias name a collection, in one step."""
    client = connection.client
    if alias in aliases(connection, name):
        return
    known = connection.ask(lambda: client.list_aliases()["aliases"], what="list aliases")
    change = client.alter_alias if alias in known else client.create_alias
    connection.ask(lambda: change(name, alias), what="move the alias")


def drop_partition(connection: Connection, name: str, partition: str) -> None:
    """Removes a partition if it is there, also one that is loaded."""
    client = connection.client
    if not connection.ask(lambda: client.has_partition(name, partition), what="look for a partition"):
        return
    with suppress(NotOffered):  # milvus-lite removes one that is loaded
        connection.ask(lambda: client.release_partitions(name, [partition], timeout=PATIENT_S), what="release a part")
    connection.ask(lambda: client.drop_partition(name, partition, timeout=PATIENT_S), what="remove a partition")


def count(connection: Connection, stamp: RowsStamp) -> int:
    """How many rows of a shard the server has, whatever was inserted or deleted until now."""
    own = f"{ROW} >= {stamp.first} and {ROW} < {(stamp.key + 1) << ROW_BITS}"
    answer = connection.ask(
        lambda: connection.client.query(
            stamp.collection,
            filter=own,
            output_fields=["count(*)"],
            partition_names=[stamp.partition],
            consistency_level=STRONG,
            timeout=PATIENT_S,
        ),
        what="count rows",
    )
    return int(answer[0]["count(*)"])


def fetch(connection: Connection, stamp: RowsStamp, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors [K, M] of some of a shard's rows.

    Raises:
        CorruptIndex: one is not there.
    """
    found_KM = np.empty((len(rows_K), stamp.dimension), dtype=np.float32)
    for start in range(0, len(rows_K), FETCHED_ROWS):
        asked = rows_K[start : start + FETCHED_ROWS].tolist()
        look = partial(
            connection.client.query,
            stamp.collection,
            ids=[stamp.first + row for row in set(asked)],
            output_fields=[ROW, VECTOR],
            partition_names=[stamp.partition],
            consistency_level=STRONG,
            timeout=connection.server.timeout_s,
        )
        answer = connection.ask(look, what="fetch vectors")
        vectors = {each[ROW] - stamp.first: each[VECTOR] for each in answer}
        for place, row in enumerate(asked, start):
            if row not in vectors or len(vectors[row]) != stamp.dimension:
                raise CorruptIndex(f"{shown(connection, stamp)} has no row {row:,} any more; build the index again.")
            found_KM[place] = vectors[row]
    return found_KM


def is_whole(connection: Connection, stamp: RowsStamp) -> bool:
    """Whether the server has a shard's rows, as far as a count and a few of them tell."""
    if count(connection, stamp) != stamp.rows:
        return False
    rows_K = np.array([each.row for each in stamp.sample], dtype=np.int64)
    found_KM = fetch(connection, stamp, rows_K)
    return all(vector_checksum(vector_M) == each.sha256 for vector_M, each in zip(found_KM, stamp.sample, strict=True))


def shown(connection: Connection, stamp: RowsStamp) -> str:
    """Where a shard is, to begin a sentence with."""
    return f"The collection {stamp.collection} of Milvus at {connection.server.shown}"
