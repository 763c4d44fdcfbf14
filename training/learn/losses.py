"""InfoNCE between mentions and entities (WikiCLIP, section 3). Axes: B batch, K candidate (the batch's own first)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(scores_BK: Tensor, entity_B: Tensor, candidate_K: Tensor, log_scale: Tensor) -> Tensor:
    """Mean cross-entropy of each row's own candidate, which stands at the row's own number.

    Args:
        scores_BK: cosines; candidate i is row i's own for i < B, others may follow.
        entity_B, candidate_K: entity numbers; another candidate of a row's own entity is left out of its sum.
        log_scale: log of the inverse temperature.
    """
    own_B = torch.arange(len(entity_B), device=scores_BK.device)
    again_BK = entity_B[:, None] == candidate_K[None, :]
    again_BK[own_B, own_B] = False
    return F.cross_entropy((scores_BK * log_scale.exp()).masked_fill(again_BK, -torch.inf), own_B)
