"""A request's candidates as they were found, and in the order of a cross-encoder.

Axes: B mention, M width of mention vectors, K candidate.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.linker import Found, LinkQuery
from indexer.reranking import Reranker
from service.engine.serving import Serving
from service.schemas import ResultOut

UNTIL = 0.9  # of the deadline an order may take; the rest is for the answer

Orders = list[list[int]]  # for each mention the places of its candidates


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found for a request's mentions, best first, by one index version.

    Attributes:
        query: what is asked; more was searched for where a cross-encoder looks at more.
        results: what was found, as it is shown.
    """

    query: LinkQuery
    found: list[Found]
    results: list[ResultOut]
    serving: Serving

    def answered(self, orders: Orders | None) -> list[ResultOut]:
        """The results in these orders, as many candidates as were asked for; in the order of the search where None."""
        if orders is None:
            return [_first(result, self.query.top_k) for result in self.results]
        return [_ordered(result, order[: self.query.top_k]) for result, order in zip(self.results, orders, strict=True)]


def search(
    serving: Serving, vectors_BM: NDArray[np.float32], queries: Sequence[LinkQuery], *, at_least: int
) -> list[Searched]:
    """What is found for each query, searched for in one batch.

    Args:
        at_least: candidates for each mention, however few are asked for.
    """
    wide = [replace(query, top_k=max(query.top_k, at_least)) for query in queries]
    each = zip(queries, serving.linker.search(vectors_BM, wide), strict=True)
    return [Searched(query, found, [serving.presenter.result(one) for one in found], serving) for query, found in each]


def orders(reranker: Reranker, searched: Searched, *, until: float) -> Orders:
    """The cross-encoder's order for each mention's candidates.

    Args:
        until: of the monotonic clock.

    Raises:
        OutOfTime: it cannot be had by then.
    """
    linker = searched.serving.linker
    return [
        reranker.order(linker.model, linker.index, mention, found.candidates, in_time=lambda: time.monotonic() < until)
        for mention, found in zip(searched.query.mentions, searched.found, strict=True)
    ]


def _first(result: ResultOut, top_k: int) -> ResultOut:
    if len(result.candidates) <= top_k:
        return result
    return result.model_copy(update={"candidates": result.candidates[:top_k]})


def _ordered(result: ResultOut, order: Sequence[int]) -> ResultOut:
    """What the scores of the search say of their own first candidate does not hold for another."""
    candidates = [result.candidates[place].model_copy(update={"rank": rank}) for rank, place in enumerate(order, 1)]
    return ResultOut(confidence=None, candidates=candidates)
