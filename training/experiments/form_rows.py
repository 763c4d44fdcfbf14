"""Rows of the table of forms of mention: every form, every kind of mark, seen and unseen, own and other photograph.

Axes: Q mention, N record, W width of pooled vectors.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from training.data.scenes.dataset import ScenesData
from training.data.scenes.folds import DEVELOPMENT_FOLD, FOLDS, Photo, Pool
from training.data.scenes.marks import MARKS, MARKS_VERSION, Mark
from training.learn.config import TrainConfig
from training.learn.fit import fit_encoder
from training.measure.answers import mention_vectors
from training.measure.marked_forms import MarkedForms, records_in
from training.measure.ranking import Interval, bootstrap, ranks, within
from training.measure.rows import Row, kept_row
from wikiclip.model import WikiClip
from wikiclip.presets import MentionConfig, SemanticTokens

KEPT = 0.6  # of the background in a crop, and of the grey behind records, as `tiny` has it
CROP = MentionConfig(margin=0.1, background=KEPT)


def _tokens(**changes: Any) -> MentionConfig:
    return dataclasses.replace(CROP, form="tokens", tokens=SemanticTokens(**changes))


BY_MARK: dict[str, MentionConfig] = {  # the default first, which the others are held against
    "crop": CROP,
    "full": dataclasses.replace(CROP, form="full"),
    "pooled": dataclasses.replace(CROP, form="pooled"),
    "masked": dataclasses.replace(CROP, form="masked"),
    "crop-no-background": dataclasses.replace(CROP, background=0.0),
    "both": dataclasses.replace(CROP, form="both"),
    "tokens": _tokens(),
    "tokens-placeless": _tokens(nearness=0.0),
    "tokens-sharp": _tokens(temperature=0.02),
    "tokens-taken-away": _tokens(weight=-0.25),
    "crop-tokens": _tokens(own="crop"),
    "crop-tokens-half": _tokens(own="crop", weight=0.5),
    "crop-tokens-sharp": _tokens(own="crop", temperature=0.02),
    "crop-tokens-taken-away": _tokens(own="crop", weight=-0.25),
}
NAMES = {form: name for name, form in BY_MARK.items()}
PEOPLES = tuple(mark for mark in MARKS if mark not in ("true", "whole picture"))
Way = Literal["frozen", "checkpoint", "trained"]


class Asked(StrEnum):
    """Whose things are marked in which photograph; of the development fold."""

    UNSEEN_OTHER = "unseen, other photograph"
    SEEN_OTHER = "seen, other photograph"
    UNSEEN_OWN = "unseen, own photograph"
    SEEN_OWN = "seen, own photograph"

    def pool(self, data: ScenesData) -> Pool:
        """Returns the pool of stamps; seen are those of one group, since all three would take three times as long."""
        group = DEVELOPMENT_FOLD if self in (Asked.UNSEEN_OTHER, Asked.UNSEEN_OWN) else (DEVELOPMENT_FOLD + 1) % FOLDS
        photo = "other" if self in (Asked.UNSEEN_OTHER, Asked.SEEN_OTHER) else "own"
        (pool,) = (pool for pool in data.pools if (pool.group, pool.photo) == (group, photo))
        return pool


@dataclass(frozen=True, kw_only=True)
class FormRow:
    """`found` has percent at rank 1 and within 10 among the labelled records, with rank 1's interval, and counts."""

    way: Way
    form: MentionConfig
    asked: Asked
    mark: Mark
    seed: int | None
    found: Row


