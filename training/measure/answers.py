"""What a search answers to many mentions, and where the right entity stands in it.

Axes: Q query, N candidate record, K hit, M vector width.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.kinds import kind_of
from training.data.annotation import Task, TestSplit
from training.data.scenes.folds import Photo
from training.data.scenes.marks import Mark
from training.measure.ranking import NOT_FOUND, RANKS
from wikiclip.entity import EntityEncoder

SCORES = 10  # scores of a mention's best candidates that say how sure its answer is

Method = Literal["model", "untrained", "image", "levels", "text", "full-image", "reranked"]
RecordForm = Literal["full", "text-only"]
Candidates = Literal["labelled", "all"]


@dataclass(frozen=True, order=True)
class Cell:
    """What was asked and how: one group of rows of the table.

    Attributes:
        method: who answered. On the default data it is "model"; "untrained": the same with its space fitted and its
            adaptor still at zero; "image": cosine of the tower's own pooled vectors under the mask, nothing fitted;
            "levels": the same of vectors pooled at several depths, for a preset that has them; "text": the class
            memory's recall of the description, without a picture and without training; "full-image": the model, its
            mention made of the whole picture. On a release it is a model with its prompt, the same with the first of
            its candidates in a cross-encoder's order, or another system.
        photo: whether the query shows the record's own photograph or another, where a set knows.
        record: "text-only" takes the pictures from the unseen entities' records, and from their training too.
        task: of OVEN's two, where a set has them.
        mark: how a person marked the thing in a photograph of a place; None for scenes with true masks.
        data: of several releases and parts, which one.
    """

    method: str
    split: TestSplit
    photo: Photo | None = None
    record: RecordForm = "full"
    candidates: Candidates = "all"
    task: Task | None = None
    mark: Mark | None = None
    data: str | None = None


@dataclass(frozen=True)
class Ranks:
    """For each query the rank of the right entity.

    Attributes:
        rank_Q: from 0, or `NOT_FOUND`.
        entity_Q: the right entity's row.
        depth: candidates that an answer has; of larger ranks nothing is known.
    """

    rank_Q: NDArray[np.int64]
    entity_Q: NDArray[np.int64]
    depth: int = field(default=max(RANKS), kw_only=True)


@dataclass(frozen=True)
class RankedAnswers(Ranks):
    """Ranks, and how the best candidates scored.

    Attributes:
        scores_QK: of the first `SCORES` candidates, descending.
        absent_QK: the same where the right entity had been taken out of the index, so that every answer is wrong.
    """

    scores_QK: NDArray[np.float32]
    absent_QK: NDArray[np.float32]


@torch.no_grad()
def mention_vectors(encoder: EntityEncoder, pooled_QW: Tensor) -> Tensor:
    """Returns unit mention vectors [Q, M], on the processor wherever the encoder is."""
    return encoder.mention(pooled_QW.to(encoder.device)).cpu()


def ask(
    mentions_QM: Tensor, vectors_NM: Tensor, rows_N: NDArray[np.int64], entity_Q: NDArray[np.int64]
) -> RankedAnswers:
    """Asks the search that is served, on an index of these vectors, one for each of the records `rows_N`."""
    exact = kind_of("exact-fp16")
    with tempfile.TemporaryDirectory() as name:
        folder, width = Path(name), vectors_NM.shape[1]
        exact.write(vectors_NM.detach().half().numpy(), folder, folder)
        index = exact.open([folder], folder, width=width, threads=torch.get_num_threads())
        hits = index.search(mentions_QM.detach().numpy(), min(max(RANKS) + 1, len(rows_N)))
    right_QK = rows_N[hits.rows_BK] == entity_Q[:, None]
    right_QK[:, max(RANKS) :] = False
    rank_Q = np.where(right_QK.any(axis=1), right_QK.argmax(axis=1), NOT_FOUND)
    # Without the right entity, what stands behind it moves up by one.
    place_QK = np.arange(SCORES) + (np.arange(SCORES) >= rank_Q[:, None])
    absent_QK = np.take_along_axis(hits.scores_BK, place_QK, axis=1)
    return RankedAnswers(rank_Q, entity_Q, hits.scores_BK[:, :SCORES], absent_QK)
