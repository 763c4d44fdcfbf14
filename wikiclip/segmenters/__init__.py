"""A picture and a click to a mask: what finds a thing's outline for who has none."""

from wikiclip.segmenters.grabcut import GrabCut
from wikiclip.segmenters.segmenter import MOST_PROPOSED, Box, Point, Prompt, Segmenter

__all__ = ["MOST_PROPOSED", "Box", "Point", "Prompt", "Segmenter", "open_segmenter"]


def open_segmenter(source: str) -> Segmenter:
    """The segmenter of a name: "grabcut", or else a checkpoint of SAM or SAM 2, a folder or a name on the model hub.

    Raises:
        WikiClipError: the checkpoint cannot be loaded.
    """
    if source == GrabCut.method:
        return GrabCut()
    from wikiclip.segmenters.sam import Sam  # which takes transformers seconds to import

    return Sam(source)
