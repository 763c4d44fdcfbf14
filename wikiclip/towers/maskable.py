"""What a ViT and a trunk of timm's share: their network may be told the mask, by its attention or by a fourth channel.

Axes: B item, P patch; C, H, W of pixels.
"""

from abc import abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from wikiclip.presets import VisionBackbone
from wikiclip.towers.alpha import add_alpha, with_alpha
from wikiclip.towers.masked_attention import keep_to_mask, keeping_to, pools_by_mean
from wikiclip.towers.vision import VisionFeatures, VisionTower


class MaskableTower(VisionTower):
    """Sees what the mask covers, where the backbone says how, and else all that it is shown.

    Raises:
        WikiClipError: the network has no attention, or no channel, that could be told the mask.
    """

    def __init__(self, network: Any, backbone: VisionBackbone) -> None:
        self._alpha, self._masked = backbone.alpha is not None, backbone.masked_blocks > 0
        if self._alpha:
            add_alpha(network, backbone)
        if self._masked:
            keep_to_mask(network, backbone.masked_blocks, architecture=backbone.architecture)
        super().__init__(network, backbone)

    @abstractmethod
    def look(self, x_BCHW: Tensor) -> VisionFeatures:
        """What the network makes of its input."""

    @torch.inference_mode()
    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None = None) -> VisionFeatures:
        x_BCHW = self._normalised(pixels_BCHW)
        if self._alpha:
            everything_BHW = torch.ones_like(x_BCHW[:, 0])
            x_BCHW = with_alpha(x_BCHW, everything_BHW if inside_BHW is None else inside_BHW.to(x_BCHW.device))
        if inside_BHW is None or not self._masked:
            return self.look(x_BCHW)
        cover_BP = F.adaptive_avg_pool2d(inside_BHW.to(x_BCHW.device)[:, None], self.grid).flatten(1)
        # What is whole is seen as by the plain network, to the bit; and of no patch at all nothing could be seen.
        hides_B = (cover_BP < 1).any(dim=1) & (cover_BP > 0).any(dim=1)
        if not hides_B.any():
            return self.look(x_BCHW)
        parts = [self._look_under(x_BCHW[hides_B], cover_BP[hides_B])]
        if hides_B.all():
            return parts[0]
        parts.append(self.look(x_BCHW[~hides_B]))
        order_B = torch.cat([hides_B.nonzero(), (~hides_B).nonzero()]).flatten()
        return VisionFeatures.joined(parts).taken(order_B.argsort())

    def _look_under(self, x_BCHW: Tensor, cover_BP: Tensor) -> VisionFeatures:
        with keeping_to(cover_BP):
            seen = self.look(x_BCHW)
        if not pools_by_mean(self.network):
            return seen
        return VisionFeatures(seen.patches_BPV, self.pool(seen, cover_BP))
