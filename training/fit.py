"""One recipe, start to end: fit the mention space, fill the class memory, train the adaptor.

The same call makes the published checkpoint (no fold) and each fold's model.

Axes: Q query, R training record, C class of the classifier; widths W of pooled vectors, T of sentence vectors.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.config import TrainConfig
from training.data.dataset import ScenesData
from training.data.folds import in_training
from training.loop import Samples, train
from training.sampling import Queries
from training.space import fit_memory, fit_space
from wikiclip.encoders import classifier_rows
from wikiclip.entity import EntityEncoder, EntityFeatures

TEXT_ONLY_RECORDS = 4096  # a sample large enough that none is met often


def fit_encoder(
    data: ScenesData,
    config: TrainConfig,
    *,
    fold: int | None = None,
    hide_pictures: bool = False,
    on_step: Callable[[int, dict[str, float]], None] = lambda step, metrics: None,
) -> EntityEncoder:
    """Trains an entity encoder on everything, or on what a fold leaves in.

    Args:
        fold: whose group is unseen; None trains on all pools.
        hide_pictures: the fold's unseen records have no picture, so none of them is a query either.
    """
    torch.manual_seed(config.seed)
    encoder = data.model.new_entity_encoder()
    unseen = np.array([data.row_of[entity_id] for entity_id in data.group(fold)] if fold is not None else [], np.int64)
    shown = np.setdiff1d(data.labelled, unseen) if hide_pictures else data.labelled
    pooled_QW, row_Q = _annotated(data, fold)
    pictures_RW = data.records.batch(shown).pooled_BW
    class_rows = _prepare_space(encoder, data, pooled_QW, pictures_RW, unseen, config)

    row_R = np.concatenate([shown, class_rows])
    records = data.records.batch(row_R, pictures=np.arange(len(row_R)) < len(shown))
    place_of_row = {int(row): place for place, row in enumerate(shown)}
    classes = None
    if encoder.memory is not None and len(class_rows):
        values_CM = encoder.memory.values_CM[encoder.memory.keys_CT.any(dim=1)]
        classes = Queries(F.normalize(values_CM, dim=-1), torch.arange(len(shown), len(row_R)))
    train(
        encoder,
        Samples(
            annotated=Queries(encoder.mention(pooled_QW), torch.tensor([place_of_row[int(row)] for row in row_Q])),
            own=Queries(encoder.mention(pictures_RW), torch.arange(len(shown))),
            classes=classes,
            records=records,
            entity_R=torch.from_numpy(row_R),
            text_only=_text_only(data, config) if config.text_negatives else None,
        ),
        config,
        on_step,
    )
    return encoder


def _annotated(data: ScenesData, fold: int | None) -> tuple[Tensor, NDArray[np.int64]]:
    """Pooled vectors of every mention that training may see, and the row that each shows."""
    parts = [data.mentions(pool, test=False) for pool in data.pools if fold is None or in_training(pool, fold)]
    pooled_QW = torch.from_numpy(np.concatenate([features.pooled_QW for features, _ in parts]))
    return pooled_QW, torch.cat([rows for _, rows in parts]).numpy()


def _prepare_space(
    encoder: EntityEncoder,
    data: ScenesData,
    pooled_QW: Tensor,
    pictures_RW: Tensor,
    unseen: NDArray[np.int64],
    config: TrainConfig,
) -> NDArray[np.int64]:
    """Fits the mention space and the class memory; returns the rows of the classes that are in the memory."""
    if encoder.space is None or encoder.memory is None:
        return np.empty(0, np.int64)
    fit_space(encoder.space, pooled_QW, pictures_RW, shrinkage=config.shrinkage)
    # A class that is no record (ImageNet has a few), or an entity to be held out, stays out of the memory.
    row_C = np.array([data.row_of.get(entity_id, -1) for entity_id in data.imagenet])
    known_C = (row_C >= 0) & ~np.isin(row_C, unseen)
    sentence_NT = torch.from_numpy(np.array(data.records.sentence_NT))
    fit_memory(
        encoder.memory,
        encoder.space,
        rows_CW=classifier_rows(data.model.preset.vision),
        sentences_CT=sentence_NT[row_C],
        centre_T=sentence_NT.mean(0),
        known_C=torch.from_numpy(known_C),
    )
    return row_C[known_C]


def _text_only(data: ScenesData, config: TrainConfig) -> EntityFeatures:
    others = np.setdiff1d(np.arange(len(data.records)), data.labelled)
    return data.records.batch(np.random.default_rng(config.seed).permutation(others)[:TEXT_ONLY_RECORDS])
