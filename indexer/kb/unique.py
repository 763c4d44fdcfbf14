"""The rule that every knowledge base keeps: an entity id is given once."""

from collections.abc import Iterable, Iterator

from indexer.kb.record import BadRecord, Entity


def first_of_each_id(records: Iterable[tuple[str, Entity | BadRecord]]) -> Iterator[Entity | BadRecord]:
    """Lets the first record of an id through and turns the later ones into bad records.

    Args:
        records: (where the record is, record).
    """
    seen: set[str] = set()
    for where, record in records:
        if isinstance(record, Entity) and record.entity_id in seen:
            yield BadRecord(where=where, why=f"entity_id {record.entity_id!r} was given before")
            continue
        if isinstance(record, Entity):
            seen.add(record.entity_id)
        yield record
