"""The data set `scenes`: WordNet's concrete nouns as records, scenes of stamps as annotated pictures.

Axes: Q mention, W width of pooled vectors.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.default_data.debian import fetch_packages
from indexer.default_data.needs import PACKAGES, Fetched
from indexer.default_data.needs import PLACES as PLACE_PACKAGES
from indexer.errors import UnknownEntity
from indexer.kb.pictures.match import Stamp
from indexer.kb.record import KnowledgeBase
from indexer.kb.wordnet.imagenet import imagenet_synsets
from indexer.kb.wordnet.knowledge_base import WordNet
from training.data.features.cache import GB, Budget
from training.data.records import Records
from training.data.scenes.compose import SceneConfig
from training.data.scenes.features import SceneSet, mention_features
from training.data.scenes.folds import FOLDS, Photo, Pool, in_training, make_pools
from training.data.scenes.marks import Mark
from training.data.scenes.places import PLACES
from training.data.training_set import TrainingSet
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import debian_root
from wikiclip.model import WikiClip
from wikiclip.presets import Preset

TRAIN_SCENES = 3  # scenes with each stamp as the target
TEST_SCENES: dict[Photo, int] = {"own": 1, "other": 5}  # few stamps show another photograph, and they matter most
TRAIN_SEED, TEST_SEED = 1, 2
PLACE_SCENES: dict[Photo, int] = {"own": 1, "other": 2}  # for each kind of mark
ON_PLACES = SceneConfig(distractors=(0, 2), stamp=(0.35, 0.85))  # as a photograph of something: it is large, and alone
CACHE_GB = 20.0


@dataclass(frozen=True, kw_only=True)
class SceneQueries:
    """Mentions in scenes.

    Attributes:
        pooled_QW: the tower's pooled vectors, under the mask.
        full_QW: the same of the whole picture.
        record_Q: the row of the record that each shows.
    """

    pooled_QW: Tensor
    full_QW: Tensor
    record_Q: NDArray[np.int64]


@dataclass(frozen=True)
class ScenesData:
    """Records with their frozen features, and pools of stamps with theirs.

    Attributes:
        imagenet_rows: for each class of ImageNet the row of its record, -1 where it has none.
        places_root, places: photographs that scenes can stand on; none where there are none.
        cache_gb: how much of the records' features is kept on the disk.
    """

    model: WikiClip
    kb: KnowledgeBase
    records: Records
    imagenet_rows: NDArray[np.int64]
    pools: tuple[Pool, ...]
    places_root: Path | None
    places: tuple[str, ...]
    cache_gb: float

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Rows of the entities that a stamp shows."""
        return self.records.pictured

    def group(self, number: int) -> NDArray[np.int64]:
        """Returns rows of the entities of one group of the folds."""
        ids = {stamp.entity_id for pool in self.pools if pool.group == number for stamp in pool.stamps}
        return np.array(sorted(self.records.row_of(entity_id) for entity_id in ids), np.int64)

    def with_preset(self, preset: Preset) -> "ScenesData":
        """The same data for a model of another preset, untrained: seen by other backbones, or cut another way."""
        model = self.model.varied(preset).to(self.model.vision.device)
        if _seen_by(preset) == _seen_by(self.model.preset):
            return dataclasses.replace(self, model=model)
        return dataclasses.replace(self, model=model, records=_records(model, self.kb, self.cache_gb))

    def queries(self, pools: Iterable[Pool], *, test: bool, mark: Mark | None = None) -> SceneQueries:
        """Returns the mentions of all scenes of some pools, those to train on or those to measure on; see `scenes`."""
        parts = [(pool, mention_features(self.model, self.scenes(pool, test=test, mark=mark))) for pool in pools]
        row_of = [np.array([self.records.row_of(stamp.entity_id) for stamp in pool.stamps]) for pool, _ in parts]
        return SceneQueries(
            pooled_QW=torch.from_numpy(np.concatenate([features.pooled_QW for _, features in parts])),
            full_QW=torch.from_numpy(np.concatenate([features.full_QW for _, features in parts])),
            record_Q=np.concatenate([rows[found.stamp_Q] for rows, (_, found) in zip(row_of, parts, strict=True)]),
        )

    def scenes(self, pool: Pool, *, test: bool, mark: Mark | None = None) -> SceneSet:
        """Returns the scenes themselves.

        Args:
            mark: how mentions are marked in scenes on photographs of places, of which each group has its own; None for
                drawn backgrounds and true masks.
        """
        assert self.kb.image_root is not None
        drawn = SceneSet(
            name=f"{'test' if test else 'train'}-{pool.group}-{pool.photo}",
            root=self.kb.image_root,
            stamps=tuple(stamp.path for stamp in pool.stamps),
            per_stamp=TEST_SCENES[pool.photo] if test else TRAIN_SCENES,
            seed=TEST_SEED if test else TRAIN_SEED,
        )
        if mark is None:
            return drawn
        return dataclasses.replace(
            drawn,
            name=f"{drawn.name}-{mark.replace(' ', '-')}",
            per_stamp=PLACE_SCENES[pool.photo],
            config=ON_PLACES,
            places_root=self.places_root,
            places=self.places[pool.group :: FOLDS],
            mark=mark,
        )

    def training_set(self, fold: int | None = None, *, hide_pictures: bool = False, masks: bool = True) -> TrainingSet:
        """Returns what training may see: everything, or what a fold leaves in.

        Args:
            fold: whose group is unseen; None leaves everything in.
            hide_pictures: the fold's unseen records have no picture, so none of them is a query either.
            masks: whether a mention is what its mask covers, or the whole picture.
        """
        queries = self.queries((pool for pool in self.pools if fold is None or in_training(pool, fold)), test=False)
        pooled_QW = queries.pooled_QW if masks else queries.full_QW
        unseen = np.empty(0, np.int64) if fold is None else self.group(fold)
        return TrainingSet(
            records=self.records,
            pooled=lambda numbers: pooled_QW[torch.from_numpy(numbers)],
            record_Q=queries.record_Q,
            own=np.setdiff1d(self.labelled, unseen) if hide_pictures else self.labelled,
            text_only=np.setdiff1d(np.arange(len(self.records)), self.labelled),
            class_rows=np.where(np.isin(self.imagenet_rows, unseen), -1, self.imagenet_rows),
        )


