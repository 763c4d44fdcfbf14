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
    _, colours_KC = palette(lab_HWC[outside_HW])
    away_HW = np.min([np.linalg.norm(lab_HWC - colour_C, axis=-1) for colour_C in colours_KC], axis=0)
    steps_HW = np.clip(away_HW, 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(steps_HW, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(steps_HW > threshold)


def palette(seen_NC: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Which of a few colours each pixel has [N], and these colours [K, C], K at most COLOURS."""
    cv2.setRNGSeed(0)  # of this thread: equal pictures get equal colours
    stop = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 10, 1.0)
    _, colour_N1, colours_KC = cv2.kmeans(  # type: ignore[call-overload]
        np.ascontiguousarray(seen_NC), min(COLOURS, len(seen_NC)), None, stop, 1, cv2.KMEANS_PP_CENTERS
    )
    return colour_N1.ravel()[: len(seen_NC)], colours_KC


def guess(inside_HW: Mask, outside_HW: Mask) -> NDArray[np.uint8]:
    """What GrabCut starts from [H, W]: what is likely inside, and what surely is outside."""
    labels_HW = np.where(inside_HW, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels_HW[outside_HW] = cv2.GC_BGD
    return labels_HW


def alike(rgb_HWC: NDArray[np.uint8], x: int, y: int) -> Mask:
    """What hangs together with a pixel and is of about its colour, [H, W]."""
    filled = np.zeros((rgb_HWC.shape[0] + 2, rgb_HWC.shape[1] + 2), dtype=np.uint8)
    flags = 4 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    cv2.floodFill(rgb_HWC.copy(), filled, (x, y), (0, 0, 0), (LIKE,) * 3, (LIKE,) * 3, flags)
    return np.asarray(filled[1:-1, 1:-1] == 1)
