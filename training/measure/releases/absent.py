"""Whether an index holds what is asked about: one that was built of other records makes every figure too low."""

from collections.abc import Iterable

from indexer.errors import UnknownEntity
from indexer.search import EntityIndex
from training.processes import tell


def tell_absent(index: EntityIndex, entity_ids: Iterable[str]) -> None:
    """Says how many of these entities the index does not hold, if there are any: no answer about them is right."""
    asked = set(entity_ids)
    if absent := sum(not _holds(index, entity_id) for entity_id in asked):
        tell(f"{absent:,} of {len(asked):,} entities asked about are not in the index: build it of the same records.")


def _holds(index: EntityIndex, entity_id: str) -> bool:
    try:
        index.entity(entity_id)
    except UnknownEntity:
        return False
    return True
