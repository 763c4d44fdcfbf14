"""Makes `import torchvision` work where torch is a CPU build and torchvision is not.

A registry may carry a CUDA build of torchvision only. Beside a CPU build of torch its C operators do not load, and
torchvision 0.2x stops at import because two of its meta kernels (`nms`, `qnms`) are registered without asking whether
the operators exist. timm, open_clip and sentence-transformers all import torchvision; none of what we use calls an
operator of it. Declaring the two schemas lets the import finish. Where the pair matches, nothing is declared.
"""

import sys

import torch

_declared: list[torch.library.Library] = []  # a Library that is collected takes its operators with it


def import_torchvision() -> None:
    """Imports torchvision, declaring the operators it misses if exactly that is what stops it.

    Raises:
        RuntimeError: whatever else torchvision's import raises.
    """
    try:
        import torchvision  # type: ignore[import-untyped]
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    else:
        return
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _declared.append(library)
    import torchvision  # noqa: F401


import_torchvision()
