"""Grounded SAM (Ren et al., 2024): Grounding DINO (Liu et al., ECCV 2024) finds boxes by words, SAM what is in them.

Words and picture are fused early in Grounding DINO, so it looks at a picture again for each reference.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from wikiclip.base.machine import DeviceChoice
from wikiclip.segmenters.named.pretrained import load
from wikiclip.segmenters.naming import Candidate, Reference
from wikiclip.segmenters.sam import Sam
from wikiclip.segmenters.segmenter import Box

from transformers import GroundingDinoForObjectDetection, GroundingDinoProcessor  # isort: skip

KINDS = ("grounding-dino",)
SIDE = 1333  # pixels of the longer side: the model sees no more
BOX, TEXT = 0.3, 0.25  # least scores of a box and of its words, as in the paper
MOST = 5  # boxes that are outlined


class GroundedSam:
    """Models that `GroundingDinoForObjectDetection` and `SamModel` or `Sam2Model` read.

    Args:
        finds: Grounding DINO, a folder or a name on the model hub.
        outlines: SAM or SAM 2, likewise.
        device: where to compute; "cpu" leaves a GPU to others.

    Raises:
        WikiClipError: one is not there, or is not such a model.
    """

    def __init__(self, finds: str, outlines: str, device: DeviceChoice = "auto") -> None:
        self._model, self._processor = load(
            finds,
            name="Grounding DINO",
            kinds=KINDS,
            model=GroundingDinoForObjectDetection,
            processor=GroundingDinoProcessor,
            device=device,
        )
        self._outlines = Sam(outlines, device)
        self.method = f"grounding dino + {self._outlines.method}"

    def find(self, image: Image.Image, references: Sequence[Reference]) -> list[list[Candidate]]:
        return [self._found(image, reference.words) for reference in references]

    def _found(self, image: Image.Image, words: str) -> list[Candidate]:
        scored = self.boxes(image, words)[:MOST]
        masks = self._outlines.outlines(image, [box for box, _ in scored])
        return [
            Candidate(mask=mask, confidence=score, box=box) for mask, (box, score) in zip(masks, scored, strict=True)
        ]

    @torch.inference_mode()
    def boxes(self, image: Image.Image, words: str) -> list[tuple[Box, float]]:
        """Boxes of the picture with their scores, the surest first."""
        small = image.copy()
        small.thumbnail((SIDE, SIDE))
        asked = self._processor(
            images=small,
            text=f"{words.lower().strip().rstrip('.')}.",
            truncation=True,
            max_length=self._model.config.max_text_len,
            return_tensors="pt",
        ).to(self._model.device)
        out = self._model(**asked)
        (found,) = self._processor.post_process_grounded_object_detection(
            out, asked["input_ids"], threshold=BOX, text_threshold=TEXT, target_sizes=[(image.height, image.width)]
        )
        scores_N, corners_N4 = found["scores"].float().cpu().numpy(), found["boxes"].float().cpu().numpy()
        return [
            (_within(corners_N4[n].tolist(), image), float(scores_N[n])) for n in np.argsort(-scores_N, kind="stable")
        ]


def _within(corners: Sequence[float], image: Image.Image) -> Box:
    """The pixels of a picture that a box touches, at least one."""
    left, top = (
        min(max(0, int(np.floor(corner))), side - 1) for corner, side in zip(corners[:2], image.size, strict=True)
    )
    right, bottom = (
        min(max(start + 1, int(np.ceil(corner))), side)
        for start, corner, side in zip((left, top), corners[2:], image.size, strict=True)
    )
    return Box(left, top, right, bottom)
