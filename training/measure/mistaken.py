"""What one's own labels show of the records: which is answered where it is wrong, which two are taken for one another,
and which thing is never found, whose record wants another picture."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from indexer.kb.record import Entity
from indexer.search import Candidate

MOST = 5  # of each that are told of
HUB_SHARE, HUB_FEWEST = 0.05, 5  # of wrong answers, from which on a record is suspected
OFTEN = 2  # labels of a thing, or mistakes of one kind, from which on they tell something


def lines(found: Sequence[Sequence[Candidate]], entity_ids: Sequence[str]) -> Iterator[str]:
    """Sentences for whoever looks after the records; none where nothing stands out.

    Args:
        found: each label's candidates, best first.
        entity_ids: what the labels say that they show.
    """
    firsts = [candidates[0].entity for candidates in found]
    wrong = [(first, right) for first, right in zip(firsts, entity_ids, strict=True) if first.entity_id != right]
    records = {first.entity_id: first for first in firsts}
    hubs = Counter(first.entity_id for first, _ in wrong)
    rights: defaultdict[str, set[str]] = defaultdict(set)
    for first, right in wrong:
        rights[first.entity_id].add(right)
    for entity_id, count in hubs.most_common(MOST):
        if count >= max(HUB_FEWEST, HUB_SHARE * len(wrong)) and len(rights[entity_id]) > OFTEN:
            yield (
                f"{_named(records[entity_id])} is first in {count} of {len(wrong)} wrong answers, about"
                f" {len(rights[entity_id])} other things: look at its picture."
            )
    pairs = Counter((right, first.entity_id) for first, right in wrong)
    for (right, entity_id), count in pairs.most_common(MOST):
        if count >= OFTEN:
            yield f"{right!r} is taken for {_named(records[entity_id])} in {count} labels."
    found_once = {right for first, right in zip(firsts, entity_ids, strict=True) if first.entity_id == right}
    never = sorted(right for right, count in Counter(entity_ids).items() if count >= OFTEN and right not in found_once)
    if never:
        more = f", and {len(never) - MOST} more" if len(never) > MOST else ""
        named = ", ".join(map(repr, never[:MOST]))
        yield f"Never first, in {OFTEN} labels or more: {named}{more}. Another picture in the record helps most."


def _named(entity: Entity) -> str:
    return f"“{entity.title}” ({entity.entity_id!r})"
