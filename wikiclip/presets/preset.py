"""Everything that settles the shape of a model."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from wikiclip.base.errors import WikiClipError
from wikiclip.presets.backbones import TOWER, JointEmbedding, PooledLevels, TextBackbone, VisionBackbone
from wikiclip.presets.entity_config import AdaptorConfig, FusionConfig, SpaceConfig
from wikiclip.presets.mention_config import MentionConfig, SemanticTokens


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Everything that settles the shape of a model.

    Attributes:
        adaptor: the sizes of what is trained; None where an entity is what `fusion` says, or what a model makes of
            picture and description together, and nothing is trained.
        fusion: what the adaptor starts from, for a tower that knows text; None for the paper's plain form.
        space: how the mention space is made; None where the tower's pooled vector already is one (CLIP): it stays
            frozen and unprojected, as in the paper.
    """

    name: str
    vision: VisionBackbone
    text: TextBackbone
    adaptor: AdaptorConfig | None
    mention: MentionConfig = field(default_factory=MentionConfig)
    space: SpaceConfig | None = None
    fusion: FusionConfig | None = None

    def __post_init__(self) -> None:
        if self.is_joint:
            if self.text.model != TOWER or (self.adaptor, self.fusion, self.space) != (None, None, None):
                raise WikiClipError(
                    "A model that embeds picture and text together makes all of an entity: its preset has no other text"
                    " model, no adaptor, no fusion and no mention space."
                )
            if self.mention.form not in ("crop", "full"):
                raise WikiClipError(
                    f"A model that embeds picture and text together has no patches that a mention {self.mention.form!r}"
                    " could pool: its form is 'crop' or 'full'."
                )
        elif self.adaptor is None and self.fusion is None:
            raise WikiClipError("A preset has an adaptor to train or says how picture and description are fused.")
        if self.mention.form == "masked" and not self.vision.uses_mask:
            raise WikiClipError(
                "The form 'masked' is for a tower that is told the mask: by `levels`, `masked_blocks` or `alpha` of the"
                " vision backbone."
            )
        if self.mention.form == "tokens" and self.vision.sees_by_mask:
            raise WikiClipError(
                "The form 'tokens' takes tokens of all that a picture shows, and a tower with `masked_blocks` or"
                " `alpha` sees what the mask covers: leave these out, or take the form 'masked'."
            )
        if self.fusion is not None and (self.space is not None or self.text.model != TOWER):
            raise WikiClipError(
                "Picture and description are fused in the space of a tower that knows text: the preset has no mention"
                f" space then, and its text model is {TOWER!r}, not {self.text.model!r}."
            )

    @property
    def is_joint(self) -> bool:
        """Whether one model embeds picture and text together."""
        return self.vision.joint is not None

    def to_json(self) -> dict[str, Any]:
        """The preset as JSON values; `from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Preset":
        """Raises WikiClipError where a key is missing or unknown, or a value of another type."""
        try:
            TypeAdapter(cls).validate_json(json.dumps(values), strict=True)
            vision = dict(values["vision"])
            vision["mean"], vision["std"] = tuple(vision["mean"]), tuple(vision["std"])
            if vision.get("levels") is not None:
                levels = dict(vision["levels"])
                vision["levels"] = PooledLevels(**{**levels, "stages": tuple(levels["stages"])})
            if vision.get("joint") is not None:
                vision["joint"] = JointEmbedding(**vision["joint"])
            mention = dict(values["mention"])
            if "tokens" in mention:
                mention["tokens"] = SemanticTokens(**mention["tokens"])
            return cls(
                name=values["name"],
                vision=VisionBackbone(**vision),
                text=TextBackbone(**values["text"]),
                adaptor=AdaptorConfig(**values["adaptor"]) if values["adaptor"] is not None else None,
                mention=MentionConfig(**mention),
                space=SpaceConfig(**values["space"]) if values["space"] is not None else None,
                fusion=FusionConfig(**values["fusion"]) if values.get("fusion") is not None else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WikiClipError(f"The checkpoint's config.json does not describe a preset: {error}.") from error
