"""Which annotations are judged: at most one an entity, in proportion to the entities of each split (PL-VEL, "Additional
Dataset Statistics", Table 6)."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from training.annotate.statistics.rows import Mentioned, key_of

WIKI_SHARE = 0.1  # of a sample: the paper takes 200 of 2,000 from the wiki split, whatever its size


@dataclass
class _Split:
    """The entities with the lowest chance so far, each with its annotation of the lowest chance."""

    entities: set[int] = field(default_factory=set)
    lowest: dict[int, tuple[int, Mentioned]] = field(default_factory=dict)
    highest_first: list[int] = field(default_factory=list)  # a heap of negatives


def sample(found: Iterable[Mentioned | str], most: int, *, seed: int = 0) -> list[Mentioned]:
    """Returns a sample, in an order of chance; which annotations depends on their ids and the seed alone.

    Memory holds 64 bits of each entity, and a few annotations for each that may be taken.
    """
    splits: dict[str, _Split] = {}
    for one in found:
        if isinstance(one, Mentioned):
            _offer(splits.setdefault(one.task, _Split()), one, most, seed)
    sizes = allocation({task: len(split.entities) for task, split in splits.items()}, most)
    taken: list[Mentioned] = []
    used: set[int] = set()
    for task in sorted(splits, key=lambda task: (len(splits[task].entities), task)):  # who has few entities first
        ranked = sorted(splits[task].lowest.items())
        free = [(entity, one) for entity, (_, one) in ranked if entity not in used][: sizes[task]]
        used.update(entity for entity, _ in free)
        taken += [one for _, one in free]
    return sorted(taken, key=lambda one: key_of(f"{seed} order {one.row.id}"))


def allocation(entities: Mapping[str, int], most: int) -> dict[str, int]:
    """Returns how many of each split are taken: a tenth of wiki, the others in proportion to their entities.

    Rounded so that all together are `most`, or all entities where there are fewer (largest remainders).
    """
    sizes = dict.fromkeys(entities, 0)
    if "wiki" in entities:
        share = most if len(entities) == 1 else round(WIKI_SHARE * most)
        sizes["wiki"] = min(entities["wiki"], share)
    others = {task: count for task, count in entities.items() if task != "wiki"}
    total, left = sum(others.values()), most - sizes.get("wiki", 0)
    if total <= left:
        return sizes | others
    exact = {task: left * count / total for task, count in others.items()}
    sizes |= {task: int(share) for task, share in exact.items()}
    by_remainder = sorted(exact, key=lambda task: (int(exact[task]) - exact[task], task))
    for task in by_remainder[: left - sum(int(share) for share in exact.values())]:
        sizes[task] += 1
    return sizes


def _offer(split: _Split, one: Mentioned, most: int, seed: int) -> None:
    entity = key_of(f"{seed} {one.row.category_id}")
    split.entities.add(entity)
    # Twice as many as could be taken: some may be taken from another split.
    if entity not in split.lowest:
        heapq.heappush(split.highest_first, -entity)
        if len(split.highest_first) > 2 * most:
            dropped = -heapq.heappop(split.highest_first)
            split.lowest.pop(dropped, None)
            if dropped == entity:
                return
    chance = key_of(f"{seed} {one.row.id}")
    if entity not in split.lowest or chance < split.lowest[entity][0]:
        split.lowest[entity] = (chance, one)
