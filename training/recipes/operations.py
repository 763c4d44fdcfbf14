"""What a preset's parts compute, counted on their real architectures at the size of one item, on the device "meta".

Nothing is multiplied there and no weights are needed; torch counts the floating-point operations of each product, two
for a multiplication and an addition.

Axes: B item, P patch, L text token; widths V of patches, T of tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from wikiclip.base.errors import WikiClipError
from wikiclip.entity import VgkaEncoder
from wikiclip.presets import Preset
from wikiclip.towers.loading import shapes_of

from transformers import AutoModel, BertConfig, LlamaConfig, PretrainedConfig  # isort: skip

# As their publishers describe them; the files themselves need not be here.
TEXT_ENCODERS: dict[str, PretrainedConfig] = {
    "BAAI/bge-small-en-v1.5": BertConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=12, intermediate_size=1536
    ),
    "meta-llama/Llama-3.2-1B": LlamaConfig(
        hidden_size=2048,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        intermediate_size=8192,
        vocab_size=128_256,
    ),
    "meta-llama/Llama-3.2-3B": LlamaConfig(
        hidden_size=3072,
        num_hidden_layers=28,
        num_attention_heads=24,
        num_key_value_heads=8,
        intermediate_size=8192,
        vocab_size=128_256,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Floating-point operations of one item, and sizes.

    Attributes:
        picture: of the vision tower, for one view.
        description: of the text encoder, for a description of the most tokens.
        item, item_backward: of the adaptor, forward and backward.
        frozen_parameters, trained_parameters: of both towers, and of the adaptor.
        item_bytes: what the adaptor keeps of one item for its backward pass, in single precision.
        patches_bytes, tokens_bytes, pooled_bytes: of one record's kept features; tokens at most.
    """

    picture: int
    description: int
    item: int
    item_backward: int
    frozen_parameters: int
    trained_parameters: int
    item_bytes: int
    patches_bytes: int
    tokens_bytes: int
    pooled_bytes: int


def operations_of(preset: Preset) -> Operations:
    """Counts them.

    Raises:
        WikiClipError: nothing of the preset is trained, or the text encoder's sizes are not known here.
    """
    if preset.adaptor is None or preset.text.model not in TEXT_ENCODERS:
        known = ", ".join(TEXT_ENCODERS)
        raise WikiClipError(f"Operations of {preset.name} cannot be counted: its text encoder is none of {known}.")
    visual = shapes_of(preset.vision).visual.eval()
    with torch.device("meta"):
        text: nn.Module = AutoModel.from_config(TEXT_ENCODERS[preset.text.model]).eval()  # type: ignore[no-untyped-call]
        pixels = torch.zeros(1, 3, preset.vision.image_size, preset.vision.image_size)
        tokens = torch.zeros(1, preset.text.max_tokens, dtype=torch.long)
    with torch.no_grad():
        picture, pooled_BW = _counted(lambda: visual(pixels))
        description, read = _counted(lambda: text(input_ids=tokens))
        patches_BPV = _patches(visual, pixels)
    tokens_BLT: Tensor = read.last_hidden_state
    patches = preset.adaptor.grid**2 if preset.adaptor.grid else patches_BPV.shape[1]
    with torch.device("meta"):
        adaptor = VgkaEncoder(
            preset,
            patch_width=patches_BPV.shape[-1],
            pooled_width=pooled_BW.shape[-1],
            text_width=tokens_BLT.shape[-1],
            patches=patches,
        ).adaptor
        there_B, padding_BL = torch.ones(1, dtype=torch.bool), torch.zeros(1, tokens.shape[1], dtype=torch.bool)
        asked_BPV = torch.zeros(1, patches, patches_BPV.shape[-1])
    weights = {parameter.untyped_storage()._cdata for parameter in adaptor.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        item, out_BM = _counted(lambda: adaptor(asked_BPV, there_B, tokens_BLT, padding_BL))
        item_backward, _ = _counted(out_BM.sum().backward)
    return Operations(
        picture=picture,
        description=description,
        item=item,
        item_backward=item_backward,
        frozen_parameters=_parameters(visual) + _parameters(text),
        trained_parameters=_parameters(adaptor),
        item_bytes=sum(kept.values()),
        patches_bytes=2 * asked_BPV.numel(),
        tokens_bytes=2 * tokens_BLT.numel(),
        pooled_bytes=4 * pooled_BW.shape[-1],
    )


def _counted(compute: Callable[[], Any]) -> tuple[int, Any]:
    with FlopCounterMode(display=False) as counter:
        made = compute()
    return counter.get_total_flops(), made


def _patches(visual: Any, pixels: Tensor) -> Tensor:
    """Patches [1, P, V], as the adapter of the tower's kind gives them."""
    if hasattr(visual, "trunk"):
        features: Tensor = visual.trunk.forward_features(pixels)
        return features[:, visual.trunk.num_prefix_tokens :]
    intermediate: Tensor = visual.forward_intermediates(pixels, indices=[-1], output_fmt="NLC")["image_intermediates"][
        0
    ]
    return intermediate


def _parameters(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())
