"""Presets: what settles the shape of a model, and those that have a name."""

from wikiclip.presets.backbones import TOWER, JointEmbedding, PooledLevels, TextBackbone, VisionBackbone
from wikiclip.presets.entity_config import AdaptorConfig, FusionConfig, SpaceConfig
from wikiclip.presets.mention_config import MentionConfig, MentionForm, SemanticTokens
from wikiclip.presets.named import CLIP_MENTION, PRESETS, PresetName
from wikiclip.presets.preset import Preset

__all__ = [
    "CLIP_MENTION",
    "PRESETS",
    "TOWER",
    "AdaptorConfig",
    "FusionConfig",
    "JointEmbedding",
    "MentionConfig",
    "MentionForm",
    "PooledLevels",
    "Preset",
    "PresetName",
    "SemanticTokens",
    "SpaceConfig",
    "TextBackbone",
    "VisionBackbone",
]
