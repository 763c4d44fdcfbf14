"""Frozen backbones: vision towers and text encoders, where their weights come from and how they are asked."""

from dataclasses import dataclass

from wikiclip.base.errors import WikiClipError

TOWER = "tower"  # the text encoder that a vision tower was trained with


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
