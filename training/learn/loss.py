"""The loss (WikiCLIP, section 3): InfoNCE between mentions and entities, with synthesized hard negatives.

A synthesized negative is one entity's picture with another entity's description: `v~_ij = VGKA(P_i, T_j)` for each j of
a random set S_i of the batch. It takes the place of `v_j` among the candidates of mention i.

Axes: B batch, W sample whose picture wears other descriptions, S descriptions that it wears, K candidate (the batch's
own records first), I item, N record that nobody asks for, M mention width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NOBODY = -1  # the number of a candidate that no mention of the batch shows


@dataclass(frozen=True, kw_only=True)
class Worn:
    """The synthesized negatives of a batch.

    Attributes:
        sample_W: numbers of the samples whose pictures wear other descriptions, ascending.
        partners_WS: numbers of the samples whose descriptions they wear, see `draw_partners`.
        valid_WS: False where a partner stands for nothing.
    """

    sample_W: Tensor
    partners_WS: Tensor
    valid_WS: Tensor

    def to(self, device: torch.device) -> "Worn":
        """Returns the same on a device."""
        return Worn(
            sample_W=self.sample_W.to(device),
            partners_WS=self.partners_WS.to(device),
            valid_WS=self.valid_WS.to(device),
        )


def batch_loss(
    mention_BM: Tensor,
    entity_B: Tensor,
    vectors_IM: Tensor,
    worn: Worn,
    log_scale: Tensor,
    *,
    symmetric: bool,
    only_harder: bool,
) -> Tensor:
    """Returns the mean loss of a whole batch, a scalar; the inputs may lie on another device than `vectors_IM`.

    Args:
        mention_BM: unit vectors of mentions.
        entity_B: numbers of the entities that they show, none of them `NOBODY`.
        vectors_IM: unit vectors of the batch's B records, then of its W x S synthesized negatives, row by row, then of
            any records that nobody asks for.
        log_scale: log of the inverse temperature.
        symmetric: adds the loss from entities to mentions, which knows plain negatives only, and takes the mean.
        only_harder: see `put_in_place`.
    """
    device, batch = vectors_IM.device, len(entity_B)
    mention_BM, entity_B, worn = mention_BM.to(device), entity_B.to(device), worn.to(device)
    synthesized = worn.partners_WS.numel()
    own_BM, others_NM = vectors_IM[:batch], vectors_IM[batch + synthesized :]
    plain_BB = mention_BM @ own_BM.T
    own_BB = plain_BB
    if synthesized:
        worn_WSM = vectors_IM[batch : batch + synthesized].view(*worn.partners_WS.shape, -1)
        worn_WS = torch.einsum("wm,wsm->ws", mention_BM[worn.sample_W], worn_WSM)
        hard_WB = put_in_place(
            plain_BB[worn.sample_W], worn_WS, worn.partners_WS, worn.valid_WS, only_harder=only_harder
        )
        own_BB = plain_BB.index_copy(0, worn.sample_W, hard_WB)
    scores_BK = torch.cat([own_BB, mention_BM @ others_NM.T], dim=1)
    candidate_K = torch.cat([entity_B, entity_B.new_full((len(others_NM),), NOBODY)])
    loss = info_nce(scores_BK, entity_B, candidate_K, log_scale)
    return (loss + info_nce(plain_BB.T, entity_B, entity_B, log_scale)) / 2 if symmetric else loss


def info_nce(scores_BK: Tensor, entity_B: Tensor, candidate_K: Tensor, log_scale: Tensor) -> Tensor:
    """Returns the mean cross-entropy of each row's own candidate, which stands at the row's own number.

    Args:
        scores_BK: cosines; candidate i is row i's own for i < B, others may follow.
        entity_B, candidate_K: entity numbers; another candidate of a row's own entity is left out of its sum.
        log_scale: log of the inverse temperature.
    """
    own_B = torch.arange(len(entity_B), device=scores_BK.device)
    again_BK = entity_B[:, None] == candidate_K[None, :]
    again_BK[own_B, own_B] = False
    return F.cross_entropy((scores_BK * log_scale.exp()).masked_fill(again_BK, -torch.inf), own_B)


def draw_partners(
    entity_B: Tensor, described_B: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws for each sample the set S_i: numbers of the samples whose descriptions its picture wears.

    Args:
        described_B: whether the sample has a description: a picture that wears none is no negative of its own record.

    Returns:
        `partners_BS` sample numbers, and `valid_BS`, False where the batch describes fewer than `count` other entities.
    """
    same_BB = entity_B[:, None] == entity_B[None, :]
    # One sample an entity: a second one has the same description, and would be the same negative again.
    first_B = described_B & ~(same_BB & described_B[None, :]).tril(diagonal=-1).any(dim=1)
    keys_BB = torch.rand(same_BB.shape, generator=generator).masked_fill(same_BB | ~first_B[None, :], -1.0)
    drawn = keys_BB.topk(min(count, len(entity_B)), dim=1)
    return drawn.indices, drawn.values >= 0


def put_in_place(
    scores_WB: Tensor, worn_WS: Tensor, partners_WS: Tensor, valid_WS: Tensor, *, only_harder: bool
) -> Tensor:
    """Returns the scores [W, B] with `h_i . v~_ij` in place of `h_i . v_j`.

    Args:
        only_harder: replaces a score only where the new one is larger, as the paper does, so that the harder negative
            counts, once; False replaces it wherever there is one.
    """
    worn_WS = worn_WS.masked_fill(~valid_WS, -torch.inf)
    worn_WB = torch.full_like(scores_WB, -torch.inf).scatter(1, partners_WS, worn_WS)
    if only_harder:
        return torch.maximum(scores_WB, worn_WB)
    return torch.where(worn_WB.isneginf(), scores_WB, worn_WB)
