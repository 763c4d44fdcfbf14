"""Where models compute: on the GPUs that torch sees (CUDA or ROCm), else on the processor."""

from collections.abc import Sequence

import torch
from torch import nn

from wikiclip.base.errors import first_line


def best_device() -> torch.device:
    """The GPU that this process was given, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def visible_devices() -> list[torch.device]:
    """All GPUs, in their order, or the processor alone where there are none."""
    if not torch.cuda.is_available():
        return [torch.device("cpu")]
    return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]


def described(devices: Sequence[torch.device]) -> str:
    """Such as "the CPU" or "2 GPUs (NVIDIA H200)"."""
    if devices[0].type == "cpu":
        return "the CPU"
    return f"{len(devices)} GPU{'s' if len(devices) > 1 else ''} ({torch.cuda.get_device_name(devices[0])})"


def move_to_gpu(model: nn.Module) -> str:
    """Moves a model to the first GPU, and says where it is and why not elsewhere.

    A GPU that is there but cannot be used, for its memory or its driver, is no error: the model stays on the processor.
    """
    device = visible_devices()[0]
    if device.type == "cpu":
        return "the CPU: torch sees no GPU"
    try:
        model.to(device)
    except RuntimeError as error:  # torch's own, such as for memory that is not there
        model.to("cpu")
        return f"the CPU: {first_line(error)}"
    return described([device])
