"""How a masked region becomes one vector."""

import math
from dataclasses import dataclass, field
from typing import Literal

from wikiclip.base.errors import WikiClipError

MentionForm = Literal["crop", "pooled", "both", "full", "masked", "tokens"]


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
