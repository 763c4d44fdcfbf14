"""SAM 3 (Carion et al., 2025) through transformers: words to the masks of all that they mean, at once."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from wikiclip.base.machine import DeviceChoice
from wikiclip.segmenters.canvas import Canvas
from wikiclip.segmenters.named.pretrained import load
from wikiclip.segmenters.naming import Candidate, Reference

from transformers import Sam3Model, Sam3Processor  # isort: skip

KINDS = "sam3", "sam3_video"  # it is published for videos; a picture needs a part of the weights
SIDE = 1024  # pixels of the longer side: the model sees no more
LEAST = 0.3  # of a confidence, as the model's authors have it


class Sam3:
    """A model that `Sam3Model` reads: weights as safetensors, with the files of its processor.

    Args:
        source: a folder, or a name on the model hub.
        device: where to compute; "cpu" leaves a GPU to others.

    Raises:
        WikiClipError: it is not there, or is not such a model.
    """

    method = "sam3"

    def __init__(self, source: str, device: DeviceChoice = "auto") -> None:
        self._model, self._processor = load(
            source, name="SAM 3", kinds=KINDS, model=Sam3Model, processor=Sam3Processor, device=device
        )

    @torch.inference_mode()
    def find(self, image: Image.Image, references: Sequence[Reference]) -> list[list[Candidate]]:
        canvas = Canvas.of(image, side=SIDE, size=None)
        pixels = self._processor(images=Image.fromarray(canvas.rgb_HWC), return_tensors="pt")["pixel_values"]
        seen = self._model.get_vision_features(pixels.to(self._model.device))
        return [self._found(canvas, seen, reference.words) for reference in references]

    def _found(self, canvas: Canvas, seen: object, words: str) -> list[Candidate]:
        longest = self._model.config.text_config.max_position_embeddings
        read = self._processor.tokenizer(
            words, padding="max_length", truncation=True, max_length=longest, return_tensors="pt"
        ).to(self._model.device)
        out = self._model(vision_embeds=seen, input_ids=read["input_ids"], attention_mask=read["attention_mask"])
        (found,) = self._processor.post_process_instance_segmentation(
            out, threshold=LEAST, target_sizes=[canvas.rgb_HWC.shape[:2]]
        )
        masks_NHW, scores_N = found["masks"].cpu().numpy().astype(np.bool_), found["scores"].float().cpu().numpy()
        return [
            Candidate(mask=canvas.large(masks_NHW[n]), confidence=float(scores_N[n]))
            for n in np.argsort(-scores_N, kind="stable")
            if masks_NHW[n].any()
        ]
