"""A request's candidates as they were found, and in the order of a cross-encoder.

Axes: B mention, M width of mention vectors, K candidate.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.linker import LinkQuery, Ranked
from indexer.records.records import Nearest
from indexer.reranking import Reranker
from service.engine.serving import Serving
from service.schemas import ResultOut

UNTIL = 0.9  # of the deadline an order may take; the rest is for the answer

Show = Callable[[Serving, Ranked], Any]  # makes a result of what was found for one mention


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found for a request's mentions, best first, by one index version.

    Attributes:
        query: what is asked; more was searched for where a cross-encoder looks at more.
        found: all that was found.
        results: as many candidates as were asked for, in the order of the search, as they are shown.
    """

    query: LinkQuery
    found: list[Ranked]
    results: list[Any]
    serving: Serving


def presented(serving: Serving, ranked: Ranked) -> ResultOut:
    """What callers are shown."""
    return serving.presenter.result(serving.linker.found(ranked))


def as_found(_: Serving, ranked: Ranked) -> Ranked:
    """Numbers alone, where another process shows what they are."""
    return ranked


def search(
    serving: Serving, vectors_BM: NDArray[np.float32], queries: Sequence[LinkQuery], *, at_least: int, show: Show
) -> list[Searched]:
    """What is found for each query, searched for in one batch.

    Args:
        at_least: candidates for each mention, however few are asked for.
    """
    wide = [replace(query, top_k=max(query.top_k, at_least)) for query in queries]
    each = zip(queries, serving.linker.rank(vectors_BM, wide), strict=True)
    return [
        Searched(query, found, [show(serving, _first(one, query.top_k)) for one in found], serving)
        for query, found in each
    ]


def reordered(reranker: Reranker, searched: Searched, *, until: float, show: Show) -> list[Any]:
    """The results for each mention in the cross-encoder's order.

    Args:
        until: of the monotonic clock.

    Raises:
        OutOfTime: they cannot be had by then.
    """
    linker, top_k, results = searched.serving.linker, searched.query.top_k, []
    for mention, found in zip(searched.query.mentions, searched.found, strict=True):
        candidates = linker.index.candidates(found.nearest)
        order = reranker.order(
            linker.model, linker.index, mention, candidates, in_time=lambda: time.monotonic() < until
        )
        results.append(show(searched.serving, _ordered(found, order[:top_k])))
    return results


def _first(found: Ranked, top_k: int) -> Ranked:
    return Ranked(found.nearest.first(top_k), found.confidence)


def _ordered(found: Ranked, order: Sequence[int]) -> Ranked:
    """What the scores of the search say of their own first candidate does not hold for another."""
    numbers, scores = found.nearest
    return Ranked(Nearest([numbers[place] for place in order], [scores[place] for place in order]), None)
