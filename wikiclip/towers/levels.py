"""One vector of what a convolutional trunk sees under a mask, at several depths.

A classifier's last map tells kinds of things apart and forgets the rest; the maps before it still hold parts, materials
and colours (hypercolumns, Hariharan et al., CVPR 2015). Each depth is pooled under the mask and made a unit vector, so
that what it counts is for the preset to say, and not for the size of its activations. The last map is pooled by a
generalised mean, which lies between mean and maximum (GeM, Radenovic et al., TPAMI 2019, section 3.2).

Axes: B item, C channel, H, W cells of a map; W of the pooled vector.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PooledLevels

LAYERS = ("conv_stem", "bn1", "blocks", "conv_head", "bn2")  # of timm's EfficientNet, in the order that it runs them
SMALLEST = 1e-6  # of an activation: below zero, where some trunks' lie, a power would have no real root


def check_levels(tower: Any, levels: PooledLevels) -> None:
    """Raises WikiClipError where the tower has no such depths."""
    trunk: Any = getattr(tower, "trunk", None)
    if not all(hasattr(trunk, layer) for layer in LAYERS):
        raise WikiClipError("Only a trunk of the kind EfficientNet can be pooled at several depths: take `levels` out.")
    if not levels.stages or not all(0 <= stage < len(trunk.blocks) for stage in levels.stages):
        raise WikiClipError(f"`levels` names stages {levels.stages}; the trunk has 0 to {len(trunk.blocks) - 1}.")


def forward_levels(trunk: Any, x_BCHW: Tensor, levels: PooledLevels) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The trunk's last map, and those after the stages that the levels name."""
    x_BCHW = trunk.bn1(trunk.conv_stem(x_BCHW))
    after = {}
    for number, stage in enumerate(trunk.blocks):
        after[number] = x_BCHW = stage(x_BCHW)
    return trunk.bn2(trunk.conv_head(x_BCHW)), tuple(after[stage] for stage in levels.stages)


def pool_levels(last_BCHW: Tensor, earlier: Sequence[Tensor], inside_BHW: Tensor, levels: PooledLevels) -> Tensor:
    """Pools the maps, [B, W]: the last map's channels first, then those of the earlier ones.

    Args:
        inside_BHW: the share of each part of the view that counts, at any resolution.
    """
    last_BCHW = last_BCHW.float().clamp_min(SMALLEST)
    last_BC = _mean(last_BCHW**levels.power, inside_BHW) ** (1 / levels.power)
    parts = [F.normalize(last_BC, dim=-1)]
    parts += [levels.weight * F.normalize(_mean(map_BCHW.float(), inside_BHW), dim=-1) for map_BCHW in earlier]
    return torch.cat(parts, dim=-1)


def _mean(map_BCHW: Tensor, inside_BHW: Tensor) -> Tensor:
    weights_BHW = F.adaptive_avg_pool2d(inside_BHW[:, None].float(), (map_BCHW.shape[2], map_BCHW.shape[3]))[:, 0]
    share_BHW = weights_BHW / weights_BHW.sum(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    return torch.einsum("bchw,bhw->bc", map_BCHW, share_BHW)
