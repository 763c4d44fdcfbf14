"""Regions that are asked about in a picture that is not decoded yet, which they let be decoded smaller.

A photograph of 12 megapixels takes most of a request's time to decode, and its views have some hundred pixels a side.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from wikiclip.masks import Mask, decode_region, whole
from wikiclip.mentions.views import Cuts, PreparedMention
from wikiclip.pictures import Picture

MOST_KEPT = 64_000_000  # pixels of masks, a byte each, between the look at the regions and the cut


class AskedRegions:
    """Regions in a form of `wikiclip.regions.decode`; None stands for the whole picture.

    Args:
        model: what cuts them.
        work: what each piece of work on one is done in; it may raise to end it.
    """

    def __init__(
        self,
        regions: Sequence[object],
        model: Cuts,
        *,
        work: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._regions, self._model, self._work = regions, model, work
        self._kept: dict[int, Mask] = {}

    def fit(self, width: int, height: int) -> float:
        """How many times smaller the picture of this size may be along each side for what is asked; see `Fit`.

        Raises:
            RegionError: a region cannot be read.
        """
        if width * height * len(self._regions) > MOST_KEPT:
            return 1.0
        fits = [self._model.fit(self._mask(number, width, height)) for number in range(len(self._regions))]
        return min(fits, default=1.0)

    def cut(self, picture: Picture) -> Iterator[PreparedMention]:
        """Cuts each region out of the picture; raises RegionError."""
        cut = self._model.mention_cutter(picture.rgb, shrunk=picture.shrunk)
        for number, region in enumerate(self._regions):
            mask = shown_part(picture) if region is None else self._mask(number, *picture.size)
            with self._work():
                prepared = cut(mask)
            self._kept.pop(number, None)
            yield prepared

    def _mask(self, number: int, width: int, height: int) -> Mask:
        kept = self._kept.get(number)
        if kept is None:
            with self._work():
                kept = decode_region(self._regions[number], height=height, width=width)
            if width * height * len(self._regions) <= MOST_KEPT:
                self._kept[number] = kept
        return kept


def shown_part(picture: Picture) -> Mask:
    """The region of a whole picture: what is transparent is no part of it, as on the entity's side."""
    width, height = picture.size
    if picture.opaque is not None and picture.opaque.any():
        return picture.opaque
    return whole(height, width)
