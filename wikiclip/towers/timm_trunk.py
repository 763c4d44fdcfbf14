"""A trunk of timm's, convolutional or a transformer, with the head that open_clip puts on it.

Axes: B item, P patch; widths V of patches, W of the pooled vector. C, H, W of pixels and maps.
"""

import torch
from torch import Tensor

from wikiclip.towers.maskable import MaskableTower
from wikiclip.towers.vision import VisionFeatures, mean_patch


class TimmTower(MaskableTower):
    """Gives a trunk's last features, and what its head makes of them."""

    def look(self, x_BCHW: Tensor) -> VisionFeatures:
        """What the network makes of its input."""
        # A convolutional trunk's own `forward_intermediates` stops before its last convolution (352 of 1,280 channels).
        trunk = self.network.trunk
        with self._arithmetic():
            features = trunk.forward_features(x_BCHW)
            pooled_BW = self.network.head(trunk.forward_head(features))
        if features.ndim == 4:
            features_BHWV = features if self._channels_come_last else features.permute(0, 2, 3, 1)
            patches_BPV = features_BHWV.flatten(1, 2)
        else:
            patches_BPV = features[:, trunk.num_prefix_tokens :]
        return VisionFeatures(patches_BPV.float(), pooled_BW.float())

    @torch.inference_mode()
    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        """Sends the weighted mean of the patches through the head, as the only thing that the trunk saw."""
        trunk, mean_BV = self.network.trunk, mean_patch(features, weights_BP)
        if hasattr(trunk, "num_prefix_tokens"):
            alone = mean_BV[:, None].expand(-1, trunk.num_prefix_tokens + 1, -1)
        else:
            alone = mean_BV[:, None, None] if self._channels_come_last else mean_BV[:, :, None, None]
        with self._arithmetic():  # a head may hold convolutions, too
            pooled_BW: Tensor = self.network.head(trunk.forward_head(alone))
        return pooled_BW.float()

    @property
    def _channels_come_last(self) -> bool:
        return getattr(self.network.trunk, "output_fmt", "NCHW") == "NHWC"  # Swin and its kind
