"""The text encoder that a vision tower was trained with: a description in the space of the tower's pooled vectors.

Axes: B item, L text token; widths T of tokens, W of the pooled vector.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wikiclip.base.precision import bf16_pays
from wikiclip.towers.text import TextFeatures
from wikiclip.towers.words import read_first_words


class TowerText(nn.Module):
    """Gives a text tower's tokens, and the vector that it compares with pictures as the sentence's.

    Args:
        network: open_clip's model, whose vision tower is dropped; it is frozen in place.
        tokenize: texts to token numbers [B, L], all of one length.
        tokens: whether tokens are wanted; else the sentence stands for them, and T is W.

    Attributes:
        width: T.
        sentence_width: W.
    """

    nowhere: Tensor

    def __init__(self, network: Any, tokenize: Callable[[list[str]], Tensor], *, tokens: bool) -> None:
        super().__init__()
        network.visual = nn.Identity()
        self.network, self._tokenize, self._tokens = network.eval().requires_grad_(False), tokenize, tokens
        self.register_buffer("nowhere", torch.zeros(0), persistent=False)
        empty_L = tokenize([""])[0]
        self._context, self._padding = len(empty_L), int(empty_L[-1])  # the latter fills an empty text up
        probe = self(["a"])
        self.width, self.sentence_width = probe.tokens_BLT.shape[-1], probe.sentence_BT.shape[-1]

    @torch.inference_mode()
    def forward(self, texts: Sequence[str]) -> TextFeatures:
        """Encodes descriptions, cut where the tower's context ends."""
        device = self.nowhere.device
        numbers_BL = read_first_words(texts, self._context, self._tokenize, self._is_full).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16_pays(device)):
            if self._tokens:
                out = self.network.forward_intermediates(text=numbers_BL, text_indices=1, normalize=False)
                tokens_BLT, pooled_BW = out["text_intermediates"][-1], out["text_features"]
            else:
                pooled_BW = self.network.encode_text(numbers_BL)
        sentence_BW = F.normalize(pooled_BW.float(), dim=-1)
        if not self._tokens:
            return TextFeatures(sentence_BW[:, None], sentence_BW.new_zeros(len(texts), 1).bool(), sentence_BW)
        padding_BL = numbers_BL == self._padding
        longest = max(1, int((~padding_BL).sum(dim=1).max()))
        return TextFeatures(tokens_BLT[:, :longest].float(), padding_BL[:, :longest], sentence_BW)

    def _is_full(self, numbers_BL: Tensor, text: int) -> bool:
        return int(numbers_BL[text, -1]) != self._padding

    def places(self, text: str) -> list[tuple[int, int]] | None:
        """None: a tokenizer of open_clip's does not say which characters a token stands for."""
        return None
