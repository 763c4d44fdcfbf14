"""A picture's segments as tokens, to which a mention attends: visual semantic tokenization (PL-VEL, equations 3 and 4).

The picture is segmented, each segment's token is pooled from the tower's patches of the whole picture, and the largest
segments are kept, in order. The paper hands them to a language model; here nothing is trained, and the mention's own
vector attends to them by its cosine with each. Each token has a positional part beside the semantic one. It takes part
in how much is attended to a token, and not in what is taken from it: records have no place, and are what a mention is
compared with.

Axes: B mention, T token, N segment, S cell along a side of the full picture's square, E of a place; W width of pooled
vectors.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from wikiclip.mentions.mention import full_cover
from wikiclip.presets import SemanticTokens
from wikiclip.segmenters import Segmenter
from wikiclip.segmenters.canvas import Canvas

SIDE = 64  # S: of what a tower pools by, some hundred patches are the most
LEAST = 0.002  # of the picture, as of a proposal: what is left over and smaller are specks
FREQUENCIES = 4  # of a place's sines and cosines; the slowest tells the two ends of the picture apart

Segments = NDArray[np.float32]  # [N, S, S], the share of each cell that a segment covers


def segmented(image: Image.Image, segmenter: Segmenter, *, most: int) -> Segments:
    """The largest segments of a picture, the largest first, at least one. Safe on any thread.

    What the segmenter proposes are segments, and so is what it leaves over.

    Args:
        image: upright, RGB.
        most: segments.
    """
    small = Image.fromarray(Canvas.of(image, side=segmenter.side, size=None).rgb_HWC)
    masks = segmenter.segment(small, None)
    left_HW = ~np.logical_or.reduce(masks) if masks else np.ones(small.size[::-1], dtype=np.bool_)
    if left_HW.mean() >= LEAST or not masks:
        masks = [*masks, left_HW]
    masks.sort(key=lambda mask: -int(mask.sum()))
    return np.stack([full_cover(mask, SIDE) for mask in masks[:most]])


def places(inside_BSS: Tensor) -> Tensor:
    """Where masks lie and how large they are, as unit vectors of sines and cosines [B, E]; none are empty."""
    side = inside_BSS.shape[-1]
    along_S = (torch.arange(side, device=inside_BSS.device) + 0.5) / side
    mass_B = inside_BSS.sum(dim=(1, 2))
    x_B = (inside_BSS.sum(dim=1) * along_S).sum(dim=1) / mass_B
    y_B = (inside_BSS.sum(dim=2) * along_S).sum(dim=1) / mass_B
    extent_B = mass_B.sqrt() / side
    turns_F = math.pi * 2.0 ** torch.arange(FREQUENCIES, device=inside_BSS.device)
    angles_BE = (torch.stack([x_B, y_B, extent_B], dim=1)[..., None] * turns_F).flatten(1)
    return torch.cat([angles_BE.sin(), angles_BE.cos()], dim=1) / math.sqrt(angles_BE.shape[1])


def attended(
    own_BW: Tensor, own_BE: Tensor, tokens_BTW: Tensor, tokens_BTE: Tensor, is_token_BT: Tensor, config: SemanticTokens
) -> Tensor:
    """The mention's vector and what it attends to, [B, W]; all that is given are unit vectors.

    Args:
        is_token_BT: True where a token is one, at least one a row; others only fill up.
    """
    semantic_BT = torch.einsum("bw,btw->bt", own_BW, tokens_BTW)
    positional_BT = torch.einsum("be,bte->bt", own_BE, tokens_BTE)
    scores_BT = (semantic_BT + config.nearness * positional_BT) / config.temperature
    share_BT = scores_BT.masked_fill(~is_token_BT, -math.inf).softmax(dim=1)
    return own_BW + config.weight * torch.einsum("bt,btw->bw", share_BT, tokens_BTW)
