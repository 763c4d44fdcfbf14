"""Models of sentence-transformers that take pictures and texts: loaded without code of theirs, asked from any thread.

Axes: C, H, W of pixels.
"""

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.precision import bf16_pays
from wikiclip.towers.weights import BROKEN_WEIGHTS

from sentence_transformers import CrossEncoder, SentenceTransformer  # isort: skip
from sentence_transformers.base.modality_types import Modality  # isort: skip
from transformers.utils import logging as transformers_logging  # isort: skip

TAKEN: tuple[Modality, ...] = ("image", "text", ("image", "text"))
UNLOADED = (*BROKEN_WEIGHTS, TypeError, AttributeError, ImportError)
Pixels = NDArray[np.uint8]
Input = dict[str, Any]  # an "image", a "text", or both
Model = TypeVar("Model", SentenceTransformer, CrossEncoder)


def loaded(kind: type[Model], folder: Path, name: str) -> Model:
    """A model out of a repository's folder, frozen, on the processor.

    Args:
        name: what people call it.

    Raises:
        WikiClipError: it cannot be loaded, needs code of its own, or takes no picture and text in one input.
    """
    # A bar for a second's work would stand in every command's output.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with _reports() as reported:
            model: Model = kind(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
        if not all(model.supports(taken) for taken in TAKEN):
            raise WikiClipError(
                f"{name} takes {model.modalities}, and no picture and text in one input: take a model such as"
                " Qwen3-VL-Embedding or Qwen3-VL-Reranker."
            )
    except UNLOADED as error:
        raise refusal(name, error) from error
    if lacking := re.findall(r"^(\S+) +\|.*MISSING", "\n".join(reported), re.MULTILINE):
        raise WikiClipError(f"{name} cannot be loaded: its weights lack {lacking[0]}. Fetch them again.")
    model.eval().requires_grad_(False)
    return model


@contextmanager
def _reports() -> Iterator[list[str]]:
    """What transformers logs meanwhile. It makes up at random what a file of weights lacks, and only says so there; the
    library above it does not hand on what it is told."""
    told: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger("transformers")
    root.addHandler(listener)
    try:
        yield told
    finally:
        root.removeHandler(listener)


def refusal(name: str, error: Exception) -> WikiClipError:
    """What is said where the library cannot load the model of that name."""
    if "trust_remote_code" in str(error):
        return WikiClipError(
            f"{name} needs code of its own, and none is run here: take a model that transformers and"
            " sentence-transformers know by themselves."
        )
    return WikiClipError(f"{name} cannot be loaded: look at its files, or fetch them again. ({first_line(error)})")


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
