"""A tower and a segmenter that look at the same thing once, where many forms of mention are made of one picture."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from wikiclip.masks import Mask
from wikiclip.segmenters import Prompt, Segmenter
from wikiclip.towers.vision import VisionFeatures, VisionTower


class OnceSeen(VisionTower):
    """A tower that keeps what it saw, until it is told to forget.

    Args:
        tower: of any kind; this one is as it is in all but that.
    """

    def __init__(self, tower: VisionTower) -> None:
        nn.Module.__init__(self)  # of `VisionTower` everything is taken over from the tower
        self._tower, self.network = tower, tower.network
        self.image_size, self.grid, self.uses_mask = tower.image_size, tower.grid, tower.uses_mask
        self.patch_width, self.pooled_width = tower.patch_width, tower.pooled_width
        self._seen: dict[tuple[bytes, bytes], VisionFeatures] = {}

    def forward(self, pixels_BCHW: Tensor, inside_BHW: Tensor | None = None) -> VisionFeatures:
        keys = [
            (_bytes(pixels_BCHW[item]), b"" if inside_BHW is None else _bytes(inside_BHW[item]))
            for item in range(len(pixels_BCHW))
        ]
        new = {key: item for item, key in enumerate(keys) if key not in self._seen}
        if new:
            items = list(new.values())
            made: VisionFeatures = self._tower(pixels_BCHW[items], None if inside_BHW is None else inside_BHW[items])
            for row, key in enumerate(new):
                self._seen[key] = made.taken(slice(row, row + 1))
        return VisionFeatures.joined([self._seen[key] for key in keys])

    def forget(self) -> None:
        """Makes room."""
        self._seen.clear()

    def pool(self, features: VisionFeatures, weights_BP: Tensor) -> Tensor:
        return self._tower.pool(features, weights_BP)

    def maps(self, pixels_BCHW: Tensor) -> tuple[Tensor, ...]:
        return self._tower.maps(pixels_BCHW)

    @property
    def device(self) -> torch.device:
        return self._tower.device


class OnceSegmented:
    """A segmenter that keeps what it found in whole pictures, until it is told to forget."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter, self.method, self.side = segmenter, segmenter.method, segmenter.side
        self._found: dict[tuple[Any, ...], list[Mask]] = {}

    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        key = (image.size, image.tobytes(), prompt, size)
        if key not in self._found:
            self._found[key] = self._segmenter.segment(image, prompt, size=size)
        return list(self._found[key])

    def forget(self) -> None:
        """Makes room."""
        self._found.clear()


def _bytes(one: Tensor) -> bytes:
    return bytes(one.contiguous().cpu().numpy().tobytes())
