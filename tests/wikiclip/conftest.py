"""The real `tiny` model, and small models at random weights that take the ways of the larger presets."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from tests.wikiclip.small_models import (
    EMBED_DIM,
    IMAGE_SIZES,
    TEXT_CFG,
    TOWERS,
    WORDS,
    Backbones,
    Towers,
    randomise,
    word_tokenizer,
)
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, AdaptorConfig, Preset, TextBackbone, VisionBackbone
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.text import TextEncoder
from wikiclip.towers.vision import VisionTower

import open_clip  # isort: skip  (after wikiclip, which lets it import torchvision)
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast  # isort: skip


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # the models are small: more threads wait for each other, and for other work


@pytest.fixture(scope="session")
def vision_backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbones:
    """Small architectures under open_clip's own registry; the argument is a key of `TOWERS`."""
    folder = tmp_path_factory.mktemp("architectures")
    for name, vision_cfg in TOWERS.items():
        config = {"embed_dim": EMBED_DIM, "vision_cfg": vision_cfg, "text_cfg": TEXT_CFG}
        (folder / f"small-{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)

    def backbone(name: str) -> VisionBackbone:
        return VisionBackbone(architecture=f"small-{name}", weights="random", image_size=IMAGE_SIZES[name])

    return backbone


@pytest.fixture(scope="session")
def tower(vision_backbone: Backbones) -> Towers:
    """The same random tower at each call with one name."""
    made: dict[str, VisionTower] = {}

    def make(name: str) -> VisionTower:
        if name not in made:
            torch.manual_seed(0)
            made[name] = open_vision_tower(vision_backbone(name))
        return made[name]

    return make


@pytest.fixture(scope="session")
def clip_file(vision_backbone: Backbones, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of both towers of a small CLIP, as training with open_clip writes one."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("clip") / "clip.pt"
    torch.save(open_clip.create_model(vision_backbone("vit-token").architecture).state_dict(), path)
    return path


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT at random weights, as transformers saves it."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer = word_tokenizer(WORDS, unknown="[UNK]")
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def text_folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder of sentence-transformers."""
    folder = tmp_path_factory.mktemp("sentence-transformer")
    TextEncoder(TextBackbone(model=str(bert_folder))).model.save(str(folder))
    return folder


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bfloat16, so that two ways to the same number can be held against each other closely."""
    for module in (
        "base.precision",
        "towers.vision",
        "towers.text",
        "towers.tower_text",
        "towers.sentence.pictures_and_texts",
        "entity",
    ):
        monkeypatch.setattr(f"wikiclip.{module}.bf16_pays", lambda device: False)


@pytest.fixture(scope="session")
def tiny() -> WikiClip:
    """The real frozen backbones, with what is learned at random: as it starts, it says nothing about a text."""
    return randomise(WikiClip(PRESETS["tiny"]))


@pytest.fixture(scope="session")
def plain_preset(clip_file: Path, text_folder: Path) -> Preset:
    """The paper's plain form: a CLIP tower from a file, all its patches, no mention space."""
    return Preset(
        name="plain",
        vision=VisionBackbone(architecture="small-vit-token", weights=str(clip_file), image_size=32),
        text=TextBackbone(model=str(text_folder), max_tokens=16),
        adaptor=AdaptorConfig(width=32, heads=4),
    )
