"""A promptable segmentation model of the SAM family (Kirillov et al., ICCV 2023), as transformers loads it.

Axes: N prompt, 2 of x and y, C candidate mask of a prompt; H, W of the picture.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import wikiclip.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.encoders import BROKEN_WEIGHTS
from wikiclip.errors import WikiClipError
from wikiclip.region import Mask
from wikiclip.segmenters.segmenter import MOST_PROPOSED, Box, Prompt, answering

from transformers import BatchFeature, SamImageProcessor, SamModel  # isort: skip

GRID = 6  # points along each side that proposals are asked at
LEAST = 0.002  # of the picture: smaller proposals are specks
KEPT = 0.5  # the share of a proposal that better ones must have left


class Sam:
    """A model that `SamModel` reads: weights as safetensors, with the image processor's configuration.

    Args:
        source: a folder, or a name on the model hub.

    Raises:
        WikiClipError: it is not there, or is not such a model.
    """

    method = "sam"

    def __init__(self, source: str) -> None:
        try:
            self._model: Any = SamModel.from_pretrained(source, use_safetensors=True).eval()  # type: ignore[no-untyped-call]
            self._processor: Any = SamImageProcessor.from_pretrained(source)
        except BROKEN_WEIGHTS as error:
            raise WikiClipError(
                f"No SAM model can be loaded from {source!r}: set WIKICLIP_SEGMENTER to grabcut, to the folder of a"
                f" checkpoint, or to a name on a model hub that can be reached. ({str(error).splitlines()[0][:200]})"
            ) from error

    @torch.inference_mode()
    def segment(self, image: Image.Image, prompt: Prompt) -> list[Mask]:
        seen = self._processor(images=image, return_tensors="pt")
        embedding = self._model.get_image_embeddings(seen["pixel_values"])
        # From the picture's frame to that of the model's input, whose sides are rounded each for itself.
        scale_2 = seen["reshaped_input_sizes"][0].flip(0) / torch.tensor(image.size)
        if prompt is None:
            return self._proposed(seen, embedding, image, scale_2)
        if isinstance(prompt, Box):
            corners = torch.tensor([[[prompt.left, prompt.top, prompt.right, prompt.bottom]]], dtype=torch.float32)
            masks_NHW, _ = self._best(seen, embedding, input_boxes=corners * scale_2.repeat(2))
        else:
            point = torch.tensor([[[[prompt.x, prompt.y]]]])  # the model itself adds half a pixel
            masks_NHW, _ = self._best(seen, embedding, input_points=point * scale_2)
        return [answering(masks_NHW[0], prompt)]

    def _best(self, seen: BatchFeature, embedding: Tensor, **prompts: Tensor) -> tuple[NDArray[np.bool_], Tensor]:
        """For each prompt the mask that the model thinks best of, and how good it thinks it is [N]."""
        out = self._model(image_embeddings=embedding, multimask_output=True, **prompts)
        scores_NC = out.iou_scores[0]
        best_N = scores_NC.argmax(dim=1)
        chosen = out.pred_masks[:, torch.arange(len(best_N)), best_N][:, :, None]
        (masks_N1HW,) = self._processor.post_process_masks(chosen, seen["original_sizes"], seen["reshaped_input_sizes"])
        return masks_N1HW[:, 0].numpy(), scores_NC.max(dim=1).values

    def _proposed(self, seen: BatchFeature, embedding: Tensor, image: Image.Image, scale_2: Tensor) -> list[Mask]:
        """What a grid of points lies on; where two masks overlap, the one that the model thinks better of has it."""
        xs, ys = ((torch.arange(GRID) + 0.5) * side / GRID for side in image.size)
        points = torch.cartesian_prod(xs, ys)[None, :, None]
        masks_NHW, scores_N = self._best(seen, embedding, input_points=points * scale_2)
        free_HW = np.ones(masks_NHW.shape[1:], dtype=np.bool_)
        found: list[Mask] = []
        for number in scores_N.argsort(descending=True).tolist():
            mask_HW = masks_NHW[number] & free_HW
            if mask_HW.sum() > max(LEAST * mask_HW.size, KEPT * masks_NHW[number].sum()):
                found.append(mask_HW)
                free_HW &= ~mask_HW
        return sorted(found, key=lambda mask: -int(mask.sum()))[:MOST_PROPOSED]
