"""What settles a training run."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The recipe; defaults made the packaged `tiny`. `docs/quality.md` says which of them were compared, and on what.

    Attributes:
        steps: optimiser steps.
        annotated: samples a step whose query is an annotated mention.
        own: samples a step whose query is a record's own picture (the paper's second data source).
        classes: samples a step whose query is a row of the tower's classifier, and whose record is the class's
            description without a picture.
        neighbours: a source's samples come in groups of this many visually similar ones; 1 draws them at random.
        synthesized: N_sync, synthesized negatives a sample; 0 for none; the paper has 8.
        drop_picture: share of samples whose record loses its picture, so that text-only records learn to be found.
        drop_text: share of samples whose record loses its description.
        text_negatives: records without a picture added to each batch as candidates nobody asks for.
        symmetric: adds the loss from entities to mentions.
        shrinkage: of the mention space's whitening, times the mean eigenvalue.
        learning_rate: the peak of a one-cycle schedule.
        scale, max_scale: the inverse temperature at the start, and its cap.
        seed: of everything random.
    """

    steps: int = 150
    annotated: int = 32
    own: int = 32
    classes: int = 32
    neighbours: int = 1
    synthesized: int = 0
    drop_picture: float = 0.1
    drop_text: float = 0.05
    text_negatives: int = 128
    symmetric: bool = True
    shrinkage: float = 5.0
    learning_rate: float = 5e-4
    weight_decay: float = 0.05
    clip: float = 1.0
    scale: float = 14.0
    max_scale: float = 60.0
    seed: int = 0
