"""What a pipeline answers."""

from dataclasses import dataclass
from typing import Any

from service.schemas import ExplanationOut, RegionOut

NOT_LINKED = {"encode": 0.0, "search": 0.0}  # milliseconds, where nothing was found to link


@dataclass(frozen=True, slots=True)
class Linked:
    """The results for each mention of a request, all of one index version, and the milliseconds of each stage.

    Attributes:
        results: as the pipeline shows them.
        model, version: what found them.
        reranked: whether a cross-encoder put them in order.
        regions: those of the results, where they were found, each None for the whole picture; None where the caller
            named them.
    """

    results: list[Any]
    model: str
    version: str
    reranked: bool
    timings: dict[str, float]
    regions: list[RegionOut | None] | None = None


@dataclass(frozen=True, slots=True)
class Segmented:
    """The regions of a picture, what found them, and the milliseconds of each stage."""

    regions: list[RegionOut]
    method: str
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, and the milliseconds of each stage."""

    explanation: ExplanationOut
    timings: dict[str, float]
