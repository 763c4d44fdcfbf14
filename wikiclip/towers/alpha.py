"""A fourth channel of a ViT's input, which tells it the mask (Alpha-CLIP, Sun et al., CVPR 2024, section 3.2).

The paper adds a convolution over the mask to that over the colours; the two are one convolution over four channels.

Axes: B item, C, H, W of pixels.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.presets import VisionBackbone
from wikiclip.towers.weights import BROKEN_WEIGHTS, check_sha256

ALPHA = "conv1_alpha.weight"
PREFIXES = ("visual.", "module.")  # of the names in a checkpoint of both towers, or of training on several devices
MEAN, STD = 0.5, 0.26  # of a mask from 0 to 1, as Alpha-CLIP was trained with


def add_alpha(network: Any, backbone: VisionBackbone) -> None:
    """Gives a ViT of open_clip's own the channel, and the weights that were trained with it, in place.

    The file holds the channel's convolution alone, or with it the whole vision tower, under open_clip's names or
    Alpha-CLIP's.

    Raises:
        WikiClipError: the file cannot be read, is not the one expected, or does not fit the network.
    """
    assert backbone.alpha is not None
    if hasattr(network, "trunk") or not hasattr(network, "conv1") or not hasattr(network, "transformer"):
        raise WikiClipError(
            f"An alpha channel is for a ViT of open_clip's own, which {backbone.architecture} is not: take `alpha` out."
        )
    path = Path(backbone.alpha)
    if backbone.alpha_sha256 is not None:
        check_sha256(path, backbone.alpha_sha256)
    state = _renamed(_read(path))
    conv = network.conv1
    expected = (conv.out_channels, 1, *conv.kernel_size)
    alpha = state.pop(ALPHA, None)
    if alpha is None or tuple(alpha.shape) != expected:
        found = "none" if alpha is None else f"one of shape {tuple(alpha.shape)}"
        raise WikiClipError(
            f"{path} does not hold the alpha channel of {backbone.architecture}: {ALPHA} should have the shape"
            f" {expected}, and there is {found}."
        )
    if state:
        _replace(network, state, path, backbone)
    network.conv1 = _widened(network.conv1, alpha)


def with_alpha(normalised_BCHW: Tensor, inside_BHW: Tensor) -> Tensor:
    """Pixels that the network takes, [B, 4, H, W]."""
    alpha_B1HW = (inside_BHW.to(normalised_BCHW)[:, None] - MEAN) / STD
    return torch.cat([normalised_BCHW, alpha_B1HW], dim=1).to(memory_format=torch.channels_last)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except BROKEN_WEIGHTS as error:
        raise WikiClipError(f"The alpha channel's weights {path} cannot be read: {first_line(error)}") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WikiClipError(f"The alpha channel's weights {path} cannot be read: the file holds no table of tensors.")
    return state


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a checkpoint of both towers the vision tower, under open_clip's names."""
    for prefix in reversed(PREFIXES):
        if any(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return {name.replace("attn.in_proj.", "attn.in_proj_"): value for name, value in state.items()}


def _replace(network: Any, state: dict[str, Tensor], path: Path, backbone: VisionBackbone) -> None:
    own = {name: value.shape for name, value in network.state_dict().items()}
    found = {name: value.shape for name, value in state.items()}
    if unlike := sorted(name for name in own.keys() | found.keys() if own.get(name) != found.get(name)):
        raise WikiClipError(
            f"{path} holds another vision tower than {backbone.architecture}: {len(unlike)} of its tensors differ, the"
            f" first {unlike[0]}."
        )
    network.load_state_dict({name: value.float() for name, value in state.items()})


def _widened(conv: nn.Conv2d, alpha: Tensor) -> nn.Conv2d:
    kernel, stride = conv.kernel_size, conv.stride
    wide = nn.Conv2d(4, conv.out_channels, (kernel[0], kernel[1]), (stride[0], stride[1]), bias=False)
    wide.weight.data = torch.cat([conv.weight.data, alpha.to(conv.weight.data)], dim=1)
    return wide
