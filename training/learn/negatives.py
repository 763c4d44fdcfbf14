"""Hard negative synthesis (WikiCLIP, section 3): the same picture with another entity's description.

Axes: B batch, S synthesized negatives of each sample, W sample whose picture wears them.
"""

import torch
from torch import Tensor


def draw_partners(
    entity_B: Tensor, described_B: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """For each sample, rows of the batch whose descriptions its picture will wear: the random set S_i.

    `v~_ij = VGKA(P_i, T_j)` for each j of S_i is one more record to encode, sample i's picture with j's description.

    Args:
        described_B: whether the row has a description: a picture that wears none is no negative of its own record.

    Returns:
        `partners_BS` row numbers, and `valid_BS`, False where the batch describes fewer than `count` other entities.
    """
    same_BB = entity_B[:, None] == entity_B[None, :]
    # One row an entity: a second sample of an entity has the same description, and would be the same negative again.
    first_B = described_B & ~(same_BB & described_B[None, :]).tril(diagonal=-1).any(dim=1)
    keys_BB = torch.rand(same_BB.shape, generator=generator).masked_fill(same_BB | ~first_B[None, :], -1.0)
    drawn = keys_BB.topk(min(count, len(entity_B)), dim=1)
    return drawn.indices, drawn.values >= 0


def put_in_place(
    scores_WB: Tensor, synthesized_WS: Tensor, partners_WS: Tensor, valid_WS: Tensor, *, only_harder: bool
) -> Tensor:
    """Puts `h_i . v~_ij` in place of `h_i . v_j`: as the paper has it only where it is the larger, so that the harder
    negative counts, once; else wherever there is one."""
    synthesized_WS = synthesized_WS.masked_fill(~valid_WS, -torch.inf)
    synthesized_WB = torch.full_like(scores_WB, -torch.inf).scatter(1, partners_WS, synthesized_WS)
    if only_harder:
        return torch.maximum(scores_WB, synthesized_WB)
    return torch.where(synthesized_WB.isneginf(), scores_WB, synthesized_WB)
