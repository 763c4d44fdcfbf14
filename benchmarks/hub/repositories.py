"""The repositories of the stand-in hub: the presets' towers in open_clip's files, made small, at random weights.

`qwen.py` and `multilingual.py` write the others, in sentence-transformers' and transformers' files. The towers have the
kinds of trunk, text tower and tokenizer that the real ones have, so that all code of ours runs; what they answer means
nothing. One that is no preset's is smaller still.
"""

import hashlib
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)
from benchmarks.hub.multilingual import MULTILINGUAL, write_multilingual
from benchmarks.hub.qwen import CROSS_ENCODERS, EMBEDDERS, write_models
from wikiclip.towers.hub import CONFIG, WEIGHTS

import open_clip  # isort: skip

SEED = 0
PLAIN = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
# A picture tower that pools by attention and a text tower with a tokenizer of its own, as SigLIP's have.
SIGLIP: dict[str, Any] = {
    "embed_dim": 96,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 256,
        "timm_model_name": "vit_pe_core_tiny_patch16_384",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": None,
    },
    "text_cfg": {
        "context_length": 64,
        "vocab_size": 512,
        "width": 96,
        "heads": 2,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "hf_tokenizer_name": "timm/ViT-B-16-SigLIP2-256",
    },
}
MOBILE: dict[str, Any] = {
    "embed_dim": 64,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 256,
        "timm_model_name": "fastvit_t8",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": None,
    },
    "text_cfg": {**PLAIN, "no_causal_mask": True},
}
# As small as our code takes one, with a tokenizer that is fast: for runs over all records on few cores.
SMALLEST: dict[str, Any] = {
    "embed_dim": 64,
    "custom_text": True,
    "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 32, "head_width": 32, "layers": 1},
    "text_cfg": {**SIGLIP["text_cfg"], "context_length": 16, "width": 32, "heads": 1, "layers": 1},
}
HALVES = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
TOWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "timm/MobileCLIP2-S0-OpenCLIP": (MOBILE, {"mean": [0.0] * 3, "std": [1.0] * 3}),
    "timm/ViT-B-16-SigLIP2-256": (SIGLIP, HALVES),
    "timm/ViT-SO400M-16-SigLIP2-256": (SIGLIP, HALVES),
    "stand-in/smallest": (SMALLEST, HALVES),
}
REPOSITORIES = (*TOWERS, *EMBEDDERS, *CROSS_ENCODERS, *MULTILINGUAL)


def write_repositories(root: Path) -> None:
    """Writes what is not there yet: `OWNER/NAME` folders below `root`."""
    write_models(root)
    write_multilingual(root)
    for name, (model, preprocess) in TOWERS.items():
        folder = root / name
        if (folder / WEIGHTS).exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(json.dumps({"model_cfg": model, "preprocess_cfg": preprocess}, indent=2))
        if "hf_tokenizer_name" in model["text_cfg"]:
            _write_tokenizer(folder, model["text_cfg"]["vocab_size"])
        partial = folder / f".{WEIGHTS}"
        save_file(_random_weights(model), partial)
        partial.rename(folder / WEIGHTS)


def files_of(folder: Path) -> dict[str, Path]:
    """A repository's files by their names in it, of which none that is hidden is one."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path for path in files}


def commit_of(folder: Path) -> str:
    """A name for the state of a repository, 40 hex digits as a commit's."""
    state = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in files_of(folder).items()]
    return hashlib.sha1(repr(state).encode(), usedforsecurity=False).hexdigest()


def _random_weights(model: dict[str, Any]) -> dict[str, torch.Tensor]:
    made = deepcopy(model)
    custom = made.pop("custom_text")
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        network = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**made)
    return {name: value.contiguous() for name, value in network.state_dict().items()}


def _write_tokenizer(folder: Path, vocabulary: int) -> None:
    """Letters and their continuations: every text has tokens, and none is long."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    letters = [chr(code) for code in range(33, 127)]
    words = [*special, *letters, *(f"##{letter}" for letter in letters)]
    numbers = {word: number for number, word in enumerate(words[:vocabulary])}
    tokenizer = Tokenizer(WordPiece(numbers, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", numbers["<eos>"])])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "pad_token": "<pad>",
                "eos_token": "<eos>",
                "bos_token": "<bos>",
                "unk_token": "<unk>",
                "model_max_length": 64,
            }
        )
    )
