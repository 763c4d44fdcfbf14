"""Which arithmetic a device is fast in."""

import torch
from torch import nn


def bf16_pays(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is native on the device; elsewhere it would be emulated, and slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch before 2.12 cannot say what the processor has; float32 is always right there.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def keep_in_bf16(network: nn.Module, device: torch.device) -> None:
    """Gives convolutions and linear layers their weights in the arithmetic that they are used in, where that is
    bfloat16: otherwise autocast converts them at each call, a tenth of the time of a small tower. No result changes by
    a bit."""
    if bf16_pays(device):
        for part in network.modules():
            if isinstance(part, (nn.Conv2d, nn.Linear, nn.MultiheadAttention)):
                part.to(torch.bfloat16)
