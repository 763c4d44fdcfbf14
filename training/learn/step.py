"""One step: what it encodes, and the gradient of its loss as if it were one batch on one device.

A step's items are first the batch's own records, then synthesized negatives, then records that are negatives only.
Everything random about them is settled by the seed and the step's number, so that processes need not send it around.

Each process encodes its share of the items. The vectors, not the records, go to every process; each computes the loss
of the whole batch from them, and with it the gradient of its own share's vectors, which it then carries on into the
adaptor. Sums over processes are the gradient of the whole. A share that is encoded in chunks is encoded twice, first
for the vectors and then for their gradient (GradCache: Gao et al., 2021), so that memory is a chunk's.

Axes: B batch, W sample whose picture wears other descriptions, S descriptions that it wears, I item, M mention width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import processes
from training.data.items import NONE, ItemSource
from training.learn.config import TrainConfig
from training.learn.loss import Worn, batch_loss, draw_partners
from training.learn.sampling import Batch
from wikiclip.entity import VgkaEncoder


@dataclass(frozen=True, kw_only=True)
class StepItems:
    """One step's batch, with everything random about it drawn.

    Attributes:
        mention_BM: unit vectors of the batch's mentions.
        record_B: the row of the record that each shows.
        picture_I, text_I: rows of the records whose picture and description make each item, either may be NONE.
        worn: the synthesized negatives: the samples with a picture, which is what stays the same in one.
    """

    mention_BM: Tensor
    record_B: Tensor
    picture_I: NDArray[np.int64]
    text_I: NDArray[np.int64]
    worn: Worn

    def __len__(self) -> int:
        return len(self.text_I)

    def loss(self, vectors_IM: Tensor, log_scale: Tensor, config: TrainConfig) -> Tensor:
        """Returns the loss of the whole batch, a scalar, from its items' unit vectors."""
        return batch_loss(
            self.mention_BM,
            self.record_B,
            vectors_IM,
            self.worn,
            log_scale,
            symmetric=config.symmetric,
            only_harder=config.only_harder,
        )


def draw_items(batch: Batch, config: TrainConfig, text_only: NDArray[np.int64], step: int) -> StepItems:
    """Draws dropped pictures and descriptions, whose descriptions pictures wear, and text-only negatives.

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
    sample_W = np.flatnonzero(picture_B != NONE)
    partners_WS = partners_BS[sample_W]
    count = config.text_negatives if len(text_only) else 0
    drawn = torch.randint(max(1, len(text_only)), (count,), generator=generator).numpy()
    others = text_only[drawn] if count else np.empty(0, np.int64)
    return StepItems(
        mention_BM=batch.mention_BM,
        record_B=record_B,
        picture_I=np.concatenate([picture_B, picture_B[sample_W].repeat(partners_WS.shape[1]), np.full(count, NONE)]),
        text_I=np.concatenate([text_B, text_B[partners_WS.numpy()].ravel(), others]),
        worn=Worn(sample_W=torch.from_numpy(sample_W), partners_WS=partners_WS, valid_WS=valid_BS[sample_W]),
    )


def loss_and_gradient(
    encoder: VgkaEncoder, source: ItemSource, items: StepItems, log_scale: Tensor, config: TrainConfig, step: int
) -> float:
    """Adds the step's gradient to the adaptor's parameters and to `log_scale`; returns the loss."""
    mine, device = processes.share(len(items)), log_scale.device
    size = config.chunk or max(1, len(mine))
    starts = range(mine.start, mine.stop, size)
    ends = [min(start + size, mine.stop) for start in starts]
    # At once, because chunks share pictures and descriptions, which may have to be encoded first.
    whole = source.items(items.picture_I[mine.start : mine.stop], items.text_I[mine.start : mine.stop])
    features = [whole[slice(start - mine.start, end - mine.start)] for start, end in zip(starts, ends, strict=True)]

    def encode(chunk: int) -> Tensor:
        # A chunk's dropout is settled by where it starts, so that the second pass has the masks of the first.
        torch.manual_seed(seed_of(config.seed, step, starts[chunk]))
        vectors_IM: Tensor = encoder(features[chunk].to(device))
        return vectors_IM

    with torch.set_grad_enabled(len(starts) == 1):
        encoded = [encode(chunk) for chunk in range(len(starts))]
    own_IM = torch.cat([torch.empty(0, encoder.mention_width, device=device), *(part.detach() for part in encoded)])
    vectors_IM = processes.gather(own_IM, len(items)).requires_grad_()
    loss = items.loss(vectors_IM, log_scale, config)
    loss.backward()  # type: ignore[no-untyped-call]
    assert vectors_IM.grad is not None
    for chunk, (start, end) in enumerate(zip(starts, ends, strict=True)):
        vectors = encoded[chunk] if len(starts) == 1 else encode(chunk)
        vectors.backward(vectors_IM.grad[start:end])  # type: ignore[no-untyped-call]
    processes.add_up(encoder.adaptor.parameters())
    return loss.item()


def seed_of(*numbers: int) -> int:
    """Returns one seed from several numbers, none of which can make up for another."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
