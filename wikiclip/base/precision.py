"""Which arithmetic a device is fast in."""

import torch


def bf16_pays(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is native on the device; elsewhere it would be emulated, and slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch before 2.12 cannot say what the processor has; float32 is always right there.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
