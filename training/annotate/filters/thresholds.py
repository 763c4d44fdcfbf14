"""The filters' constants in one place: they were chosen on the stamps of the development fold alone, by
`python -m benchmarks.filtering` (docs/notebook/masks-annotation.md)."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Attributes are shares, or overlaps (IoU), unless they say otherwise.

    Attributes:
        sure: the confidence, as the segmenter has it, below which no mask is kept; the paper's threshold of boxes.
        agreed: masks that overlap by as much are of one thing.
        trust: what agreement counts beside confidence where a candidate is chosen.
        heard: the confidence, as a share of its segmenter's surest, from which on a candidate counts as agreeing.
        place_sure: the confidence, as the segmenter has it, from which on the mask of a place is let stand.
        dense_cover: of the picture that all boxes together cover in a dense scene.
        dense_boxes: how many boxes there are in one at least.
        dense_reach: how far a mask is eroded and dilated, as a share of the picture's shorter side.
        dense_pieces: more connected pieces than these are a dense scene's.
        apart: things that overlap by less are several.
        same: masks that overlap by as much are one mask.
        within: what of a thing lies in a box that holds it.
    """

    sure: float = 0.3
    agreed: float = 0.5
    trust: float = 1.0
    heard: float = 0.6
    place_sure: float = 0.5
    dense_cover: float = 0.5
    dense_boxes: int = 4
    dense_reach: float = 0.01
    dense_pieces: int = 2
    apart: float = 0.2
    same: float = 0.75
    within: float = 0.8
