"""The data set `scenes`: WordNet's concrete nouns as records, scenes of stamps as annotated pictures."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from indexer.kb.imagenet import imagenet_synsets
from indexer.kb.record import Entity
from indexer.kb.wordnet import WordNet
from indexer.paths import debian_root
from training.data.folds import Photo, Pool, make_pools
from training.data.mentions import MentionFeatures, SceneSet, mention_features
from training.data.records import RecordFeatures, record_features
from wikiclip.model import WikiClip
from wikiclip.presets import MentionConfig

TRAIN_VIEWS = 3
TEST_VIEWS: dict[Photo, int] = {"own": 1, "other": 5}  # few stamps show another photograph, and they matter most
TRAIN_SEED, TEST_SEED = 1, 2


@dataclass(frozen=True)
class ScenesData:
    """Records with their frozen features, and pools of stamps with theirs.

    Attributes:
        row_of: entity_id -> its row among the entities.
        labelled: rows of the entities that a stamp shows.
        imagenet: ids of the entities that are classes of ImageNet.
    """

    model: WikiClip
    entities: tuple[Entity, ...]
    records: RecordFeatures
    row_of: dict[str, int]
    labelled: np.ndarray[tuple[int], np.dtype[np.int64]]
    imagenet: tuple[str, ...]
    pools: tuple[Pool, ...]
    kb: WordNet

    def group(self, number: int) -> set[str]:
        """Ids of the entities of one group of the folds."""
        return {stamp.entity_id for pool in self.pools if pool.group == number for stamp in pool.stamps}

    def with_mention(self, mention: MentionConfig) -> "ScenesData":
        """The same data, its mentions and pictures cut another way."""
        model = self.model.varied(dataclasses.replace(self.model.preset, mention=mention))
        return dataclasses.replace(self, model=model, records=record_features(model, self.kb, self.entities))

    def mentions(self, pool: Pool, *, test: bool) -> tuple[MentionFeatures, Tensor]:
        """Features of a pool's scenes, and the record's row for each mention."""
        assert self.kb.image_root is not None
        scenes = SceneSet(
            name=f"{'test' if test else 'train'}-{pool.group}-{pool.photo}",
            root=self.kb.image_root,
            stamps=tuple(stamp.path for stamp in pool.stamps),
            views=TEST_VIEWS[pool.photo] if test else TRAIN_VIEWS,
            seed=TEST_SEED if test else TRAIN_SEED,
        )
        features = mention_features(self.model, scenes)
        rows = np.array([self.row_of[stamp.entity_id] for stamp in pool.stamps])
        return features, torch.from_numpy(rows[features.stamp_Q])


def load_scenes(model: WikiClip) -> ScenesData:
    """Reads the default data, and computes what is not in the cache yet.

    Raises:
        WikiClipError: the default data is missing; the message says what fetches it.
    """
    kb = WordNet(debian_root())
    entities = tuple(record for record in kb.records() if isinstance(record, Entity))
    row_of = {entity.entity_id: row for row, entity in enumerate(entities)}
    record_of = {entity.entity_id: entity.images[0] for entity in entities if entity.images}
    return ScenesData(
        model=model,
        entities=entities,
        records=record_features(model, kb, entities),
        row_of=row_of,
        labelled=np.array(sorted(row_of[entity_id] for entity_id in record_of)),
        imagenet=imagenet_synsets(),
        pools=make_pools(kb.stamps, record_of),
        kb=kb,
    )
