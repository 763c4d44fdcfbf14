"""A picture and a click to a mask: what finds a thing's outline for who has none."""

from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.segmenters.grabcut import GrabCut
from wikiclip.segmenters.segmenter import MOST_PROPOSED, Box, Point, Prompt, Segmenter
from wikiclip.segmenters.tower import TowerGuided
from wikiclip.towers.vision import VisionTower

__all__ = ["MOST_PROPOSED", "Box", "Point", "Prompt", "Segmenter", "open_segmenter"]


def open_segmenter(source: str, *, tower: VisionTower | None = None, device: DeviceChoice = "auto") -> Segmenter:
    """The segmenter of a name: "tower", "grabcut", or else a checkpoint of SAM or SAM 2, a folder or a name on the hub.

    Args:
        tower: whose maps "tower" looks at, of a model that is loaded. One that sees a picture as a whole has no maps,
            and leaves it to GrabCut.
        device: where a network of the segmenter's own computes.

    Raises:
        WikiClipError: the checkpoint cannot be loaded, or there is no tower.
    """
    if source == TowerGuided.method:
        if tower is None:
            raise WikiClipError(
                "The segmenter tower needs the vision tower of a model: hand one over, or take grabcut."
            )
        return TowerGuided(tower) if tower.grid > 1 else GrabCut()
    if source == GrabCut.method:
        return GrabCut()
    from wikiclip.segmenters.sam import Sam  # which takes transformers seconds to import

    return Sam(source, device)
