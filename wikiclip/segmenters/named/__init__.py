"""A name to masks: segmenters that find what is named, behind `wikiclip.segmenters.naming`."""

from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip
from wikiclip.segmenters.named.patches import Patches
from wikiclip.segmenters.named.windows import Windows
from wikiclip.segmenters.naming import Candidate, NameSegmenter, Reference

__all__ = ["Candidate", "NameSegmenter", "Reference", "open_name_segmenter"]


def open_name_segmenter(source: str, *, model: WikiClip | None = None, device: DeviceChoice = "auto") -> NameSegmenter:
    """The segmenter of a name: "windows", "patches", or else checkpoints, each a folder or a name on the hub.

    One checkpoint is of SAM 3; two, as "DINO+SAM", are of Grounding DINO and of SAM or SAM 2.

    Args:
        model: whose vectors "windows" and "patches" compare.
        device: where a network of the segmenter's own computes.

    Raises:
        WikiClipError: a checkpoint cannot be loaded, or there is no model.
    """
    if source in (Windows.method, Patches.method):
        if model is None:
            raise WikiClipError(
                f"The segmenter {source} compares parts of a picture with an entity by the vectors of a model: hand"
                " one over."
            )
        return Windows(model) if source == Windows.method else Patches(model)
    finds, plus, outlines = source.partition("+")
    if plus:
        from wikiclip.segmenters.named.grounded import GroundedSam  # which takes transformers seconds to import

        return GroundedSam(finds, outlines, device)
    from wikiclip.segmenters.named.sam3 import Sam3

    return Sam3(source, device)
