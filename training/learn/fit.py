"""One recipe, start to end: fit the mention space, fill the class memory, train the adaptor.

Axes: Q query, C class of the classifier; widths W of pooled vectors, M of mention vectors.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.data.training_set import TrainingSet
from training.learn.config import TrainConfig
from training.learn.run import Run, train_in
from training.learn.sampling import Queries
from training.learn.space import fit_memory, fit_space
from training.learn.trainer import Samples, Trainer, train
from wikiclip.base.errors import WikiClipError
from wikiclip.entity import VgkaEncoder
from wikiclip.model import WikiClip
from wikiclip.space import ClassMemory
from wikiclip.towers.loading import classifier_rows

SPACE_SAMPLE = 100_000  # vectors that the mention space is fitted on at most, from each side


def fit_encoder(
    model: WikiClip,
    data: TrainingSet,
    config: TrainConfig,
    run: Run | None = None,
    *,
    every: int = 50,
    onward: bool = False,
) -> VgkaEncoder:
    """Trains an entity encoder for the model's frozen backbones.

    Args:
        run: a folder to go on in and to log to; None for a short run that leaves nothing behind.
        every: steps between two states that are kept.
        onward: start from the model's own encoder and not from a new one.
    """
    config = config.settled(len(data.record_Q))
    encoder, samples = prepare(model, data, config, onward=onward)
    if run is None:
        train(encoder, samples, config)
    else:
        train_in(run, Trainer(encoder, samples, config), steps=config.steps, every=every)
    return encoder


def prepare(
    model: WikiClip, data: TrainingSet, config: TrainConfig, *, onward: bool = False
) -> tuple[VgkaEncoder, Samples]:
    """Returns an untrained encoder with its mention space fitted, and what it will be trained on.

    Args:
        onward: return one like the model's own instead; its mention space stays as it was fitted.

    Raises:
        WikiClipError: there is nothing to fit the mention space on, or the preset has nothing to train.
    """
    torch.manual_seed(config.seed)
    encoder = model.new_entity_encoder()
    if not isinstance(encoder, VgkaEncoder):
        raise WikiClipError(
            f"Nothing of the preset {model.name!r} is trained: `python -m wikiclip.make` makes its checkpoint."
        )
    if onward:
        encoder.load_state_dict(model.entity.state_dict())
    elif encoder.space is not None:
        _prepare_space(encoder, model, data, config)
    classes = None if encoder.memory is None else _known_classes(encoder.memory, data.class_rows)
    device = model.vision.device
    encoder.to(device)

    def mentions(pooled: Callable[[NDArray[np.int64]], Tensor]) -> Callable[[NDArray[np.int64]], Tensor]:
        return lambda numbers: encoder.mention(pooled(numbers).to(device)).cpu()

    return encoder, Samples(
        annotated=Queries(mentions=mentions(data.pooled), record_Q=data.record_Q),
        own=Queries(mentions=mentions(lambda numbers: data.records.pooled(data.own[numbers])), record_Q=data.own),
        classes=classes,
        records=data.records,
        text_only=data.text_only,
    )


def _prepare_space(encoder: VgkaEncoder, model: WikiClip, data: TrainingSet, config: TrainConfig) -> None:
    """Fits the mention space and fills the class memory."""
    assert encoder.space is not None
    assert encoder.memory is not None
    if not len(data.own):
        raise WikiClipError(
            "No record has a picture that can be read, and the mention space is fitted on records' pictures: name their"
            " folder with --images DIR, or train a preset without a mention space."
        )
    rng = np.random.default_rng(config.seed)
    some_Q, some_R = (np.sort(rng.permutation(count)[:SPACE_SAMPLE]) for count in (len(data.record_Q), len(data.own)))
    fit_space(encoder.space, data.pooled(some_Q), data.records.pooled(data.own[some_R]), shrinkage=config.shrinkage)
    if not len(data.class_rows):
        return
    fit_memory(
        encoder.memory,
        encoder.space,
        rows_CV=classifier_rows(model.preset.vision),
        sentences_CT=data.records.sentences(data.class_rows),
        centre_T=data.records.sentences(np.arange(len(data.records))).mean(0),
        known_C=torch.from_numpy(data.class_rows >= 0),
    )


def _known_classes(memory: ClassMemory, class_rows: NDArray[np.int64]) -> Queries | None:
    """The classes that records are known of, as queries."""
    if not len(class_rows):
        return None
    known_C = class_rows >= 0
    values_CM = F.normalize(memory.values_CM[torch.from_numpy(known_C)], dim=-1).cpu()
    return Queries(
        mentions=lambda numbers: values_CM[torch.from_numpy(numbers)],
        record_Q=class_rows[known_C],
        pictures=False,
    )
