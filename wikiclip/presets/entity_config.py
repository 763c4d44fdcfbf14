"""How picture and description become an entity's vector: what is trained, and what is fitted or summed."""

import math
from dataclasses import dataclass

from wikiclip.base.errors import WikiClipError


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
