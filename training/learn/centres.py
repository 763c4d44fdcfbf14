"""Moves a mention space's centres to the pictures that a checkpoint shall be used on, which few labels suffice for.

What pictures of one's own have in common, their light, their background, tells no thing from another. The packaged
space leaves out what stamps on scenes have in common; own labels say what these pictures have, long before there are
enough of them to train an adaptor on.

Axes: Q mention, R record with a picture; W width of pooled vectors.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.training_set import TrainingSet
from training.learn.fit import SPACE_SAMPLE
from wikiclip.entity import EntityEncoder, VgkaEncoder

PRIOR = 64  # pictures that a centre of before counts as


@torch.no_grad()
def recentred(encoder: EntityEncoder, data: TrainingSet, *, seed: int) -> VgkaEncoder | None:
    """Returns a copy of an encoder whose centres are means of the set's pictures, as far as there are enough of them;
    None where it has no mention space, or the set has no pictures on both sides."""
    if not isinstance(encoder, VgkaEncoder) or encoder.space is None or not len(data.record_Q) or not len(data.own):
        return None
    moved = copy.deepcopy(encoder)
    assert moved.space is not None
    rng = np.random.default_rng(seed)
    some_Q, some_R = (np.sort(rng.permutation(count)[:SPACE_SAMPLE]) for count in (len(data.record_Q), len(data.own)))
    for centre_W, pooled in (
        (moved.space.mention_centre_W, data.pooled(some_Q)),
        (moved.space.entity_centre_W, data.records.pooled(data.own[some_R])),
    ):
        centre_W.copy_(moved_centre(centre_W, pooled.to(centre_W.device)))
    return moved


def moved_centre(centre_W: Tensor, pooled_NW: Tensor) -> Tensor:
    """The mean of unit vectors [N, W] and of a centre that counts as `PRIOR` of them."""
    total_W = F.normalize(pooled_NW.float(), dim=-1).sum(0) + PRIOR * centre_W
    return total_W / (len(pooled_NW) + PRIOR)
