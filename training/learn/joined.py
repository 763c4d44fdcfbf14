"""What a step encodes, and the loss of it: the batch as a whole, however many processes share the work.

Its items are first the batch's own records, then synthesized negatives, then records that are negatives only.

Axes: B batch, W sample with a picture, S synthesized negatives of a sample, I item, K candidate, M mention width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.items import NONE
from training.learn.config import TrainConfig
from training.learn.losses import info_nce
from training.learn.negatives import draw_partners, put_in_place
from training.learn.sampling import Batch


@dataclass(frozen=True, kw_only=True)
class Joined:
    """One step's batch with everything random about it.

    Attributes:
        picture_I, text_I: rows of records, see above.
        worn_W: the samples that have synthesized negatives: those with a picture, which is what stays the same in one.
        partners_WS, valid_WS: whose descriptions they wear; see `negatives.draw_partners`.
    """

    mention_BM: Tensor
    record_B: Tensor
    picture_I: NDArray[np.int64]
    text_I: NDArray[np.int64]
    worn_W: Tensor
    partners_WS: Tensor
    valid_WS: Tensor


def draw(batch: Batch, config: TrainConfig, text_only: NDArray[np.int64], step: int) -> Joined:
    """Draws dropped pictures and descriptions, partners, and text-only negatives.

    Args:
        text_only: rows of records without a picture.
    """
    generator = torch.Generator().manual_seed(seed_of(config.seed, step))
    size, record_B = len(batch.record_B), torch.from_numpy(batch.record_B)
    chance_B = torch.rand(size, generator=generator).numpy()
    # Never both from one record: what has no picture to begin with keeps its description.
    no_picture_B = ~batch.picture_B | (chance_B < config.drop_picture)
    no_text_B = (chance_B >= 1 - config.drop_text) & ~no_picture_B
    picture_B = np.where(no_picture_B, NONE, batch.record_B)
    text_B = np.where(no_text_B, NONE, batch.record_B)
    described_B = torch.from_numpy(text_B != NONE)
    partners_BS, valid_BS = draw_partners(record_B, described_B, config.synthesized, generator)
    worn_W = np.flatnonzero(picture_B != NONE)
    partners_WS = partners_BS[worn_W]
    count = config.text_negatives if len(text_only) else 0
    drawn = torch.randint(max(1, len(text_only)), (count,), generator=generator).numpy()
    others = text_only[drawn] if count else np.empty(0, np.int64)
    return Joined(
        mention_BM=batch.mention_BM,
        record_B=record_B,
        picture_I=np.concatenate([picture_B, picture_B[worn_W].repeat(partners_WS.shape[1]), np.full(count, NONE)]),
        text_I=np.concatenate([text_B, text_B[partners_WS.numpy()].ravel(), others]),
        worn_W=torch.from_numpy(worn_W),
        partners_WS=partners_WS,
        valid_WS=valid_BS[worn_W],
    )


def loss_of(joined: Joined, vectors_IM: Tensor, log_scale: Tensor, config: TrainConfig) -> Tensor:
    """InfoNCE of the whole batch, with synthesized negatives where they are the harder (WikiCLIP, section 3)."""
    device = vectors_IM.device
    mention_BM, record_B = joined.mention_BM.to(device), joined.record_B.to(device)
    size, synthesized = len(record_B), joined.partners_WS.numel()
    own_BM, others_KM = vectors_IM[:size], vectors_IM[size + synthesized :]
    scores_BK = mention_BM @ own_BM.T
    back = info_nce(scores_BK.T, record_B, record_B, log_scale) if config.symmetric else None
    if synthesized:
        worn_W, partners_WS, valid_WS = (t.to(device) for t in (joined.worn_W, joined.partners_WS, joined.valid_WS))
        synthesized_WSM = vectors_IM[size : size + synthesized].view(*partners_WS.shape, -1)
        synthesized_WS = torch.einsum("wm,wsm->ws", mention_BM[worn_W], synthesized_WSM)
        harder_WK = put_in_place(
            scores_BK[worn_W], synthesized_WS, partners_WS, valid_WS, only_harder=config.only_harder
        )
        scores_BK = scores_BK.index_copy(0, worn_W, harder_WK)
    scores_BK = torch.cat([scores_BK, mention_BM @ others_KM.T], dim=1)
    candidate_K = torch.cat([record_B, torch.full((len(others_KM),), NONE, device=device)])
    loss = info_nce(scores_BK, record_B, candidate_K, log_scale)
    return loss if back is None else (loss + back) / 2


def seed_of(*numbers: int) -> int:
    """One seed from several numbers, none of which can make up for another."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
