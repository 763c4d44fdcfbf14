"""The gradient of one step's loss, in chunks and over several processes, as if it were one batch on one device.

Each process encodes its share of the items. The vectors, not the records, go to every process; each computes the loss
of the whole batch from them, and with it the gradient of its own share's vectors, which it then carries on into the
adaptor. Sums over processes are the gradient of the whole. A share that is encoded in chunks is encoded twice, first
for the vectors and then for their gradient (GradCache: Gao et al., 2021), so that memory is a chunk's.

Axes: I item, M mention width.
"""

import torch
from torch import Tensor

from training import processes
from training.data.items import ItemSource
from training.learn.config import TrainConfig
from training.learn.joined import Joined, loss_of, seed_of
from wikiclip.entity import EntityEncoder


def loss_and_gradient(
    encoder: EntityEncoder, source: ItemSource, joined: Joined, log_scale: Tensor, config: TrainConfig, step: int
) -> float:
    """Adds the step's gradient to the adaptor's parameters and to `log_scale`; returns the loss."""
    items, device = len(joined.text_I), log_scale.device
    mine = processes.share(items)
    size = config.chunk or max(1, len(mine))
    starts = range(mine.start, mine.stop, size)
    ends = [min(start + size, mine.stop) for start in starts]
    features = [
        source.items(joined.picture_I[start:end], joined.text_I[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]

    def encode(chunk: int) -> Tensor:
        # A chunk's dropout is settled by where it starts, so that the second pass has the masks of the first.
        torch.manual_seed(seed_of(config.seed, step, starts[chunk]))
        vectors_IM: Tensor = encoder(features[chunk].to(device))
        return vectors_IM

    with torch.set_grad_enabled(len(starts) == 1):
        encoded = [encode(chunk) for chunk in range(len(starts))]
    own_IM = torch.cat([torch.empty(0, encoder.mention_width, device=device), *(part.detach() for part in encoded)])
    vectors_IM = processes.gather(own_IM, items).requires_grad_()
    loss = loss_of(joined, vectors_IM, log_scale, config)
    loss.backward()  # type: ignore[no-untyped-call]
    assert vectors_IM.grad is not None
    for chunk, (start, end) in enumerate(zip(starts, ends, strict=True)):
        vectors = encoded[chunk] if len(starts) == 1 else encode(chunk)
        vectors.backward(vectors_IM.grad[start:end])  # type: ignore[no-untyped-call]
    processes.add_up(encoder.adaptor.parameters())
    return loss.item()
