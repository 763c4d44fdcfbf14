"""What each fold's model and the plain baselines answer to the fold's test mentions.

Axes: Q query, N record; widths W of pooled vectors, M of mention vectors.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
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
from training.learn.fit import fit_encoder, prepare
from training.learn.run import Run
from training.measure.answers import Candidates, Cell, Method, RankedAnswers, RecordForm, ask, mention_vectors
from wikiclip.entity import EntityEncoder, VgkaEncoder

FOLDERS: dict[RecordForm, str] = {"full": "fold-{fold}", "text-only": "fold-{fold}-text-only"}
Asked = dict[tuple[TestSplit, Photo], SceneQueries]


def answers_of_fold(
    data: ScenesData, frozen: ScenesData, fold: int, config: TrainConfig, runs: Path
) -> Iterator[tuple[Cell, RankedAnswers]]:
    """Trains the fold's models and asks them and the baselines everything.

    Args:
        frozen: the same data in the form of mention that suits the baseline "image".
        runs: the folder that keeps the folds' training runs; what is trained in it already is not trained again.
    """
    queries = asked_of_fold(data, fold)
    trained: dict[RecordForm, EntityEncoder] = {}
    for record, folder in FOLDERS.items():
        asked = {key: some for key, some in queries.items() if record == "full" or key[0] == "unseen"}
        seen = data.training_set(fold, hide_pictures=record == "text-only")
        settled = config.settled(len(seen.record_Q))
        settings = {"preset": data.model.preset.to_json(), "config": settled.to_json(), "set": seen.fingerprint()}
        # A folder for each recipe, so that what another one left behind is neither used nor in the way.
        name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        into = Run(runs / f"{folder.format(fold=fold)}-{name}", settings)
        trained[record] = fit_encoder(data.model, seen, settled, into)
        vectors_NM = _vectors(data, trained[record], fold, record)
        yield from _model_answers(data, trained[record], vectors_NM, asked, record)
        yield from _marked_answers(data, trained[record], vectors_NM, fold, record)
        untrained, _ = prepare(data.model, seen, config)
        if untrained.space is not None:  # without a space, an adaptor that was not trained says nothing
            vectors_NM = _vectors(data, untrained, fold, record)
            yield from _pooled_answers(data, untrained, vectors_NM, asked, record, "untrained")
    yield from _text_answers(data, trained["full"], queries)
    yield from _image_answers(frozen, asked_of_fold(frozen, fold), "image")
    if data.model.preset.vision.levels is not None:
        yield from _image_answers(data, queries, "levels")


def answers_of_checkpoint(data: ScenesData, fold: int | None) -> Iterator[tuple[Cell, RankedAnswers]]:
    """Asks the data's own model, as it was loaded, the fold's mentions; without a fold it was trained on everything,
    and all are seen."""
    if fold is None:
        queries: Asked = {("seen", photo): data.queries(_of(data, photo), test=True) for photo in ("own", "other")}
    else:
        queries = asked_of_fold(data, fold)
    vectors_NM = data.records.encode(data.model.entity, np.arange(len(data.records)))
    yield from _model_answers(data, data.model.entity, vectors_NM, queries, "full")
    yield from _marked_answers(data, data.model.entity, vectors_NM, fold, "full")


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


def _vectors(data: ScenesData, encoder: EntityEncoder, fold: int, record: RecordForm) -> Tensor:
    """Every record's vector [N, M]; "text-only" takes the pictures from the fold's unseen ones."""
    vectors_NM = data.records.encode(encoder, np.arange(len(data.records)))
    if record == "text-only":
        unseen = data.group(fold)
        vectors_NM[unseen] = data.records.encode(encoder, unseen, pictures=False)
    return vectors_NM


def _model_answers(
    data: ScenesData, encoder: EntityEncoder, vectors_NM: Tensor, queries: Asked, record: RecordForm
) -> Iterator[tuple[Cell, RankedAnswers]]:
    yield from _pooled_answers(data, encoder, vectors_NM, queries, record, "model")
    whole = {key: dataclasses.replace(asked, pooled_QW=asked.full_QW) for key, asked in queries.items()}
    yield from _pooled_answers(data, encoder, vectors_NM, whole, record, "full-image")


def _pooled_answers(
    data: ScenesData, encoder: EntityEncoder, vectors_NM: Tensor, queries: Asked, record: RecordForm, method: Method
) -> Iterator[tuple[Cell, RankedAnswers]]:
    for (split, photo), asked in queries.items():
        mentions_QM = mention_vectors(encoder, asked.pooled_QW)
        for candidates, rows in _candidates(data):
            cell = Cell(method, split, photo, record, candidates)
            yield cell, ask(mentions_QM, vectors_NM[rows], rows, asked.record_Q)


def _marked_answers(
    data: ScenesData, encoder: EntityEncoder, vectors_NM: Tensor, fold: int | None, record: RecordForm
) -> Iterator[tuple[Cell, RankedAnswers]]:
    """Of other photographs alone, on photographs of places; by a fold's model those of its unseen entities."""
    pools = [pool for pool in _of(data, "other") if fold is None or pool.group == fold]
    split: TestSplit = "seen" if fold is None else "unseen"
    for mark in MARKS if data.places else ():
        asked = data.queries(pools, test=True, mark=mark)
        mentions_QM = mention_vectors(encoder, asked.pooled_QW)
        for candidates, rows in _candidates(data):
            cell = Cell("model", split, "other", record, candidates, mark=mark)
            yield cell, ask(mentions_QM, vectors_NM[rows], rows, asked.record_Q)


def _text_answers(data: ScenesData, encoder: EntityEncoder, queries: Asked) -> Iterator[tuple[Cell, RankedAnswers]]:
    sentences_NT = data.records.sentences(np.arange(len(data.records)))
    if isinstance(encoder, VgkaEncoder) and encoder.memory is not None:
        vectors_NM = F.normalize(encoder.memory(sentences_NT.to(encoder.device)), dim=-1).cpu()
    elif data.model.preset.fusion is not None:
        vectors_NM = sentences_NT
    else:
        return
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
