"""What a checkpoint answers to an annotated set: the search that is served, over the whole knowledge base.

Axes: Q query, K candidate; W width of pooled vectors.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from indexer.search import EntityIndex
from training.data.annotated import AnnotatedData, AnnotatedQueries
from training.data.annotation import TASKS, TEST_SPLITS
from training.measure.answers import SCORES, Cell, RankedAnswers, Ranks, mention_vectors
from training.measure.ranking import NOT_FOUND, RANKS
from training.measure.releases.oven_score import OvenScore, Truth, oven_score
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

BATCH = 1024


@dataclass(frozen=True)
class Predicted:
    """The mentions of one cell with their entities, their answers, and what is predicted for each that can be read."""

    cell: Cell
    truths: list[Truth]
    answers: Ranks
    predictions: dict[str, str]


@dataclass(frozen=True)
class ModelPredicted(Predicted):
    """The same of a model, whose answers have scores."""

    answers: RankedAnswers


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a model is asked.

    Attributes:
        method: what its rows are called.
        question_weight: of the question's unit vector beside the mention's; 0 asks with the picture alone.
    """

    method: str = "model"
    question_weight: float = 0.0


def queries_of_set(data: AnnotatedData, method: str) -> list[tuple[Cell, AnnotatedQueries]]:
    """Every split and task that a set has, with the cell of a method's answers.

    Raises:
        WikiClipError: there is nothing to measure on.
    """
    parts = [
        (Cell(method, split, task=task, data=data.label), data.queries(split, task))
        for split in TEST_SPLITS
        for task in TASKS
    ]
    if not any(len(queries.record_Q) for _, queries in parts):  # a set without tasks
        parts = [(Cell(method, split, data=data.label), data.queries(split)) for split in TEST_SPLITS]
    parts = [(cell, queries) for cell, queries in parts if len(queries.record_Q)]
    if not parts:
        raise WikiClipError("No mention of the set is seen or unseen: name a part to measure on with --part.")
    return parts


def truths_of(data: AnnotatedData, cell: Cell, queries: AnnotatedQueries) -> list[Truth]:
    """The right entities of a cell's mentions, in their order."""
    entity_ids = (data.records.entities[int(row)].entity_id for row in queries.record_Q)
    return [
        Truth(data_id, entity_id, cell.split, cell.task)
        for data_id, entity_id in zip(queries.data_ids, entity_ids, strict=True)
    ]


def answers_of_set(
    data: AnnotatedData, model: WikiClip, index: EntityIndex, asking: Asking | None = None
) -> Iterator[ModelPredicted]:
    """Asks every split and task that the set has.

    A mention that cannot be read has no prediction and is counted as wrong.

    Raises:
        WikiClipError: the index holds too few entities to score an answer, the set has nothing to measure on, or the
            model cannot read questions.
    """
    if len(index) <= SCORES:
        raise WikiClipError(f"The index holds {len(index)} entities; more than {SCORES} are needed to measure on.")
    asking = asking or Asking()
    for cell, queries in queries_of_set(data, asking.method):
        yield _ask(data, queries, model, index, cell, asking)


def _ask(
    data: AnnotatedData, queries: AnnotatedQueries, model: WikiClip, index: EntityIndex, cell: Cell, asking: Asking
) -> ModelPredicted:
    truths = truths_of(data, cell, queries)
    count = len(truths)
    rank_Q = np.full(count, NOT_FOUND)
    scores_QK, absent_QK = np.zeros((2, count, SCORES), np.float32)
    predictions = {}
    readable = np.flatnonzero(queries.readable_Q)
    of = " ".join(value for value in (cell.data, cell.method, cell.split, cell.task) if value is not None)
    for start in tqdm(range(0, len(readable), BATCH), desc=f"Asking {of}", unit=" batches"):
        numbers = readable[start : start + BATCH]
        found = index.search(asked_vectors(model, queries, numbers, asking), max(RANKS) + 1)
        for number, candidates in zip(numbers, found, strict=True):
            entity_ids = [candidate.entity.entity_id for candidate in candidates]
            right = truths[number].entity_id
            place = entity_ids.index(right) if right in entity_ids else NOT_FOUND
            scores = np.array([candidate.score for candidate in candidates], np.float32)
            rank_Q[number] = place if place < max(RANKS) else NOT_FOUND
            scores_QK[number], absent_QK[number] = scores[:SCORES], _without(scores, place)
            predictions[queries.data_ids[number]] = entity_ids[0]
    return ModelPredicted(cell, truths, RankedAnswers(rank_Q, queries.record_Q, scores_QK, absent_QK), predictions)


def predictions_of(found: Iterable[Predicted]) -> dict[str, str]:
    """data_id -> entity_id of several cells."""
    return {data_id: entity_id for part in found for data_id, entity_id in part.predictions.items()}


def score_of(found: Sequence[Predicted]) -> OvenScore:
    """OVEN's score of all cells of a set."""
    return oven_score((truth for part in found for truth in part.truths), predictions_of(found))


def asked_vectors(
    model: WikiClip, queries: AnnotatedQueries, numbers: NDArray[np.int64], asking: Asking
) -> NDArray[np.float32]:
    """What the search is asked for some of a cell's mentions: unit vectors [len(numbers), M].

    Raises:
        WikiClipError: the model cannot read questions.
    """
    mentions_QM = mention_vectors(model.entity, queries.pooled_QW[numbers])
    if asking.question_weight:
        questions = [queries.questions[number] for number in numbers]
        mentions_QM = with_questions(model, mentions_QM, questions, asking.question_weight)
    return mentions_QM.numpy()


@torch.no_grad()
def with_questions(model: WikiClip, mentions_QW: Tensor, questions: Sequence[str | None], weight: float) -> Tensor:
    """Mention vectors joined with what the tower makes of their questions: the query side of OVEN's CLIP Fusion.

    Args:
        mentions_QW: unit vectors, in the space of a tower that knows text.
        weight: of a question's unit vector; a mention without a question stays as it is.

    Raises:
        WikiClipError: the model's mentions lie in no space that its text encoder knows.
    """
    if model.preset.fusion is None:
        raise WikiClipError(f"The model {model.name} compares no texts with mentions: leave the prompt {'text'!r} out.")
    asked = sorted({question for question in questions if question})
    if not asked:
        return mentions_QW
    vector_of = dict(zip(asked, model.text(asked).sentence_BT.float().cpu(), strict=True))
    nothing_W = torch.zeros(mentions_QW.shape[1])
    questions_QW = torch.stack([vector_of[question] if question else nothing_W for question in questions])
    return F.normalize(mentions_QW + weight * questions_QW, dim=-1)


def _without(scores: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    """Returns the first scores as they were if the candidate at a place had been taken out of the index."""
    return np.delete(scores, place)[:SCORES] if place < len(scores) else scores[:SCORES]
