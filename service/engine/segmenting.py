"""What the segmenter found, as the service shows it."""

from service.engine.reading import Sketch
from service.schemas import RegionOut
from wikiclip.masks import Mask, bounds
from wikiclip.regions.rle import encode_rle
from wikiclip.segmenters import Segmenter


def outlined(segmenter: Segmenter, sketch: Sketch) -> list[RegionOut]:
    """The regions of a picture that the segmenter finds."""
    return [_region(mask) for mask in segmenter.segment(sketch.image, sketch.prompt)]


def _region(mask: Mask) -> RegionOut:
    left, top, right, bottom = bounds(mask)
    return RegionOut(
        rle=encode_rle(mask),
        box=[left, top, right - left, bottom - top],
        area=round(float(mask.mean()), 6),
    )
