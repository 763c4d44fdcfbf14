"""What a pipeline answers."""

from dataclasses import dataclass
from typing import Any

from service.schemas import ExplanationOut, RegionOut


@dataclass(frozen=True, slots=True)
class Linked:
    """The results for each mention of a request, all of one index version, and the milliseconds of each stage.

    Attributes:
        results: as the pipeline shows them.
        model, version: what found them.
        reranked: whether a cross-encoder put them in order.
    """

    results: list[Any]
    model: str
    version: str
    reranked: bool
    timings: dict[str, float]


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
