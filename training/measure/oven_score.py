"""OVEN's score, with what was not answered counted in.

The published scorer goes through the predictions, so that leaving out a hard query raises its score. This one goes
through the annotations: a query without a prediction is wrong, and their number is told.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table

from training.data.annotation import TASKS, TEST_SPLITS
from training.measure.predictions import Predictions
from training.measure.ranking import harmonic_mean
from wikiclip.base.errors import WikiClipError


@dataclass(frozen=True)
class Truth:
    """The right entity of an annotated mention; the score takes splits "seen" and "unseen", and either task."""

    data_id: str
    entity_id: str
    split: str
    task: str | None


@dataclass(frozen=True, kw_only=True)
class SplitScore:
    """How many annotations there are of a task and split, for how many the right entity is predicted, and for how
    many none."""

    asked: int
    right: int
    missing: int

    @property
    def accuracy(self) -> float | None:
        """In percent, rounded to two places as the scorer does; None where nothing was asked."""
        return round(self.right / self.asked * 100, 2) if self.asked else None


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """The entity split or the query split."""

    seen: SplitScore
    unseen: SplitScore

    @property
    def harmonic_mean(self) -> float | None:
        """Of the rounded accuracies, itself not rounded; None where one of them is."""
        return _harmonic_mean(self.seen.accuracy, self.unseen.accuracy)


@dataclass(frozen=True, kw_only=True)
class OvenScore:
    """The score of one file of predictions.

    Attributes:
        unknown: predictions whose data_id no annotation has; they count for nothing.
    """

    entity: TaskScore
    query: TaskScore
    unknown: int

    @property
    def final(self) -> float | None:
        """The harmonic mean of the two tasks' harmonic means, not rounded; None where one of them is."""
        return _harmonic_mean(self.entity.harmonic_mean, self.query.harmonic_mean)

    @property
    def missing(self) -> int:
        """Annotations without a prediction; each counts as wrong."""
        return sum(split.missing for task in (self.entity, self.query) for split in (task.seen, task.unseen))


def _harmonic_mean(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else harmonic_mean(first, second)


def oven_score(truths: Iterable[Truth], predictions: Predictions) -> OvenScore:
    """Compares entity ids exactly.

    Raises:
        WikiClipError: an annotation is of another split or task, or two have the same data_id.
    """
    asked, right, missing = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    known = set[str]()
    for truth in truths:
        if truth.task not in TASKS or truth.split not in TEST_SPLITS:
            raise WikiClipError(
                f"{truth.data_id!r} is of task {truth.task} and split {truth.split}, and OVEN's score"
                " is of entity and query, seen and unseen: score an evaluation set."
            )
        if truth.data_id in known:
            raise WikiClipError(f"{truth.data_id!r} is annotated twice: drop one of the two.")
        known.add(truth.data_id)
        cell = truth.task, truth.split
        predicted = predictions.get(truth.data_id)
        asked[cell] += 1
        right[cell] += predicted == truth.entity_id
        missing[cell] += predicted is None
    scores = {
        (task, split): SplitScore(asked=asked[task, split], right=right[task, split], missing=missing[task, split])
        for task in TASKS
        for split in TEST_SPLITS
    }
    return OvenScore(
        entity=TaskScore(seen=scores["entity", "seen"], unseen=scores["entity", "unseen"]),
        query=TaskScore(seen=scores["query", "seen"], unseen=scores["query", "unseen"]),
        unknown=len(predictions.keys() - known),
    )


def oven_table(score: OvenScore) -> Table:
    """Returns the score as it is printed; "-" where nothing was asked."""
    table = Table("task", title="Right entity predicted, percent")
    for column in ("seen", "unseen", "harmonic mean", "annotated", "missing"):
        table.add_column(column, justify="right")
    for name, task in (("entity", score.entity), ("query", score.query)):
        numbers = map(_percent, (task.seen.accuracy, task.unseen.accuracy, task.harmonic_mean))
        asked, missing = task.seen.asked + task.unseen.asked, task.seen.missing + task.unseen.missing
        table.add_row(name, *numbers, f"{asked:,}", f"{missing:,}")
    table.add_section()
    table.add_row("final", "", "", _percent(score.final), "", f"{score.missing:,}")
    table.caption = f"Missing predictions count as wrong. Predictions not annotated: {score.unknown:,}."
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
