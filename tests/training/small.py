"""A small encoder with a mention space, and records drawn at random: no backbone is needed."""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F

from training.data.items import NONE
from training.learn.sampling import Queries
from training.learn.trainer import Samples
from wikiclip.entity import EntityFeatures, VgkaEncoder
from wikiclip.presets import PRESETS, AdaptorConfig, SpaceConfig

ENTITIES, WIDTH, TEXT = 24, 16, 12


def small_encoder(*, dropout: float = 0.1) -> VgkaEncoder:
    torch.manual_seed(0)
    preset = dataclasses.replace(
        PRESETS["tiny"],
        adaptor=AdaptorConfig(width=16, heads=2, grid=2, dropout=dropout),
        space=SpaceConfig(width=8, classes=3, picture_weight=1.0, text_weight=0.5),
    )
    return VgkaEncoder(preset, patch_width=WIDTH, pooled_width=WIDTH, text_width=TEXT, patches=4)


class SmallRecords:
    """The description says which direction the picture's vector misses, so that reading it pays."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.said = torch.randn(ENTITIES, TEXT, generator=generator)
        self.pooled = torch.randn(ENTITIES, WIDTH, generator=generator)

    def items(self, picture_I, text_I):
        seen_I, read_I = torch.from_numpy(picture_I != NONE), torch.from_numpy(text_I != NONE)
        pooled = self.pooled[picture_I] * seen_I[:, None]
        said = self.said[text_I] * read_I[:, None]
        return EntityFeatures(
            patches_BPV=pooled[:, None].expand(-1, 4, -1).contiguous(),
            pooled_BW=pooled,
            has_picture_B=seen_I,
            tokens_BLT=said[:, None].expand(-1, 3, -1).contiguous(),
            padding_BL=~read_I[:, None].expand(-1, 3),
            sentence_BT=F.normalize(said, dim=-1),
        )


def small_samples() -> Samples:
    records, rows = SmallRecords(), np.arange(ENTITIES)
    generator = torch.Generator().manual_seed(2)
    mention = F.normalize(records.pooled[:, :8] + 2 * records.said[:, :8], dim=-1)
    noisy = F.normalize(mention.repeat(3, 1) + 0.2 * torch.randn(3 * ENTITIES, 8, generator=generator), dim=-1)
    return Samples(
        annotated=Queries(mentions=lambda numbers: noisy[numbers], record_Q=np.tile(rows, 3)),
        own=Queries(mentions=lambda numbers: mention[numbers], record_Q=rows),
        classes=Queries(mentions=lambda numbers: mention[numbers], record_Q=rows[:3], pictures=False),
        records=records,
        text_only=rows,
    )
