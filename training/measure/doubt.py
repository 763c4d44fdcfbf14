"""Knowing when it does not know: how far the confidence of answers can be believed, on folds it was not fitted on.

Half of the entities asked for are taken out of the index, so that the right answer is "not in the knowledge base" and
every candidate is wrong.

Axes: Q query, K candidate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from training.data.scenes.marks import MARKS, Mark
from training.measure.answers import Cell, RankedAnswers
from training.measure.confidence import brier, ece, even_weights, fit_confidence
from training.measure.coverage import RiskCoverage, risk_coverage
from wikiclip.confidence import Confidence

ABSENT = 0.5  # share of entities that are taken out
SURE_RIGHT, FEWEST_SURE = 0.95, 20  # of sure answers: the share that is right, and how many there are to tell by
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


def without_some(folds: Sequence[RankedAnswers], *, share: float = ABSENT, seed: int = 0) -> list[Doubtful]:
    """Takes a share of the entities out of the index; the same ones whichever fold asks."""
    entities = np.unique(np.concatenate([answers.entity_Q for answers in folds]))
    taken = np.random.default_rng(seed).permutation(entities)[: round(share * len(entities))]
    doubtful = []
    for answers in folds:
        absent_Q = np.isin(answers.entity_Q, taken)
        scores_QK = np.where(absent_Q[:, None], answers.absent_QK, answers.scores_QK)
        doubtful.append(Doubtful(scores_QK, (answers.rank_Q == 0) & ~absent_Q, absent_Q, answers.entity_Q))
    return doubtful


def doubtful_marks(results: Mapping[Cell, Sequence[RankedAnswers]]) -> dict[Mark, list[Doubtful]]:
    """Returns for each kind of mark the answers fold by fold, among all records.

    The records that are asked for have their pictures. Answers from text alone would make a confidence that is sure of
    nothing: docs/notebook/quality.md.
    """
    return {mark: without_some(results[Cell("model", "unseen", "other", mark=mark)]) for mark in MARKS}


def sure_from(found: Doubt, *, right: float = SURE_RIGHT) -> float | None:
    """The lowest probability, in hundredths, from which on such a share of answers is right; None where there are too
    few of them to tell."""
    for probability in np.arange(5, 100) / 100:
        told_Q = found.probability_Q >= probability
        if told_Q.sum() >= FEWEST_SURE and found.right_Q[told_Q].mean() >= right:
            return float(probability)
    return None


def joined(parts: Sequence[Doubtful]) -> Doubtful:
    """Returns the answers of several parts as one."""
    return Doubtful(
        np.concatenate([part.scores_QK for part in parts]),
        np.concatenate([part.right_Q for part in parts]),
        np.concatenate([part.absent_Q for part in parts]),
        np.concatenate([part.entity_Q for part in parts]),
    )


def confidence_of(folds: Sequence[Doubtful]) -> Confidence:
    """Fits a confidence on all of these answers, each entity counting alike.

    Raises:
        WikiClipError: they are all right or all wrong.
    """
    every = joined(folds)
    return fit_confidence(every.scores_QK, every.right_Q, weight_Q=even_weights(every.entity_Q))


def doubt(folds: Sequence[Doubtful], fitted_on: Sequence[Doubtful] | None = None) -> Doubt:
    """Tells the confidence of each fold's answers by a fit on the others'.

    Args:
        fitted_on: what each fold gives to the others' fits; its answers themselves if None.
    """
    fitted_on = folds if fitted_on is None else fitted_on
    told = [
        confidence_of([other for number, other in enumerate(fitted_on) if number != fold])(answers.scores_QK)
        for fold, answers in enumerate(folds)
    ]
    every = joined(folds)
    return Doubt(np.concatenate(told), every.right_Q, every.absent_Q)


def doubt_row(found: Doubt, mark: Mark | None = None) -> dict[str, Any]:
    """Returns the same for a program: a row beside those of the quality table."""
    curve = found.curve
    return {
        "method": "confidence",
        "split": "unseen",
        "photo": "other",
        **({} if mark is None else {"mark": mark}),
        "n": len(found.absent_Q),
        "n_absent": int(found.absent_Q.sum()),
        "aurc": round(curve.aurc, 4),
        "excess_aurc": round(curve.excess_aurc, 4),
        "ece": round(ece(found.probability_Q, found.right_Q), 4),
        "brier": round(brier(found.probability_Q, found.right_Q), 4),
        "coverage": {str(risk): round(curve.coverage_at(risk), 4) for risk in RISKS},
    }


def doubt_table(marked: Mapping[Mark, Doubt]) -> Table:
    """Returns how far the confidence can be believed, by each kind of mark."""
    table = Table("mark", title="Confidence, half of the entities taken out of the index, fitted on the other folds")
    for column in ("calibration error", "Brier", "right", "known above unknown", "at most 20% wrong", "queries"):
        table.add_column(column, justify="right")
    for mark, found in marked.items():
        table.add_row(
            mark,
            f"{ece(found.probability_Q, found.right_Q):.3f}",
            f"{brier(found.probability_Q, found.right_Q):.3f}",
            f"{found.right_Q.mean():.0%}",
            f"{parted(found):.0%}",
            f"{found.curve.coverage_at(0.2):.0%}",
            f"{len(found.right_Q)}",
        )
    return table


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
    yield f"  an entity in the index has the higher confidence than one that is not: {parted(found):.0%} of pairs"


def parted(found: Doubt) -> float:
    """The share of pairs of a known entity and an unknown one in which the known one has the higher confidence."""
    known_K, unknown_U = found.probability_Q[~found.absent_Q], found.probability_Q[found.absent_Q]
    return float(np.mean(known_K[:, None] > unknown_U[None, :]))
