"""Vision-Guided Knowledge Adaptor (WikiCLIP, section 3): an entity's patches ask, its description answers.

Axes: B entity, P patch, L text token; widths V of patches, T of tokens, D of the adaptor, M of mention vectors.
"""

import torch
from torch import Tensor, nn

from wikiclip.attention import sequence_first
from wikiclip.presets import AdaptorConfig


class CrossAttentionLayer(nn.Module):
    """One decoder layer without self-attention: `FFN(MHA(P_e, T_t, T_t))`, normalised before each part."""

    def __init__(self, config: AdaptorConfig) -> None:
        super().__init__()
        width = config.width
        self.residual = config.residual
        self.norm_patches, self.norm_text, self.norm_hidden = (
            nn.LayerNorm(width),
            nn.LayerNorm(width),
            nn.LayerNorm(width),
        )
        self.attention = nn.MultiheadAttention(width, config.heads, dropout=config.dropout)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(4 * width, width)
        )

    def forward(self, x_BPD: Tensor, text_BLD: Tensor, padding_BL: Tensor) -> Tensor:
        """Returns [B, P, D]."""
        asked_PBD, text_LBD = sequence_first(self.norm_patches(x_BPD)), sequence_first(self.norm_text(text_BLD))
        answer_PBD, _ = self.attention(asked_PBD, text_LBD, text_LBD, key_padding_mask=padding_BL, need_weights=False)
        answer_BPD = answer_PBD.transpose(0, 1)
        x_BPD = x_BPD + answer_BPD if self.residual else answer_BPD
        hidden_BPD: Tensor = self.feed_forward(self.norm_hidden(x_BPD))
        return x_BPD + hidden_BPD


class VisionGuidedKnowledgeAdaptor(nn.Module):
    """Turns (picture, description) into a vector of the mention space.

    A record without a picture asks with learned patches; one without a description is answered by a learned token.
    The paper leaves both open.

    Args:
        config: the adaptor's own sizes.
        patch_width: V, the vision tower's patch width.
        text_width: T, the text encoder's token width.
        out_width: M, the mention vector's width, so that the two sides meet.
        patches: P, how many patches ask.
    """

    def __init__(
        self, config: AdaptorConfig, *, patch_width: int, text_width: int, out_width: int, patches: int
    ) -> None:
        super().__init__()
        self.project_patches = nn.Linear(patch_width, config.width)
        self.project_text = nn.Linear(text_width, config.width)
        self.missing_patches_PD = nn.Parameter(torch.randn(patches, config.width) * 0.02)
        self.missing_text_D = nn.Parameter(torch.randn(config.width) * 0.02)
        self.layers = nn.ModuleList(CrossAttentionLayer(config) for _ in range(config.layers))
        self.norm_out = nn.LayerNorm(config.width)
        self.project_out = nn.Linear(config.width, out_width)

    def forward(self, patches_BPV: Tensor, has_picture_B: Tensor, tokens_BLT: Tensor, padding_BL: Tensor) -> Tensor:
        """Returns [B, M], not normalised. `padding_BL` is True where a token is padding."""
        x_BPD, text_BLD, padding_BL = self.begin(patches_BPV, has_picture_B, tokens_BLT, padding_BL)
        for layer in self.layers:
            x_BPD = layer(x_BPD, text_BLD, padding_BL)
        out_BM: Tensor = self.project_out(self.norm_out(x_BPD.mean(dim=1)))
        return out_BM

    def begin(
        self, patches_BPV: Tensor, has_picture_B: Tensor, tokens_BLT: Tensor, padding_BL: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the first layer is given: patches [B, P, D], text [B, L, D] and padding [B, L], with what is missing
        replaced."""
        x_BPD = torch.where(
            has_picture_B[:, None, None], self.project_patches(patches_BPV.contiguous()), self.missing_patches_PD
        )
        has_text_B = ~padding_BL.all(dim=1)
        text_BLD = torch.where(
            has_text_B[:, None, None], self.project_text(tokens_BLT.contiguous()), self.missing_text_D
        )
        padding_BL = (
            padding_BL & has_text_B[:, None]
        )  # softmax over nothing is NaN: a textless row keeps all its copies
        return x_BPD, text_BLD, padding_BL

    def start_at_zero(self) -> None:
        """Makes the output zero, so that training starts at whatever the output is added to."""
        nn.init.zeros_(self.project_out.weight)
        nn.init.zeros_(self.project_out.bias)
