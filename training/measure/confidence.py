"""Fits the probability that a first candidate is right, and measures how far such a probability can be believed.

Axes: Q query, K candidate, F feature.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from wikiclip.base.errors import WikiClipError
from wikiclip.confidence import Confidence, features


def fit_confidence(
    scores_QK: NDArray[np.floating[Any]], right_Q: NDArray[np.bool_], *, weight_Q: NDArray[np.float64] | None = None
) -> Confidence:
    """Fits a logistic regression on what the scores of a mention's best candidates tell.

    What the knowledge base does not hold must be among the answers, or the confidence has never seen a strange thing:
    fit on searches of which a share has the right entity taken out of the index. Their first candidate is wrong
    whatever it is, so `right_Q` is False. That share is the prior that the confidence carries, so choose it as it is
    expected in use. The mentions must be ones that the checkpoint was not trained on.

    Args:
        scores_QK: cosines, descending, K of at least 2.
        right_Q: whether each query's first candidate is the right entity.
        weight_Q: an answer of weight 2 counts as two, None for 1 each; `even_weights` makes the entities count alike.

    Raises:
        WikiClipError: the answers are all right or all wrong.
    """
    if right_Q.all() or not right_Q.any():
        raise WikiClipError(
            f"Of {len(right_Q)} answers {int(right_Q.sum())} are right, and a confidence is fitted on both kinds:"
            " fit it on more mentions, some of them with their entity taken out of the index."
        )
    features_QF = features(scores_QK)
    scaler = StandardScaler().fit(features_QF, sample_weight=weight_Q)
    # The default penalty pulls weakly to 0: weights stay finite where the features tell right from wrong perfectly.
    regression = LogisticRegression().fit(scaler.transform(features_QF), right_Q, sample_weight=weight_Q)
    weights_F = regression.coef_[0] / scaler.scale_
    best, second, others = weights_F.tolist()
    bias = float(regression.intercept_[0] - weights_F @ scaler.mean_)
    return Confidence(weights=(best, second, others), bias=bias, candidates=scores_QK.shape[1])


def even_weights(entity_Q: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns weights by which each entity's queries count as one together."""
    _, place_Q, counts_E = np.unique(entity_Q, return_inverse=True, return_counts=True)
    weight_Q: NDArray[np.float64] = 1 / counts_E[place_Q]
    return weight_Q


def ece(probability_Q: NDArray[np.float64], right_Q: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Returns the expected calibration error: how far probability and share of right answers lie apart, 0 to 1.

    The mean over bins of as many answers each, from the least sure to the surest (Nguyen & O'Connor 2015): bins of
    equal width are mostly empty where probabilities crowd. Fewer answers than bins make bins of one answer.
    """
    unique_U, place_Q, counts_U = np.unique(probability_Q, return_inverse=True, return_counts=True)
    # Equal probabilities share what is right among them: where a bin's border cuts through, their order does not count.
    gap_U = unique_U - np.bincount(place_Q, right_Q) / counts_U
    gaps = np.array_split(np.repeat(gap_U, counts_U), bins)
    return float(sum(abs(gap_B.sum()) for gap_B in gaps) / len(right_Q))


def brier(probability_Q: NDArray[np.float64], right_Q: NDArray[np.bool_]) -> float:
    """Returns the mean squared difference of probability and outcome (Brier 1950): 0 is best, 0.25 says nothing."""
    return float(np.mean((probability_Q - right_Q) ** 2))
