"""Hard negative synthesis (WikiCLIP, section 3): the same picture with another entity's description.

Axes: B batch, S synthesized negatives of each sample, L text token.
"""

import torch
from torch import Tensor

from wikiclip.entity import EntityFeatures


def draw_partners(entity_B: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each sample, rows of the batch whose descriptions its picture will wear: the random set S_i.

    Returns:
        `partners_BS` row numbers, and `valid_BS`, False where the batch holds fewer than `count` other entities.
    """
    other_BB = entity_B[:, None] != entity_B[None, :]
    # One row an entity: a second sample of an entity has the same description, and would be the same negative again.
    first_B = (entity_B[:, None] == entity_B[None, :]).int().argmax(dim=1) == torch.arange(len(entity_B))
    keys_BB = torch.rand(other_BB.shape, generator=generator).masked_fill(~(other_BB & first_B[None, :]), -1.0)
    drawn = keys_BB.topk(min(count, len(entity_B)), dim=1)
    return drawn.indices, drawn.values >= 0


def synthesize(features: EntityFeatures, partners_BS: Tensor) -> EntityFeatures:
    """Records [B * S] that look like sample i and read like its partner: `v~_ij = VGKA(P_i, T_j)`."""
    of_picture = torch.arange(len(partners_BS)).repeat_interleave(partners_BS.shape[1])
    pictures, texts = features[of_picture], features[partners_BS.flatten()]
    return EntityFeatures(
        patches_BPV=pictures.patches_BPV,
        pooled_BW=pictures.pooled_BW,
        has_picture_B=pictures.has_picture_B,
        tokens_BLT=texts.tokens_BLT,
        padding_BL=texts.padding_BL,
        sentence_BT=texts.sentence_BT,
    )


def replace_where_harder(scores_BB: Tensor, synthesized_BS: Tensor, partners_BS: Tensor, valid_BS: Tensor) -> Tensor:
    """Puts `h_i . v~_ij` in place of `h_i . v_j` only where it is the larger: the harder negative counts, once."""
    synthesized_BS = synthesized_BS.masked_fill(~valid_BS, -torch.inf)
    harder_BB = torch.full_like(scores_BB, -torch.inf).scatter(1, partners_BS, synthesized_BS)
    return torch.maximum(scores_BB, harder_BB)
