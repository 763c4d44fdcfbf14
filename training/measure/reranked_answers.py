"""What a checkpoint answers to an annotated set where a cross-encoder looks at its first candidates again.

A pass for each candidate of each mention takes long: every order is kept as it is found, and a run that was stopped
goes on there.

Axes: Q query, K candidate.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.reranking import Reranker
from indexer.search import Candidate, EntityIndex
from training.data.annotated import AnnotatedData, AnnotatedQueries
from training.data.annotation import MentionError, read_mention
from training.data.feature_cache import Budget, Column, Features, Made
from training.measure.annotated_answers import Predicted
from training.measure.answers import mention_vectors
from wikiclip.model import WikiClip

ORDER_VERSION = 1  # counts up where a record or a mention is shown to the cross-encoder in another way
STEP = 16  # mentions between two notes of progress


def reranked_answers(
    data: AnnotatedData, model: WikiClip, index: EntityIndex, found: Iterable[Predicted], reranker: Reranker
) -> Iterator[Predicted]:
    """The same mentions with the first candidates in the cross-encoder's order, a part for each of those found.

    The scores that say how sure an answer is stay those of the search.

    Args:
        found: what `answers_of_set` gave of the same data, model and index.
    """
    for part in found:
        queries = data.queries(part.cell.split, part.cell.task)
        orders = _orders(data, model, index, queries, reranker)
        rank_Q, predictions = part.answers.rank_Q.copy(), dict(part.predictions)
        every = np.arange(len(queries.record_Q))
        for place, candidates, order_K in zip(
            every, _candidates(model, index, queries, every, reranker.k), orders.get("order_QK", every), strict=True
        ):
            if not queries.readable_Q[place]:
                continue
            ordered = [candidates[number].entity.entity_id for number in order_K[: len(candidates)]]
            predictions[queries.data_ids[place]] = ordered[0]
            if part.truths[place].entity_id in ordered:
                rank_Q[place] = ordered.index(part.truths[place].entity_id)
        yield replace(
            part,
            cell=replace(part.cell, method="reranked"),
            answers=replace(part.answers, rank_Q=rank_Q),
            predictions=predictions,
        )


def _orders(
    data: AnnotatedData, model: WikiClip, index: EntityIndex, queries: AnnotatedQueries, reranker: Reranker
) -> Features:
    """For each mention the places of its candidates; those of the search where it cannot be read."""

    def make(places: NDArray[np.int64]) -> Made:
        order_QK = np.tile(np.arange(reranker.k, dtype=np.int16), (len(places), 1))
        for row, (place, candidates) in enumerate(
            zip(places, _candidates(model, index, queries, places, reranker.k), strict=True)
        ):
            try:
                mention = model.prepare_mention(*read_mention(data.annotations[int(queries.number_Q[place])]))
            except MentionError:
                continue
            order_QK[row, : len(candidates)] = reranker.order(model, index, mention, candidates)
        return {"order_QK": order_QK}

    return Features(
        "orders",
        {
            "code": ORDER_VERSION,
            "mentions": [data.features.folder.name, hashlib.sha256(queries.number_Q.tobytes()).hexdigest()],
            "model": model.fingerprint,
            "index": index.version,
            "reranker": reranker.scorer.sha256,
        },
        rows=len(queries.number_Q),
        columns=(Column(name="order_QK", shape=(reranker.k,), dtype="int16", always=True),),
        make=make,
        budget=Budget(0),
        step=STEP,
    )


def _candidates(
    model: WikiClip, index: EntityIndex, queries: AnnotatedQueries, places: NDArray[np.int64], k: int
) -> list[list[Candidate]]:
    return index.search(mention_vectors(model.entity, queries.pooled_QW[places]).numpy(), k)
