"""Places: a picture of a museum or a valley is one of it everywhere (PL-VEL, "Data Filtering", third filter).

Segmenters draw a tower of a castle or a door of a museum. So where they are not sure of a place, its mask is the whole
picture; where they are, as of a bridge that is seen from afar, it stands.
"""

from dataclasses import replace

from training.annotate.ensemble import Choice
from training.annotate.filters.thresholds import Thresholds
from wikiclip.masks import whole


def widened(choice: Choice, thresholds: Thresholds) -> Choice:
    """Returns the choice, for a place, with the whole picture as its mask, or as it is where its segmenter is sure."""
    if choice.confidence >= thresholds.place_sure:
        return choice
    return replace(choice, mask=whole(*choice.mask.shape), box=None, mended=(*choice.mended, "places"))
