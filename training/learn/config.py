"""What settles a training run: one object, kept beside what it made, and enough to make it again."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from typing_extensions import Doc

from wikiclip.base.errors import WikiClipError


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The recipe; defaults made the packaged `tiny`. `docs/quality.md` says which of them were compared, and on what.

    Raises:
        WikiClipError: a value that no run can have.
    """

    # An option of a command takes the place of the others of its group in a file.
    ALTERNATIVES: ClassVar = (("steps", "epochs"),)

    steps: Annotated[int, Doc("Optimiser steps; they do not count where --epochs is given.")] = 150
    epochs: Annotated[
        float | None,
        Doc("Times that each annotated mention is shown; settles the steps."),
    ] = None
    annotated: Annotated[int, Doc("Samples a step whose query is an annotated mention.")] = 32
    own: Annotated[
        int,
        Doc("Samples a step whose query is a record's own picture, the paper's second data source."),
    ] = 32
    classes: Annotated[
        int,
        Doc(
            "Samples a step whose query is a row of the tower's classifier, where it has one, and whose "
            "record is the class's description without a picture."
        ),
    ] = 32
    neighbours: Annotated[
        int,
        Doc("Samples of a source come in groups of this many visually similar ones; 1 draws them at random."),
    ] = 1
    synthesized: Annotated[int, Doc("N_sync, synthesized negatives a sample; the paper has 8.")] = 0
    only_harder: Annotated[
        bool,
        Doc(
            "A synthesized negative replaces the plain one only where it is the harder, as in the paper; "
            "else it always does."
        ),
    ] = True
    drop_picture: Annotated[
        float,
        Doc("Share of samples whose record loses its picture, so that text-only records learn to be found."),
    ] = 0.1
    drop_text: Annotated[float, Doc("Share of samples whose record loses its description.")] = 0.05
    text_negatives: Annotated[
        int,
        Doc("Records without a picture that are added to each batch as candidates nobody asks for."),
    ] = 128
    symmetric: Annotated[bool, Doc("Add the loss from entities to mentions.")] = True
    shrinkage: Annotated[float, Doc("Of the mention space's whitening, times the mean eigenvalue.")] = 20.0
    learning_rate: Annotated[float, Doc("The peak, after which it falls along a cosine.")] = 5e-4
    warm_up: Annotated[float, Doc("Share of the steps until the peak.")] = 0.3
    weight_decay: Annotated[float, Doc("Of everything but the temperature.")] = 0.05
    clip: Annotated[float, Doc("The largest norm of a step's gradient.")] = 1.0
    scale: Annotated[float, Doc("The inverse temperature at the start.")] = 14.0
    max_scale: Annotated[float, Doc("The largest inverse temperature.")] = 60.0
    ema: Annotated[
        float,
        Doc("Decay of the moving average of weights that is kept in place of the last ones; 0 keeps the last ones."),
    ] = 0.0
    chunk: Annotated[
        int,
        Doc("Records encoded together; more go in chunks, with cached gradients. 0 is all at once."),
    ] = 0
    seed: Annotated[int, Doc("Of everything random.")] = 0

    def __post_init__(self) -> None:
        counts = ("steps", "annotated", "own", "classes", "synthesized", "text_negatives", "chunk", "seed")
        shares = ("drop_picture", "drop_text", "warm_up", "ema")
        positive = ("steps", "neighbours", "learning_rate", "clip", "scale", "max_scale")
        for name in counts:
            if getattr(self, name) < 0:
                raise WikiClipError(f"{name} must not be negative.")
        for name in shares:
            if not 0 <= getattr(self, name) < 1:
                raise WikiClipError(f"{name} must be at least 0 and below 1.")
        for name in positive:
            if not getattr(self, name) > 0:
                raise WikiClipError(f"{name} must be positive.")
        if self.epochs is not None:
            if not 0 < self.epochs < math.inf:
                raise WikiClipError("epochs must be positive.")
            if not self.annotated:
                raise WikiClipError("epochs count annotated mentions: raise annotated, or give steps.")
        if self.annotated + self.own + self.classes < 2:
            raise WikiClipError("A batch needs at least two samples: raise annotated, own or classes.")
        if self.drop_picture + self.drop_text > 1:
            raise WikiClipError("drop_picture and drop_text must not exceed 1 together.")

    def settled(self, mentions: int) -> "TrainConfig":
        """Returns the same with the steps that its epochs of so many annotated mentions take; itself without epochs."""
        if self.epochs is None:
            return self
        return dataclasses.replace(self, steps=math.ceil(self.epochs * mentions / self.annotated))

    def to_json(self) -> dict[str, Any]:
        """What settles a run, as JSON values. What is None is left out: it says nothing, and what came later so does
        not make an earlier run another one."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
