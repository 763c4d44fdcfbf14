"""How far frozen features alone go: the cosine of pooled vectors, nothing fitted, in each form of mention.

Axes: Q query, N record, W width of pooled vectors.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from training.data.scenes.dataset import ScenesData
from training.data.scenes.folds import Pool
from training.measure.ranking import ranks, within
from wikiclip.presets import MentionConfig, PooledLevels

FORMS = (
    MentionConfig(form="full"),
    MentionConfig(form="pooled"),
    *(MentionConfig(form="crop", margin=margin, background=1.0) for margin in (0.0, 0.1, 0.25)),
    *(MentionConfig(form="crop", margin=margin, background=0.3) for margin in (0.0, 0.1, 0.25)),
    *(MentionConfig(form="crop", margin=margin, background=0.0) for margin in (0.0, 0.1, 0.25)),
    MentionConfig(form="both", margin=0.0, background=0.0),
)
# What a baseline may choose from: crops that keep the background, and no mask at all, are far behind.
CONTENDERS = tuple(form for form in FORMS if form.form != "full" and not (form.form == "crop" and form.background))


# What was looked at before the depths of `tiny` were chosen.
LEVELS = (
    *(PooledLevels(stages=stages) for stages in ((5,), (4, 5), (3, 4, 5), (2, 3, 4, 5))),
    PooledLevels(stages=(3, 4, 5), weight=1.0),
    PooledLevels(stages=(3, 4, 5), power=1.0),
)


def in_form(data: ScenesData, form: MentionConfig, levels: PooledLevels | None = None) -> ScenesData:
    """Returns the same data with mentions of this form, pooled by the tower itself, or at several depths."""
    preset = data.model.preset
    vision = dataclasses.replace(preset.vision, levels=levels)
    return data.with_preset(dataclasses.replace(preset, vision=vision, mention=form))


def frozen_ranks(data: ScenesData, pools: Iterable[Pool]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns for each test mention the rank of the right picture among the labelled records', and the entity's row."""
    queries = data.queries(pools, test=True)
    pictures_NW = data.records.pooled(data.labelled)
    right_Q = torch.from_numpy(np.searchsorted(data.labelled, queries.record_Q))
    rank_Q = ranks(F.normalize(queries.pooled_QW, dim=-1), F.normalize(pictures_NW, dim=-1), right_Q)
    return rank_Q, queries.record_Q


def best_form(data: ScenesData) -> MentionConfig:
    """Returns the contender by which the tower's own pooling is right most often, in other photographs of all folds.

    It is chosen on what it is then measured on, which favours it: that is meant for a baseline.
    """
    pools = [pool for pool in data.pools if pool.photo == "other"]
    return max(CONTENDERS, key=lambda form: within(frozen_ranks(in_form(data, form), pools)[0], 1).mean())
