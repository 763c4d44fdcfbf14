"""The entity side: frozen features of a record to one unit vector in the mention space.

Axes: B entity, P patch, L text token; widths V of patches, W of the pooled vector, T of tokens, M of mention vectors.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wikiclip.base.precision import bf16_pays
from wikiclip.presets import FusionConfig, Preset
from wikiclip.space import ClassMemory, MentionSpace
from wikiclip.vgka import VisionGuidedKnowledgeAdaptor


@dataclass(frozen=True, kw_only=True)
class EntityFeatures:
    """Frozen features of a batch of records. Rows of `patches_BPV` and `pooled_BW` without a picture are zero.

    `padding_BL` is True where a token is padding; `sentence_BT` is unit.
    """

    patches_BPV: Tensor
    pooled_BW: Tensor
    has_picture_B: Tensor
    tokens_BLT: Tensor
    padding_BL: Tensor
    sentence_BT: Tensor

    def __getitem__(self, rows: Tensor | slice) -> "EntityFeatures":
        return EntityFeatures(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def to(self, device: torch.device) -> "EntityFeatures":
        """The same on a device."""
        return EntityFeatures(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class EntityEncoder(nn.Module, ABC):
    """What makes entity vectors, and mention vectors that they are compared with.

    Attributes:
        mention_width: M.
    """

    mention_width: int

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it computes."""

    @abstractmethod
    def forward(self, features: EntityFeatures) -> Tensor:
        """Returns unit entity vectors [B, M]."""

    @abstractmethod
    def mention(self, pooled_BW: Tensor) -> Tensor:
        """Returns unit mention vectors [B, M] for pooled vectors of mentions."""


class _UntrainedEncoder(EntityEncoder):
    """What has nothing to train: a mention is what its tower makes of it."""

    nowhere: Tensor

    def __init__(self, *, pooled_width: int) -> None:
        super().__init__()
        self.mention_width = pooled_width
        self.register_buffer("nowhere", torch.zeros(0), persistent=False)  # knows the device, and nothing else

    @property
    def device(self) -> torch.device:
        return self.nowhere.device

    def mention(self, pooled_BW: Tensor) -> Tensor:
        return F.normalize(pooled_BW, dim=-1)


class JointEncoder(_UntrainedEncoder):
    """The vector of a model that embeds picture and description together; that of the description without a picture.

    Of such a model `pooled_BW` is what it made of both.
    """

    def forward(self, features: EntityFeatures) -> Tensor:
        has_picture_B1 = features.has_picture_B[:, None]
        return F.normalize(torch.where(has_picture_B1, features.pooled_BW, features.sentence_BT), dim=-1)


class FusedEncoder(_UntrainedEncoder):
    """A tower that knows text compares a mention with an entity's picture, its description, or both.

    By its weights this is CLIP (picture 0), CLIP2CLIP (the description where there is no picture) or CLIP Fusion
    (both), the baselines of OVEN (Hu et al., ICCV 2023, section 4).
    """

    def __init__(self, config: FusionConfig, *, pooled_width: int) -> None:
        super().__init__(pooled_width=pooled_width)
        self.config = config

    def forward(self, features: EntityFeatures) -> Tensor:
        return F.normalize(fused(features, self.config), dim=-1)


class VgkaEncoder(EntityEncoder):
    """VGKA, and the anchor that it corrects where the preset has one.

    With a mention space: `unit(a * unit(picture) + b * recalled(text) + VGKA)`; with a fusion:
    `unit(a * unit(picture) + b * unit(text) + VGKA)`; the adaptor starts at zero. Without both the paper's plain form:
    `unit(VGKA)`.
    """

    def __init__(self, preset: Preset, *, patch_width: int, pooled_width: int, text_width: int, patches: int) -> None:
        super().__init__()
        assert preset.adaptor is not None
        space = preset.space
        self.fusion = preset.fusion
        self.mention_width = pooled_width if space is None else space.width
        self.adaptor = VisionGuidedKnowledgeAdaptor(
            preset.adaptor,
            patch_width=patch_width,
            text_width=text_width,
            out_width=self.mention_width,
            patches=patches,
        )
        self.space: MentionSpace | None = None
        self.memory: ClassMemory | None = None
        if space is not None:
            self.picture_weight, self.text_weight = space.picture_weight, space.text_weight
            self.space = MentionSpace(pooled_width=pooled_width, width=space.width)
            self.memory = ClassMemory(
                classes=space.classes, text_width=text_width, width=space.width, temperature=space.temperature
            )
        if space is not None or self.fusion is not None:
            self.adaptor.start_at_zero()

    @property
    def device(self) -> torch.device:
        return self.adaptor.missing_text_D.device

    def forward(self, features: EntityFeatures) -> Tensor:
        device = features.tokens_BLT.device
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device)):
            out_BM: Tensor = self.adaptor(
                features.patches_BPV, features.has_picture_B, features.tokens_BLT, features.padding_BL
            )
        return F.normalize(self.anchor(features) + out_BM.float(), dim=-1)

    def anchor(self, features: EntityFeatures) -> Tensor:
        """What the adaptor's output is added to, [B, M]; zero in the paper's plain form."""
        if self.fusion is not None:
            return fused(features, self.fusion)
        if self.space is None or self.memory is None:
            return torch.zeros(len(features.pooled_BW), self.mention_width, device=features.pooled_BW.device)
        picture_BM = F.normalize(self.space.entity(features.pooled_BW), dim=-1) * features.has_picture_B[:, None]
        recalled_BM = self.memory(features.sentence_BT) * ~features.padding_BL.all(dim=1, keepdim=True)
        anchor_BM: Tensor = self.picture_weight * picture_BM + self.text_weight * recalled_BM
        return anchor_BM

    def mention(self, pooled_BW: Tensor) -> Tensor:
        return F.normalize(pooled_BW if self.space is None else self.space.mention(pooled_BW), dim=-1)


def fused(features: EntityFeatures, config: FusionConfig) -> Tensor:
    """The weighted sum of what a tower that knows text makes of picture and description, [B, W], not normalised."""
    has_text_B1 = ~features.padding_BL.all(dim=1, keepdim=True)
    if config.text_only_without_picture:
        has_text_B1 = has_text_B1 & ~features.has_picture_B[:, None]
    picture_BW = F.normalize(features.pooled_BW, dim=-1) * features.has_picture_B[:, None]
    sum_BW: Tensor = config.picture_weight * picture_BW + config.text_weight * features.sentence_BT * has_text_B1
    return sum_BW
