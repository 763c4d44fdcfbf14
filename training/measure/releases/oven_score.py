"""OVEN's score and MaskOVEN-Wiki's, with what was not answered counted in.

The published scorer goes through the predictions, so that leaving out a hard query raises its score. This one goes
through the annotations: a query without a prediction is wrong, and their number is told. What the published scorer
would say of the same predictions stands beside it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from training.data.annotation import TASKS, TEST_SPLITS
from training.measure.ranking import harmonic_mean
from training.measure.releases.predictions import Predictions
from wikiclip.base.errors import WikiClipError

HUMAN = "human"  # the set that tells no tasks apart
FINAL = "final"
COLUMNS = ("scored", "task", "seen", "unseen", "harmonic mean", "all", "annotated", "missing", "published scorer")
HOW_COUNTED = "Missing predictions count as wrong; the published scorer leaves them out."
INSTEAD_OF_ZERO = 1e-12  # what the published scorer takes the harmonic mean of


@dataclass(frozen=True)
class Truth:
    """The right entity of an annotated mention.

    Attributes:
        split: "seen" or "unseen".
        task: "entity" or "query"; None in the human set.
    """

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
        return _percentage(self.right, self.asked)

    @property
    def published(self) -> float | None:
        """What the published scorer says: of the predictions that are given; None where none is."""
        return _percentage(self.right, self.asked - self.missing)


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """The entity split, the query split or the human set."""

    seen: SplitScore
    unseen: SplitScore

    @property
    def harmonic_mean(self) -> float | None:
        """Of the rounded accuracies, itself not rounded; None where one of them is."""
        return _harmonic_mean(self.seen.accuracy, self.unseen.accuracy)

    @property
    def accuracy(self) -> float | None:
        """Of seen and unseen together, in percent: what the tables of PL-VEL have for a split."""
        return _percentage(self.seen.right + self.unseen.right, self.asked)

    @property
    def published(self) -> float | None:
        """The published scorer's harmonic mean, of the predictions that are given."""
        return _published_mean(self.seen.published, self.unseen.published)

    @property
    def asked(self) -> int:
        return self.seen.asked + self.unseen.asked

    @property
    def missing(self) -> int:
        """Annotations without a prediction; each counts as wrong."""
        return self.seen.missing + self.unseen.missing


@dataclass(frozen=True, kw_only=True)
class OvenScore:
    """The score of one file of predictions.

    Attributes:
        unknown: predictions whose data_id no annotation has; they count for nothing.
    """

    entity: TaskScore
    query: TaskScore
    human: TaskScore
    unknown: int

    @property
    def tasks(self) -> dict[str, TaskScore]:
        """Those of which something was asked."""
        every = {"entity": self.entity, "query": self.query, HUMAN: self.human}
        return {name: task for name, task in every.items() if task.asked}

    @property
    def final(self) -> float | None:
        """The harmonic mean of the two tasks' harmonic means, not rounded; None where one of them is."""
        return _harmonic_mean(self.entity.harmonic_mean, self.query.harmonic_mean)

    @property
    def overall(self) -> float | None:
        """Right of all that was asked, in percent: "Overall" in PL-VEL's Table 3, inferred from its figures."""
        parts = [split for task in self.tasks.values() for split in (task.seen, task.unseen)]
        return _percentage(sum(part.right for part in parts), sum(part.asked for part in parts))

    @property
    def published(self) -> float | None:
        """The published scorer's final score, of the predictions that are given."""
        return _published_mean(self.entity.published, self.query.published)

    @property
    def missing(self) -> int:
        """Annotations without a prediction; each counts as wrong."""
        return sum(task.missing for task in self.tasks.values())

    def to_json(self) -> dict[str, Any]:
        """What the table says, as JSON values, not rounded where the score is not."""
        tasks = {
            name: {
                "seen": task.seen.accuracy,
                "unseen": task.unseen.accuracy,
                "hm": task.harmonic_mean,
                "all": task.accuracy,
                "published": task.published,
                "asked": task.asked,
                "missing": task.missing,
            }
            for name, task in self.tasks.items()
        }
        whole = {"final": self.final, "overall": self.overall, "published": self.published, "unknown": self.unknown}
        return {**tasks, **whole}


def oven_score(truths: Iterable[Truth], predictions: Predictions) -> OvenScore:
    """Compares entity ids exactly.

    Raises:
        WikiClipError: an annotation is of another split or task, or two have the same data_id.
    """
    tasks = {*TASKS, HUMAN}
    asked, right, missing = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    known = set[str]()
    for truth in truths:
        cell = truth.task or HUMAN, truth.split
        if cell[0] not in tasks or truth.split not in TEST_SPLITS:
            raise WikiClipError(
                f"{truth.data_id!r} is of task {truth.task} and split {truth.split}, and OVEN's score"
                " is of entity and query, seen and unseen: score an evaluation set."
            )
        if truth.data_id in known:
            raise WikiClipError(f"{truth.data_id!r} is annotated twice: drop one of the two.")
        known.add(truth.data_id)
        predicted = predictions.get(truth.data_id)
        asked[cell] += 1
        right[cell] += predicted == truth.entity_id
        missing[cell] += predicted is None

    def score(task: str) -> TaskScore:
        cells = {split: (task, split) for split in TEST_SPLITS}
        parts = {
            split: SplitScore(asked=asked[cell], right=right[cell], missing=missing[cell])
            for split, cell in cells.items()
        }
        return TaskScore(seen=parts["seen"], unseen=parts["unseen"])

    entity, query, human = (score(task) for task in (*TASKS, HUMAN))
    return OvenScore(entity=entity, query=query, human=human, unknown=len(predictions.keys() - known))


def oven_table(scores: Mapping[str, OvenScore]) -> Table:
    """Returns scores by the name of what was scored, as they are printed."""
    table = Table(*COLUMNS[:2], title="Right entity predicted, percent")
    for column in COLUMNS[2:]:
        table.add_column(column, justify="right")
    for row in score_rows(scores):
        table.add_row(*row, end_section=row[1] == FINAL)
    unknown = sum(score.unknown for score in scores.values())
    table.caption = f"{HOW_COUNTED}\nPredictions not annotated: {unknown:,}."
    return table


def score_rows(scores: Mapping[str, OvenScore]) -> Iterator[tuple[str, ...]]:
    """Yields what stands below `COLUMNS`: a row a task, and one of all; "-" where nothing was asked."""
    for name, score in scores.items():
        for task_name, task in score.tasks.items():
            figures = (task.seen.accuracy, task.unseen.accuracy, task.harmonic_mean, task.accuracy)
            counts = (f"{task.asked:,}", f"{task.missing:,}")
            yield name, task_name, *map(_percent, figures), *counts, _percent(task.published)
        asked = sum(task.asked for task in score.tasks.values())
        whole = (_percent(score.final), _percent(score.overall), f"{asked:,}", f"{score.missing:,}")
        yield name, FINAL, "", "", *whole, _percent(score.published)


def _percentage(right: int, asked: int) -> float | None:
    return round(right / asked * 100, 2) if asked else None


def _harmonic_mean(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else harmonic_mean(first, second)


def _published_mean(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return None
    return 2 / (1 / (first or INSTEAD_OF_ZERO) + 1 / (second or INSTEAD_OF_ZERO))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
