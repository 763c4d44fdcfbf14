"""What a vision tower is: a frozen backbone that turns pictures into patches and a pooled vector, whatever its kind.

The adapters beside this module, one for each kind of backbone, are all there is to know of a kind.

Axes: B item, P patch; widths V of patches, W of the pooled vector. C, H, W of pixels and maps.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wikiclip.base.precision import bf16_pays, keep_in_bf16
from wikiclip.presets import VisionBackbone


@dataclass(frozen=True)
class VisionFeatures:
    """What a vision tower sees: `patches_BPV` in row-major order of a square grid, and `pooled_BW`; both float32.

    `earlier_maps` holds maps of earlier layers, [B, C, H, W] each, where the tower pools these, too.
    """

    patches_BPV: Tensor
    pooled_BW: Tensor
    earlier_maps: tuple[Tensor, ...] = ()

    @classmethod
    def joined(cls, batches: Sequence["VisionFeatures"]) -> "VisionFeatures":
        """The features of several batches of one tower as those of one batch."""
        if len(batches) == 1:
            return batches[0]
        return cls(
            torch.cat([batch.patches_BPV for batch in batches]),
            torch.cat([batch.pooled_BW for batch in batches]),
            tuple(torch.cat(maps) for maps in zip(*(batch.earlier_maps for batch in batches), strict=True)),
        )

    def taken(self, rows: Tensor | slice) -> "VisionFeatures":
        """The features of some items, in this order."""
        return VisionFeatures(
            self.patches_BPV[rows], self.pooled_BW[rows], tuple(map_BCHW[rows] for map_BCHW in self.earlier_maps)
        )

    def repeat_first(self, times: int) -> "VisionFeatures":
        """The features of the first item as those of several, without copying them."""
        return VisionFeatures(
            self.patches_BPV[:1].expand(times, -1, -1),
            self.pooled_BW[:1].expand(times, -1),
            tuple(map_BCHW[:1].expand(times, -1, -1, -1) for map_BCHW in self.earlier_maps),
        )


class VisionTower(nn.Module, ABC):
    """A frozen vision backbone.

    Args:
        network: of the library that knows it; it is frozen in place.
        backbone: what it was made of.

    Attributes:
        image_size: pixels along each side of its input.
        patch_width, pooled_width: V and W.
        grid: patches along each side; P = grid * grid.
        uses_mask: whether `forward` pools by the mask; a tower that does not takes in all that it is shown.
    """

    mean_C: Tensor
    std_C: Tensor

    def __init__(self, network: Any, backbone: VisionBackbone) -> None:
        super().__init__()
        self.network, self.image_size, self.uses_mask = network, backbone.image_size, backbone.uses_mask
        network.eval().requires_grad_(False)
        for part in network.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.data = part.weight.data.to(memory_format=torch.channels_last)
        self.register_buffer("mean_C", torch.tensor(backbone.mean)[:, None, None] * 255, persistent=False)
        self.register_buffer("std_C", torch.tensor(backbone.std)[:, None, None] * 255, persistent=False)
        probe: VisionFeatures = self(torch.zeros(1, 3, self.image_size, self.image_size, dtype=torch.uint8))
        self.patch_width, self.pooled_width = probe.patches_BPV.shape[-1], probe.pooled_BW.shape[-1]
        self.grid = round(probe.patches_BPV.shape[1] ** 0.5)

    @abstractmethod
    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None = None) -> VisionFeatures:
        """Sees uint8 pixels [B, 3, image_size, image_size], on any device.

        Args:
            inside_BHW: the share of each pixel that the mask covers; all of it where None.
        """

    @abstractmethod
    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        """Pools patches under non-negative weights into the space of the pooled vector, [B, W], as if the picture held
        nothing else."""

    @torch.inference_mode()
    def maps(self, pixels_BCHW: Tensor) -> tuple[Tensor, ...]:
        """What lies where in pictures: maps [B, C, h, w] that each cover the whole of them.

        Args:
            pixels_BCHW: uint8 of any shape, stretched to what the tower takes.
        """
        square = (self.image_size, self.image_size)
        stretched = F.interpolate(pixels_BCHW.to(self.device).float(), square, mode="bilinear", antialias=True)
        seen: VisionFeatures = self(stretched.round().to(torch.uint8))
        patches_BVP = seen.patches_BPV.transpose(1, 2)
        return (patches_BVP.reshape(*patches_BVP.shape[:2], self.grid, self.grid),)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mean_C.device

    def optimize_for_inference(self) -> None:
        """Makes the tower faster once it is on the device where it stays. No result changes by a bit."""
        keep_in_bf16(self.network, self.device)

    def _normalised(self, pixels_BCHW: Tensor) -> Tensor:
        """What the network takes, on its device."""
        pixels_BCHW = pixels_BCHW.to(self.device)
        return ((pixels_BCHW - self.mean_C) / self.std_C).to(memory_format=torch.channels_last)

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bf16_pays(self.device))


def mean_patch(features: VisionFeatures, weights_BP: Tensor) -> Tensor:
    """The weighted mean of the patches, [B, V]; zero where all weights are."""
    share_BP = weights_BP / weights_BP.sum(dim=1, keepdim=True).clamp_min(1e-6)
    return torch.einsum("bp,bpv->bv", share_BP, features.patches_BPV)
