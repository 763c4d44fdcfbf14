"""Knowing when it does not know: how far the confidence of answers can be believed, on folds it was not fitted on.

Half of the entities asked for are taken out of the index, so that the right answer is "not in the knowledge base" and
every candidate is wrong.

Axes: Q query, K candidate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.measure.answers import RankedAnswers
from training.measure.confidence import brier, ece, even_weights, fit_confidence
from training.measure.coverage import RiskCoverage, risk_coverage
from wikiclip.confidence import Confidence

ABSENT = 0.5  # share of entities that are taken out
RISKS = (0.1, 0.2, 0.3)  # shares of wrong answers that somebody might put up with


@dataclass(frozen=True)
class Doubtful:
    """Answers of which a share cannot be right: scores, whether the first candidate is, and whether it could be."""

    scores_QK: NDArray[np.float32]
    right_Q: NDArray[np.bool_]
    absent_Q: NDArray[np.bool_]
    entity_Q: NDArray[np.int64]


@dataclass(frozen=True)
class Doubt:
    """Confidence against outcome, each query's from a fit on the other folds."""

    probability_Q: NDArray[np.float64]
    right_Q: NDArray[np.bool_]
    absent_Q: NDArray[np.bool_]

    @property
    def curve(self) -> RiskCoverage:
        """How wrong the answers are when only the surest are given."""
        return risk_coverage(self.probability_Q, self.right_Q)


def without_some(folds: Sequence[RankedAnswers], *, seed: int = 0) -> list[Doubtful]:
    """Takes entities out of the index; the same ones whichever fold asks."""
    entities = np.unique(np.concatenate([answers.entity_Q for answers in folds]))
    taken = np.random.default_rng(seed).permutation(entities)[: round(ABSENT * len(entities))]
    doubtful = []
    for answers in folds:
        absent_Q = np.isin(answers.entity_Q, taken)
        scores_QK = np.where(absent_Q[:, None], answers.absent_QK, answers.scores_QK)
        doubtful.append(Doubtful(scores_QK, (answers.rank_Q == 0) & ~absent_Q, absent_Q, answers.entity_Q))
    return doubtful


def confidence_of(folds: Sequence[Doubtful]) -> Confidence:
    """Fits a confidence on all of these answers, each entity counting alike.

    Raises:
        WikiClipError: they are all right or all wrong.
    """
    return fit_confidence(
        np.concatenate([fold.scores_QK for fold in folds]),
        np.concatenate([fold.right_Q for fold in folds]),
        weight_Q=even_weights(np.concatenate([fold.entity_Q for fold in folds])),
    )


def doubt(folds: Sequence[Doubtful]) -> Doubt:
    """Tells the confidence of each fold's answers by a fit on the others'."""
    probabilities = [confidence_of([other for other in folds if other is not fold])(fold.scores_QK) for fold in folds]
    return Doubt(
        np.concatenate(probabilities),
        np.concatenate([fold.right_Q for fold in folds]),
        np.concatenate([fold.absent_Q for fold in folds]),
    )


def doubt_row(found: Doubt) -> dict[str, Any]:
    """Returns the same for a program: a row beside those of the quality table."""
    curve = found.curve
    return {
        "method": "confidence",
        "split": "unseen",
        "photo": "other",
        "n": len(found.absent_Q),
        "n_absent": int(found.absent_Q.sum()),
        "aurc": round(curve.aurc, 4),
        "excess_aurc": round(curve.excess_aurc, 4),
        "ece": round(ece(found.probability_Q, found.right_Q), 4),
        "brier": round(brier(found.probability_Q, found.right_Q), 4),
        "coverage": {str(risk): round(curve.coverage_at(risk), 4) for risk in RISKS},
    }


def doubt_lines(found: Doubt) -> Iterator[str]:
    """Yields what a person reads of it, line by line."""
    curve = found.curve
    yield (
        f"Confidence, half of the entities taken out of the index ({int(found.absent_Q.sum())} of"
        f" {len(found.absent_Q)} queries), fitted on the other folds:"
    )
    yield (
        f"  risk-coverage: area {curve.aurc:.3f} ({curve.excess_aurc:.3f} above the best order);"
        f" calibration error {ece(found.probability_Q, found.right_Q):.3f},"
        f" Brier {brier(found.probability_Q, found.right_Q):.3f}"
    )
    for risk in RISKS:
        yield f"  at most {risk:.0%} wrong: {curve.coverage_at(risk):.0%} of the queries are answered"
    known_Q = ~found.absent_Q
    parted = np.mean(found.probability_Q[known_Q][:, None] > found.probability_Q[found.absent_Q][None, :])
    yield f"  an entity in the index has the higher confidence than one that is not: {parted:.0%} of pairs"
