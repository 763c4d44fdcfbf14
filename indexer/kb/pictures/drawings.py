"""Drawings apart from photographs: a drawing has areas of one colour, where a photograph has grain."""

from pathlib import Path

import numpy as np
from PIL import Image

from indexer.kb.pictures.match import Match
from wikiclip.base.errors import WikiClipError

LARGEST = 512  # pixels along the longer side that are looked at; cut out, since scaling would blend grain and edges
FLAT = 0.3  # of the opaque pixels of a drawing, at least, have exactly their neighbours' colour; of white fur 0.26


def is_drawing(root: Path, match: Match) -> bool:
    """Whether a picture below `root` is drawn: as its collection says, or by its pixels.

    Raises:
        WikiClipError: it cannot be opened.
    """
    return match.drawn or flatness(root / match.path) >= FLAT


def flatness(path: Path) -> float:
    """The share of opaque pixels that have exactly the colour of their right and lower neighbours."""
    try:
        with Image.open(path) as file:
            x, y = max(0, file.width - LARGEST) // 2, max(0, file.height - LARGEST) // 2
            pixels_HWC = np.asarray(file.convert("RGBA").crop((x, y, x + LARGEST, y + LARGEST)))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise WikiClipError(f"{path} is no picture: remove the default data and fetch it again.") from error
    opaque_HW = pixels_HWC[..., 3] == 255
    here, right, below = opaque_HW[:-1, :-1], opaque_HW[:-1, 1:], opaque_HW[1:, :-1]
    rgb = pixels_HWC[..., :3]
    same = (rgb[:-1, :-1] == rgb[:-1, 1:]).all(axis=-1) & (rgb[:-1, :-1] == rgb[1:, :-1]).all(axis=-1)
    inside = here & right & below
    return float(same[inside].mean()) if inside.any() else 1.0
