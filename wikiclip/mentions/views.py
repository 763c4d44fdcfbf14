"""Pictures and regions to what the vision tower sees: all of a model that one needs who cuts mentions, without weights.

A process that cuts and one that encodes need not be the same; what goes between them is a `PreparedMention`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from wikiclip.masks import Mask
from wikiclip.mentions.cutter import MentionCutter, is_whole
from wikiclip.mentions.mention import Square, View, around, padded
from wikiclip.mentions.semantic_tokens import Segments
from wikiclip.presets import Preset
from wikiclip.segmenters import Segmenter, open_segmenter
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.vision import VisionTower

# Of a picture for each of a view, along a side, before it may be decoded smaller: with as many, what libjpeg leaves out
# is nothing that the view shows.
PIXELS_SEEN = 2


@dataclass(frozen=True)
class PreparedMention:
    """A mention ready for the tower.

    Attributes:
        views: one, or two for a form that looks at the crop and then at the full picture.
        segments: of its picture, where it attends to them; mentions of one picture share the array.
    """

    views: tuple[View, ...]
    segments: Segments | None = None


class Cuts(Protocol):
    """Cuts mentions: a model, or its `MentionViews` alone."""

    def fit(self, mask: Mask) -> float: ...
    def mention_cutter(self, image: Image.Image, *, shrunk: int = 1) -> Callable[[Mask], PreparedMention]: ...


class MentionViews:
    """How a model's mentions are cut. Safe on any thread.

    Args:
        preset: what settles it.
        size: pixels along each side of a view, the tower's.
        tower: gives the tower, for the form of mention whose segmenter looks at its maps; one is opened where that is
            asked for and none is given.

    Attributes:
        mean_colour: the colour that the tower's normalisation maps to zero.
        segmenters: what segments mentions' pictures, by the names in the preset, opened when a first one is asked for.
    """

    def __init__(self, preset: Preset, *, size: int, tower: Callable[[], VisionTower] | None = None) -> None:
        self._preset, self._size = preset, size
        self._tower = tower or (lambda: open_vision_tower(preset.vision))
        red, green, blue = (round(255 * value) for value in preset.vision.mean)
        self.mean_colour = (red, green, blue)
        self.segmenters: dict[str, Segmenter] = {}

    def mention_cutter(self, image: Image.Image, *, shrunk: int = 1) -> Callable[[Mask], PreparedMention]:
        """Cuts regions of one picture, one after the other: what they share is made once, and seen once by the tower.

        Args:
            image: upright, RGB.
            shrunk: how many times smaller than the picture the image is along each side, rounded up.
        """
        config = self._preset.mention
        cutter = MentionCutter(
            image,
            config=config,
            size=self._size,
            mean=self.mean_colour,
            shrunk=shrunk,
            segmenter=lambda: self._segmenter(config.tokens.segmenter),
        )
        return lambda mask: PreparedMention(cutter.views(mask), cutter.segments)

    def mention_frame(self, mask: Mask) -> Square:
        """The part of the picture that the first view of a mention shows."""
        if not self._preset.mention.crops or is_whole(mask):
            return padded(mask)
        return around(mask, self._preset.mention)

    def fit(self, mask: Mask) -> float:
        """How many times smaller a picture may be along each side, and show a region's views as well."""
        left, _, right, _ = self.mention_frame(mask)
        return (right - left) / (PIXELS_SEEN * self._size)

    def _segmenter(self, name: str) -> Segmenter:
        if name not in self.segmenters:
            self.segmenters[name] = open_segmenter(name, tower=self._tower() if name == "tower" else None)
        return self.segmenters[name]
