"""What a linker answers to labels of one's own pictures, in one's own index.

Axes: Q query, K candidate.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.errors import UnknownEntity
from indexer.linker import Linker
from indexer.search import Candidate, EntityIndex
from training.data.annotation import Annotation, MentionError, read_mention
from training.data.problems import Problems
from training.measure.answers import SCORES, RankedAnswers
from training.measure.ranking import NOT_FOUND, RANKS
from training.pace import foretell
from wikiclip.base.errors import WikiClipError
from wikiclip.model import PreparedMention

BATCH = 16


@dataclass(frozen=True)
class OwnAnswers:
    """The answers, and which entity each mention shows.

    Attributes:
        entity_ids: of the mentions, [Q]; `answers.entity_Q` numbers them.
        found: each mention's candidates.
    """

    answers: RankedAnswers
    entity_ids: list[str]
    found: list[list[Candidate]]


class IndexedIds:
    """The ids of an index, to be asked whether one is among them."""

    def __init__(self, index: EntityIndex) -> None:
        self._index = index

    def __contains__(self, entity_id: object) -> bool:
        try:
            self._index.entity(str(entity_id))
        except UnknownEntity:
            return False
        return True


def answers_of_labels(linker: Linker, annotations: Sequence[Annotation], problems: Problems) -> OwnAnswers:
    """Links every label's mention, with a progress bar. One that cannot be read is noted and left out.

    Raises:
        WikiClipError: the index holds too few entities to say how sure an answer is, or no mention can be read.
    """
    if len(linker.index) <= SCORES:
        raise WikiClipError(
            f"The index holds {len(linker.index)} entities, and how sure an answer is shows in the scores of the best"
            f" {SCORES} beside it: index more records."
        )
    foretell("Linking labels", np.arange(len(annotations)), "labels", lambda some: _tried(linker, annotations, some))
    asked: list[Annotation] = []
    found: list[list[Candidate]] = []
    with tqdm(total=len(annotations), desc="Linking labels", unit=" labels") as bar:
        for start in range(0, len(annotations), BATCH):
            some = annotations[start : start + BATCH]
            read = [(annotation, _prepared(linker, annotation, problems)) for annotation in some]
            mentions = [(annotation, mention) for annotation, mention in read if mention is not None]
            if mentions:
                vectors_BM = linker.model.encode_mentions([mention for _, mention in mentions])
                found += linker.index.search(vectors_BM, max(RANKS) + 1)
                asked += [annotation for annotation, _ in mentions]
            bar.update(len(some))
    if not asked:
        raise WikiClipError(f"No label can be used. {problems.summary()}")
    entity_ids = [annotation.entity_id for annotation in asked]
    return OwnAnswers(_ranked(found, entity_ids), entity_ids, found)


def _tried(linker: Linker, annotations: Sequence[Annotation], some: NDArray[np.int64]) -> None:
    """Links some labels for nothing; what cannot be read is noted when its turn comes."""
    mentions = []
    for number in some:
        with suppress(MentionError):
            mentions.append(linker.model.prepare_mention(*read_mention(annotations[number])))
    if mentions:
        linker.index.search(linker.model.encode_mentions(mentions), max(RANKS) + 1)


def _prepared(linker: Linker, annotation: Annotation, problems: Problems) -> PreparedMention | None:
    try:
        return linker.model.prepare_mention(*read_mention(annotation))
    except MentionError as error:
        problems.add(error.code, annotation.data_id, str(error))
        return None


def _ranked(found: Sequence[Sequence[Candidate]], entity_ids: Sequence[str]) -> RankedAnswers:
    places = [_place(candidates, right) for candidates, right in zip(found, entity_ids, strict=True)]
    number = {entity_id: place for place, entity_id in enumerate(dict.fromkeys(entity_ids))}
    return RankedAnswers(
        np.array([place if place < max(RANKS) else NOT_FOUND for place in places], np.int64),
        np.array([number[entity_id] for entity_id in entity_ids], np.int64),
        np.stack([_scores(candidates) for candidates in found]),
        np.stack([_scores(candidates, without=place) for candidates, place in zip(found, places, strict=True)]),
    )


def _place(candidates: Iterable[Candidate], right: str) -> int:
    return next((place for place, one in enumerate(candidates) if one.entity.entity_id == right), NOT_FOUND)


def _scores(candidates: Sequence[Candidate], *, without: int = NOT_FOUND) -> NDArray[np.float32]:
    kept = [one.score for place, one in enumerate(candidates[: SCORES + 1]) if place != without]
    return np.array(kept[:SCORES], np.float32)
