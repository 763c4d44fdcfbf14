"""Cuts the mentions of one picture, and makes once what they share: the full picture, and its segments.

Pillow, NumPy and OpenCV only, but for a segmenter that is a network of its own.
"""

from collections.abc import Callable
from functools import cached_property

from PIL import Image

from wikiclip.masks import Mask, whole
from wikiclip.mentions.mention import View, full_picture, masked_crop, under_another
from wikiclip.mentions.semantic_tokens import Segments, segmented
from wikiclip.presets import MentionConfig
from wikiclip.segmenters import Segmenter


class MentionCutter:
    """See the head of the file. Safe on any thread, but on one at a time.

    Args:
        image: upright, RGB.
        config: what a mention is.
        size: pixels along each side of a view.
        mean: the colour that the tower's normalisation maps to zero.
        shrunk: how many times smaller than the picture the image is along each side, rounded up.
        segmenter: opens what segments the picture, where the form of mention asks for segments.
    """

    def __init__(
        self,
        image: Image.Image,
        *,
        config: MentionConfig,
        size: int,
        mean: tuple[int, int, int],
        shrunk: int,
        segmenter: Callable[[], Segmenter],
    ) -> None:
        self._image, self._config, self._size, self._mean = image, config, size, mean
        self._shrunk, self._segmenter = shrunk, segmenter
        self._full: View | None = None

    def views(self, mask: Mask) -> tuple[View, ...]:
        """The views of a mention, whose mask is [H, W] of the picture's size and not empty.

        Views of the full picture share their pixels, by which whoever sees them can tell that they are the same.
        """
        views: list[View] = []
        if self._config.crops:
            views.append(self._crop(mask))
        if self._config.form != "crop":
            views.append(self._under(mask if self._config.form != "full" else whole(*mask.shape)))
        return tuple(views)

    @cached_property
    def segments(self) -> Segments | None:
        """The picture's segments; None where the form of mention asks for none."""
        if self._config.form != "tokens":
            return None
        return segmented(self._image, self._segmenter(), most=self._config.tokens.most)

    def _crop(self, mask: Mask) -> View:
        size, mean, shrunk = self._size, self._mean, self._shrunk
        if is_whole(mask):
            return full_picture(self._image, mask, size=size, mean=mean, shrunk=shrunk)
        return masked_crop(self._image, mask, size=size, config=self._config, mean=mean, shrunk=shrunk)

    def _under(self, mask: Mask) -> View:
        if self._full is None:
            self._full = full_picture(self._image, mask, size=self._size, mean=self._mean, shrunk=self._shrunk)
            return self._full
        return under_another(self._full, mask, shrunk=self._shrunk)


def is_whole(mask: Mask) -> bool:
    """Whether the whole picture is shown: a margin around it would only make it smaller."""
    return not mask.any() or bool(mask.all())
