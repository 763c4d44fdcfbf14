"""Which stamps may be seen when: four folds over the labelled entities, and pools of stamps that may share a scene.

A *photograph* is a picture and its recoloured, mirrored and cropped twins. An entity's record shows one photograph
("own"); any others it has are "other". Scenes are composed within one pool, so that a pool is either wholly in
training or wholly out of it, distractors included.

In fold f, the entities of group f are unseen: of them training meets only the record, which any knowledge base has.
Those of group f + 1 are seen, but only in their own photograph, so that "seen, another photograph" can be measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.kb.pictures.match import Stamp

FOLDS = 4
DEVELOPMENT_FOLD = 0  # settings are chosen on it
Photo = Literal["own", "other"]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Stamps of the entities of one group that show their own photograph, or another."""

    group: int
    photo: Photo
    stamps: tuple[Stamp, ...]


def make_pools(stamps: Sequence[Stamp], record_of: dict[str, str], *, seed: int = 0) -> tuple[Pool, ...]:
    """Deals entities out to groups, those with two or more photographs evenly, and splits each group by photograph.

    Args:
        record_of: entity_id -> path of the stamp that its record shows.
    """
    photograph = {stamp.path: stamp.photograph for stamp in stamps}
    own = {entity_id: photograph[path] for entity_id, path in record_of.items()}
    families = _families(stamps)
    several = [family for family in families if any(stamp.photograph != own[stamp.entity_id] for stamp in family)]
    rng = np.random.default_rng(seed)
    pools: dict[tuple[int, Photo], list[Stamp]] = {(g, photo): [] for g in range(FOLDS) for photo in ("own", "other")}
    for part in (several, [family for family in families if family not in several]):
        for place, number in enumerate(rng.permutation(len(part))):
            for stamp in part[number]:
                photo: Photo = "own" if stamp.photograph == own[stamp.entity_id] else "other"
                pools[place % FOLDS, photo].append(stamp)
    return tuple(
        Pool(group=group, photo=photo, stamps=tuple(sorted(members, key=lambda stamp: stamp.path)))
        for (group, photo), members in pools.items()
    )


def in_training(pool: Pool, fold: int) -> bool:
    """Returns whether a fold's training may see the pool's scenes."""
    return pool.group != fold and not (pool.photo == "other" and pool.group == (fold + 1) % FOLDS)


def _families(stamps: Sequence[Stamp]) -> list[list[Stamp]]:
    """Entities that share a photograph belong together, or a twin of a test photograph would be trained on."""
    family_of: dict[str, int] = {}
    members: dict[int, list[Stamp]] = {}
    by_photograph: dict[object, int] = {}
    for number, stamp in enumerate(stamps):
        joined = {family_of.get(stamp.entity_id), by_photograph.get(stamp.photograph)} - {None}
        members[number] = [stamp]
        for other in joined:
            assert other is not None
            members[number] += members.pop(other)
        for member in members[number]:
            family_of[member.entity_id] = by_photograph[member.photograph] = number
    return [sorted(family, key=lambda stamp: stamp.path) for _, family in sorted(members.items())]
