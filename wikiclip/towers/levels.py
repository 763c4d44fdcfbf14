"""A convolutional trunk that is pooled under the mask, at several depths.

A classifier's last map tells kinds of things apart and forgets the rest; the maps before it still hold parts, materials
and colours (hypercolumns, Hariharan et al., CVPR 2015). Each depth is pooled under the mask and made a unit vector, so
that what it counts is for the preset to say, and not for the size of its activations. The last map is pooled by a
generalised mean, which lies between mean and maximum (GeM, Radenovic et al., TPAMI 2019, section 3.2).

Axes: B item, P patch, C channel, H, W cells of a map; widths V of patches, W of the pooled vector.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PooledLevels, VisionBackbone
from wikiclip.towers.vision import VisionFeatures, VisionTower

Looked = tuple[Tensor, tuple[Tensor, ...], Tensor]  # the last map, earlier ones, the vector pooled of all

LAYERS = ("conv_stem", "bn1", "blocks", "conv_head", "bn2")  # of timm's EfficientNet, in the order that it runs them
SMALLEST = 1e-6  # of an activation: below zero, where some trunks' lie, a power would have no real root


class LevelsTower(VisionTower):
    """A trunk of the kind EfficientNet, whose pooled vector joins what several depths hold under the mask.

    Raises:
        WikiClipError: the network has no such depths.
    """

    _traced: Callable[[Tensor, Tensor], Looked] | None = None

    def __init__(self, network: Any, backbone: VisionBackbone) -> None:
        assert backbone.levels is not None
        check_levels(network, backbone.levels)
        self._levels = backbone.levels  # before a first picture is seen, from which the widths are read
        super().__init__(network, backbone)

    @torch.inference_mode()
    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None = None) -> VisionFeatures:
        look = self._traced or self.look
        pixels_BCHW = pixels_BCHW.to(self.device)
        inside_BHW = torch.ones(pixels_BCHW[:, 0].shape) if inside_BHW is None else inside_BHW
        last_BCHW, earlier, pooled_BW = look(pixels_BCHW, inside_BHW.to(self.device))
        return VisionFeatures(last_BCHW.flatten(2).transpose(1, 2).float(), pooled_BW, earlier)

    def look(self, pixels_BCHW: Tensor, inside_BHW: Tensor) -> Looked:
        """What `forward` gives, in the form that torch traces."""
        with self._arithmetic():
            last_BCHW, earlier = forward_levels(self.network.trunk, self._normalised(pixels_BCHW), self._levels)
        return last_BCHW, earlier, pool_levels(last_BCHW, earlier, inside_BHW, self._levels)

    @torch.inference_mode()
    def maps(self, pixels_BCHW: Tensor) -> tuple[Tensor, ...]:
        """The maps of the levels; the trunk takes a picture of any shape as it is."""
        with self._arithmetic():
            _, after = _staged(self.network.trunk, self._normalised(pixels_BCHW), max(self._levels.stages))
        return tuple(after[stage].float() for stage in self._levels.stages)

    @torch.inference_mode()
    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        """Pools each depth under the weights, as `forward` does under the mask."""
        square = (len(features.patches_BPV), -1, self.grid, self.grid)
        last_BCHW = features.patches_BPV.transpose(1, 2).reshape(square)
        return pool_levels(last_BCHW, features.earlier_maps, weights_BP.reshape(square)[:, 0], self._levels)

    def optimize_for_inference(self) -> None:
        """Traces the tower, too, which is more than a hundred small operations.

        It then asks for the interpreter's lock once and not for each: a tenth of the time of a lone view where nobody
        else wants the lock, and a quarter where others do.
        """
        super().optimize_for_inference()
        pixels_BCHW = torch.zeros(2, 3, self.image_size, self.image_size, dtype=torch.uint8, device=self.device)
        inside_BHW = torch.ones(2, self.image_size, self.image_size, device=self.device)
        with torch.no_grad():
            # A trace that torch holds against a second one leaves 25 MB behind in the process for good; what this one
            # gives is held against the network's own in the tests.
            traced: Any = torch.jit.trace(  # type: ignore[no-untyped-call]
                _Look(self), (pixels_BCHW, inside_BHW), check_trace=False
            )
        self._traced = traced.forward  # not the module, which would be a part of this one

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the trace, which cannot be copied: a copy is traced where it then stays."""
        return {**self.__dict__, "_traced": None}


class _Look(nn.Module):
    """`LevelsTower.look` as a module, which is what torch traces."""

    def __init__(self, tower: LevelsTower) -> None:
        super().__init__()
        self._tower = tower

    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor) -> Looked:
        return self._tower.look(pixels_BCHW, inside_BHW)


def check_levels(tower: Any, levels: PooledLevels) -> None:
    """Raises WikiClipError where the tower has no such depths."""
    trunk: Any = getattr(tower, "trunk", None)
    if not all(hasattr(trunk, layer) for layer in LAYERS):
        raise WikiClipError("Only a trunk of the kind EfficientNet can be pooled at several depths: take `levels` out.")
    if not levels.stages or not all(0 <= stage < len(trunk.blocks) for stage in levels.stages):
        raise WikiClipError(f"`levels` names stages {levels.stages}; the trunk has 0 to {len(trunk.blocks) - 1}.")


def forward_levels(trunk: Any, x_BCHW: Tensor, levels: PooledLevels) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The trunk's last map, and those after the stages that the levels name."""
    x_BCHW, after = _staged(trunk, x_BCHW, len(trunk.blocks) - 1)
    return trunk.bn2(trunk.conv_head(x_BCHW)), tuple(after[stage] for stage in levels.stages)


def _staged(trunk: Any, x_BCHW: Tensor, last: int) -> tuple[Tensor, dict[int, Tensor]]:
    """The map after stage number `last`, and those after each stage up to it."""
    x_BCHW = trunk.bn1(trunk.conv_stem(x_BCHW))
    after = {}
    for number, stage in enumerate(trunk.blocks[: last + 1]):
        after[number] = x_BCHW = stage(x_BCHW)
    return x_BCHW, after


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
