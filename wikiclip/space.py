"""A mention space for a vision tower that never met text: centring, shrunk whitening, and a memory of classes.

A CLIP tower's pooled vector is compared as it is. A classifier's is not made for that: its mean and its few strongest
directions drown the rest, and no text lives in it. Both are mended by fixed linear maps, fitted once on frozen
features; the adaptor then learns a correction to where they lead.

Axes: B item, C class; widths W of the tower's pooled vector, T of sentence vectors, M of mention vectors.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MentionSpace(nn.Module):
    """Centres mentions and entity pictures apart, and projects both on the same whitened directions."""

    mention_centre_W: Tensor
    entity_centre_W: Tensor
    projection_WM: Tensor

    def __init__(self, *, pooled_width: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mention_centre_W", torch.zeros(pooled_width))
        self.register_buffer("entity_centre_W", torch.zeros(pooled_width))
        self.register_buffer("projection_WM", torch.eye(pooled_width, width))

    def mention(self, pooled_BW: Tensor) -> Tensor:
        """Returns [B, M] for pooled vectors of mentions."""
        return (F.normalize(pooled_BW, dim=-1) - self.mention_centre_W) @ self.projection_WM

    def entity(self, pooled_BW: Tensor) -> Tensor:
        """Returns [B, M] for pooled vectors of entities' own pictures."""
        return (F.normalize(pooled_BW, dim=-1) - self.entity_centre_W) @ self.projection_WM


class ClassMemory(nn.Module):
    """What a description looks like, recalled from the classes the tower was trained on.

    Each class has a key (its gloss's sentence vector) and a value (its classifier row, in the mention space). A
    description attends over the keys: one of a bird recalls a mean of the birds that its words are nearest to.
    """

    centre_T: Tensor
    keys_CT: Tensor
    values_CM: Tensor

    def __init__(self, *, classes: int, text_width: int, width: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("centre_T", torch.zeros(text_width))
        self.register_buffer("keys_CT", torch.zeros(classes, text_width))
        self.register_buffer("values_CM", torch.zeros(classes, width))

    def forward(self, sentence_BT: Tensor) -> Tensor:
        """Returns [B, M] for unit sentence vectors."""
        cosine_BC = F.normalize(sentence_BT - self.centre_T, dim=-1) @ self.keys_CT.T
        return torch.softmax(cosine_BC / self.temperature, dim=-1) @ self.values_CM
