"""What a checkpoint answers to an annotated set: the search that is served, over the whole knowledge base.

Axes: Q query, K candidate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.search import EntityIndex
from training.data.annotated import AnnotatedData, AnnotatedQueries
from training.data.annotation import TASKS, TEST_SPLITS, Task, TestSplit
from training.measure.answers import SCORES, Cell, RankedAnswers, mention_vectors
from training.measure.oven_score import Truth
from training.measure.ranking import NOT_FOUND, RANKS
from wikiclip.base.errors import WikiClipError
from wikiclip.entity import EntityEncoder

BATCH = 1024


@dataclass(frozen=True)
class Predicted:
    """The mentions of one cell with their entities, their answers, and what is predicted for each that can be read."""

    cell: Cell
    truths: list[Truth]
    answers: RankedAnswers
    predictions: dict[str, str]


def answers_of_set(data: AnnotatedData, encoder: EntityEncoder, index: EntityIndex) -> Iterator[Predicted]:
    """Asks every split and task that the set has.

    A mention that cannot be read has no prediction and is counted as wrong.

    Raises:
        WikiClipError: the index holds too few entities to score an answer, or the set has nothing to measure on.
    """
    if len(index) <= SCORES:
        raise WikiClipError(f"The index holds {len(index)} entities; more than {SCORES} are needed to measure on.")
    parts: list[tuple[TestSplit, Task | None, AnnotatedQueries]] = [
        (split, task, data.queries(split, task)) for split in TEST_SPLITS for task in TASKS
    ]
    if not any(len(queries.record_Q) for *_, queries in parts):  # a set without tasks
        parts = [(split, None, data.queries(split)) for split in TEST_SPLITS]
    parts = [part for part in parts if len(part[2].record_Q)]
    if not parts:
        raise WikiClipError("No mention of the set is seen or unseen: name a part to measure on with --part.")
    for split, task, queries in parts:
        yield _ask(data, queries, encoder, index, Cell("model", split, task=task))


def _ask(
    data: AnnotatedData, queries: AnnotatedQueries, encoder: EntityEncoder, index: EntityIndex, cell: Cell
) -> Predicted:
    entity_ids = [data.records.entities[int(row)].entity_id for row in queries.record_Q]
    count = len(queries.record_Q)
    rank_Q = np.full(count, NOT_FOUND)
    scores_QK, absent_QK = np.zeros((2, count, SCORES), np.float32)
    predictions = {}
    readable = np.flatnonzero(queries.readable_Q)
    for start in tqdm(range(0, len(readable), BATCH), desc=f"Asking {cell.split} {cell.task or ''}", unit=" batches"):
        numbers = readable[start : start + BATCH]
        mentions_QM = mention_vectors(encoder, queries.pooled_QW[numbers]).numpy()
        for number, candidates in zip(numbers, index.search(mentions_QM, max(RANKS) + 1), strict=True):
            found = [candidate.entity.entity_id for candidate in candidates]
            place = found.index(entity_ids[number]) if entity_ids[number] in found else NOT_FOUND
            scores = np.array([candidate.score for candidate in candidates], np.float32)
            rank_Q[number] = place if place < max(RANKS) else NOT_FOUND
            scores_QK[number], absent_QK[number] = scores[:SCORES], _without(scores, place)
            predictions[queries.data_ids[number]] = found[0]
    truths = [
        Truth(data_id, entity_id, cell.split, cell.task)
        for data_id, entity_id in zip(queries.data_ids, entity_ids, strict=True)
    ]
    return Predicted(cell, truths, RankedAnswers(rank_Q, queries.record_Q, scores_QK, absent_QK), predictions)


def _without(scores: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    """Returns the first scores as they were if the candidate at a place had been taken out of the index."""
    return np.delete(scores, place)[:SCORES] if place < len(scores) else scores[:SCORES]
