"""Models of sentence-transformers that take pictures and texts, asked from any thread.

Axes: C, H, W of pixels.
"""

import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.precision import bf16_pays

from sentence_transformers import CrossEncoder, SentenceTransformer  # isort: skip
from sentence_transformers.base.modality_types import Modality  # isort: skip

TAKEN: tuple[Modality, ...] = ("image", "text", ("image", "text"))
Pixels = NDArray[np.uint8]
Input = dict[str, Any]  # an "image", a "text", or both


class PicturesAndTexts:
    """Asks one model. Safe on any thread: a tokenizer is not, so that one thread at a time has it.

    Args:
        max_tokens: texts are cut there. The model's own cut would go through the tokens of a picture.
    """

    def __init__(self, model: SentenceTransformer | CrossEncoder, *, max_tokens: int) -> None:
        self._model, self._max_tokens = model, max_tokens
        special = [token.content for token in model.tokenizer.added_tokens_decoder.values() if token.special]
        self._special = re.compile("|".join(map(re.escape, special)) or "(?!)")
        self._turn = threading.Lock()

    def inputs(self, pictures: Sequence[Pixels | None], texts: Sequence[str]) -> list[Input]:
        """What there is of picture, [C, H, W], and text. A text that is empty counts as none beside a picture."""
        made: list[Input] = []
        if not texts:
            return made
        for pixels, text in zip(pictures, self._cut(texts), strict=True):
            said = {"text": text} if text.strip() or pixels is None else {}
            made.append({**({} if pixels is None else picture(pixels)), **said})
        return made

    def outputs(self, inputs: Sequence[Any], *, prompt: str | None, task: str | None = None) -> dict[str, Any]:
        """What the model's last layer gives, on its device.

        Args:
            inputs: each as `inputs` makes them, or a pair of these.
            prompt: said before each.
            task: "query" or "document", for a model that tells these apart.
        """
        device = self._model.device
        with self._turn:
            features = self._model.preprocess(inputs, prompt=prompt, task=task)
        there = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in features.items()}
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device)):
            return self._model(there, task=task)  # type: ignore[no-any-return]

    def _cut(self, texts: Sequence[str]) -> list[str]:
        """Texts without what the tokenizer takes for a picture's place or for the end of a message."""
        plain = [self._special.sub(" ", text) for text in texts]
        with self._turn:
            read = self._model.tokenizer(
                plain,
                truncation=True,
                max_length=self._max_tokens,
                add_special_tokens=False,
                return_offsets_mapping=True,
            )
        ends = (max((end for _, end in places), default=0) for places in read["offset_mapping"])
        return [text[:end] for text, end in zip(plain, ends, strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        """For a copy on another device, whose tokenizer has a lock of its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_turn"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._turn = threading.Lock()


def picture(pixels_CHW: Pixels) -> Input:
    """A picture as an input of its own."""
    return {"image": Image.fromarray(np.ascontiguousarray(pixels_CHW.transpose(1, 2, 0)))}
