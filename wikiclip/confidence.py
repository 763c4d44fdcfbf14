"""How likely the first candidate is right, told from the scores of a mention's best candidates.

Axes: Q mention, K candidate, F feature.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from wikiclip.base.errors import WikiClipError


def features(scores_QK: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """[Q, 3]: the best score, its lead over the second, and its lead over the mean of all the others.

    The best score tells a known thing from a strange one. A mention that is near everything has high scores
    throughout, which the leads take out: the first tells whether one rival is close, the second whether many are.

    Args:
        scores_QK: cosines, descending, K of at least 2.

    Raises:
        ValueError: of another shape, or not finite.
    """
    if scores_QK.ndim != 2 or scores_QK.shape[1] < 2 or not np.isfinite(scores_QK).all():
        raise ValueError(f"scores are {scores_QK.shape}, not finite [Q, K] with K of at least 2")
    scores_QK = scores_QK.astype(np.float64)
    best_Q, others_QR = scores_QK[:, 0], scores_QK[:, 1:]
    return np.stack([best_Q, best_Q - others_QR[:, 0], best_Q - others_QR.mean(axis=1)], axis=1)


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """A logistic regression on `features`. It holds for the checkpoint and the kind of records it was fitted on.

    Attributes:
        weights: of the features as they are; that they were standardised for fitting is folded in.
        bias: log-odds where all features are 0.
        candidates: K, how many scores of a mention it was fitted on. The mean of the others depends on it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    weights: tuple[float, float, float]
    bias: float
    candidates: Annotated[int, Field(ge=2)]

    def __call__(self, scores_QK: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The probability that each mention's first candidate is right, 0 to 1.

        Raises:
            ValueError: K is not `candidates`, or a score is not finite.
        """
        features_QF = features(scores_QK)
        if scores_QK.shape[1] != self.candidates:
            raise ValueError(f"a mention has {scores_QK.shape[1]} scores, and the confidence is of {self.candidates}")
        # The logistic function, in a form that does not overflow.
        probability_Q: NDArray[np.float64] = np.exp(-np.logaddexp(0, -(features_QF @ self.weights + self.bias)))
        return probability_Q

    def to_json(self) -> dict[str, Any]:
        """Its numbers as JSON values; `from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Confidence":
        """Raises WikiClipError where a key is missing or unknown, or a value is of another type or not finite."""
        try:
            return TypeAdapter(cls).validate_json(json.dumps(values))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, fault["loc"])) or "all of it"
            raise WikiClipError(
                f"This does not describe a confidence ({place}: {fault['msg']}): fit it again."
            ) from error