def load_scenes(model: WikiClip, *, cache_gb: float = CACHE_GB) -> ScenesData:
    """Reads WordNet, stamps and photographs of places, fetched where they are not there, and computes what is not kept.

    Args:
        cache_gb: what of the records' features may be kept on the disk; what is more is computed when needed.

    Raises:
        WikiClipError: the data cannot be fetched.
    """
    fetch_packages((*PACKAGES[Fetched.WORDNET], *PLACE_PACKAGES))
    kb = WordNet(debian_root())
    return scenes_data(
        model,
        kb,
        kb.stamps,
        classes=imagenet_synsets(),
        places_root=debian_root(),
        places=PLACES,
        cache_gb=cache_gb,
    )


def scenes_data(
    model: WikiClip,
    kb: KnowledgeBase,
    stamps: Sequence[Stamp],
    *,
    classes: Sequence[str],
    places_root: Path | None = None,
    places: Sequence[str] = (),
    cache_gb: float = CACHE_GB,
) -> ScenesData:
    """Makes scenes of these stamps, which show entities of a knowledge base and lie where its pictures do.

    Args:
        classes: entity ids of the classes that the vision tower's classifier knows, in its order; empty without one.
        places: photographs below `places_root`, at least one for each of the folds.
    """
    records = _records(model, kb, cache_gb)
    pictured = (records.entities[int(row)] for row in records.pictured)
    return ScenesData(
        model=model,
        kb=kb,
        records=records,
        imagenet_rows=np.array([_row_or_none(records, entity_id) for entity_id in classes], np.int64),
        pools=make_pools(stamps, {entity.entity_id: entity.images[0] for entity in pictured}),
        places_root=places_root,
        places=tuple(places),
        cache_gb=cache_gb,
    )


def _seen_by(preset: Preset) -> tuple[object, ...]:
    """What the frozen features of records depend on."""
    return preset.vision, preset.text, preset.mention, preset.adaptor and preset.adaptor.grid


def _records(model: WikiClip, kb: KnowledgeBase, cache_gb: float) -> Records:
    records = Records(model, kb, Budget(int(cache_gb * GB)))
    records.fill(_refuse)
    return records


def _refuse(picture: str) -> None:
    raise WikiClipError(
        f"The default data's picture of {picture} cannot be read: remove {debian_root()}, and it is fetched again."
    )


def _row_or_none(records: Records, entity_id: str) -> int:
    try:
        return records.row_of(entity_id)
    except UnknownEntity:
        return -1
