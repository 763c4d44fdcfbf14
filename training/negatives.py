"""Hard negative synthesis (WikiCLIP, section 3): the same picture with another entity's description.

Axes: B batch, S synthesized negatives of each sample.
"""

import torch
from torch import Tensor


def draw_partners(entity_B: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each sample, rows of the batch whose descriptions its picture will wear: the random set S_i.

    `v~_ij = VGKA(P_i, T_j)` for each j of S_i is one more record to encode, sample i's picture with j's description.

    Returns:
        `partners_BS` row numbers, and `valid_BS`, False where the batch holds fewer than `count` other entities.
    """
    other_BB = entity_B[:, None] != entity_B[None, :]
    # One row an entity: a second sample of an entity has the same description, and would be the same negative again.
    first_B = (entity_B[:, None] == entity_B[None, :]).int().argmax(dim=1) == torch.arange(len(entity_B))
    keys_BB = torch.rand(other_BB.shape, generator=generator).masked_fill(~(other_BB & first_B[None, :]), -1.0)
    drawn = keys_BB.topk(min(count, len(entity_B)), dim=1)
    return drawn.indices, drawn.values >= 0


def put_in_place(
    scores_BB: Tensor, synthesized_BS: Tensor, partners_BS: Tensor, valid_BS: Tensor, *, only_harder: bool
) -> Tensor:
    """Puts `h_i . v~_ij` in place of `h_i . v_j`: as the paper has it only where it is the larger, so that the harder
    negative counts, once; else wherever there is one."""
    synthesized_BS = synthesized_BS.masked_fill(~valid_BS, -torch.inf)
    synthesized_BB = torch.full_like(scores_BB, -torch.inf).scatter(1, partners_BS, synthesized_BS)
    if only_harder:
        return torch.maximum(scores_BB, synthesized_BB)
    return torch.where(synthesized_BB.isneginf(), scores_BB, synthesized_BB)
