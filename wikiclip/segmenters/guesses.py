"""First guesses at what is inside, for GrabCut to start from."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wikiclip.masks import Mask

COLOURS = 8  # that are told apart outside
LIKE = 10  # levels of each channel by which a colour may be off what was pointed at


def standing_out(rgb_HWC: NDArray[np.uint8], outside_HW: Mask) -> Mask:
    """Where colours are far from all there are outside, [H, W]; Otsu's threshold says what is far."""
    lab_HWC = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2LAB).astype(np.float32)
    cv2.setRNGSeed(0)
    seen_NC = np.ascontiguousarray(lab_HWC[outside_HW])
    stop = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 10, 1.0)
    colours = min(COLOURS, len(seen_NC))
    _, _, colours_KC = cv2.kmeans(seen_NC, colours, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    away_HW = np.min([np.linalg.norm(lab_HWC - colour_C, axis=-1) for colour_C in colours_KC], axis=0)
    steps_HW = np.clip(away_HW, 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(steps_HW, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(steps_HW > threshold)


def alike(rgb_HWC: NDArray[np.uint8], x: int, y: int) -> Mask:
    """What hangs together with a pixel and is of about its colour, [H, W]."""
    filled = np.zeros((rgb_HWC.shape[0] + 2, rgb_HWC.shape[1] + 2), dtype=np.uint8)
    flags = 4 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    cv2.floodFill(rgb_HWC.copy(), filled, (x, y), (0, 0, 0), (LIKE,) * 3, (LIKE,) * 3, flags)
    return np.asarray(filled[1:-1, 1:-1] == 1)
