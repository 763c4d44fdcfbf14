"""The data set `scenes`: WordNet's concrete nouns as records, scenes of stamps as annotated pictures."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.errors import UnknownEntity
from indexer.kb.imagenet import imagenet_synsets
from indexer.kb.record import KnowledgeBase
from indexer.kb.stamps import Stamp
from indexer.kb.wordnet import WordNet
from training.data.feature_cache import GB, Budget
from training.data.records import Records
from training.data.scenes.features import MentionFeatures, SceneSet, mention_features
from training.data.scenes.folds import Photo, Pool, in_training, make_pools
from training.data.training_set import TrainingSet
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import debian_root
from wikiclip.model import WikiClip
from wikiclip.presets import Preset

TRAIN_SCENES = 3  # scenes with each stamp as the target
TEST_SCENES: dict[Photo, int] = {"own": 1, "other": 5}  # few stamps show another photograph, and they matter most
TRAIN_SEED, TEST_SEED = 1, 2
CACHE_GB = 20.0


@dataclass(frozen=True)
class ScenesData:
    """Records with their frozen features, and pools of stamps with theirs.

    Attributes:
        imagenet_rows: for each class of ImageNet the row of its record, -1 where it has none.
        cache_gb: how much of the records' features is kept on the disk.
    """

    model: WikiClip
    kb: KnowledgeBase
    records: Records
    imagenet_rows: NDArray[np.int64]
    pools: tuple[Pool, ...]
    cache_gb: float

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Rows of the entities that a stamp shows."""
        return self.records.pictured

    def group(self, number: int) -> NDArray[np.int64]:
        """Rows of the entities of one group of the folds."""
        ids = {stamp.entity_id for pool in self.pools if pool.group == number for stamp in pool.stamps}
        return np.array(sorted(self.records.row_of(entity_id) for entity_id in ids), np.int64)

    def with_preset(self, preset: Preset) -> "ScenesData":
        """The same data for a model of another preset, untrained: seen by other backbones, or cut another way."""
        model = self.model.varied(preset).to(self.model.vision.device)
        if _seen_by(preset) == _seen_by(self.model.preset):
            return dataclasses.replace(self, model=model)
        return dataclasses.replace(self, model=model, records=_records(model, self.kb, self.cache_gb))

    def mentions(self, pool: Pool, *, test: bool) -> tuple[MentionFeatures, NDArray[np.int64]]:
        """Features of a pool's scenes, and the record's row for each mention."""
        features = mention_features(self.model, self.scenes(pool, test=test))
        rows = np.array([self.records.row_of(stamp.entity_id) for stamp in pool.stamps])
        return features, rows[features.stamp_Q]

    def scenes(self, pool: Pool, *, test: bool) -> SceneSet:
        """The scenes themselves."""
        assert self.kb.image_root is not None
        return SceneSet(
            name=f"{'test' if test else 'train'}-{pool.group}-{pool.photo}",
            root=self.kb.image_root,
            stamps=tuple(stamp.path for stamp in pool.stamps),
            per_stamp=TEST_SCENES[pool.photo] if test else TRAIN_SCENES,
            seed=TEST_SEED if test else TRAIN_SEED,
        )

    def training_set(self, fold: int | None = None, *, hide_pictures: bool = False, masks: bool = True) -> TrainingSet:
        """What training may see: everything, or what a fold leaves in.

        Args:
            fold: whose group is unseen; None leaves everything in.
            hide_pictures: the fold's unseen records have no picture, so none of them is a query either.
            masks: whether a mention is what its mask covers, or the whole picture.
        """
        pools = [pool for pool in self.pools if fold is None or in_training(pool, fold)]
        parts = [self.mentions(pool, test=False) for pool in pools]
        pooled_QW = np.concatenate([features.pooled_QW if masks else features.full_QW for features, _ in parts])
        unseen = np.empty(0, np.int64) if fold is None else self.group(fold)

        def pooled(numbers: NDArray[np.int64]) -> Tensor:
            return torch.from_numpy(pooled_QW[numbers])

        return TrainingSet(
            records=self.records,
            pooled=pooled,
            record_Q=np.concatenate([rows for _, rows in parts]),
            own=np.setdiff1d(self.labelled, unseen) if hide_pictures else self.labelled,
            text_only=np.setdiff1d(np.arange(len(self.records)), self.labelled),
            class_rows=np.where(np.isin(self.imagenet_rows, unseen), -1, self.imagenet_rows),
        )


def load_scenes(model: WikiClip, *, cache_gb: float = CACHE_GB) -> ScenesData:
    """Reads the default data, and computes what is not in the cache yet.

    Args:
        cache_gb: what of the records' features may be kept on the disk; what is more is computed when needed.

    Raises:
        WikiClipError: the default data is missing; the message says what fetches it.
    """
    kb = WordNet(debian_root())
    return scenes_data(model, kb, kb.stamps, classes=imagenet_synsets(), cache_gb=cache_gb)


def scenes_data(
    model: WikiClip, kb: KnowledgeBase, stamps: Sequence[Stamp], *, classes: Sequence[str], cache_gb: float = CACHE_GB
) -> ScenesData:
    """Scenes of these stamps, which show entities of a knowledge base and lie where its pictures do.

    Args:
        classes: entity ids of the classes that the vision tower's classifier knows, in its order; empty without one.
    """
    records = _records(model, kb, cache_gb)
    pictured = (records.entities[int(row)] for row in records.pictured)
    return ScenesData(
        model=model,
        kb=kb,
        records=records,
        imagenet_rows=np.array([_row_or_none(records, entity_id) for entity_id in classes], np.int64),
        pools=make_pools(stamps, {entity.entity_id: entity.images[0] for entity in pictured}),
        cache_gb=cache_gb,
    )


def _seen_by(preset: Preset) -> tuple[object, ...]:
    """What the frozen features of records depend on."""
    return preset.vision, preset.text, preset.mention, preset.adaptor.grid


def _records(model: WikiClip, kb: KnowledgeBase, cache_gb: float) -> Records:
    records = Records(model, kb, Budget(int(cache_gb * GB)))
    records.fill(_refuse)
    return records


def _refuse(picture: str) -> None:
    raise WikiClipError(f"The default data's picture of {picture} cannot be read; `make demo-data` fetches it again.")


def _row_or_none(records: Records, entity_id: str) -> int:
    try:
        return records.row_of(entity_id)
    except UnknownEntity:
        return -1
