"""Text encoders: descriptions to token embeddings.

Axes: B item, L text token; width T of tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.base.precision import bf16_pays
from wikiclip.presets import TextBackbone
from wikiclip.towers.hub import is_repository, repository
from wikiclip.towers.sentence.files import TEXT_ENCODER, digest
from wikiclip.towers.sentence.models import loaded
from wikiclip.towers.weights import BROKEN_WEIGHTS, check_sha256, packaged_path
from wikiclip.towers.words import read_first_words

from sentence_transformers import SentenceTransformer  # isort: skip
from transformers.utils import logging as transformers_logging  # isort: skip


@dataclass(frozen=True)
class TextFeatures:
    """What a text encoder reads: `tokens_BLT`, `padding_BL` (True where a token is padding), `sentence_BT` (unit).

    A text tower's sentences are as wide as what it compares them with, and not as its tokens.
    """

    tokens_BLT: Tensor
    padding_BL: Tensor
    sentence_BT: Tensor


class TextEncoder(nn.Module):
    """A frozen sentence-transformers model that gives token embeddings and their mean.

    Attributes:
        width: T.
        sentence_width: of its sentences' vectors, which are means of tokens: T.
    """

    def __init__(self, backbone: TextBackbone) -> None:
        super().__init__()
        self.model = _loaded(backbone).eval().requires_grad_(False)
        self._most = min(backbone.max_tokens, self.model.max_seq_length or backbone.max_tokens)
        self.model.max_seq_length = self._most
        tokenizer = self.model.tokenizer
        if tokenizer.pad_token is None:  # LLaMA has none; padded places are masked out, so any token serves
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
        self.width = self.sentence_width = int(self(["a"]).sentence_BT.shape[-1])

    @torch.inference_mode()
    def forward(self, texts: Sequence[str]) -> TextFeatures:
        """Encodes descriptions, padded to the longest of them."""
        device = self.model.device
        inputs = read_first_words(texts, self._most, self.model.preprocess, self._is_full)
        inputs = {name: value.to(device) for name, value in inputs.items() if isinstance(value, Tensor)}
        if inputs["input_ids"].shape[1] == 0:  # of empty texts a tokenizer without special tokens leaves nothing at all
            inputs = {name: value.new_zeros(len(texts), 1, dtype=torch.long) for name, value in inputs.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device)):
            out = self.model[0](inputs)
        tokens_BLT, kept_BL1 = out["token_embeddings"].float(), out["attention_mask"].bool()[..., None]
        mean_BT = (tokens_BLT * kept_BL1).sum(1) / kept_BL1.sum(1).clamp_min(1)
        return TextFeatures(tokens_BLT, ~kept_BL1[..., 0], F.normalize(mean_BT, dim=-1))

    def _is_full(self, read: dict[str, Any], text: int) -> bool:
        return int(read["attention_mask"][text].sum()) >= self._most

    def places(self, text: str) -> list[tuple[int, int]]:
        """Which characters of the text each token of its encoding stands for, from and to; none, (n, n), for those
        that the tokenizer adds."""
        tokenizer = self.model.tokenizer
        read = tokenizer(text, truncation=True, max_length=self._most, return_offsets_mapping=True)
        return [(start, end) for start, end in read["offset_mapping"]]


def _loaded(backbone: TextBackbone) -> SentenceTransformer:
    source = backbone.model
    if is_repository(source):
        return _from_repository(backbone)
    if source.startswith("package:"):
        source = str(packaged_path(source.removeprefix("package:")))
        # A bar for a second's work would stand in every command's output.
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if backbone.sha256 is not None:
        check_sha256(Path(source) / "model.safetensors", backbone.sha256)
    try:
        return SentenceTransformer(source, device="cpu")
    except BROKEN_WEIGHTS as error:
        raise WikiClipError(
            f"The text encoder {backbone.model!r} cannot be loaded: give the path of a local folder, or make the model "
            f"hub reachable. ({first_line(error)})"
        ) from error


def _from_repository(backbone: TextBackbone) -> SentenceTransformer:
    folder = repository(backbone.model, backbone.revision, TEXT_ENCODER)
    if backbone.sha256 is not None and (found := digest(folder)) != backbone.sha256:
        raise WikiClipError(f"The files of {backbone.model} have sha256 {found}, not {backbone.sha256}.")
    # BERT's pooler makes one vector of a text, and here its tokens are read.
    return loaded(SentenceTransformer, folder, backbone.model, unread=("pooler.",))