class FormRows:
    """Rows, kept as they are made.

    Args:
        data: whose model's towers all forms are seen by.
        forms: of the table.
        kept: the file of rows.
        most: scenes of a pool for each mark, at most, by its photographs.
    """

    def __init__(
        self, data: ScenesData, forms: Sequence[MentionConfig], *, kept: Path, most: Mapping[Photo, int]
    ) -> None:
        self._kept, self._most = kept, most
        self._marked = MarkedForms(data, forms, most=most)
        self._data = {form: records_in(data, form) for form in forms}

    def frozen(self, form: MentionConfig, asked: Asked, mark: Mark) -> FormRow:
        """Returns how often the cosine of the tower's pooled vectors is right; nothing is fitted."""
        data = self._data[form]

        def make() -> Row:
            mentions = self._marked.mentions(form, asked.pool(data), mark)
            pictures_NW = F.normalize(data.records.pooled(data.labelled), dim=-1)
            return _row(data, F.normalize(mentions.pooled_QW, dim=-1), pictures_NW, mentions.record_Q)

        key = ["frozen", *self._settled(data), str(asked), mark]
        return FormRow(
            way="frozen", form=form, asked=asked, mark=mark, seed=None, found=kept_row(self._kept, key, make)
        )

    def by_checkpoint(self, model: WikiClip, form: MentionConfig, asked: Asked, mark: Mark) -> FormRow:
        """Returns the same of a checkpoint as it is, which was trained with one form, and may have seen the unseen."""
        data, key = self._data[form], ["checkpoint", model.fingerprint]

        def make() -> Row:
            mentions = self._marked.mentions(form, asked.pool(data), mark)
            vectors_NM = data.records.encode(model.entity, data.labelled)
            return _row(data, mention_vectors(model.entity, mentions.pooled_QW), vectors_NM, mentions.record_Q)

        found = kept_row(self._kept, [*key, *self._settled(data), str(asked), mark], make)
        return FormRow(way="checkpoint", form=form, asked=asked, mark=mark, seed=None, found=found)

    def ahead(self, form: MentionConfig, other: MentionConfig, model: WikiClip | None = None) -> list[Interval]:
        """Returns by how many points a form is ahead of another at rank 1 and within 10, over people's masks in other
        photographs of seen and unseen things.

        Args:
            model: a checkpoint to ask; the frozen features are asked where None.
        """
        (rank_Q, entity_Q), (other_Q, _) = (self._peoples(one, model) for one in (form, other))
        return [bootstrap(within(rank_Q, k) - within(other_Q, k), entity_Q) for k in (1, 10)]

    def _peoples(self, form: MentionConfig, model: WikiClip | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ranks with the rows of the right records."""
        data, parts = self._data[form], list[tuple[NDArray[np.int64], NDArray[np.int64]]]()
        pictures_NW = F.normalize(data.records.pooled(data.labelled), dim=-1)
        vectors_NM = pictures_NW if model is None else data.records.encode(model.entity, data.labelled)
        for asked, mark in product((Asked.UNSEEN_OTHER, Asked.SEEN_OTHER), PEOPLES):
            found = self._marked.mentions(form, asked.pool(data), mark)
            pooled_QW = found.pooled_QW
            mentions_QM = F.normalize(pooled_QW, dim=-1) if model is None else mention_vectors(model.entity, pooled_QW)
            right_Q = torch.from_numpy(np.searchsorted(data.labelled, found.record_Q))
            parts.append((ranks(mentions_QM, vectors_NM, right_Q), found.record_Q))
        return np.concatenate([rank_Q for rank_Q, _ in parts]), np.concatenate([record_Q for _, record_Q in parts])

    def trained(self, form: MentionConfig, seed: int, steps: int) -> list[FormRow]:
        """Returns the same of a model that was trained with the form on the development fold."""
        data, config = self._data[form], TrainConfig(steps=steps, seed=seed)

        def make() -> Row:
            encoder = fit_encoder(data.model, data.training_set(DEVELOPMENT_FOLD), config)
            vectors_NM = data.records.encode(encoder, data.labelled)
            row: Row = {}
            for asked in Asked:
                for mark in MARKS:
                    mentions = self._marked.mentions(form, asked.pool(data), mark)
                    found = _row(data, mention_vectors(encoder, mentions.pooled_QW), vectors_NM, mentions.record_Q)
                    row |= {f"{asked}: {mark}: {name}": value for name, value in found.items()}
            return row

        together = kept_row(self._kept, ["trained", *self._settled(data), config.to_json()], make)
        parts: dict[tuple[str, str], Row] = defaultdict(dict)
        for name, value in together.items():
            asked_name, mark_name, measure = name.split(": ")
            parts[asked_name, mark_name][measure] = value
        return [
            FormRow(way="trained", form=form, asked=asked, mark=mark, seed=seed, found=parts[asked, mark])
            for asked in Asked
            for mark in MARKS
        ]

    def _settled(self, data: ScenesData) -> list[Any]:
        return [MARKS_VERSION, data.model.preset.to_json(), dict(self._most), data.records.fingerprint]


def form_table(rows: Iterable[FormRow], way: Way, asked: Asked) -> Table:
    """Returns the table of one way to compare and one kind of question: forms by marks, rank 1 / within 10."""
    found: dict[tuple[MentionConfig, Mark], list[Row]] = defaultdict(list)
    for row in rows:
        if (row.way, row.asked) == (way, asked):
            found[row.form, row.mark].append(row.found)
    counts = {(int(row["queries"]), int(row["entities"])) for some in found.values() for row in some}
    asked_of = ", ".join(f"{queries} queries of {entities} entities" for queries, entities in sorted(counts))
    table = Table("form", title=f"{way}: {asked}; rank 1 / within 10 of the labelled records, percent; {asked_of}")
    for mark in MARKS:
        table.add_column(mark, justify="right")
    table.add_column("people's, mean", justify="right")
    for form in dict.fromkeys(form for form, _ in found):
        cells = [_cell(found[form, mark]) for mark in MARKS]
        people = [row for mark in PEOPLES for row in found[form, mark]]
        mean = " / ".join(f"{np.mean([row[measure] for row in people]):.1f}" for measure in ("rank 1", "rank 10"))
        table.add_row(NAMES[form], *cells, mean)
    return table


def named(row: FormRow) -> dict[str, Any]:
    """Returns a row as JSON values."""
    said = {"way": row.way, "form": NAMES[row.form], "asked": str(row.asked), "mark": row.mark, "seed": row.seed}
    return {**said, "mention": dataclasses.asdict(row.form), **row.found}


def _cell(rows: Sequence[Row]) -> str:
    shares = [f"{np.mean([row[measure] for row in rows]):.1f}" for measure in ("rank 1", "rank 10")]
    if len(rows) > 1:
        shares[0] += f" ± {np.std([row['rank 1'] for row in rows], ddof=1):.1f}"
    return " / ".join(shares)


def _row(data: ScenesData, mentions_QM: Tensor, vectors_NM: Tensor, record_Q: NDArray[np.int64]) -> Row:
    right_Q = torch.from_numpy(np.searchsorted(data.labelled, record_Q))
    rank_Q = ranks(mentions_QM, vectors_NM, right_Q)
    first = bootstrap(within(rank_Q, 1), record_Q)
    return {
        "rank 1": round(first.mean, 2),
        "rank 10": round(100 * float(within(rank_Q, 10).mean()), 2),
        "low": round(first.low, 2),
        "high": round(first.high, 2),
        "queries": len(record_Q),
        "entities": len(np.unique(record_Q)),
    }
