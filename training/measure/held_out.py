"""What a checkpoint finds of labels whose entities it was not trained on, before and after training.

Axes: Q query, N record.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from training.data.annotated import AnnotatedData
from training.measure.answers import Cell, RankedAnswers, ask, mention_vectors
from training.measure.quality import table_rows
from training.measure.ranking import Interval, bootstrap, within
from wikiclip.entity import EntityEncoder

SHOWN = (1, 5, 10)


@dataclass(frozen=True)
class BeforeAfter:
    """The same held-out labels, asked of two encoders among all records."""

    before: RankedAnswers
    after: RankedAnswers

    @property
    def is_better(self) -> bool:
        """Whether more are right at rank 1, or as many, and more are within 10."""
        (first, tenth), (before, before_tenth) = (
            [within(answers.rank_Q, k).mean() for k in (1, 10)] for answers in (self.after, self.before)
        )
        return bool((first, tenth) > (before, before_tenth))

    def rows(self) -> list[dict[str, Any]]:
        """For a report: as `table_rows` makes them."""
        results = {
            Cell(name, "unseen"): [answers] for name, answers in (("before", self.before), ("after", self.after))
        }
        return list(table_rows(results, None))

    def table(self) -> Table:
        """For people: shares within the first k, and the difference with its interval over entities."""
        entities = len(np.unique(self.after.entity_Q))
        title = f"{len(self.after.rank_Q)} held-out labels of {entities} entities, found within the first k, percent"
        made = Table("k", "before", "after", "after - before [95%]", title=title)
        for k in SHOWN:
            before_Q, after_Q = (within(answers.rank_Q, k) for answers in (self.before, self.after))
            difference: Interval = bootstrap(after_Q - before_Q, self.after.entity_Q)
            made.add_row(f"{k}", f"{100 * before_Q.mean():.1f}", f"{100 * after_Q.mean():.1f}", str(difference))
        return made


def held_out(data: AnnotatedData, encoder: EntityEncoder) -> RankedAnswers | None:
    """Asks an encoder for the set's unseen entities among all records; None where no label of them can be read."""
    queries = data.queries("unseen")
    readable = np.flatnonzero(queries.readable_Q)
    if not len(readable):
        return None
    rows_N = np.arange(len(data.records))
    mentions_QM = mention_vectors(encoder, queries.pooled_QW[readable])
    return ask(mentions_QM, data.records.encode(encoder, rows_N), rows_N, queries.record_Q[readable])
