"""Small architectures that take the ways of the larger presets."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor

from wikiclip.model import WikiClip
from wikiclip.presets import VisionBackbone
from wikiclip.towers.vision import VisionTower

TEXT_CFG = {"context_length": 8, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
VIT = {"image_size": 32, "patch_size": 8, "width": 64, "layers": 2, "head_width": 32}
TIMM = {"image_size": 64, "timm_model_pretrained": False}

# Every kind of tower that the presets, or an adopter's own preset, may name: small, and at random weights.
TOWERS: dict[str, dict[str, Any]] = {
    "vit-token": VIT,
    "vit-average": {**VIT, "pool_type": "avg"},
    "vit-norm-after-pool": {**VIT, "pool_type": "avg", "final_ln_after_pool": True},
    "timm-vit-token": {**TIMM, "timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear"},
    "timm-vit-average": {**TIMM, "timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "linear"},
    "timm-vit-map": {**TIMM, "timm_model_name": "test_vit", "timm_pool": "map", "timm_proj": "none"},
    "timm-eva": {**TIMM, "timm_model_name": "eva02_tiny_patch14_224", "timm_pool": "token", "timm_proj": None},
    "timm-cnn": {**TIMM, "timm_model_name": "test_efficientnet", "timm_pool": "avg", "timm_proj": "none"},
    "timm-cnn-projected": {**TIMM, "timm_model_name": "test_convnext", "timm_pool": "", "timm_proj": "linear"},
    "timm-swin": {**TIMM, "timm_model_name": "swin_s3_tiny_224", "timm_pool": "", "timm_proj": "linear"},
    "vit-attention": {**VIT, "attentional_pool": True, "attn_pooler_heads": 4},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
}
IMAGE_SIZES = {name: config["image_size"] for name, config in TOWERS.items()} | {"timm-eva": 56}
EMBED_DIM = 48

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("a", "the", "bird", "that", "wades", "in", "shallow", "water", "heron", "egret", "white", "long", "legs"),
]

Backbones = Callable[[str], VisionBackbone]
Towers = Callable[[str], VisionTower]


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether the difference is small beside the numbers themselves, which random weights may make tiny."""
    return bool((ours - theirs).abs().max() <= tolerance * theirs.abs().max())


def word_tokenizer(words: Sequence[str], *, unknown: str) -> Tokenizer:
    """A word is a token; its number is its place among the words."""
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token=unknown))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return tokenizer


def randomise(model: WikiClip) -> WikiClip:
    """Whatever is learned at random, in numbers that float16 holds."""
    generator = torch.Generator().manual_seed(3)
    for value in model.entity.state_dict().values():
        value.copy_((torch.randn(value.shape, generator=generator) * 0.1).half())
    return model
