"""Selective prediction: how wrong the answers are when only the surest are given (El-Yaniv & Wiener 2010).

Axes: Q query, S step.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve, from the surest answers to all.

    A step takes in one more value of confidence. Answers that are equally sure come in one step, because no threshold
    can part them.

    Attributes:
        answered_S: how many answers are given, ascending; the last is all.
        wrong_S: how many of those are wrong.
    """

    answered_S: NDArray[np.int64]
    wrong_S: NDArray[np.int64]

    @property
    def coverage(self) -> NDArray[np.float64]:
        """[S], the share of queries that are answered, above 0 and up to 1."""
        coverage_S: NDArray[np.float64] = self.answered_S / self.answered_S[-1]
        return coverage_S

    @property
    def risk(self) -> NDArray[np.float64]:
        """[S], the share of wrong answers among those given, 0 to 1."""
        risk_S: NDArray[np.float64] = self.wrong_S / self.answered_S
        return risk_S

    @property
    def aurc(self) -> float:
        """The area under the curve (Geifman, Uziel & El-Yaniv 2019): the mean risk over all coverages, 0 is best.

        A coverage between two steps has the risk of the second, which is what it takes to answer that many.
        """
        return float(self.risk @ np.diff(self.coverage, prepend=0))

    @property
    def excess_aurc(self) -> float:
        """What of the area is due to the order (E-AURC): 0 where every right answer is surer than every wrong one."""
        answered_Q = np.arange(1, self.answered_S[-1] + 1)
        right = self.answered_S[-1] - self.wrong_S[-1]
        return self.aurc - float(np.mean(np.maximum(0, answered_Q - right) / answered_Q))

    def coverage_at(self, risk: float) -> float:
        """Returns the largest coverage whose risk is at most `risk` (0 to 1), 0 where there is none.

        The risk may be higher at a smaller coverage: only the curve shows that.
        """
        return float(np.max(self.coverage, where=self.risk <= risk, initial=0))


def risk_coverage(confidence_Q: NDArray[np.floating], right_Q: NDArray[np.bool_]) -> RiskCoverage:
    """Returns the curve of answers in the order of their confidence; only the order matters, so any score will do.

    Args:
        confidence_Q: higher is surer; may be infinite.
        right_Q: whether each answer is right.

    Raises:
        ValueError: there is no answer, or a confidence is NaN and has no place in the order.
    """
    if not len(confidence_Q) or np.isnan(confidence_Q).any():
        raise ValueError("no answers, or a confidence that is NaN")
    surest_Q = np.argsort(confidence_Q)[::-1]
    sorted_Q = confidence_Q[surest_Q]
    last_S = np.append(np.flatnonzero(sorted_Q[1:] != sorted_Q[:-1]), len(sorted_Q) - 1)
    return RiskCoverage(last_S + 1, np.cumsum(~right_Q[surest_Q])[last_S])
