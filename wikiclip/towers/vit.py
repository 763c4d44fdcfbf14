"""A ViT in open_clip's own code.

Axes: B item, P patch; widths V of patches, W of the pooled vector. C, H, W of pixels.
"""

from typing import Any

import torch
from torch import Tensor

from wikiclip.attention import make_sequence_first
from wikiclip.presets import VisionBackbone
from wikiclip.towers.maskable import MaskableTower
from wikiclip.towers.vision import VisionFeatures, mean_patch


class VitTower(MaskableTower):
    """Gives a ViT's patches, without its class token, and the vector that it pools of them or its class token gives."""

    def __init__(self, network: Any, backbone: VisionBackbone) -> None:
        make_sequence_first(network)
        super().__init__(network, backbone)

    def look(self, x_BCHW: Tensor) -> VisionFeatures:
        """What the network makes of its input."""
        with self._arithmetic():
            # The class token is not among the intermediates. A ViT that normalises after it pools has its patches raw.
            out = self.network.forward_intermediates(
                x_BCHW, indices=[-1], normalize_intermediates=not self.network.final_ln_after_pool, output_fmt="NLC"
            )
        return VisionFeatures(out["image_intermediates"][0].float(), out["image_features"].float())

    @torch.inference_mode()
    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        """Projects the weighted mean of the patches, as the network projects what it pools."""
        mean_BV = mean_patch(features, weights_BP)
        if self.network.final_ln_after_pool:
            mean_BV = self.network.ln_post(mean_BV)
        return mean_BV if self.network.proj is None else mean_BV @ self.network.proj
