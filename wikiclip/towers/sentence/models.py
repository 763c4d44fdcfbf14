"""Models of sentence-transformers out of a repository's folder: safetensors only, and no code of theirs is run."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.towers.weights import BROKEN_WEIGHTS

from sentence_transformers import CrossEncoder, SentenceTransformer  # isort: skip
from sentence_transformers.base.modality_types import Modality  # isort: skip
from transformers.utils import logging as transformers_logging  # isort: skip

UNLOADED = (*BROKEN_WEIGHTS, TypeError, AttributeError, ImportError)
Model = TypeVar("Model", SentenceTransformer, CrossEncoder)


def loaded(
    kind: type[Model], folder: Path, name: str, *, takes: Sequence[Modality] = (), unread: tuple[str, ...] = ()
) -> Model:
    """A model out of a repository's folder, frozen, on the processor.

    Args:
        name: what people call it.
        takes: kinds of input that it must take.
        unread: how the names of weights begin that nothing reads, so that a file may lack them.

    Raises:
        WikiClipError: it cannot be loaded, needs code of its own, lacks weights, or takes other inputs.
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
        if not all(model.supports(kind_of_input) for kind_of_input in takes):
            raise WikiClipError(
                f"{name} takes {model.modalities}, and no picture and text in one input: take a model such as"
                " Qwen3-VL-Embedding or Qwen3-VL-Reranker."
            )
    except UNLOADED as error:
        raise refusal(name, error) from error
    told = re.findall(r"^(\S+) +\|.*MISSING", "\n".join(reported), re.MULTILINE)
    if lacking := [weight for weight in told if not weight.startswith(unread)]:
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
