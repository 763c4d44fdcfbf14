"""Small models of Qwen3-VL's kind at random weights: an embedder of picture and text, and a cross-encoder of pairs.

Architecture, processor, chat template and the files of sentence-transformers are of the kinds that the real ones have;
the tokenizer knows letters only, and what the models answer means nothing.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)

from sentence_transformers import CrossEncoder, SentenceTransformer  # isort: skip
from sentence_transformers.base.modules import Normalize, Transformer  # isort: skip
from sentence_transformers.cross_encoder.modules import LogitScore  # isort: skip
from sentence_transformers.sentence_transformer.modules import Pooling  # isort: skip
from transformers import (  # isort: skip
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)
from transformers.utils import logging as transformers_logging  # isort: skip

EMBEDDERS: dict[str, str | None] = {  # how large a file of weights is at most; None for one file
    "Qwen/Qwen3-VL-Embedding-2B": None,
    "Qwen/Qwen3-VL-Embedding-8B": "400KB",
}
CROSS_ENCODERS = ("Qwen/Qwen3-VL-Reranker-2B",)
SEED = 0
WIDTH, PATCH, MERGED = 64, 16, 2
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
ANSWERS = ("yes", "no")
TEMPLATE = """
{%- for message in messages %}
    {{- '<|im_start|> ' + message.role + ' ' }}
    {%- for part in message.content %}
        {%- if part.type == 'image' %}
            {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
        {%- else %}
            {{- ' ' + part.text + ' ' }}
        {%- endif %}
    {%- endfor %}
    {{- '<|im_end|> ' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|> assistant' }}
{%- endif %}
"""
PROCESSING: Any = {"chat_template": {"add_generation_prompt": True}}


def write_models(root: Path) -> None:
    """Writes what is not there yet: `OWNER/NAME` folders below `root`."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name, most in EMBEDDERS.items():
        if not (root / name).exists():
            base = _base(root / f"{name}.base")
            transformer = Transformer(str(base), processing_kwargs=PROCESSING)
            modules = [transformer, Pooling(WIDTH, pooling_mode="lasttoken"), Normalize()]
            _publish(SentenceTransformer(modules=modules, device="cpu"), root / name, base, most)
    for name in CROSS_ENCODERS:
        if not (root / name).exists():
            base = _base(root / f"{name}.base")
            transformer = Transformer(str(base), transformer_task="any-to-any", processing_kwargs=PROCESSING)
            yes, no = (transformer.tokenizer.convert_tokens_to_ids(answer) for answer in ANSWERS)
            modules = [transformer, LogitScore(true_token_id=yes, false_token_id=no)]
            _publish(CrossEncoder(modules=modules, device="cpu"), root / name, base, None)


def _publish(model: SentenceTransformer | CrossEncoder, folder: Path, base: Path, most: str | None) -> None:
    """Saves a model where its base lay, and renames it; the page that the library writes about it is left out."""
    shutil.rmtree(base)
    model.save_pretrained(str(base), create_model_card=False)
    if most is not None:
        (base / "model.safetensors").unlink()
        assert model.transformers_model is not None
        model.transformers_model.save_pretrained(base, max_shard_size=most)
    base.rename(folder)


def _base(folder: Path) -> Path:
    """The model before sentence-transformers adds its files."""
    shutil.rmtree(folder, ignore_errors=True)
    letters = [chr(code) for code in range(33, 127)]
    words = [*SPECIAL, "<unk>", *ANSWERS, *letters, *(f"##{letter}" for letter in letters)]
    numbers = {word: number for number, word in enumerate(words)}
    plain = Tokenizer(WordPiece(numbers, unk_token="<unk>"))
    plain.normalizer, plain.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=plain,
        unk_token="<unk>",
        pad_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        additional_special_tokens=list(SPECIAL),
        padding_side="left",
    )
    config = _config(numbers)
    seen: Any = {"patch_size": PATCH, "merge_size": MERGED, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    Qwen3VLProcessor(  # type: ignore[no-untyped-call]
        image_processor=Qwen2VLImageProcessor(size={"shortest_edge": 1 << 16, "longest_edge": 1 << 24}, **seen),
        video_processor=Qwen3VLVideoProcessor(**seen),
        tokenizer=tokenizer,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    return folder


def _config(numbers: dict[str, int]) -> Qwen3VLConfig:
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    return Qwen3VLConfig(
        text_config={
            "vocab_size": len(numbers),
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 4096,
            "rope_parameters": rope,
            # Larger than a model starts with, so that its vectors are not all alike.
            "initializer_range": 0.2,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "num_position_embeddings": 256,
            "deepstack_visual_indexes": [0],
            "patch_size": PATCH,
            "spatial_merge_size": MERGED,
            "temporal_patch_size": 2,
            "initializer_range": 0.2,
        },
        image_token_id=numbers["<|image_pad|>"],
        video_token_id=numbers["<|video_pad|>"],
        vision_start_token_id=numbers["<|vision_start|>"],
        vision_end_token_id=numbers["<|vision_end|>"],
        tie_word_embeddings=True,
    )
