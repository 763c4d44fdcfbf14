"""Other systems' answers to an annotated set, from files, to stand in the same table.

A file has a JSON object a line, gzipped or not, each with a `data_id` and one of

    pred_entity_id    "Q123", as OVEN's scorer reads it
    pred_entity_ids   ["Q123", ...], the best first
    bm25              [["a title", "Q123"], ...], the best first, as OVEN's released predictions have it
    code              [812, 44], tokens of a code or its beginning, which `codes.py` makes entities of
    prediction        "a name", which BM25 over all titles makes entities of

Where a line has several, the one that stands first here counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.jsonl import first_fault
from indexer.kb.lines import expect_one_object_a_line, read_lines
from indexer.records.table import EntityTable
from training.data.annotated import AnnotatedData
from training.measure.answers import Ranks
from training.measure.ranking import NOT_FOUND, RANKS
from training.measure.releases.annotated_answers import Predicted, queries_of_set, truths_of
from training.measure.releases.codes import Code, Codes
from training.measure.releases.titles import open_titles, ranked_rows
from wikiclip.base.errors import WikiClipError

NAMED = 10  # entities that a generated name or a code is given
Id = Annotated[str, Field(min_length=1, max_length=256)]


class _Row(BaseModel):
    """Other keys are let through, as OVEN's scorer does."""

    model_config = ConfigDict(strict=True, frozen=True)

    data_id: Id
    pred_entity_id: Id | None = None
    pred_entity_ids: list[Id] | None = None
    bm25: list[tuple[str, Id]] | None = None
    code: Code | None = None
    prediction: Annotated[str, Field(max_length=10_000)] | None = None

    @property
    def ranked(self) -> list[str] | None:
        """The ids that the row gives; None where it gives a code or a name."""
        if self.pred_entity_id is not None:
            return [self.pred_entity_id]
        if self.pred_entity_ids is not None:
            return self.pred_entity_ids
        return None if self.bm25 is None else [entity_id for _, entity_id in self.bm25]


@dataclass(frozen=True, kw_only=True)
class System:
    """What a system answers.

    Attributes:
        ranked: data_id -> entity ids, the best first.
        depth: how many an answer may have.
    """

    name: str
    ranked: dict[str, list[str]]
    depth: int


def read_system(name: str, path: Path, entities: EntityTable, fingerprint: str, codes: Codes | None = None) -> System:
    """Reads a file of answers; names become entities of the knowledge base.

    Args:
        fingerprint: the knowledge base's.
        codes: which entity has which code, for a file that answers by codes.

    Raises:
        WikiClipError: the file cannot be read, or a line is no answer, answers a second time, or by a code where there
            are none; names the line.
    """
    ranked, names = dict[str, list[str]](), dict[str, str]()
    expect_one_object_a_line(path)
    for number, line in read_lines(path):
        row = _read(path, number, line)
        if row.data_id in ranked or row.data_id in names:
            raise WikiClipError(f"{path}, line {number}, answers {row.data_id!r} a second time: keep one.")
        if row.ranked is not None:
            ranked[row.data_id] = row.ranked[: max(RANKS)]
        elif row.code is not None:
            if codes is None:
                raise WikiClipError(
                    f"{path}, line {number}, answers by a code: name the file that has each entity's with --codes FILE."
                )
            ranked[row.data_id] = codes.starting_with(row.code, NAMED)
        elif row.prediction is not None:
            names[row.data_id] = row.prediction
        else:
            raise WikiClipError(
                f"{path}, line {number}, has none of pred_entity_id, pred_entity_ids, bm25, code and prediction:"
                " add one."
            )
    depth = max([NAMED if names else 1, *map(len, ranked.values())])
    if names:
        rows = ranked_rows(open_titles(entities, fingerprint), [*names.values()], NAMED)
        ranked |= {
            data_id: [entities[row].entity_id for row in found] for data_id, found in zip(names, rows, strict=True)
        }
    return System(name=name, ranked=ranked, depth=depth)


def answers_of_system(data: AnnotatedData, system: System) -> Iterator[Predicted]:
    """What a system answers to every split and task of a set; a mention without an answer counts as wrong."""
    for cell, queries in queries_of_set(data, system.name):
        truths = truths_of(data, cell, queries)
        rank_Q = np.array([_rank(system.ranked.get(truth.data_id, []), truth.entity_id) for truth in truths], np.int64)
        predictions = {
            truth.data_id: system.ranked[truth.data_id][0] for truth in truths if system.ranked.get(truth.data_id)
        }
        yield Predicted(cell, truths, Ranks(rank_Q, queries.record_Q, depth=system.depth), predictions)


def _read(path: Path, number: int, line: bytes | None) -> _Row:
    if line is None:
        raise WikiClipError(f"{path}, line {number}, is too long to be an answer: mend the line.")
    try:
        return _Row.model_validate_json(line)
    except ValidationError as error:
        raise WikiClipError(
            f"{path}, line {number}, is not an answer ({first_fault(error)}): mend the line."
        ) from error


def _rank(ranked: list[str], entity_id: str) -> int:
    return ranked.index(entity_id) if entity_id in ranked else NOT_FOUND
