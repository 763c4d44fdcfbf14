"""Scenes in which an entity is looked for by its vector: which thing in them it is, and what is known of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.kb.record import Entity, describe
from indexer.kb.wordnet.knowledge_base import WordNet
from indexer.picture_paths import found_picture
from training.data.scenes.compose import SceneConfig
from training.data.scenes.dataset import ON_PLACES
from training.data.scenes.features import SceneSet
from training.data.scenes.folds import FOLDS, Photo, Pool, make_pools
from training.data.scenes.places import PLACES
from wikiclip.base.paths import debian_root
from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture

Half = Literal["development", "check"]
Ground = Literal["places", "drawn"]
GROUPS: Mapping[Half, tuple[int, ...]] = {"development": (0, 1), "check": (2, 3)}  # of stamps and of places
SEED = 9
BATCH = 32

Vectors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Named:
    """A picture, an entity that is in it, and the true mask.

    Attributes:
        ground: what the scene stands on.
        photo: whether the stamp is the picture of the entity's record ("own"), or another.
    """

    picture: Image.Image
    entity: Entity
    mask: Mask
    ground: Ground
    photo: Photo


def read_pools(kb: WordNet) -> tuple[Pool, ...]:
    """All stamps that show an entity, in pools that share no entity."""
    return make_pools(kb.stamps, {entity_id: stamps[0].path for entity_id, stamps in kb.matches.by_entity().items()})


def named_scenes(kb: WordNet, pools: Sequence[Pool], half: Half, count: int) -> Iterator[Named]:
    """Scenes of chance, up to `count` of each group, photograph and ground; the same at each call."""
    assert kb.image_root is not None
    entities = {entity.entity_id: entity for entity in kb.records() if isinstance(entity, Entity)}
    for pool in pools:
        if pool.group not in GROUPS[half]:
            continue
        shows = {stamp.path: entities[stamp.entity_id] for stamp in pool.stamps}
        for ground in ("places", "drawn"):
            on_places = ground == "places"
            scenes = SceneSet(
                name=f"named-{pool.group}-{pool.photo}",
                root=kb.image_root,
                stamps=tuple(shows),
                per_stamp=1,
                seed=SEED,
                config=ON_PLACES if on_places else SceneConfig(),
                places_root=debian_root() if on_places else None,
                places=PLACES[pool.group :: FOLDS] if on_places else (),
            )
            for number in np.random.default_rng(SEED).permutation(len(scenes))[:count].tolist():
                scene, target = scenes.scene(number), scenes.stamps[number]
                for placed in scene.placed:
                    if placed.path == kb.image_root / target:
                        yield Named(
                            picture=scene.picture,
                            entity=shows[target],
                            mask=placed.mask,
                            ground="places" if on_places else "drawn",
                            photo=pool.photo,
                        )


def entity_vectors(model: WikiClip, kb: WordNet, entities: Sequence[Entity], *, pictures: bool) -> Vectors:
    """Unit vectors of entities by their ids, of their records with a picture or of their descriptions alone."""
    assert kb.image_root is not None
    found: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(entities), BATCH):
        batch = entities[start : start + BATCH]
        prepared = []
        for entity in batch:
            file = found_picture(kb.image_root, entity.images[0], follow_links=kb.follow_links) if pictures else None
            prepared.append(model.prepare_entity(describe(entity), None if file is None else read_picture(file)))
        found |= {
            entity.entity_id: vector for entity, vector in zip(batch, model.encode_entities(prepared), strict=True)
        }
    return found
