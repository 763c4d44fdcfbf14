"""A name to masks: segmenters that find what is named, behind `wikiclip.segmenters.naming`."""

from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip
from wikiclip.segmenters.named.patches import Patches
from wikiclip.segmenters.named.windows import Windows
from wikiclip.segmenters.naming import Candidate, NameSegmenter, Reference

__all__ = ["Candidate", "NameSegmenter", "Reference", "open_name_segmenter"]


def open_name_segmenter(source: str, *, model: WikiClip | None = None, device: DeviceChoice = "auto") -> NameSegmenter:
    """The segmenter of a name: "windows" or "patches".

    Args:
        model: whose vectors "windows" and "patches" compare.
        device: where a network of the segmenter's own computes.

    Raises:
        WikiClipError: the checkpoint cannot be loaded, or there is no model.
    """
    if source in (Windows.method, Patches.method):
        if model is None:
            raise WikiClipError(
                f"The segmenter {source} compares parts of a picture with an entity by a model: hand one over."
            )
        return Windows(model) if source == Windows.method else Patches(model)
    raise WikiClipError(f"There is no segmenter {source!r}: take windows or patches.")
