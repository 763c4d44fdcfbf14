"""What encoders find of labels whose entities they were not fitted to: the one of before, and those that were tried.

Axes: Q query, N record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from training.data.annotated import AnnotatedData
from training.measure.answers import Cell, RankedAnswers, ask, mention_vectors
from training.measure.quality import table_rows
from training.measure.ranking import bootstrap, within
from wikiclip.entity import EntityEncoder

SHOWN = (1, 5, 10)
BEFORE = "before"


@dataclass(frozen=True)
class Tried:
    """The same held-out labels, asked of several encoders among all records.

    Attributes:
        answers: by the encoder's name, that of before first.
    """

    answers: Mapping[str, RankedAnswers]

    @property
    def best(self) -> str:
        """The one of which most are right at rank 1, and of as many most within 10; of equals the earliest."""
        return max(self.answers, key=lambda name: _found(self.answers[name]))

    @property
    def queries(self) -> int:
        """How many labels were asked about."""
        return len(self.answers[BEFORE].rank_Q)

    def rows(self) -> list[dict[str, Any]]:
        """For a report: as `table_rows` makes them."""
        return list(table_rows({Cell(name, "unseen"): [each] for name, each in self.answers.items()}, None))

    def table(self) -> Table:
        """For people: shares within the first k, and each difference to before with its interval over entities."""
        before = self.answers[BEFORE]
        others = [name for name in self.answers if name != BEFORE]
        entities = len(np.unique(before.entity_Q))
        title = f"{self.queries} held-out labels of {entities} entities, found within the first k, percent"
        differences = [f"{name} - {BEFORE} [95%]" for name in others]
        made = Table("k", *self.answers, *differences, title=title)
        for k in SHOWN:
            hits = {name: within(each.rank_Q, k) for name, each in self.answers.items()}
            intervals = [str(bootstrap(hits[name] - hits[BEFORE], before.entity_Q)) for name in others]
            made.add_row(f"{k}", *(f"{100 * hits_Q.mean():.1f}" for hits_Q in hits.values()), *intervals)
        return made


def _found(answers: RankedAnswers) -> tuple[float, float]:
    first, tenth = (float(within(answers.rank_Q, k).mean()) for k in (1, 10))
    return first, tenth


def held_out(data: AnnotatedData, encoder: EntityEncoder) -> RankedAnswers | None:
    """Asks an encoder for the set's unseen entities among all records; None where no label of them can be read."""
    queries = data.queries("unseen")
    readable = np.flatnonzero(queries.readable_Q)
    if not len(readable):
        return None
    rows_N = np.arange(len(data.records))
    mentions_QM = mention_vectors(encoder, queries.pooled_QW[readable])
    return ask(mentions_QM, data.records.encode(encoder, rows_N), rows_N, queries.record_Q[readable])
