"""SAM (Kirillov et al., ICCV 2023) and SAM 2 (Ravi et al., 2024), promptable segmentation models, through transformers.

It computes where the service encodes: on a GPU, where there is one that it may use.

Axes: N prompt, 2 of x and y, C candidate mask of a prompt; H, W of the picture.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.devices import move_to_gpu
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.masks import Mask
from wikiclip.segmenters.canvas import Canvas
from wikiclip.segmenters.segmenter import MOST_OF_A_POINT, MOST_PROPOSED, Box, Prompt, answering, told_apart
from wikiclip.towers.weights import BROKEN_WEIGHTS

from transformers import BatchFeature, PreTrainedConfig  # isort: skip
from transformers import Sam2ImageProcessor, Sam2Model, SamImageProcessor, SamModel  # isort: skip

# By what a checkpoint calls itself. SAM 2's are published for videos; a picture needs a part of their weights.
FAMILIES: dict[str, tuple[str, Any, Any]] = {
    "sam": ("sam", SamModel, SamImageProcessor),
    "sam2": ("sam2", Sam2Model, Sam2ImageProcessor),
    "sam2_video": ("sam2", Sam2Model, Sam2ImageProcessor),
}
SIDE = 1024  # pixels: what these models see of a picture; larger masks of all proposals would not fit into memory
GRID = 6  # points along each side that proposals are asked at
LEAST = 0.002  # of the picture: smaller proposals are specks
KEPT = 0.5  # the share of a proposal that better ones must have left


class Sam:
    """A model that `SamModel` or `Sam2Model` reads: weights as safetensors, with the image processor's configuration.

    Args:
        source: a folder, or a name on the model hub.
        device: where to compute; "cpu" leaves a GPU to others.

    Raises:
        WikiClipError: it is not there, or is not such a model.
    """

    side = SIDE

    def __init__(self, source: str, device: DeviceChoice = "auto") -> None:
        try:
            kind = PreTrainedConfig.get_config_dict(source)[0].get("model_type")
            if kind not in FAMILIES:
                raise WikiClipError(
                    _unread(source, f"Its config.json says {kind!r}, not one of {', '.join(FAMILIES)}.")
                )
            self.method, model, processor = FAMILIES[kind]
            self._model, told = model.from_pretrained(source, use_safetensors=True, output_loading_info=True)
            self._processor = processor.from_pretrained(source)
        except BROKEN_WEIGHTS as error:
            raise WikiClipError(_unread(source, str(error).splitlines()[0][:200])) from error
        if told["missing_keys"]:  # which transformers makes up at random
            raise WikiClipError(_unread(source, f"Its weights lack {min(told['missing_keys'])}."))
        self._model.eval()
        if device != "cpu":
            move_to_gpu(self._model)

    @torch.inference_mode()
    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        canvas = Canvas.of(image, side=SIDE, size=size)
        seen, embedding, scale_2 = self._look(canvas)
        if prompt is None:
            return [canvas.large(mask) for mask in self._proposed(seen, embedding, scale_2)]
        if isinstance(prompt, Box):
            return [self._within(canvas, seen, embedding, scale_2, prompt)]
        at = canvas.point(prompt)
        point = torch.tensor([[[[at.x, at.y]]]])  # the model itself adds half a pixel
        (masks_CHW,) = self._masks(seen, embedding, most=MOST_OF_A_POINT, input_points=point * scale_2)[0]
        return told_apart([answering(canvas.large(mask_HW), prompt) for mask_HW in masks_CHW])

    @torch.inference_mode()
    def outlines(self, image: Image.Image, boxes: Sequence[Box]) -> list[Mask]:
        """One mask for each box, as `segment` has it, of a picture that is looked at once."""
        if not boxes:
            return []
        canvas = Canvas.of(image, side=SIDE, size=None)
        seen, embedding, scale_2 = self._look(canvas)
        return [self._within(canvas, seen, embedding, scale_2, box) for box in boxes]

    def _look(self, canvas: Canvas) -> tuple[BatchFeature, Any, Tensor]:
        """The picture as the model takes it, what the model sees in it, and x and y in its input for each pixel's."""
        seen = self._processor(images=Image.fromarray(canvas.rgb_HWC), return_tensors="pt")
        embedding = self._model.get_image_embeddings(seen["pixel_values"].to(self._model.device))
        # From the small picture's frame to that of the model's input. SAM 2 stretches a picture over all of it; SAM
        # keeps its shape and fills up, its sides are rounded each for itself.
        stretched = torch.tensor(seen["pixel_values"].shape[2:])
        scale_2 = (seen.get("reshaped_input_sizes", stretched[None])[0] / seen["original_sizes"][0]).flip(0)
        return seen, embedding, scale_2

    def _within(self, canvas: Canvas, seen: BatchFeature, embedding: Any, scale_2: Tensor, prompt: Box) -> Mask:
        box = canvas.box(prompt)
        corners = torch.tensor([[[box.left, box.top, box.right, box.bottom]]], dtype=torch.float32)
        ((mask_HW,),) = self._masks(seen, embedding, most=1, input_boxes=corners * scale_2.repeat(2))[0]
        return answering(canvas.large(mask_HW), prompt)

    def _masks(
        self, seen: BatchFeature, embedding: Any, *, most: int, **prompts: Tensor
    ) -> tuple[NDArray[np.bool_], Tensor]:
        """For each prompt the masks that the model thinks best of [N, most, H, W], best first, and how good it thinks
        the first is [N]."""
        asked = {name: value.to(self._model.device) for name, value in prompts.items()}
        out = self._model(image_embeddings=embedding, multimask_output=True, **asked)
        best_NC = out.iou_scores[0].argsort(dim=1, descending=True, stable=True)[:, :most]
        chosen = out.pred_masks[:, torch.arange(len(best_NC), device=best_NC.device)[:, None], best_NC]
        sizes = [seen[name] for name in ("original_sizes", "reshaped_input_sizes") if name in seen]
        (masks_NCHW,) = self._processor.post_process_masks(chosen, *sizes)
        return masks_NCHW.cpu().numpy(), out.iou_scores[0].max(dim=1).values.cpu()

    def _proposed(self, seen: BatchFeature, embedding: Any, scale_2: Tensor) -> list[Mask]:
        """What a grid of points lies on; where two masks overlap, the one that the model thinks better of has it."""
        xs, ys = ((torch.arange(GRID) + 0.5) * side / GRID for side in seen["original_sizes"][0].flip(0))
        points = torch.cartesian_prod(xs, ys)[None, :, None]
        masks_N1HW, scores_N = self._masks(seen, embedding, most=1, input_points=points * scale_2)
        masks_NHW = masks_N1HW[:, 0]
        free_HW = np.ones(masks_NHW.shape[1:], dtype=np.bool_)
        found: list[Mask] = []
        for number in scores_N.argsort(descending=True).tolist():
            mask_HW = masks_NHW[number] & free_HW
            if mask_HW.sum() > max(LEAST * mask_HW.size, KEPT * masks_NHW[number].sum()):
                found.append(mask_HW)
                free_HW &= ~mask_HW
        return sorted(found, key=lambda mask: -int(mask.sum()))[:MOST_PROPOSED]


def _unread(source: str, why: str) -> str:
    return (
        f"No SAM model can be loaded from {source!r}: set WIKICLIP_SEGMENTER to grabcut, to the folder of a checkpoint,"
        f" or to a name on a model hub that can be reached. ({why})"
    )
