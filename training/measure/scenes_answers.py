"""What each fold's model and the plain baselines answer to the fold's test mentions.

Axes: Q query, N record; widths W of pooled vectors, M of mention vectors.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.data.annotation import TestSplit
from training.data.scenes.dataset import SceneQueries, ScenesData
from training.data.scenes.folds import FOLDS, Photo, Pool
from training.data.scenes.marks import MARKS
from training.learn.config import TrainConfig
from training.learn.fit import fit_encoder
from training.learn.run import Run
from training.measure.answers import Candidates, Cell, Method, RankedAnswers, RecordForm, ask, mention_vectors
from wikiclip.entity import EntityEncoder

Asked = dict[tuple[TestSplit, Photo], SceneQueries]


def answers_of_fold(
    data: ScenesData, frozen: ScenesData, fold: int, config: TrainConfig, runs: Path
) -> Iterator[tuple[Cell, RankedAnswers]]:
    """Trains the fold's models and asks them and the baselines everything.

    Args:
        frozen: the same data in the form of mention that suits the baseline "image".
        runs: the folder that keeps the folds' training runs; what is trained in it already is not trained again.
    """
    settings = {"preset": data.model.preset.to_json(), "config": asdict(config), "records": data.records.fingerprint}
    queries = asked_of_fold(data, fold)
    every = np.arange(len(data.records))

    # A folder for each recipe, so that what another one left behind is neither used nor in the way.
    runs /= hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    run = Run(runs / f"fold-{fold}", settings)
    encoder = fit_encoder(data.model, data.training_set(fold), config, run)
    vectors_NM = data.records.encode(encoder, every)
    yield from _model_answers(data, encoder, vectors_NM, queries, "full")
    yield from _marked_answers(data, encoder, vectors_NM, fold)
    yield from _text_answers(data, encoder, queries)
    yield from _image_answers(frozen, asked_of_fold(frozen, fold), "image")
    if data.model.vision.uses_mask:
        yield from _image_answers(data, queries, "levels")

    run = Run(runs / f"fold-{fold}-text-only", settings)
    encoder = fit_encoder(data.model, data.training_set(fold, hide_pictures=True), config, run)
    vectors_NM = data.records.encode(encoder, every)
    unseen = data.group(fold)
    vectors_NM[unseen] = data.records.encode(encoder, unseen, pictures=False)
    without = {key: asked for key, asked in queries.items() if key[0] == "unseen"}
    yield from _model_answers(data, encoder, vectors_NM, without, "text-only")


def answers_of_checkpoint(data: ScenesData, fold: int | None) -> Iterator[tuple[Cell, RankedAnswers]]:
    """Asks the data's own model, as it was loaded, the fold's mentions; without a fold it was trained on everything,
    and all are seen."""
    if fold is None:
        queries: Asked = {("seen", photo): data.queries(_of(data, photo), test=True) for photo in ("own", "other")}
    else:
        queries = asked_of_fold(data, fold)
    vectors_NM = data.records.encode(data.model.entity, np.arange(len(data.records)))
    yield from _model_answers(data, data.model.entity, vectors_NM, queries, "full")
    yield from _marked_answers(data, data.model.entity, vectors_NM, fold)


def asked_of_fold(data: ScenesData, fold: int) -> Asked:
    """Returns the fold's test mentions."""
    return {key: data.queries(pools, test=True) for key, pools in _pools(data, fold).items()}


def _of(data: ScenesData, photo: Photo) -> list[Pool]:
    return [pool for pool in data.pools if pool.photo == photo]


def _pools(data: ScenesData, fold: int) -> dict[tuple[TestSplit, Photo], list[Pool]]:
    own, other = _of(data, "own"), _of(data, "other")
    return {
        ("unseen", "own"): [pool for pool in own if pool.group == fold],
        ("unseen", "other"): [pool for pool in other if pool.group == fold],
        ("seen", "own"): [pool for pool in own if pool.group != fold],
        # The others' other photographs were trained on; only this group's were kept out.
        ("seen", "other"): [pool for pool in other if pool.group == (fold + 1) % FOLDS],
    }


def _model_answers(
    data: ScenesData, encoder: EntityEncoder, vectors_NM: Tensor, queries: Asked, record: RecordForm
) -> Iterator[tuple[Cell, RankedAnswers]]:
    for (split, photo), asked in queries.items():
        methods: tuple[tuple[Method, Tensor], ...] = (("model", asked.pooled_QW), ("full-image", asked.full_QW))
        for method, pooled_QW in methods:
            mentions_QM = mention_vectors(encoder, pooled_QW)
            for candidates, rows in _candidates(data):
                cell = Cell(method, split, photo, record, candidates)
                yield cell, ask(mentions_QM, vectors_NM[rows], rows, asked.record_Q)


def _marked_answers(
    data: ScenesData, encoder: EntityEncoder, vectors_NM: Tensor, fold: int | None
) -> Iterator[tuple[Cell, RankedAnswers]]:
    """Of other photographs alone, on photographs of places; by a fold's model those of its unseen entities."""
    pools = [pool for pool in _of(data, "other") if fold is None or pool.group == fold]
    split: TestSplit = "seen" if fold is None else "unseen"
    for mark in MARKS if data.places else ():
        asked = data.queries(pools, test=True, mark=mark)
        mentions_QM = mention_vectors(encoder, asked.pooled_QW)
        for candidates, rows in _candidates(data):
            cell = Cell("model", split, "other", "full", candidates, mark=mark)
            yield cell, ask(mentions_QM, vectors_NM[rows], rows, asked.record_Q)


def _text_answers(data: ScenesData, encoder: EntityEncoder, queries: Asked) -> Iterator[tuple[Cell, RankedAnswers]]:
    if encoder.memory is None:
        return
    every = np.arange(len(data.records))
    vectors_NM = F.normalize(encoder.memory(data.records.sentences(every).to(encoder.device)), dim=-1).cpu()
    for (split, photo), asked in queries.items():
        for candidates, rows in _candidates(data):
            found = ask(mention_vectors(encoder, asked.pooled_QW), vectors_NM[rows], rows, asked.record_Q)
            yield Cell("text", split, photo, "full", candidates), found
            if split == "unseen":
                yield Cell("text", split, photo, "text-only", candidates), found


def _image_answers(data: ScenesData, queries: Asked, method: Method) -> Iterator[tuple[Cell, RankedAnswers]]:
    """A record without a picture cannot be found, so both sets of candidates are the labelled ones."""
    vectors_NM = F.normalize(data.records.pooled(data.labelled), dim=-1)
    for (split, photo), asked in queries.items():
        found = ask(F.normalize(asked.pooled_QW, dim=-1), vectors_NM, data.labelled, asked.record_Q)
        yield Cell(method, split, photo, "full", "labelled"), found
        yield Cell(method, split, photo, "full", "all"), found


def _candidates(data: ScenesData) -> list[tuple[Candidates, NDArray[np.int64]]]:
    return [("labelled", data.labelled), ("all", np.arange(len(data.records)))]
