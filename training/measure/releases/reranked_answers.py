"""What a checkpoint answers to an annotated set where a cross-encoder looks at its first candidates again.

A pass for each candidate of each mention takes long: every order is kept as it is found, and a run that was stopped
goes on there.

Axes: Q query, K candidate.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.reranking import Reranker
from indexer.search import Candidate, EntityIndex
from training.data.annotated import AnnotatedData, AnnotatedQueries
from training.data.annotation import MentionError
from training.data.features.cache import Budget, Features, Made
from training.data.features.columns import Column
from training.measure.releases.annotated_answers import BATCH, Asking, ModelPredicted, asked_vectors
from wikiclip.model import WikiClip

ORDER_VERSION = 1  # counts up where a record or a mention is shown to the cross-encoder in another way
STEP = 16  # mentions between two notes of progress


def reranked_answers(
    data: AnnotatedData,
    model: WikiClip,
    index: EntityIndex,
    found: Iterable[ModelPredicted],
    asking: Asking,
    reranker: Reranker,
) -> Iterator[ModelPredicted]:
    """The same mentions with the first candidates in the cross-encoder's order, a part for each of those found.

    The scores that say how sure an answer is stay those of the search.

    Args:
        found: what `answers_of_set` gave of the same data, model, index and asking.
    """
    for part in found:
        queries = data.queries(part.cell.split, part.cell.task)
        asked = _Asked(data, model, index, queries, asking, reranker)
        orders = asked.orders()
        rank_Q, predictions = part.answers.rank_Q.copy(), dict(part.predictions)
        readable = np.flatnonzero(queries.readable_Q)
        for start in range(0, len(readable), BATCH):
            places = readable[start : start + BATCH]
            for place, candidates, order_K in zip(
                places, asked.candidates(places), orders.get("order_QK", places), strict=True
            ):
                ordered = [candidates[number].entity.entity_id for number in order_K[: len(candidates)]]
                predictions[queries.data_ids[place]] = ordered[0]
                if part.truths[place].entity_id in ordered:
                    rank_Q[place] = ordered.index(part.truths[place].entity_id)
        yield replace(
            part,
            cell=replace(part.cell, method=f"{part.cell.method}, reranked"),
            answers=replace(part.answers, rank_Q=rank_Q),
            predictions=predictions,
        )


@dataclass(frozen=True)
class _Asked:
    """The mentions of one cell, and who answers."""

    data: AnnotatedData
    model: WikiClip
    index: EntityIndex
    queries: AnnotatedQueries
    asking: Asking
    reranker: Reranker

    def orders(self) -> Features:
        """For each mention the places of its candidates; those of the search where it cannot be read."""
        numbers_sha256 = hashlib.sha256(self.queries.number_Q.tobytes()).hexdigest()
        return Features(
            "orders",
            {
                "code": ORDER_VERSION,
                "mentions": [self.data.features.folder.name, numbers_sha256, self.asking.question_weight],
                "model": self.model.fingerprint,
                "index": self.index.version,
                "reranker": self.reranker.scorer.sha256,
            },
            rows=len(self.queries.number_Q),
            columns=(Column(name="order_QK", shape=(self.reranker.k,), dtype="int16", always=True),),
            make=self._make,
            budget=Budget(0),
            step=STEP,
        )

    def candidates(self, places: NDArray[np.int64]) -> list[list[Candidate]]:
        """The first candidates of some mentions, as the search has them."""
        return self.index.search(asked_vectors(self.model, self.queries, places, self.asking), self.reranker.k)

    def _make(self, places: NDArray[np.int64]) -> Made:
        order_QK = np.tile(np.arange(self.reranker.k, dtype=np.int16), (len(places), 1))
        for row, (place, candidates) in enumerate(zip(places, self.candidates(places), strict=True)):
            try:
                mention = self.model.prepare_mention(*self.data.shown(int(self.queries.number_Q[place])))
            except MentionError:
                continue
            order_QK[row, : len(candidates)] = self.reranker.order(self.model, self.index, mention, candidates)
        return {"order_QK": order_QK}
