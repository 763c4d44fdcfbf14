"""Fits the mention space on frozen features, before anything is trained; `wikiclip.space` applies it.

Axes: Q query, R record with a picture, C class; widths W of pooled vectors, T of sentence vectors.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from wikiclip.space import ClassMemory, MentionSpace

MENTION_NORM = 16.0  # mean norm of a training mention in the space: the scale that the anchor's weights refer to


@torch.no_grad()
def fit_space(space: MentionSpace, mentions_QW: Tensor, pictures_RW: Tensor, *, shrinkage: float) -> None:
    """Centres both sides apart, and whitens what is left with shrinkage.

    Queries show their subject in a scene, records alone: their means differ, and what differs says nothing about
    which entity it is. Few samples make small eigenvalues of the covariance noise, hence the shrinkage, in units of
    the mean eigenvalue.
    """
    mentions_QW, pictures_RW = F.normalize(mentions_QW, dim=-1), F.normalize(pictures_RW, dim=-1)
    space.mention_centre_W.copy_(mentions_QW.mean(0))
    space.entity_centre_W.copy_(pictures_RW.mean(0))
    centred = torch.cat([mentions_QW - space.mention_centre_W, pictures_RW - space.entity_centre_W]).double()
    values_W, vectors_WW = torch.linalg.eigh(centred.T @ centred / len(centred))
    width = space.projection_WM.shape[1]
    kept_M = values_W[-width:].flip(0)
    scale_M = (kept_M + shrinkage * values_W.clamp_min(0).mean()).rsqrt()
    space.projection_WM.copy_((vectors_WW[:, -width:].flip(1) * scale_M).float())
    norm = space.mention(mentions_QW).norm(dim=-1).mean()
    space.projection_WM.mul_(MENTION_NORM / norm)


@torch.no_grad()
def fit_memory(
    memory: ClassMemory,
    space: MentionSpace,
    *,
    rows_CV: Tensor,
    sentences_CT: Tensor,
    centre_T: Tensor,
    known_C: Tensor,
) -> None:
    """Fills the class memory from a classifier's rows and its classes' descriptions.

    Args:
        rows_CV: the classifier's rows, in the space that pooled vectors have or begin with.
        sentences_CT: unit sentence vectors of the classes' descriptions.
        centre_T: mean sentence vector of the knowledge base.
        known_C: False leaves a class out, because it is an entity that the evaluation holds out.
    """
    rows_CV = F.normalize(rows_CV, dim=-1)
    values_CM = (rows_CV - rows_CV.mean(0)) @ space.projection_WM[: rows_CV.shape[1]]
    memory.centre_T.copy_(centre_T)
    # A class left out keeps a zero key and a zero value: it is never near, and recalls nothing.
    memory.keys_CT.copy_(F.normalize(sentences_CT - centre_T, dim=-1) * known_C[:, None])
    memory.values_CM.copy_(values_CM * known_C[:, None])
